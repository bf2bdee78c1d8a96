"""Text: blanks, case, conversions and formats."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from agent.builtin.operators.base import Idea, Scope, Site
from agent.builtin.operators.syntax import operand

NAME = "strings"

METHODS = (("strip", "strip"), ("lower", "case"), ("upper", "case"), ("rstrip", "strip"), ("title", "case"))
SPEC = re.compile(r"(?P<before>[:.%])(?P<number>\d+)(?P<kind>[dfegsx%])")


def ideas(site: Site) -> Iterator[Idea]:
    for node in site.values:
        if isinstance(node, ast.Name | ast.Attribute | ast.Subscript | ast.Call | ast.JoinedStr):
            yield from _methods(site, node)
        match node:
            case ast.Call(func=ast.Attribute(value=value, attr="split"), args=[], keywords=[]):
                yield site.replace(node, f"{site.text(value)}.split(' ')", 0.2)
            case ast.Call(func=ast.Attribute(value=value, attr="split"), args=[_], keywords=[]):
                yield site.replace(node, f"{site.text(value)}.split()", 0.25)
                yield site.replace(node, site.text(node)[:-1] + ", 1)", 0.25)
    for node in site.expressions:
        if isinstance(node, ast.FormattedValue) or site.file.span(node) is None:
            continue
        if isinstance(node, ast.JoinedStr) or (
            isinstance(node, ast.Constant) and isinstance(node.value, str)
        ):
            yield from _formats(site, node)


def _methods(site: Site, node: ast.expr) -> Iterator[Idea]:
    text = operand(site.text(node), 15)
    outer = site.parent(node)
    if isinstance(node, ast.Name) and node.id not in site.locals:
        return  # a type or a module
    if isinstance(outer, ast.Attribute) or (
        text.endswith("()") and text.rsplit(".", 1)[-1][:-2] in dict(METHODS)
    ):
        return
    for method, change in METHODS:
        likely = site.hints.changes.get(change, 0.0)
        if likely:
            yield site.replace(
                node,
                f"{text}.{method}()",
                0.3 * likely,
                tag=f"{method} {text}",
                scope=Scope.STATEMENT,
                change=change,
            )


def _formats(site: Site, node: ast.expr) -> Iterator[Idea]:
    """Precision and width in format specifications, one more or less, or none."""
    span = site.file.span(node)
    text = site.text(node)
    for match in SPEC.finditer(text) if span else ():
        number = int(match["number"])
        for other in (number - 1, number + 1, 0):
            if span and other >= 0 and other != number:
                start = span[0] + match.start("number")
                yield site.edited(
                    start, start + len(match["number"]), str(other), 0.3, f"format with {other}, not {number}"
                )
