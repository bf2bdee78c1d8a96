"""Missing against false: 0, "" and [] are values, None is none."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from agent.builtin.operators.base import Idea, Scope, Site
from agent.builtin.operators.negation import conditions
from agent.builtin.operators.syntax import abstract, operand

NAME = "truthiness"


def ideas(site: Site) -> Iterator[Idea]:
    for node, _ in conditions(site):
        yield from _asked(site, node)
    for node in site.expressions:
        match node:
            case ast.BoolOp(op=ast.Or(), values=[left, right]) if _plain(left) and site.test is None:
                value, default = site.text(left), site.text(right)
                yield site.replace(
                    node, f"{operand(default, 2)} if {operand(value, 6)} is None else {value}", 0.7,
                    tag="or default", scope=Scope.FUNCTION, echo=0.5,
                )  # fmt: skip
            case ast.BoolOp(op=ast.And(), values=[left, right]) if _plain(left) and site.test is None:
                value = site.text(left)
                text = f"{operand(value, 6)} is not None and {operand(site.text(right), 4)}"
                yield site.replace(node, text, 0.3)


def _plain(node: ast.expr) -> bool:
    return isinstance(node, ast.Name | ast.Attribute | ast.Subscript | ast.Call)


def _asked(site: Site, node: ast.expr) -> Iterator[Idea]:
    if isinstance(site.block, ast.Return) and site.block.value is node and not isinstance(node, ast.UnaryOp):
        return  # the value itself is wanted there, not its truth
    match node:
        case ast.UnaryOp(op=ast.Not(), operand=inner) if _plain(inner):
            text = site.text(inner)
            likely = _may_be_none(inner)
            yield _together(site, node, f"{text} is None", 0.9 * likely, f"not {abstract(inner)} → is None")
            yield site.replace(node, f"{text} == 0", 0.06 * likely)
        case ast.Name() | ast.Attribute() | ast.Subscript() | ast.Call():
            likely = _may_be_none(node)
            tag = f"{abstract(node)} → is not None"
            yield _together(site, node, f"{site.text(node)} is not None", 0.6 * likely, tag)
        case ast.Compare(left=left, ops=[ast.Is()], comparators=[ast.Constant(value=None)]):
            text = f"not {operand(site.text(left), 4)}"
            yield _together(site, node, text, 0.6, f"{abstract(left)} is None → not")
        case ast.Compare(left=left, ops=[ast.IsNot()], comparators=[ast.Constant(value=None)]):
            yield _together(site, node, site.text(left), 0.6, f"{abstract(left)} is not None →")
        case ast.Compare(left=left, ops=[ast.Eq()], comparators=[ast.Constant(value=None)]):
            yield site.replace(node, f"{site.text(left)} is None", 0.4)


def _may_be_none(node: ast.expr) -> float:
    """Calls that ask a question answer True or False; others seldom give None."""
    match node:
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            asks = name.startswith(("is", "has", "can", "starts", "ends", "all", "any"))
            return 0.05 if asks else 0.4
    return 1.0


def _together(site: Site, node: ast.expr, text: str, prior: float, tag: str) -> Idea:
    """One such slip is seldom alone in a function."""
    return site.replace(node, text, prior, tag=tag, scope=Scope.FUNCTION, echo=1.1)
