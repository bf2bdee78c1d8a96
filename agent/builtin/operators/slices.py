"""Subscripts: the other end, another bound, a step, or a look-up that may find nothing."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from agent.builtin.operators.base import Idea, Site
from agent.builtin.operators.syntax import operand
from agent.localize.failure import FailureKind

NAME = "slices"


def ideas(site: Site) -> Iterator[Idea]:
    for node in site.expressions:
        match node:
            case ast.Subscript(slice=ast.Slice() as bounds):
                yield from _slices(site, node, bounds)
            case ast.Subscript(slice=index, ctx=ast.Load()):
                yield from _indexes(site, node, index)
            case ast.Call(func=ast.Attribute(value=value, attr="get"), args=[key], keywords=[]):
                yield site.replace(node, f"{site.text(value)}[{site.text(key)}]", 0.1)


def _slices(site: Site, node: ast.Subscript, bounds: ast.Slice) -> Iterator[Idea]:
    whole = operand(site.text(node.value), 15)
    low, high = (site.text(bound) if bound else "" for bound in (bounds.lower, bounds.upper))
    step = f":{site.text(bounds.step)}" if bounds.step else ""
    options = [(whole, 0.2, ""), (f"{whole}[{high}:{low}{step}]", 0.3, "")]
    if low and not high:
        options += [(f"{whole}[:{low}{step}]", 0.3, ""), (f"{whole}[{low}:-1{step}]", 0.2, "drop last")]
        options += [(f"{whole}[-{operand(low, 12)}:{step}]", 0.25, "")]
    if high and not low:
        options += [(f"{whole}[{high}:{step}]", 0.3, ""), (f"{whole}[1:{high}{step}]", 0.2, "drop first")]
        options += [(f"{whole}[:-{operand(high, 12)}{step}]", 0.15, "")]
    if not step:
        options.append((f"{whole}[{low}:{high}:-1]", 0.1, "reverse"))
    else:
        options.append((f"{whole}[{low}:{high}]", 0.25, "reverse"))
    for text, prior, change in options:
        yield site.replace(node, text, prior, change=change)


def _indexes(site: Site, node: ast.Subscript, index: ast.expr) -> Iterator[Idea]:
    whole = operand(site.text(node.value), 15)
    match index:
        case ast.Constant(value=0):
            yield site.replace(node, f"{whole}[-1]", 0.4)
            yield site.replace(node, f"{whole}[1]", 0.25)
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=1)):
            yield site.replace(node, f"{whole}[0]", 0.4)
            yield site.replace(node, f"{whole}[-2]", 0.15)
        case ast.Constant(value=int()):
            yield site.replace(node, f"{whole}[0]", 0.2)
        case ast.Name():
            yield site.replace(node, f"{whole}[-{site.text(index)}]", 0.1)
    generic = isinstance(node.value, ast.Name) and node.value.id[:1].isupper() and not node.value.id.isupper()
    if site.hints.expects(FailureKind.KEY) and not isinstance(index, ast.UnaryOp) and not generic:
        yield site.replace(node, f"{whole}.get({site.text(index)})", 0.6)
        for text in site.hints.expected[:3]:
            yield site.replace(node, f"{whole}.get({site.text(index)}, {text})", 0.5)
