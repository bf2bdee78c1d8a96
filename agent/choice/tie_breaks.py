"""What decides between candidates that agree: fewer new faults, then a smaller change."""

from __future__ import annotations

import ast

from agent.diff import changed_line_count
from agent.gates.names import unresolved
from agent.localize.safe_ast import decode, parse_module
from agent.protocols import SourceTree
from agent.types import Patch

Static = tuple[int, int, int]
"""Files that no longer parse, names that nothing defines, branches added: less of each is better."""

_BRANCHES = (
    ast.If, ast.IfExp, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler, ast.BoolOp, ast.comprehension,
    ast.Match,
)  # fmt: skip


def static(patch: Patch, source: SourceTree) -> Static:
    """New faults of the Python files of a patch; what was there before does not count."""
    broken = names = branches = 0
    for change in patch.changes:
        if not change.path.endswith(".py") or change.content is None:
            continue
        old = source.read(change.path) or b""
        after, before = _branches(change.content), _branches(old)
        if after is None:
            broken += before is not None
            continue
        names += len(unresolved(change.content) - unresolved(old))
        branches += max(0, after - (before or 0))
    return broken, names, branches


def size(patch: Patch, source: SourceTree) -> int:
    """Lines taken out plus lines put in."""
    return sum(changed_line_count(source.read(each.path), each.content) for each in patch.changes)


def _branches(content: bytes) -> int | None:
    """Places where control may go two ways; None for what is no Python."""
    text = decode(content)
    tree = parse_module(text) if text is not None else None
    return None if tree is None else sum(isinstance(node, _BRANCHES) for node in ast.walk(tree))
