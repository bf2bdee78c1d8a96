"""Parse hostile Python without running it, without warnings and without exhausting the stack.

``ast.parse`` warns about odd escapes, raises four kinds of exception, and builds trees so deep that whoever
walks them recursively overflows. Here such text is simply not Python: the answer is None.
"""

from __future__ import annotations

import ast
import tokenize
import warnings
from collections.abc import Iterator
from io import BytesIO

MAX_EXPRESSION = 2_000
MAX_DEPTH = 80  # ast.unparse and every visitor need a few frames per level; real code stays below 40


def parse_module(text: str, *, limit: int = 2_000_000) -> ast.Module | None:
    """The tree of a whole file; None when it is no Python, too large or too deep."""
    if len(text) > limit:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return tree if _shallow(tree) else None


def parse_expression(text: str) -> ast.expr | None:
    """The tree of a single expression; None when the text is none."""
    body = text.strip()
    if not body or len(body) > MAX_EXPRESSION:
        return None
    module = parse_module(body)
    if module is None or len(module.body) != 1:
        return None
    statement = module.body[0]
    return statement.value if isinstance(statement, ast.Expr) else None


def decode(data: bytes) -> str | None:
    """Source text by its own coding line; None when it has none that works."""
    try:
        encoding, _ = tokenize.detect_encoding(BytesIO(data).readline)
        return data.decode(encoding)
    except (SyntaxError, UnicodeDecodeError, LookupError):
        return None


def dotted(node: ast.AST) -> str:
    """``a.b.c`` of a chain of names; empty for anything else."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    parts.append(node.id)
    return ".".join(reversed(parts))


def own_nodes(function: ast.AST) -> Iterator[ast.AST]:
    """All nodes of a definition but those of definitions nested in it, in no particular order."""
    stack = list(ast.iter_child_nodes(function))
    while stack:
        node = stack.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            stack.extend(ast.iter_child_nodes(node))


def _shallow(tree: ast.AST) -> bool:
    level: list[ast.AST] = [tree]
    for _ in range(MAX_DEPTH):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        if not level:
            return True
    return False
