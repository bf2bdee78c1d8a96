"""A condition that is too weak or too strong: an atom added, left out, or joined the other way."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator

from agent.builtin.operators.base import Idea, Scope, Site
from agent.builtin.operators.negation import conditions
from agent.builtin.operators.syntax import abstract, operand
from agent.localize.failure import Failure, FailureKind

NAME = "conditions"

MOST_ATOMS = 8
BUILTINS = frozenset(dir(builtins))
Atom = tuple[str, float]


def ideas(site: Site) -> Iterator[Idea]:
    for node in site.expressions:
        if isinstance(node, ast.BoolOp):
            yield from _operands(site, node)
    if site.test is not None:
        yield from _strengthened(site, site.test, list(_atoms(site, site.test)))
    else:
        for node, _ in conditions(site):
            if isinstance(site.block, ast.Return) and not isinstance(node, ast.Call):
                yield from _strengthened(site, node, list(_atoms(site, node))[:4], 0.5)
    if site.crash is not None:
        yield from _protected(site, site.crash)


def _operands(site: Site, node: ast.BoolOp) -> Iterator[Idea]:
    word, other = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
    texts = [site.text(value) for value in node.values]
    need = 4 if other == "and" else 3
    joined = f" {other} ".join(operand(text, need) for text in texts)
    yield site.replace(node, joined, 0.5, f"join the conditions with `{other}` instead of `{word}`")
    for index, gone in enumerate(texts):
        rest = f" {word} ".join(texts[:index] + texts[index + 1 :])
        yield site.replace(node, rest, 0.3, f"leave out the condition `{gone[:60]}`")
    if len(texts) == 2:
        swapped = f" {word} ".join(reversed(texts))
        yield site.replace(node, swapped, 0.1, "ask the conditions the other way round")
    for cut in range(1, len(texts)) if len(texts) > 2 else ():
        yield from _mixed(site, node, texts, cut, word, other)


def _mixed(site: Site, node: ast.BoolOp, texts: list[str], cut: int, word: str, other: str) -> Iterator[Idea]:
    """One of several connectives the other way: between two parts, or between two neighbours only."""
    summary = f"join `{texts[cut - 1][:40]}` and `{texts[cut][:40]}` with `{other}`"
    need = 3 if other == "or" else 4
    parts = [f" {word} ".join(texts[:cut]), f" {word} ".join(texts[cut:])]
    yield site.replace(node, f" {other} ".join(operand(part, need) for part in parts), 0.3, summary)
    pair = f"({operand(texts[cut - 1], need)} {other} {operand(texts[cut], need)})"
    joined = f" {word} ".join([*texts[: cut - 1], pair, *texts[cut + 1 :]])
    yield site.replace(node, joined, 0.3, summary)


def _strengthened(site: Site, node: ast.expr, atoms: list[Atom], weight: float = 1.0) -> Iterator[Idea]:
    text = site.text(node)
    for atom, prior in atoms[:MOST_ATOMS]:
        if atom != text:
            yield site.replace(node, f"{operand(text, 3)} and {operand(atom, 4)}", 0.45 * prior * weight)
            yield site.replace(node, f"{operand(text, 2)} or {operand(atom, 3)}", 0.4 * prior * weight)


def _atoms(site: Site, test: ast.expr) -> Iterator[Atom]:
    """What may be asked here: conditions asked nearby, then simple questions about the values in use."""
    seen = {ast.unparse(node) for node in ast.walk(test) if isinstance(node, ast.expr)}
    for text, prior in (*_nearby(site, test), *_questions(site)):
        if text not in seen:
            seen.add(text)
            yield text, prior


def _nearby(site: Site, test: ast.expr) -> Iterator[Atom]:
    known = frozenset(site.locals) | {"self", "cls"}
    for node in site.own_nodes:
        asked = node.test if isinstance(node, ast.If | ast.While | ast.IfExp) else None
        if asked is None or asked is test:
            continue
        parts = asked.values if isinstance(asked, ast.BoolOp) else [asked]
        for part in parts:
            names = {n.id for n in ast.walk(part) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
            if names <= known | BUILTINS:
                yield ast.unparse(part), 0.4


def _questions(site: Site) -> Iterator[Atom]:
    used = dict.fromkeys([*site.used_names, *_body_names(site)])
    for name in (name for name in (*used, *site.parameters) if name in site.locals):
        yield name, 0.35
        yield f"{name} is not None", 0.3
        yield f"not {name}", 0.25
        yield f"{name} is None", 0.2


def _body_names(site: Site) -> list[str]:
    first = site.block.body[0] if isinstance(site.block, ast.If | ast.While) else None
    return [node.id for node in ast.walk(first) if isinstance(node, ast.Name)] if first else []


# --- conditions that keep a failing expression from being reached ----------------------------------


def _protected(site: Site, crash: Failure) -> Iterator[Idea]:
    """The condition around the failing statement, and whatever would have failed."""
    around = next(iter(site.controls()), None)
    if not isinstance(around, ast.If | ast.While) or site.block not in around.body:
        if isinstance(site.block, ast.If | ast.While):
            yield from _within_test(site, crash, site.block.test)
        return
    for atom, prior, tag in failing_atoms(site, crash):
        text = f"{operand(site.text(around.test), 3)} and {operand(atom, 4)}"
        yield site.replace(around.test, text, prior, tag=f"and {tag}", scope=Scope.FILE, echo=1.1)


def _within_test(site: Site, crash: Failure, test: ast.expr) -> Iterator[Idea]:
    for atom, prior, _ in failing_atoms(site, crash):
        yield site.replace(test, f"{operand(atom, 4)} and {operand(site.text(test), 4)}", prior)
        yield site.replace(
            test, f"{operand(_opposite(atom), 3)} or {operand(site.text(test), 3)}", prior * 0.4
        )


def _opposite(atom: str) -> str:
    return (
        atom.replace(" is not None", " is None")
        if atom.endswith(" is not None")
        else f"not {operand(atom, 4)}"
    )


def failing_atoms(site: Site, crash: Failure) -> Iterator[tuple[str, float, str]]:
    """Questions that, answered yes, mean that the statement would not have failed so: text, prior, tag."""
    for node in site.expressions:
        match node:
            case ast.Call(func=ast.Name(id="int"), args=[arg]) if crash.kind is FailureKind.CONVERSION:
                yield f"{operand(site.text(arg), 15)}.isdigit()", 0.9, f"isdigit {abstract(arg)}"
            case ast.Subscript(value=value, slice=index) if crash.kind is FailureKind.KEY:
                yield f"{site.text(index)} in {operand(site.text(value), 6)}", 0.8, f"in {abstract(node)}"
            case ast.Subscript(value=value, slice=index) if crash.kind is FailureKind.INDEX:
                if isinstance(index, ast.Constant) and index.value in (0, -1):
                    yield site.text(value), 0.8, f"filled {abstract(value)}"
                elif not isinstance(index, ast.Slice):
                    yield f"{site.text(index)} < len({site.text(value)})", 0.6, f"len {abstract(node)}"
            case ast.BinOp(op=ast.Div() | ast.FloorDiv() | ast.Mod(), right=right):
                if crash.kind is FailureKind.ZERO_DIVISION:
                    yield site.text(right), 0.8, f"nonzero {abstract(right)}"
            case ast.Attribute(value=value, attr=attr) if (
                not isinstance(value, ast.Name) or value.id != "self"
            ):
                yield from _attribute_atoms(site, crash, value, attr)
    if crash.kind is FailureKind.NONE_USED:
        for name in site.used_names:
            yield f"{name} is not None", 0.5, "not None _"


def _attribute_atoms(
    site: Site, crash: Failure, value: ast.expr, attr: str
) -> Iterator[tuple[str, float, str]]:
    if crash.kind is FailureKind.NONE_USED and re.search(rf"attribute '{re.escape(attr)}'", crash.message):
        yield f"{operand(site.text(value), 6)} is not None", 0.9, f"not None {abstract(value)}"
        yield site.text(value), 0.6, f"true {abstract(value)}"
    if crash.kind is FailureKind.NO_ATTRIBUTE and re.search(rf"attribute '{re.escape(attr)}'", crash.message):
        yield f"hasattr({site.text(value)}, {attr!r})", 0.5, f"hasattr {abstract(value)}"
