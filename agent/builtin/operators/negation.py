"""A ``not`` too many or too few."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from agent.builtin.operators.base import Idea, Site
from agent.builtin.operators.syntax import negated

NAME = "negation"


def ideas(site: Site) -> Iterator[Idea]:
    change = "not" if isinstance(site.block, ast.Return) else ""
    for node, prior in conditions(site):
        match node:
            case ast.UnaryOp(op=ast.Not(), operand=inner):
                yield site.replace(node, site.text(inner), prior, change=change)
            case ast.Compare(ops=[_]):
                continue  # the comparison family has the opposite sign
            case ast.Constant():
                continue
            case _:
                yield site.replace(node, negated(node, site.text(node)), prior, change=change)


def conditions(site: Site) -> Iterator[tuple[ast.expr, float]]:
    """Expressions that are asked for their truth, and how likely one of them is the wrong way round."""
    seen: set[ast.expr] = set()
    if site.test is not None:
        seen.add(site.test)
        yield site.test, 0.6
    match site.block:
        case ast.Return(value=ast.expr() as value) if _truthy(value) and value not in seen:
            seen.add(value)
            yield value, 0.4
        case ast.Assert(test=test):
            seen.add(test)
            yield test, 0.3
    for node in site.expressions:
        options: list[ast.expr] = []
        match node:
            case ast.IfExp(test=test):
                options = [test]
            case ast.BoolOp(values=values) if site.test is not None or isinstance(
                site.parent(node), ast.IfExp
            ):
                options = values
            case (
                ast.ListComp(generators=parts)
                | ast.SetComp(generators=parts)
                | ast.GeneratorExp(generators=parts)
            ):
                options = [test for part in parts for test in part.ifs]
            case ast.UnaryOp(op=ast.Not()):
                options = [node]
        for option in options:
            if option not in seen:
                seen.add(option)
                yield option, 0.35


def _truthy(value: ast.expr) -> bool:
    return isinstance(value, ast.BoolOp | ast.Compare | ast.UnaryOp | ast.Call)
