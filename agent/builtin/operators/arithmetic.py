"""Arithmetic: another operator, operands the other way round, a sign, an operand too many."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from agent.builtin.operators.base import Idea, Scope, Site
from agent.builtin.operators.syntax import binary_text, operand, required

NAME = "arithmetic"

OTHERS: dict[str, tuple[tuple[str, float], ...]] = {
    "+": (("-", 0.8), ("*", 0.25), ("|", 0.05)),
    "-": (("+", 0.8), ("/", 0.1), ("%", 0.05)),
    "*": (("/", 0.5), ("+", 0.3), ("**", 0.3), ("//", 0.2)),
    "/": (("//", 0.8), ("*", 0.6), ("%", 0.1), ("-", 0.1)),
    "//": (("/", 0.8), ("%", 0.4), ("*", 0.2)),
    "%": (("//", 0.6), ("/", 0.3), ("*", 0.1)),
    "**": (("*", 0.6), ("//", 0.05)),
    "&": (("|", 0.7), ("^", 0.3)),
    "|": (("&", 0.7), ("^", 0.4), ("+", 0.1)),
    "^": (("&", 0.5), ("|", 0.5), ("**", 0.4)),
    "<<": ((">>", 0.8),),
    ">>": (("<<", 0.8),),
    "@": (("*", 0.5),),
}
ORDERED = frozenset({"-", "/", "//", "%", "**", "<<", ">>"})


def ideas(site: Site) -> Iterator[Idea]:
    for node in site.expressions:
        match node:
            case ast.BinOp():
                yield from _binary(site, node)
            case ast.UnaryOp(op=ast.USub(), operand=inner) if not isinstance(inner, ast.Constant):
                yield site.replace(node, site.text(inner), 0.3, change="negative")
    if isinstance(site.block, ast.AugAssign):
        yield from _augmented(site, site.block)
    yield from _signs(site)


def _binary(site: Site, node: ast.BinOp) -> Iterator[Idea]:
    old = binary_text(node.op)
    left, right = site.text(node.left), site.text(node.right)
    if _formats(node):  # "…" % values is formatting, not arithmetic
        return
    place = _operator_span(site, node.left, node.right, old)
    for new, prior in OTHERS[old] if place else ():
        if place:
            yield site.edited(
                *place, new, prior * 0.8, f"use `{new}` instead of `{old}` in `{ast.unparse(node)[:60]}`",
                tag=f"{old} {new}", scope=Scope.FUNCTION, echo=0.3,
            )  # fmt: skip
    need = required(node, node.right)
    if old in ORDERED or (old == "+" and not _numeric(node)):
        swapped = f"{operand(right, required(node, node.left))} {old} {operand(left, need)}"
        yield site.replace(
            node, swapped, 0.4 if old in ORDERED else 0.15, change="negative" if old == "-" else ""
        )
    yield site.replace(node, left, 0.15)
    yield site.replace(node, right, 0.08)


def _formats(node: ast.BinOp) -> bool:
    return isinstance(node.op, ast.Mod) and (
        isinstance(node.left, ast.JoinedStr)
        or (isinstance(node.left, ast.Constant) and isinstance(node.left.value, str | bytes))
    )


def _numeric(node: ast.BinOp) -> bool:
    sides = (node.left, node.right)
    return any(isinstance(side, ast.Constant) and isinstance(side.value, int | float) for side in sides)


def _operator_span(site: Site, left: ast.expr, right: ast.expr, old: str) -> tuple[int, int] | None:
    first, last = site.file.span(left), site.file.span(right)
    if first is None or last is None:
        return None
    match = re.search(re.escape(old), site.file.text[first[1] : last[0]])
    return (first[1] + match.start(), first[1] + match.end()) if match else None


def _augmented(site: Site, node: ast.AugAssign) -> Iterator[Idea]:
    old = binary_text(node.op)
    place = _operator_span(site, node.target, node.value, f"{old}=")
    for new, prior in (*OTHERS[old], ("", 0.3)) if place else ():
        if place:
            yield site.edited(*place, f"{new}=", prior, f"use `{new}=` instead of `{old}=`")


def _signs(site: Site) -> Iterator[Idea]:
    """A minus sign in front of what is returned or assigned."""
    match site.block:
        case ast.Return(value=ast.expr() as value) | ast.Assign(value=value):
            if not isinstance(
                value, ast.Constant | ast.JoinedStr | ast.Dict | ast.List | ast.Set | ast.BoolOp
            ):
                yield site.replace(value, f"-{operand(site.text(value), 12)}", 0.06, change="negative")
