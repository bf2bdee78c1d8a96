"""Default values of parameters: the wrong one, or one that is shared between calls."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import chain

from agent.builtin.operators.base import Edit, Idea, Site

NAME = "defaults"

OTHERS = {
    "None": ("0", "1", '""', "()", "True", "False"),
    "True": ("False", "None"),
    "False": ("True", "None"),
}


def ideas(site: Site) -> Iterator[Idea]:
    if not site.is_first or site.function is None:
        return
    args = site.function.node.args
    plain = [*args.posonlyargs, *args.args]
    pairs = chain(zip(plain[len(plain) - len(args.defaults) :], args.defaults, strict=True),
                  zip(args.kwonlyargs, args.kw_defaults, strict=True))  # fmt: skip
    for arg, default in pairs:
        if default is None:
            continue
        if isinstance(default, ast.List | ast.Dict | ast.Set):
            yield from _unshared(site, arg.arg, default)
        for text, prior in _others(site, default):
            if text != site.text(default):
                yield site.replace(default, text, prior, f"let `{arg.arg}` default to `{text}`")


def _others(site: Site, default: ast.expr) -> Iterator[tuple[str, float]]:
    text = site.text(default)
    for value in site.hints.expected[:3]:
        yield value, 0.3
    for value in OTHERS.get(text, ()):
        yield value, 0.25
    if isinstance(default, ast.Constant) and type(default.value) is int:
        yield from (
            (str(default.value + 1), 0.25),
            (str(default.value - 1), 0.25),
            ("None", 0.2),
            ("0", 0.15),
        )
    elif not isinstance(default, ast.Constant):
        yield "None", 0.15


def _unshared(site: Site, name: str, default: ast.expr) -> Iterator[Idea]:
    """A list or dict as default keeps what earlier calls put in."""
    span = site.file.span(default)
    if span is None or not isinstance(site.block, ast.stmt):
        return
    fresh = site.text(default)
    for idea in site.insert_before(
        site.block,
        [f"if {name} is None:", f"\t{name} = {fresh}"],
        0.9,
        f"make a new `{fresh}` for `{name}` in each call",
    ):
        yield Idea(
            edits=(Edit(start=span[0], end=span[1], text="None"), *idea.edits),
            line=site.file.line_of(span[0]),
            summary=idea.summary,
            prior=idea.prior,
        )
