"""From edits of a text to operations of a plan; and whether what comes out is another program."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from agent.builtin.operators.base import Edit
from agent.localize.source import PythonFile, own_nodes, parse
from agent.types import EditLines, Operation, WriteFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A file after edits. ``identity`` is equal for programs that differ in names of local variables only."""

    text: str
    identity: str


def applied(text: str, edits: Sequence[Edit]) -> str | None:
    """The text after the edits; None when two of them overlap."""
    parts: list[str] = []
    position = 0
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end)):
        if edit.start < position:
            return None
        parts += [text[position : edit.start], edit.text]
        position = edit.end
    return "".join([*parts, text[position:]])


def program(file: PythonFile, edits: Sequence[Edit]) -> Program | str:
    """The program after the edits, or why it is none worth running."""
    text = applied(file.text, edits)
    if text is None:
        return "the edits overlap"
    try:
        file.encode(text)
    except UnicodeEncodeError:
        return f"not expressible in {file.encoding}"
    tree = parse(text)
    if isinstance(tree, str):
        return f"does not parse: {tree}"
    symbols = sorted({_symbol(file, edit) for edit in edits})
    before = [_dump(_find(file.tree, symbol)) for symbol in symbols]
    after = [_dump(_find(tree, symbol)) for symbol in symbols]
    if before == after:
        return "means the same as before"
    return Program(text=text, identity=hashlib.sha256(repr((file.path, symbols, after)).encode()).hexdigest())


def _symbol(file: PythonFile, edit: Edit) -> str:
    """The outermost function around an edit; empty for module and class level."""
    function = file.function_at(file.line_of(edit.start))
    if function is None:
        return ""
    inside = [one for one in file.functions if function.lines[0] in one.lines]
    return min(inside, key=lambda one: one.lines[0]).symbol


def _find(tree: ast.Module, symbol: str) -> ast.AST | None:
    """The last definition of this dotted name; the module for the empty one."""
    node: ast.AST | None = tree
    for name in filter(None, symbol.split(".")):
        node = next((one for one in _definitions(node) if one.name == name), None)
    return node


def _definitions(node: ast.AST | None) -> list[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    found = [one for one in own_nodes(node) if isinstance(one, kinds)] if node is not None else []
    return found[::-1]


def _dump(node: ast.AST | None) -> str:
    if node is None:
        return ""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return ast.dump(node)
    args = node.args
    kept = {
        arg.arg for arg in (*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg) if arg
    }
    names = [inner for inner in ast.walk(node) if isinstance(inner, ast.Name)]
    stored = {name.id for name in names if isinstance(name.ctx, ast.Store)} - kept
    order = {
        name: f"local {index}"
        for index, name in enumerate(dict.fromkeys(n.id for n in names if n.id in stored))
    }
    saved = [(name, name.id) for name in names]
    for name in names:
        name.id = order.get(name.id, name.id)
    dumped = ast.dump(node)
    for name, identifier in saved:
        name.id = identifier
    return dumped


def operations(file: PythonFile, edits: Sequence[Edit], text: str) -> tuple[Operation, ...]:
    """Line edits, from the end of the file to its beginning so that each finds its lines where they are.

    Line edits are UTF-8 text; a file in another encoding is written whole.
    """
    if file.encoding != "utf-8":
        return (WriteFile(path=file.path, content=file.encode(text)),)
    found: list[Operation] = []
    for first, last, group in _regions(file, edits):
        start = file.line_starts[first - 1] if first <= file.line_count else len(file.text)
        end = file.line_span(last)[1] if last >= first else start
        moved = [Edit(start=e.start - start, end=e.end - start, text=e.text) for e in group]
        expected = file.text[start:end]
        replacement = applied(expected, moved) or ""
        found.append(
            EditLines(path=file.path, first=first, last=last, expected=expected, replacement=replacement)
        )
    return tuple(reversed(found))


def _regions(file: PythonFile, edits: Sequence[Edit]) -> list[tuple[int, int, list[Edit]]]:
    """Runs of lines that edits touch: first line, last line (one less for an insertion), the edits."""
    regions: list[tuple[int, int, list[Edit]]] = []
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end)):
        first = file.line_of(edit.start)
        last = file.line_of(max(edit.end - 1, edit.start))
        if edit.start == edit.end and edit.start == file.line_starts[first - 1]:
            last = first - 1
        if regions and first <= max(regions[-1][1], regions[-1][0]):
            before, until, group = regions[-1]
            regions[-1] = before, max(until, last), [*group, edit]
        else:
            regions.append((first, last, [edit]))
    return regions
