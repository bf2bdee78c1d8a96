"""Comparison operators: the boundary in or out, the direction, equality against identity and membership."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from agent.builtin.operators.base import Idea, Scope, Site
from agent.builtin.operators.syntax import compare_text, operand

NAME = "comparison"

OTHERS: dict[str, tuple[tuple[str, float], ...]] = {
    "<": (("<=", 0.9), (">", 0.3), (">=", 0.25), ("!=", 0.1), ("==", 0.05)),
    "<=": (("<", 0.9), (">=", 0.3), (">", 0.25), ("==", 0.1)),
    ">": ((">=", 0.9), ("<", 0.3), ("<=", 0.25), ("!=", 0.1), ("==", 0.05)),
    ">=": ((">", 0.9), ("<=", 0.3), ("<", 0.25), ("==", 0.1)),
    "==": (("!=", 0.4), ("<=", 0.2), (">=", 0.2), ("is", 0.12), ("in", 0.12)),
    "!=": (("==", 0.4), ("<", 0.15), (">", 0.15), ("is not", 0.12), ("not in", 0.1)),
    "is": (("is not", 0.4), ("==", 0.4)),
    "is not": (("is", 0.4), ("!=", 0.4)),
    "in": (("not in", 0.4), ("==", 0.3)),
    "not in": (("in", 0.4), ("!=", 0.25)),
}


def ideas(site: Site) -> Iterator[Idea]:
    for node in site.expressions:
        if isinstance(node, ast.Compare):
            yield from _operators(site, node)
            yield from _identity(site, node)


def _operators(site: Site, node: ast.Compare) -> Iterator[Idea]:
    left: ast.expr = node.left
    for op, right in zip(node.ops, node.comparators, strict=True):
        old = compare_text(op)
        place = _operator_span(site, left, right, old)
        for new, prior in OTHERS[old] if place else ():
            weight = prior * _fit(new, right)
            if place and weight > 0:
                yield site.edited(
                    *place,
                    new,
                    weight,
                    f"compare with `{new}` instead of `{old}` in `{ast.unparse(node)[:60]}`",
                    tag=f"{old} {new}",
                    scope=Scope.FUNCTION,
                    echo=0.35,
                    change="not" if isinstance(site.block, ast.Return) else "",
                )
        left = right


def _fit(new: str, right: ast.expr) -> float:
    """``is`` is for None and flags, ``in`` for what holds things, order for what has one."""
    singleton = isinstance(right, ast.Constant) and (right.value is None or isinstance(right.value, bool))
    if new in ("is", "is not"):
        return 2.0 if singleton else 0.4
    if new in ("in", "not in"):
        return 0.0 if isinstance(right, ast.Constant) and not isinstance(right.value, str) else 1.0
    if new in ("<", "<=", ">", ">="):
        return 0.0 if singleton else 1.0
    return 1.0


def _operator_span(site: Site, left: ast.expr, right: ast.expr, old: str) -> tuple[int, int] | None:
    first, last = site.file.span(left), site.file.span(right)
    if first is None or last is None:
        return None
    words = r"\s+".join(re.escape(word) for word in old.split())
    edge = r"\b" if old[0].isalpha() else ""
    match = re.search(f"{edge}{words}{edge}", site.file.text[first[1] : last[0]])
    return (first[1] + match.start(), first[1] + match.end()) if match else None


def _identity(site: Site, node: ast.Compare) -> Iterator[Idea]:
    """Values that are not equal to themselves (NaN): the same object counts as equal."""
    match node:
        case ast.Compare(left=left, ops=[ast.Eq()], comparators=[right]) if not isinstance(
            right, ast.Constant
        ):
            a, b = operand(site.text(left), 6), operand(site.text(right), 6)
            yield site.replace(
                node, f"{a} is {b} or {site.text(node)}", 0.12, tag="identity", scope=Scope.FUNCTION
            )
