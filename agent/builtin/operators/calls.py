"""Calls: a conversion too few or too many, or another function of the same shape."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from agent.builtin.operators.arguments import called_name, signature_of
from agent.builtin.operators.base import Idea, Scope, Site
from agent.builtin.vocabulary import distance

NAME = "calls"

SIBLINGS: tuple[tuple[str, ...], ...] = (
    ("min", "max"), ("any", "all"), ("strip", "lstrip", "rstrip"), ("lower", "upper", "casefold"),
    ("find", "rfind", "index", "rindex"), ("split", "rsplit"), ("partition", "rpartition"),
    ("append", "extend", "insert"), ("startswith", "endswith"), ("floor", "ceil", "trunc"),
    ("keys", "values", "items"), ("update", "setdefault"), ("pop", "get"),
    ("isdigit", "isdecimal", "isnumeric"), ("sorted", "list", "reversed"), ("remove", "discard"),
    ("add", "update"), ("match", "fullmatch", "search"), ("sub", "split"), ("str", "repr"),
    ("int", "round", "float"), ("union", "intersection", "difference"), ("issubset", "issuperset"),
    ("getattr", "hasattr"), ("popleft", "pop"), ("islice", "takewhile"), ("deepcopy", "copy"),
    ("is_integer", "is_finite"), ("isinstance", "issubclass"), ("title", "capitalize"),
)  # fmt: skip
CONVERSIONS = (
    "int",
    "str",
    "list",
    "tuple",
    "set",
    "sorted",
    "abs",
    "round",
    "float",
    "bool",
    "dict",
    "reversed",
)
COLLECTIONS = frozenset({"list", "tuple", "set", "sorted", "dict"})
USUAL = {"list": 0.12, "str": 0.1, "int": 0.1, "tuple": 0.06}
CHANGES = {"sorted": "sorted", "reversed": "reverse", "set": "unique"}


def ideas(site: Site) -> Iterator[Idea]:
    for node in site.values:
        yield from _converted(site, node)
        yield from _displays(site, node)
        if isinstance(node, ast.Call):
            yield from _unwrapped(site, node)
            yield from _siblings(site, node)


def _converted(site: Site, node: ast.expr) -> Iterator[Idea]:
    """Wrapped in a conversion that the expected value suggests, or in a usual one where values go out."""
    if isinstance(node, ast.Constant | ast.Compare | ast.BoolOp) or _inside_operator(site, node):
        return
    known = {called_name(node)} if isinstance(node, ast.Call) else set()
    outer = site.parent(node)
    known |= {called_name(outer)} if isinstance(outer, ast.Call) else set()
    for name in CONVERSIONS:
        change = CHANGES.get(name, name)
        prior = 0.35 * site.hints.changes.get(change, 0.0) or (USUAL.get(name, 0.0) * _goes_out(site, node))
        if name in ("list", "tuple") and isinstance(outer, ast.Assign | ast.For | ast.Call):
            prior = max(prior, 0.3 * site.hints.changes.get("filled", 0.0))  # an iterator that was used up
        if prior and name not in known and _convertible(node, name):
            text = site.text(node)
            yield site.replace(
                node, f"list(reversed({text}))" if name == "reversed" else f"{name}({text})", prior,
                tag=f"{name} {text}", scope=Scope.STATEMENT, echo=1.05, change=change,
            )  # fmt: skip
    if isinstance(outer, ast.Assign | ast.Return) and isinstance(node, ast.Name | ast.Attribute):
        yield site.replace(node, f"{site.text(node)}.copy()", 0.06)


def _inside_operator(site: Site, node: ast.expr) -> bool:
    return isinstance(site.parent(node), ast.Attribute | ast.BoolOp) or isinstance(node, ast.Tuple)


def _convertible(node: ast.expr, name: str) -> bool:
    if name in COLLECTIONS and isinstance(node, ast.BinOp | ast.JoinedStr | ast.UnaryOp):
        return False
    return not (isinstance(node, ast.List | ast.ListComp) and name in ("list", "int", "str", "float", "abs"))


def _goes_out(site: Site, node: ast.expr) -> float:
    """Values that are given back matter more than those used on the way."""
    parent = site.parent(node)
    if isinstance(parent, ast.Return | ast.Yield | ast.FormattedValue):
        return 1.0
    return 0.5 if isinstance(parent, ast.Call | ast.keyword | ast.Assign) else 0.25


def _displays(site: Site, node: ast.expr) -> Iterator[Idea]:
    """``[x]`` is one element, ``list(x)`` are its elements."""
    match node:
        case ast.List(elts=[ast.Name() | ast.Attribute() | ast.Subscript() | ast.Call() as inner]):
            yield site.replace(node, f"list({site.text(inner)})", 0.4, change="unwrap")
            yield site.replace(node, site.text(inner), 0.3, change="unwrap")
        case ast.Set(elts=[inner]):
            yield site.replace(node, f"set({site.text(inner)})", 0.4, change="unwrap")
        case ast.Call(func=ast.Name(id="list"), args=[inner], keywords=[]):
            yield site.replace(node, f"[{site.text(inner)}]", 0.3, change="wrap")
        case ast.Call(func=ast.Name(id="set"), args=[inner], keywords=[]):
            yield site.replace(node, f"{{{site.text(inner)}}}", 0.25, change="wrap")
        case ast.Name() if isinstance(site.parent(node), ast.Return | ast.Yield | ast.Call):
            yield site.replace(node, f"[{site.text(node)}]", 0.06, change="wrap")


def _unwrapped(site: Site, node: ast.Call) -> Iterator[Idea]:
    """Without the call around the value; without the method call behind it."""
    match node:
        case ast.Call(func=ast.Name(), args=[only], keywords=[]) if not isinstance(only, ast.Starred):
            yield site.replace(node, site.text(only), 0.25)
        case ast.Call(func=ast.Attribute(value=value), args=args) if len(args) <= 1 and _chainable(value):
            yield site.replace(node, site.text(value), 0.12)


def _chainable(value: ast.expr) -> bool:
    return not (isinstance(value, ast.Name) and value.id in ("self", "cls", "super"))


def _siblings(site: Site, node: ast.Call) -> Iterator[Idea]:
    name, span = called_name(node), site.file.span(node.func)
    if not name or span is None or not site.file.text[: span[1]].endswith(name):
        return
    options = {other: 0.4 for group in SIBLINGS if name in group for other in group if other != name}
    options |= {
        other: prior for other, prior in _same_shape(site, node, name).items() if other not in options
    }
    for other, prior in sorted(options.items(), key=lambda item: (-item[1], item[0]))[:6]:
        yield site.edited(
            span[1] - len(name), span[1], other, prior, f"call `{other}` instead of `{name}`",
            tag=f"{name}() {other}()", scope=Scope.FUNCTION, echo=0.3,
        )  # fmt: skip


def _same_shape(site: Site, node: ast.Call, name: str) -> dict[str, float]:
    """Functions of the repository with like parameters and a like name."""
    mine = signature_of(site, node)
    if mine is None:
        return {}
    found: dict[str, float] = {}
    words = set(name.strip("_").split("_"))
    for other, signatures in sorted(site.vocabulary.signatures.items()):
        for theirs in signatures:
            if other == name or theirs.path != site.file.path or theirs.method != mine.method:
                continue
            fits = theirs.required <= len(node.args) + len(node.keywords) <= max(len(theirs.parameters), 0)
            shared = len(words & set(other.strip("_").split("_"))) / max(len(words), 1)
            if fits and (shared >= 0.5 or distance(name, other) <= 3):
                found[other] = 0.3 * max(shared, 0.5)
    return found
