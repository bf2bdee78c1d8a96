"""The value a function gives: another one, or one that it forgot to return."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from agent.builtin.hints import general
from agent.builtin.operators.base import Idea, Site

NAME = "returns"


def ideas(site: Site) -> Iterator[Idea]:
    match site.block:
        case ast.Return(value=ast.expr() as value):
            yield from _others(site, value)
        case ast.Expr(value=ast.Call() | ast.Compare() | ast.BinOp() as value):
            yield from _forgotten(site, value)
    if site.is_first:
        yield from _at_end(site)


def _others(site: Site, value: ast.expr) -> Iterator[Idea]:
    known = site.text(value)
    options: dict[str, float] = {}
    for text in general(site.hints.expected)[:3]:
        options.setdefault(text, 0.3)
    for name in reversed(site.locals):
        options.setdefault(name, 0.2 if not isinstance(value, ast.Name) else 0.0)
    options.setdefault("None", 0.08)
    if site.function is not None and site.function.owner is not None:
        options.setdefault("self", 0.06)
        if site.function.name.startswith("__"):
            options["NotImplemented"] = 0.2
    for text, prior in options.items():
        if text != known and prior:
            yield site.replace(value, text, prior)
    match value:
        case ast.Tuple(elts=[first, second]):
            yield site.replace(value, f"{site.text(second)}, {site.text(first)}", 0.2)


def _forgotten(site: Site, value: ast.expr) -> Iterator[Idea]:
    span = site.file.span(value)
    if span is None or site.function is None:
        return
    is_super = "super(" in site.text(value)
    yield site.edited(
        span[0], span[0], "return ", 0.5 if is_super else 0.3, f"return `{site.text(value)[:60]}`"
    )


def _at_end(site: Site) -> Iterator[Idea]:
    """A function that falls off its end without a value."""
    function = site.function
    if function is None or function.is_generator or function.name == "__init__":
        return
    last = function.node.body[-1]
    if isinstance(last, ast.Return | ast.Raise) or last.end_lineno != function.node.end_lineno:
        return
    stored = [
        node.id for node in site.own_nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    ]
    options = dict.fromkeys([*reversed(stored), *site.parameters])
    if function.owner is not None:
        options.setdefault("self")
    for index, name in enumerate([*list(options)[:5], *general(site.hints.expected)[:2]]):
        yield from site.insert_after(
            last,
            [f"return {name}"],
            0.4 / (1 + 0.3 * index),
            f"return `{name}` at the end of `{function.name}`",
        )
