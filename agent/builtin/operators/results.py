"""What a function may answer early: values that its failing test, its issue or its own returns suggest."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from agent.builtin.hints import general, parse_literal_type
from agent.builtin.operators.base import Site

COMPARISONS = frozenset({"__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__"})
EMPTY = {
    "list": "[]", "List": "[]", "dict": "{}", "Dict": "{}", "tuple": "()", "set": "set()",
    "str": '""', "int": "0", "float": "0.0", "bool": "False",
}  # fmt: skip
MOST = 7


def early_returns(site: Site) -> list[tuple[str, float]]:
    """Whole ``return`` statements, likely ones first."""
    if site.function is None:
        return []
    if site.function.is_generator or site.function.name == "__init__":
        return [("return", 1.0)]
    found: dict[str, float] = {}
    for text, prior in _values(site):
        found.setdefault(f"return {text}".rstrip() if text != "" else "return", prior)
    return sorted(found.items(), key=lambda item: -item[1])[:MOST]


def _values(site: Site) -> Iterator[tuple[str, float]]:
    function = site.function
    returns = [node for node in site.own_nodes if isinstance(node, ast.Return)]
    valued = [node.value for node in returns if node.value is not None]
    if function is not None and function.name in COMPARISONS:
        yield from (("NotImplemented", 1.0), ("False", 0.8))
    if not valued:
        yield "", 1.0
    types = {type(node.value) for node in valued if isinstance(node, ast.Constant)}
    for text in general(site.hints.expected)[:4]:
        if text == "None" and valued:
            yield text, 0.7
        elif valued:
            known = parse_literal_type(text) in types
            yield text, 0.85 if known or not types else 0.5
    for value in valued:
        if isinstance(value, ast.Constant | ast.List | ast.Dict | ast.Tuple) and len(site.text(value)) <= 40:
            yield site.text(value), 0.7
        elif isinstance(value, ast.Name) and value.id in site.parameters:
            yield value.id, 0.6
    yield from _empties(site, valued)
    if valued:
        yield "None", 0.45
    for name in site.parameters[:2]:
        yield name, 0.3


def _empties(site: Site, valued: list[ast.expr]) -> Iterator[tuple[str, float]]:
    """The empty value of the type that the function gives."""
    note = site.function.node.returns if site.function else None
    named = ast.unparse(note).split("[")[0].rpartition(".")[2] if note is not None else ""
    if named in EMPTY:
        yield EMPTY[named], 0.55
    for value in valued:
        match value:
            case ast.ListComp() | ast.Call(func=ast.Name(id="list" | "sorted")):
                yield "[]", 0.6
            case ast.DictComp() | ast.Call(func=ast.Name(id="dict")):
                yield "{}", 0.6
            case ast.JoinedStr() | ast.Call(func=ast.Name(id="str") | ast.Attribute(attr="join" | "format")):
                yield '""', 0.5
            case ast.Call(func=ast.Name(id="tuple")):
                yield "()", 0.5
            case ast.BinOp() | ast.Call(func=ast.Name(id="sum" | "len" | "int" | "round")):
                yield "0", 0.5
            case ast.Compare() | ast.BoolOp():
                yield "False", 0.4
                yield "True", 0.35
