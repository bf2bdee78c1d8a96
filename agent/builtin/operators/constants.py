"""A wrong constant: one more or less, the usual others, values stated in the issue or used nearby."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from agent.builtin.operators.base import Idea, Scope, Site
from agent.builtin.vocabulary import distance
from agent.localize.failure import literal

NAME = "constants"

MOST = 7


def ideas(site: Site) -> Iterator[Idea]:
    for node in site.expressions:
        if isinstance(node, ast.Constant) and not _documentation(site, node) and not _in_fstring(site, node):
            options = dict(_options(site, node.value))
            for text, prior in list(options.items())[:MOST]:
                if text != site.text(node):
                    yield site.replace(
                        node, text, prior, tag=f"{node.value!r} {text}", scope=Scope.FUNCTION, echo=0.4,
                        change=_change(node.value, text),
                    )  # fmt: skip


def _documentation(site: Site, node: ast.Constant) -> bool:
    return isinstance(site.block, ast.Expr) and site.block.value is node


def _in_fstring(site: Site, node: ast.Constant) -> bool:
    return isinstance(site.parent(node), ast.JoinedStr)


def _options(site: Site, value: object) -> Iterator[tuple[str, float]]:
    match value:
        case bool():
            yield str(not value), 0.5
        case int():
            yield from _integers(site, value)
        case float():
            yield from ((text, 0.4) for text in site.hints.literals if isinstance(literal(text), float))
            yield from ((text, 0.15) for text in (repr(value * 10), repr(value / 10), "0.0", "1.0"))
        case str():
            yield from _strings(site, value)
        case None:
            yield from ((text, 0.3) for text in site.hints.expected[:2])
            yield from (("0", 0.1), ('""', 0.1), ("[]", 0.1), ("False", 0.1), ("True", 0.1))


def _integers(site: Site, value: int) -> Iterator[tuple[str, float]]:
    for text in site.hints.expected[:3]:
        if isinstance(literal(text), int) and not isinstance(literal(text), bool):
            yield text, 0.35
    yield str(value + 1), 0.4
    yield str(value - 1), 0.4
    for other in (0, 1, -1):
        yield str(other), 0.25
    for text in site.hints.literals:
        if isinstance(literal(text), int) and not isinstance(literal(text), bool):
            yield text, 0.2
    yield str(-value), 0.15
    for node in site.own_nodes:
        if isinstance(node, ast.Constant) and type(node.value) is int:
            yield str(node.value), 0.12
    yield "None", 0.08


def _strings(site: Site, value: str) -> Iterator[tuple[str, float]]:
    """Texts that the issue states or that stand nearby, when they are alike; the usual separators."""
    near = [node.value for node in ast.walk(site.file.tree) if isinstance(node, ast.Constant)][:3000]
    stated = [literal(text) for text in site.hints.literals]
    found: dict[str, float] = {}
    for other, weight in (*((text, 0.5) for text in stated), *((text, 0.3) for text in near)):
        if isinstance(other, str) and other != value and len(other) <= 60:
            far = distance(value[:60], other)
            alike = 1.0 if far == 1 else 0.7 if far < 3 and far < len(value) else 0.0
            if alike or (weight == 0.5 and len(value) > 1):
                found[repr(other)] = max(found.get(repr(other), 0.0), weight * (alike or 0.25))
    yield from sorted(found.items(), key=lambda item: (-item[1], item[0]))
    if len(value) <= 2:
        yield from (('""', 0.15), ('" "', 0.15))
    if value.strip() != value and value.strip():
        yield repr(value.strip()), 0.25


def _change(value: object, text: str) -> str:
    new = literal(text)
    if isinstance(value, bool):
        return "not"
    if isinstance(value, int) and isinstance(new, int):
        return {1: "plus one", -1: "minus one"}.get(new - value, "")
    return ""
