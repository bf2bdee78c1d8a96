"""Arguments of a call: two in the wrong order, one not passed on, one too many."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from agent.builtin.operators.base import Edit, Idea, Site
from agent.builtin.vocabulary import Signature

NAME = "arguments"

ORDERED_BUILTINS = frozenset(
    {"isinstance", "range", "getattr", "zip", "max", "min", "print", "sum", "enumerate"}
)


def ideas(site: Site) -> Iterator[Idea]:
    for node in site.expressions:
        if isinstance(node, ast.Call):
            yield from _swapped(site, node)
            yield from _passed_on(site, node)
            yield from _dropped(site, node)


def called_name(node: ast.Call) -> str:
    match node.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def signature_of(site: Site, node: ast.Call) -> Signature | None:
    return site.vocabulary.signature(called_name(node), site.file.path)


def _swapped(site: Site, node: ast.Call) -> Iterator[Idea]:
    signature = signature_of(site, node)
    for index, (left, right) in enumerate(zip(node.args, node.args[1:], strict=False)):
        first, last = site.file.span(left), site.file.span(right)
        if first is None or last is None or ast.dump(left) == ast.dump(right):
            continue
        if isinstance(left, ast.Starred) or isinstance(right, ast.Starred):
            continue
        texts = site.text(left), site.text(right)
        prior = 0.25
        if signature is not None and len(signature.parameters) > index + 1:
            names = signature.parameters[index : index + 2]
            prior = 1.3 if texts == names[::-1] else 0.05 if texts == names else 0.35
        elif called_name(node) in ORDERED_BUILTINS:
            prior = 0.1
        yield Idea(
            edits=(
                Edit(start=first[0], end=first[1], text=texts[1]),
                Edit(start=last[0], end=last[1], text=texts[0]),
            ),
            line=site.file.line_of(first[0]),
            summary=f"swap the arguments `{texts[0][:40]}` and `{texts[1][:40]}` of `{called_name(node)}`",
            prior=prior,
        )


def _passed_on(site: Site, node: ast.Call) -> Iterator[Idea]:
    """A parameter of the called function that this function has too but does not hand on."""
    signature = signature_of(site, node)
    if signature is None or any(isinstance(arg, ast.Starred) for arg in node.args):
        return
    if any(keyword.arg is None for keyword in node.keywords):
        return
    given = set(signature.parameters[: len(node.args)]) | {keyword.arg for keyword in node.keywords}
    read = {n.id for n in site.own_nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    attributes = _self_attributes(site)
    for name in signature.parameters:
        if name in given:
            continue
        if name in site.locals:
            prior = 0.9 if name in site.parameters and name not in read else 0.5
            yield from _added(site, node, f"{name}={name}", prior)
        elif name in attributes:
            yield from _added(site, node, f"{name}=self.{name}", 0.35)


def _self_attributes(site: Site) -> frozenset[str]:
    owner = site.function.owner if site.function else None
    return frozenset(
        other.attr
        for other in (ast.walk(owner) if owner else ())
        if isinstance(other, ast.Attribute) and isinstance(other.value, ast.Name) and other.value.id == "self"
    )


def _added(site: Site, node: ast.Call, argument: str, prior: float) -> Iterator[Idea]:
    span = site.file.span(node)
    if span is None or not site.file.text[: span[1]].endswith(")"):
        return
    inside = site.file.text[span[0] : span[1] - 1].rstrip()
    place = span[0] + len(inside)
    bare = not node.args and not node.keywords
    separator = "" if bare else " " if inside.endswith(",") else ", "
    yield site.edited(
        place, place, separator + argument, prior, f"pass `{argument}` to `{called_name(node)}`"
    )


def _dropped(site: Site, node: ast.Call) -> Iterator[Idea]:
    """Without its last argument; a keyword argument only when it is the last."""
    if len(node.args) + len(node.keywords) < 2:
        return
    kept: ast.AST = (*node.args, *node.keywords)[-2]
    last: ast.AST = (*node.args, *node.keywords)[-1]
    before, gone = site.file.span(kept), site.file.span(last)
    if before is not None and gone is not None and before[1] < gone[1]:
        yield site.edited(
            before[1], gone[1], "", 0.08, f"do not pass `{site.text(last)[:40]}` to `{called_name(node)}`"
        )
