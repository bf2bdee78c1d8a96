"""A value kept within bounds: not below zero or one, not above a limit that is known here."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from agent.builtin.operators.arguments import called_name
from agent.builtin.operators.base import Idea, Site

NAME = "clamps"


def ideas(site: Site) -> Iterator[Idea]:
    for node in site.values:
        if not _number_like(site, node):
            continue
        text = site.text(node)
        yield site.replace(node, f"max({text}, 0)", 0.3, change="clamp low")
        yield site.replace(node, f"max({text}, 1)", 0.12, change="clamp low")
        for name in _limits(site):
            if name != text:
                yield site.replace(node, f"min({text}, {name})", 0.12, change="clamp high")
                yield site.replace(node, f"max({text}, {name})", 0.06, change="clamp low")


def _number_like(site: Site, node: ast.expr) -> bool:
    parent = site.parent(node)
    if isinstance(parent, ast.Call) and called_name(parent) in ("min", "max"):
        return False
    if isinstance(node, ast.BinOp):
        return isinstance(parent, ast.Return | ast.Assign | ast.Call | ast.Slice | ast.keyword)
    return isinstance(node, ast.Name) and isinstance(parent, ast.Return | ast.Slice)


def _limits(site: Site) -> Iterator[str]:
    words = ("max", "min", "limit", "size", "len", "high", "low", "end", "stop", "count", "total")
    for name in site.locals:
        if any(word in name.lower() for word in words):
            yield name
    for name in site.used_names[:1]:
        if any(isinstance(n, ast.Subscript) and site.text(n.value) == name for n in site.expressions):
            yield f"len({name})"
