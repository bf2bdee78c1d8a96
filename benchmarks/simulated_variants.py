"""Graded wrong variants of a right function: what a programmer who is not sure might have written.

A *site* is a small expression of the reference that somebody may get wrong, in one or two ways. A *draft*
says for every site whether it is right (0) or in which way it is wrong (1, 2); the draft of zeros is the
reference. With three sites there are up to 27 drafts, from right to wrong in three places, so that more than
one edit may be needed. Made by changing the syntax tree; nothing is run here.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

Draft = tuple[int, ...]
COMPARISONS: dict[type[ast.cmpop], tuple[ast.cmpop, ...]] = {
    ast.Lt: (ast.LtE(), ast.Gt()),
    ast.LtE: (ast.Lt(), ast.GtE()),
    ast.Gt: (ast.GtE(), ast.Lt()),
    ast.GtE: (ast.Gt(), ast.LtE()),
    ast.Eq: (ast.NotEq(),),
    ast.NotEq: (ast.Eq(),),
    ast.In: (ast.NotIn(),),
    ast.NotIn: (ast.In(),),
}
OPERATORS: dict[type[ast.operator], tuple[ast.operator, ...]] = {
    ast.Add: (ast.Sub(), ast.Mult()),
    ast.Sub: (ast.Add(),),
    ast.Mult: (ast.Add(),),
    ast.Div: (ast.FloorDiv(), ast.Mult()),
    ast.FloorDiv: (ast.Div(), ast.Mod()),
    ast.Mod: (ast.FloorDiv(),),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """``position`` is the node's place in a walk over the function; ``ways`` are wrong ways to write it."""

    position: int
    kind: str
    ways: tuple[ast.expr, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Variants:
    """A function and the sites at which it may be wrong."""

    function: ast.FunctionDef
    sites: tuple[Site, ...]

    @property
    def right(self) -> Draft:
        return (0,) * len(self.sites)

    def drafts(self) -> Iterator[Draft]:
        """All of them, the right one first."""
        return product(*(range(len(site.ways) + 1) for site in self.sites))

    def source(self, draft: Draft) -> str:
        """The function's text. A comment names the draft, so that it is known again wherever it is shown."""
        chosen = {
            site.position: site.ways[way - 1] for site, way in zip(self.sites, draft, strict=True) if way
        }
        made = _Exchange(chosen).visit(copy.deepcopy(self.function))
        head, *rest = ast.unparse(ast.fix_missing_locations(made)).splitlines()
        return "\n".join([f"{head}  # draft {named(draft)}", *rest]) + "\n"

    def only(self, sites: Sequence[Site]) -> Variants:
        return replace(self, sites=tuple(sites))


def named(draft: Draft) -> str:
    """Its name in comments and proposals: ``d012``."""
    return "d" + "".join(map(str, draft))


def variants_of(source: str, entry: str) -> Variants | None:
    """None for what this is not made for: another function beside it, decorators, no site."""
    body = ast.parse(source).body
    found = [each for each in body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)]
    function = found[0] if len(found) == 1 else None
    if not isinstance(function, ast.FunctionDef) or function.name != entry:
        return None
    sites = tuple(_sites(function))
    if function.decorator_list or not sites or len(ast.unparse(function).splitlines()[0]) > 90:
        return None
    return Variants(function=function, sites=sites)


def _sites(function: ast.FunctionDef) -> Iterator[Site]:
    documentation = function.body[0].value if isinstance(function.body[0], ast.Expr) else None
    for position, node in enumerate(ast.walk(function)):
        ways = () if node is documentation else tuple(_ways(node))
        if ways:
            yield Site(position=position, kind=type(node).__name__.lower(), ways=ways[:2])


def _ways(node: ast.AST) -> Iterator[ast.expr]:
    match node:
        case ast.Compare(left=left, ops=[operation], comparators=[right]):
            for other in COMPARISONS.get(type(operation), ()):
                yield ast.Compare(left=left, ops=[other], comparators=[right])
        case ast.BinOp(left=left, op=operator, right=right):
            for another in OPERATORS.get(type(operator), ()):
                yield ast.BinOp(left=left, op=another, right=right)
        case ast.BoolOp(op=ast.And(), values=values):
            yield ast.BoolOp(op=ast.Or(), values=values)
        case ast.BoolOp(op=ast.Or(), values=values):
            yield ast.BoolOp(op=ast.And(), values=values)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield operand
        case ast.Constant(value=bool() as truth):
            yield ast.Constant(value=not truth)
        case ast.Constant(value=int() as number):
            yield ast.Constant(value=number + 1)
            yield ast.Constant(value=number - 1)


class _Exchange(ast.NodeTransformer):
    """Exchanges whole nodes by their place in a walk over the function; children first, so that a wrong
    comparison may hold a wrong constant."""

    def __init__(self, chosen: dict[int, ast.expr]) -> None:
        self._chosen = chosen
        self._positions: dict[int, int] = {}

    def visit(self, node: ast.AST) -> ast.AST:
        if not self._positions:
            self._positions = {id(each): number for number, each in enumerate(ast.walk(node))}
        position = self._positions.get(id(node))
        made: ast.AST = super().generic_visit(node)
        if position is None or position not in self._chosen:
            return made
        return _with_children_of(self._chosen[position], made)


def _with_children_of(way: ast.expr, node: ast.AST) -> ast.expr:
    """The wrong node over the children as they are in this draft."""
    match way, node:
        case ast.Compare(ops=ops), ast.Compare(left=left, comparators=comparators):
            return ast.Compare(left=left, ops=ops, comparators=comparators)
        case ast.BinOp(op=op), ast.BinOp(left=left, right=right):
            return ast.BinOp(left=left, op=op, right=right)
        case ast.BoolOp(op=boolean), ast.BoolOp(values=values):
            return ast.BoolOp(op=boolean, values=values)
        case _, ast.UnaryOp(operand=operand):
            return operand
    return way
