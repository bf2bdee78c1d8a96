"""Test functions of a file: where they stand, and the file without some of them, byte for byte otherwise."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Set

from agent.localize.safe_ast import parse_module

Place = tuple[str, ...]
"""Where a function stands in its file: ("test_a",) or ("TestCase", "test_a")."""

Function = ast.FunctionDef | ast.AsyncFunctionDef
Definition = Function | ast.ClassDef


def place_of(case: str, path: str) -> Place:
    """The function of a case id, pytest's or unittest's; empty when it is no case of this file."""
    module = path.removesuffix(".py").replace("/", ".")
    for prefix, separator in ((f"{path}::", "::"), (f"{module}.", ".")):
        if case.startswith(prefix):
            # What follows a bracket or a blank are parameters, which may hold anything.
            name = case.removeprefix(prefix).partition("[")[0].partition(" ")[0]
            return tuple(name.split(separator))
    return ()


def places(text: str) -> frozenset[Place]:
    """All functions at the top level and in classes; none when the text is no Python."""
    tree = parse_module(text)
    return frozenset(place for place, _ in _functions(tree.body, ())) if tree is not None else frozenset()


def function_at(text: str, place: Place) -> Function | None:
    """The only function at a place."""
    tree = parse_module(text)
    found = [node for at, node in _functions(tree.body, ()) if at == place] if tree is not None else []
    return found[0] if len(found) == 1 else None


def without(text: str, unwanted: Set[Place]) -> str | None:
    """The text less these functions, and less classes of which nothing would be left.

    None when it is no Python, when a function is not there (it is inherited, or made at run time), or when
    its lines hold something else as well.
    """
    before = places(text)
    tree = parse_module(text)
    if tree is None or not unwanted <= before:
        return None
    lines = text.encode("utf-8", "surrogatepass").splitlines(keepends=True)  # of bytes: as Python counts them
    gone: set[int] = set()
    for node in _whole(tree.body, (), unwanted):
        first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
        gone.update(range(first, (node.end_lineno or node.lineno) + 1))
    kept = b"".join(line for number, line in enumerate(lines, start=1) if number not in gone)
    rest = kept.decode("utf-8", "surrogatepass")
    left = before - unwanted
    return rest if parse_module(rest) is not None and places(rest) == left else None


def _functions(body: list[ast.stmt], above: Place) -> Iterator[tuple[Place, Function]]:
    """Also those under an ``if`` or ``try`` of the same block."""
    for node in body:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield (*above, node.name), node
            case ast.ClassDef():
                yield from _functions(node.body, (*above, node.name))
            case ast.If() | ast.Try() | ast.With():
                for block in _blocks(node):
                    yield from _functions(block, above)
            case _:
                pass


def _blocks(node: ast.If | ast.Try | ast.With) -> Iterator[list[ast.stmt]]:
    yield node.body
    if isinstance(node, ast.If | ast.Try):
        yield node.orelse
    if isinstance(node, ast.Try):
        yield node.finalbody
        yield from (handler.body for handler in node.handlers)


def _whole(body: list[ast.stmt], above: Place, unwanted: Set[Place]) -> Iterator[Definition]:
    """The definitions to cut out: a class that would be left empty as a whole."""
    for node in body:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                if (*above, node.name) in unwanted:
                    yield node
            case ast.ClassDef():
                inside = list(_whole(node.body, (*above, node.name), unwanted))
                yield from [node] if inside and _nothing_else(node, inside) else inside
            case ast.If() | ast.Try() | ast.With():
                for block in _blocks(node):
                    yield from _whole(block, above, unwanted)
            case _:
                pass


def _nothing_else(
    node: ast.ClassDef, gone: list[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]
) -> bool:
    """Whether only a docstring would be left of a class."""
    left = [each for each in node.body if each not in gone]
    return all(isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant) for each in left)
