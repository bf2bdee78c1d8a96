"""Exceptions: an except clause too narrow, a failure that nobody handles, the wrong type raised."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator

from agent.builtin.hints import general
from agent.builtin.operators.base import Idea, Scope, Site
from agent.builtin.operators.results import early_returns
from agent.builtin.operators.syntax import abstract
from agent.localize.failure import Failure

NAME = "exceptions"

RELATED = {
    "ValueError": ("TypeError", "KeyError"),
    "TypeError": ("ValueError", "AttributeError"),
    "KeyError": ("IndexError", "AttributeError", "LookupError"),
    "IndexError": ("KeyError", "LookupError"),
    "AttributeError": ("TypeError", "KeyError"),
    "OverflowError": ("ArithmeticError",),
}


def ideas(site: Site) -> Iterator[Idea]:
    if site.crash is not None and site.crash.crashed and _known(site, site.crash.exception):
        widened = list(_widened(site, site.crash))
        yield from widened
        yield from _wrapped(site, site.crash, 0.5 if widened else 0.8)
    match site.block:
        case ast.Raise(exc=ast.Call(func=ast.Name() as raised) | (ast.Name() as raised)):
            yield from _other_type(site, raised, 0.6)
        case ast.ExceptHandler(type=ast.Name() as caught):
            yield from _other_type(site, caught, 0.4)
            for name in (*site.hints.exceptions, *RELATED.get(caught.id, ())):
                if name != caught.id and _known(site, name):
                    yield site.replace(caught, f"({caught.id}, {name})", 0.35, f"also catch `{name}`")
        case ast.ExceptHandler(type=ast.Tuple() as caught):
            for name in site.hints.exceptions:
                if _known(site, name):
                    yield from _added(site, caught, name, 0.35)


def _known(site: Site, name: str) -> bool:
    """A name that the file can use."""
    found = getattr(builtins, name, None)
    if isinstance(found, type) and issubclass(found, BaseException):
        return True
    return name.isidentifier() and any(
        isinstance(node, ast.ClassDef | ast.alias) and name == (getattr(node, "asname", None) or node.name)
        for node in ast.walk(site.file.tree)
    )


def _widened(site: Site, crash: Failure) -> Iterator[Idea]:
    """Add the exception that came through to the clauses of each try statement around."""
    prior = 0.95
    child: ast.AST = site.block
    for node in site.controls():
        if isinstance(node, ast.Try) and child in node.body:
            for handler in node.handlers:
                yield from _caught_too(site, handler, crash.exception, prior)
            prior *= 0.5
        child = node


def _caught_too(site: Site, handler: ast.ExceptHandler, name: str, prior: float) -> Iterator[Idea]:
    match handler.type:
        case ast.Tuple() as caught:
            yield from _added(site, caught, name, prior)
        case ast.Name() | ast.Attribute() as caught if site.text(caught) != name:
            yield site.replace(caught, f"({site.text(caught)}, {name})", prior, f"also catch `{name}`")


def _added(site: Site, caught: ast.Tuple, name: str, prior: float) -> Iterator[Idea]:
    if not caught.elts or name in {site.text(one) for one in caught.elts}:
        return
    span = site.file.span(caught.elts[-1])
    if span is not None:
        yield site.edited(span[1], span[1], f", {name}", prior, f"also catch `{name}`")


def _wrapped(site: Site, crash: Failure, weight: float) -> Iterator[Idea]:
    """The failing statement in a try statement of its own."""
    block = site.block
    simple = isinstance(block, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.Return | ast.Expr | ast.If)
    if (
        not simple
        or not isinstance(block, ast.stmt)
        or not site.begins_line(block)
        or not site.ends_line(block)
    ):
        return
    last = block.end_lineno or block.lineno
    start, end = site.file.line_starts[block.lineno - 1], site.file.line_span(last)[1]
    text = site.file.text[start:end]
    if '"""' in text or "'''" in text or not text.endswith(("\n", "\r")):
        return
    unit, indent = site.file.indent_unit, site.file.indent_of(block.lineno)
    body = "".join(f"{unit}{line}" for line in text.splitlines(keepends=True))
    for fallback, prior in _fallbacks(site, block):
        head = site.indented(["try:"], indent)
        tail = site.indented([f"except {crash.exception}:", f"\t{fallback}"], indent)
        yield site.edited(
            start, end, head + body + tail, prior * weight,
            f"catch `{crash.exception}` at line {block.lineno} and `{fallback}`",
            tag=f"try {abstract_of(block)} {fallback.split()[0]}", scope=Scope.FILE, echo=0.8,
        )  # fmt: skip


def abstract_of(block: ast.stmt) -> str:
    value = getattr(block, "value", None)
    return abstract(value) if isinstance(value, ast.expr) else type(block).__name__


def _fallbacks(site: Site, block: ast.stmt) -> Iterator[tuple[str, float]]:
    match block:
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            earlier = name in site.locals
            if earlier:
                yield "pass", 0.7
            for text in ("None", *general(site.hints.expected)[:2]):
                yield f"{name} = {text}", 0.35 if not earlier else 0.15
    if site.in_loop:
        yield "continue", 0.5
    for answer, prior in early_returns(site)[:4]:
        yield answer, 0.6 * prior
    if isinstance(block, ast.Expr | ast.AugAssign):
        yield "pass", 0.4
    for name in site.hints.exceptions[:3]:
        if site.crash is not None and name != site.crash.exception and _known(site, name):
            yield f"raise {name}({site.crash.message[:80]!r}) from None", 0.3


def _other_type(site: Site, node: ast.Name, prior: float) -> Iterator[Idea]:
    for name in site.hints.exceptions:
        if name != node.id and _known(site, name):
            yield site.replace(node, name, prior)
    for name in RELATED.get(node.id, ()):
        yield site.replace(node, name, 0.15)
