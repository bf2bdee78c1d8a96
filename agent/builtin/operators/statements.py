"""Whole statements: one too many, one at the wrong place, one missing that stands nearby."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from agent.builtin.operators.base import Edit, Idea, Site
from agent.builtin.operators.conditions import BUILTINS
from agent.localize.failure import FailureKind

NAME = "statements"

JUMPS: dict[type[ast.stmt], tuple[tuple[str, float], ...]] = {
    ast.Break: (("continue", 0.4),),
    ast.Continue: (("break", 0.4), ("pass", 0.2)),
    ast.Pass: (("continue", 0.1), ("return", 0.1)),
}
MOST_COPIES = 5


def ideas(site: Site) -> Iterator[Idea]:
    block = site.block
    if isinstance(block, ast.stmt) and site.begins_line(block) and site.ends_line(block):
        for text, prior in JUMPS.get(type(block), ()):
            yield site.edited(*_span(site, block), text, prior)
        if not isinstance(block, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            yield from _removed(site, block)
            yield from _exchanged(site, block)
            yield from _moved_out(site, block)
            yield from _copied(site, block)
    if site.is_first and isinstance(block, ast.stmt):
        yield from _borrowed_guards(site, block)


def _span(site: Site, block: ast.stmt) -> tuple[int, int]:
    return site.file.span(block) or (0, 0)


def _lines(site: Site, block: ast.stmt) -> tuple[int, int]:
    first = site.file.line_starts[block.lineno - 1]
    return first, site.file.line_span(block.end_lineno or block.lineno)[1]


def siblings(site: Site, block: ast.AST) -> list[ast.stmt]:
    """The list of statements that this one stands in."""
    parent = site.parent(block)
    for name in ("body", "orelse", "finalbody"):
        found = getattr(parent, name, None)
        if isinstance(found, list) and block in found:
            return found
    return []


def _removed(site: Site, block: ast.stmt) -> Iterator[Idea]:
    around = siblings(site, block)
    summary = f"remove line {block.lineno}"
    if isinstance(block, ast.Import | ast.ImportFrom | ast.Pass) or not around:
        return
    big = (block.end_lineno or block.lineno) - block.lineno > 6
    if len(around) == 1:
        yield site.edited(*_span(site, block), "pass", 0.1 if big else 0.25, summary)
    elif not _is_elif(site, block):
        yield site.edited(*_lines(site, block), "", 0.1 if big else 0.35, summary)


def _is_elif(site: Site, block: ast.stmt) -> bool:
    return isinstance(block, ast.If) and site.text(block).startswith("elif")


def _exchanged(site: Site, block: ast.stmt) -> Iterator[Idea]:
    """With the next statement."""
    around = siblings(site, block)
    index = around.index(block) if block in around else len(around)
    if index + 1 >= len(around) or _is_elif(site, block):
        return
    other = around[index + 1]
    if (
        not site.begins_line(other)
        or not site.ends_line(other)
        or isinstance(other, ast.FunctionDef | ast.ClassDef)
    ):
        return
    (first, last), (start, end) = _lines(site, block), _lines(site, other)
    text = site.file.text
    if text[start:end].endswith(("\n", "\r")):
        yield Idea(
            edits=(
                Edit(start=first, end=last, text=text[start:end]),
                Edit(start=start, end=end, text=text[first:last]),
            ),
            line=block.lineno,
            summary=f"swap the statements of lines {block.lineno} and {other.lineno}",
            prior=0.3,
        )


def _moved_out(site: Site, block: ast.stmt) -> Iterator[Idea]:
    """The last statement of a loop or branch, moved behind it."""
    parent = site.parent(block)
    around = siblings(site, block)
    if (
        not isinstance(parent, ast.For | ast.While | ast.If | ast.With)
        or len(around) < 2
        or around[-1] is not block
    ):
        return
    if (block.end_lineno or 0) != (parent.end_lineno or 0) or not site.begins_line(parent):
        return
    first, last = _lines(site, block)
    outer, inner = site.file.indent_of(parent.lineno), site.file.indent_of(block.lineno)
    body = site.file.text[first:last]
    if '"""' in body or "'''" in body:
        return
    moved = "".join(line.replace(inner, outer, 1) for line in body.splitlines(keepends=True))
    loop = isinstance(parent, ast.For | ast.While)
    yield site.edited(
        first, last, moved, 0.9 if loop and isinstance(block, ast.Return) else 0.2,
        f"move line {block.lineno} out of the block of line {parent.lineno}",
    )  # fmt: skip


def _copied(site: Site, block: ast.stmt) -> Iterator[Idea]:
    """A simple statement of another branch of the function, before this one."""
    known = frozenset(site.locals) | {"self", "cls"} | BUILTINS
    here = {ast.dump(one) for one in siblings(site, block)}
    count = 0
    for other in site.own_nodes:
        if not isinstance(other, ast.Assign | ast.AugAssign | ast.Expr) or ast.dump(other) in here:
            continue
        if isinstance(other, ast.Expr) and not isinstance(other.value, ast.Call):
            continue
        if _reads(other) <= known and count < MOST_COPIES:
            count += 1
            text = ast.unparse(other)
            if "\n" not in text:
                yield from site.insert_before(
                    block, [text], 0.12, f"insert `{text[:60]}` before line {block.lineno}"
                )


def _reads(node: ast.AST) -> set[str]:
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}


def _borrowed_guards(site: Site, block: ast.stmt) -> Iterator[Idea]:
    """A guard of another function of the file whose names mean something here."""
    known = frozenset(site.parameters) | {"self", "cls"} | BUILTINS
    wanted = {f.exception for f in site.hints.failures if f.kind is FailureKind.NOT_RAISED}
    seen: set[str] = set()
    for function in site.file.functions:
        if function is site.function:
            continue
        for other in function.body[:4]:
            if (
                not isinstance(other, ast.If)
                or other.orelse
                or not isinstance(other.body[-1], ast.Raise | ast.Return)
            ):
                continue
            text = ast.unparse(other)
            if (
                _reads(other.test) <= known
                and _reads(other) <= known | wanted | BUILTINS
                and text not in seen
            ):
                seen.add(text)
                fits = bool(wanted) and any(name in text for name in wanted)
                yield from site.insert_before(
                    block, _relative(text), 0.8 if fits else 0.25, f"check first, as `{function.symbol}` does"
                )


def _relative(text: str) -> list[str]:
    """``ast.unparse`` indents by four spaces; here by tabs."""
    lines = []
    for line in text.splitlines():
        depth = (len(line) - len(line.lstrip(" "))) // 4
        lines.append("\t" * depth + line.lstrip(" "))
    return lines
