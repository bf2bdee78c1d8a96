"""Python files as text and syntax: where each thing stands, so that an edit touches nothing else.

The text is the file's own, with its line ends, tabs and encoding; offsets count characters of that text. A
file that cannot be read back byte for byte, or does not parse, is an :class:`Unreadable` with the reason.
"""

from __future__ import annotations

import ast
import codecs
import io
import re
import tokenize
import warnings
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from agent.localize.fstrings import spans_in_fstring

MAX_BYTES = 2_000_000  # a larger file is generated data, and parsing it takes seconds
MAX_DEPTH = 150  # walkers and ast.dump need a few stack frames for each level
LINE_END = re.compile(r"\r\n|\r|\n")

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
Block = ast.stmt | ast.ExceptHandler  # an except clause is edited like a statement
Span = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """Why a file is left alone."""

    path: str
    reason: str


@dataclass(frozen=True, eq=False, kw_only=True)
class Function:
    """A function or method; ``symbol`` is dotted within the file ("Bits.__new__")."""

    symbol: str
    node: FunctionNode
    owner: ast.ClassDef | None

    @property
    def name(self) -> str:
        return self.node.name

    @cached_property
    def lines(self) -> range:
        first = min([self.node.lineno, *(d.lineno for d in self.node.decorator_list)])
        return range(first, (self.node.end_lineno or self.node.lineno) + 1)

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        args = self.node.args
        return tuple(arg.arg for arg in (*args.posonlyargs, *args.args, *args.kwonlyargs))

    @cached_property
    def body(self) -> tuple[ast.stmt, ...]:
        """Without the docstring."""
        body = self.node.body
        documented = isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)
        return tuple(body[1:] if documented and isinstance(_constant(body[0]), str) else body)

    @cached_property
    def is_generator(self) -> bool:
        return any(isinstance(node, ast.Yield | ast.YieldFrom) for node in own_nodes(self.node))


@dataclass(frozen=True, eq=False, kw_only=True)
class PythonFile:
    """A parsed file. ``text`` decoded, byte for byte the file again when encoded with ``encoding``."""

    path: str
    text: str
    encoding: str
    tree: ast.Module

    def encode(self, text: str) -> bytes:
        return text.encode(self.encoding)

    @cached_property
    def line_starts(self) -> tuple[int, ...]:
        return (0, *(match.end() for match in LINE_END.finditer(self.text)))

    @property
    def line_count(self) -> int:
        return len(self.line_starts)

    @cached_property
    def newline(self) -> str:
        match = LINE_END.search(self.text)
        return match.group() if match else "\n"

    def line_span(self, line: int) -> Span:
        starts = self.line_starts
        return starts[line - 1], starts[line] if line < len(starts) else len(self.text)

    def line_text(self, line: int) -> str:
        """With its line end; empty outside the file."""
        if not 1 <= line <= self.line_count:
            return ""
        first, last = self.line_span(line)
        return self.text[first:last]

    def line_of(self, offset: int) -> int:
        return bisect_right(self.line_starts, offset)

    def indent_of(self, line: int) -> str:
        text = self.line_text(line)
        return text[: len(text) - len(text.lstrip(" \t\f"))]

    @cached_property
    def indent_unit(self) -> str:
        """One level of indentation as this file writes it."""
        for node in ast.walk(self.tree):
            if isinstance(node, FunctionNode | ast.ClassDef):
                outer, inner = self.indent_of(node.lineno), self.indent_of(node.body[0].lineno)
                if inner.startswith(outer) and len(inner) > len(outer):
                    return inner[len(outer) :]
        return "    "

    def offset(self, line: int, column: int) -> int:
        """A position of the syntax tree (columns count UTF-8 bytes) as an offset into the text."""
        text = self.line_text(line)
        if not text.isascii():
            column = len(text.encode("utf-8", "surrogatepass")[:column].decode("utf-8", "replace"))
        return self.line_starts[line - 1] + column

    @cached_property
    def _fstring_spans(self) -> dict[ast.AST, Span | None]:
        found: dict[ast.AST, Span | None] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.JoinedStr) and node not in found:
                start, end = self._plain_span(node)
                spans = spans_in_fstring(node, self.text[start:end])
                inner = (child for child in ast.walk(node) if child is not node)
                found |= {
                    child: (start + spans[child][0], start + spans[child][1]) if child in spans else None
                    for child in inner
                }
        return found

    def _plain_span(self, node: ast.expr | ast.stmt | ast.ExceptHandler) -> Span:
        start = self.offset(node.lineno, node.col_offset)
        return start, self.offset(node.end_lineno or node.lineno, node.end_col_offset or 0)

    def span(self, node: ast.AST) -> Span | None:
        """Where a node stands; None when that cannot be told (some parts of f-strings)."""
        if node in self._fstring_spans:
            return self._fstring_spans[node]
        if isinstance(node, ast.expr | ast.stmt | ast.ExceptHandler | ast.arg | ast.keyword | ast.alias):
            start = self.offset(node.lineno, node.col_offset)
            return start, self.offset(node.end_lineno or node.lineno, node.end_col_offset or 0)
        return None

    def segment(self, node: ast.AST) -> str:
        """A node's own text; empty when it cannot be told."""
        span = self.span(node)
        return self.text[span[0] : span[1]] if span else ""

    @cached_property
    def parents(self) -> dict[ast.AST, ast.AST]:
        return {child: node for node in ast.walk(self.tree) for child in ast.iter_child_nodes(node)}

    @cached_property
    def functions(self) -> tuple[Function, ...]:
        return tuple(_functions(self.tree, "", None))

    @cached_property
    def blocks(self) -> dict[int, Block]:
        """Line → the innermost statement (or except clause) that stands on it."""
        found: dict[int, Block] = {}
        for block in blocks_of(self.tree):
            first = min([block.lineno, *(d.lineno for d in getattr(block, "decorator_list", ()))])
            found |= dict.fromkeys(range(first, (block.end_lineno or first) + 1), block)
        return found

    @cached_property
    def _function_at(self) -> dict[int, Function]:
        return {line: function for function in self.functions for line in function.lines}

    def function_at(self, line: int) -> Function | None:
        """The innermost function around a line."""
        return self._function_at.get(line)


def read_python(path: str, raw: bytes) -> PythonFile | Unreadable:
    """Parse a file; never raises for what a file may hold."""
    if len(raw) > MAX_BYTES:
        return Unreadable(path=path, reason=f"larger than {MAX_BYTES:,} bytes")
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(raw).readline)
        text = raw.decode(encoding)
        if text.encode(encoding) != raw:
            return Unreadable(path=path, reason=f"its {encoding} text cannot be written back unchanged")
    except (SyntaxError, UnicodeError, LookupError) as error:
        return Unreadable(path=path, reason=f"cannot be decoded: {error}"[:300])
    tree = parse(text)
    if isinstance(tree, str):
        return Unreadable(path=path, reason=f"does not parse: {tree}"[:300])
    return PythonFile(path=path, text=text, encoding=codecs.lookup(encoding).name, tree=tree)


def parse(text: str) -> ast.Module | str:
    """The syntax tree, or why there is none. Warnings of foreign code are not ours to print."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except SyntaxError as error:
        return f"{error.msg} (line {error.lineno})"
    except (ValueError, RecursionError, MemoryError) as error:
        return f"{type(error).__name__}: {error}"
    return tree if _shallow(tree) else "nested too deeply"


def _shallow(tree: ast.AST) -> bool:
    level: list[ast.AST] = [tree]
    for _ in range(MAX_DEPTH):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        if not level:
            return True
    return False


def blocks_of(node: ast.AST) -> Iterator[Block]:
    """Every statement and except clause below, outer before inner."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt | ast.ExceptHandler):
            yield child
            yield from blocks_of(child)
        elif isinstance(child, ast.match_case):
            yield from blocks_of(child)


def own_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes below that belong to the same function, in source order."""
    for child in ast.iter_child_nodes(node):
        yield child
        if not isinstance(child, FunctionNode | ast.ClassDef | ast.Lambda):
            yield from own_nodes(child)


def header_nodes(block: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a statement without the statements inside it, in source order."""
    for child in ast.iter_child_nodes(block):
        if not isinstance(child, ast.stmt | ast.ExceptHandler | ast.match_case):
            yield child
            yield from header_nodes(child)


def _constant(statement: ast.stmt) -> object:
    match statement:
        case ast.Expr(value=ast.Constant(value=value)):
            return value
    return None


def _functions(node: ast.AST, prefix: str, owner: ast.ClassDef | None) -> Iterator[Function]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, FunctionNode):
            symbol = f"{prefix}{child.name}"
            yield Function(symbol=symbol, node=child, owner=owner)
            yield from _functions(child, f"{symbol}.", None)
        elif isinstance(child, ast.ClassDef):
            yield from _functions(child, f"{prefix}{child.name}.", child)
        elif isinstance(child, ast.stmt | ast.ExceptHandler | ast.match_case):
            yield from _functions(child, prefix, owner)
