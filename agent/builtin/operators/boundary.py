"""Off by one: a count, an index or a bound one more or one less."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from agent.builtin.operators.base import Idea, Site
from agent.builtin.operators.syntax import operand

NAME = "boundary"


def ideas(site: Site) -> Iterator[Idea]:
    for node in site.expressions:
        for bound, prior in _bounds(site, node):
            yield from _one_off(site, bound, prior)
    match site.block:
        case ast.Return(value=ast.expr() as value) if not isinstance(value, ast.Constant):
            yield from _one_off(site, value, 0.12)


def _bounds(site: Site, node: ast.expr) -> Iterator[tuple[ast.expr, float]]:
    match node:
        case ast.Call(func=ast.Name(id="range"), args=args):
            yield from ((arg, 0.7) for arg in args[:2])
        case ast.Call(func=ast.Name(id="len")) if not isinstance(site.parent(node), ast.Call | ast.Subscript):
            yield node, 0.3
        case ast.Slice(lower=lower, upper=upper):
            yield from ((bound, 0.45) for bound in (lower, upper) if bound is not None)
        case ast.Subscript(slice=index) if _index(index):
            yield index, 0.35
        case ast.Compare(ops=[ast.Lt() | ast.LtE() | ast.Gt() | ast.GtE() | ast.Eq()], comparators=[right]):
            if not isinstance(right, ast.Constant):  # constants have a family of their own
                yield right, 0.2
        case ast.BinOp(op=ast.Add() | ast.Sub(), right=ast.Constant(value=1)):
            yield node, 0.25


def _index(node: ast.expr) -> bool:
    return isinstance(node, ast.Name | ast.BinOp | ast.UnaryOp)


def _one_off(site: Site, node: ast.expr, prior: float) -> Iterator[Idea]:
    match node:
        case ast.Constant(value=int() as value) if not isinstance(value, bool):
            yield site.replace(node, str(value + 1), prior, change="plus one")
            if value:
                yield site.replace(node, str(value - 1), prior, change="minus one")
        case ast.Constant() | ast.JoinedStr() | ast.List() | ast.Tuple() | ast.Dict() | ast.Compare():
            return
        case ast.BinOp(left=left, op=ast.Add(), right=ast.Constant(value=1)):
            yield site.replace(node, site.text(left), prior, change="minus one")
            yield site.replace(node, f"{operand(site.text(left), 10)} + 2", prior * 0.3, change="plus one")
        case ast.BinOp(left=left, op=ast.Sub(), right=ast.Constant(value=1)):
            yield site.replace(node, site.text(left), prior, change="plus one")
            yield site.replace(node, f"{operand(site.text(left), 10)} - 2", prior * 0.3, change="minus one")
        case _:
            text = operand(site.text(node), 10)
            yield site.replace(node, f"{text} + 1", prior, change="plus one")
            yield site.replace(node, f"{text} - 1", prior, change="minus one")
