"""Pieces of a file with their line numbers, in order, marked where lines are left out: always bounded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from agent.context.quote import one_line, visible

MAX_LINE = 400  # characters of a line that are shown
MARK = "    …\n"


def lines_of(content: bytes) -> list[str]:
    """As edits count them (agent.operations): of bytes, only line feeds and returns end a line."""
    if b"\0" in content[:8192]:
        return []
    return [line.decode("utf-8", "replace") for line in content.splitlines()]


def excerpt(path: str, content: bytes, wanted: Iterable[int], limit: int) -> str:
    """The wanted lines of a file (numbers from 1, the most wanted first) in at most ``limit`` characters:
    as many as fit, in the order of the file. Empty when not one fits, or the file is no text."""
    lines = lines_of(content)
    head = f"=== {one_line(path)} ({len(lines)} lines)\n"
    room = limit - len(head) - len(MARK)
    chosen: set[int] = set()
    for line in wanted:
        if line in chosen or not 1 <= line <= len(lines):
            continue
        beside = (line - 1 in chosen) + (line + 1 in chosen)
        cost = len(_numbered(line, lines[line - 1])) + (1 - beside) * len(MARK)
        if cost > room:
            break
        room -= cost
        chosen.add(line)
    return head + _rendered(lines, sorted(chosen)) if chosen else ""


def around(line: int, run: Sequence[int]) -> list[int]:
    """Every line of a run, nearest to ``line`` first: what does not fit is missing at the far ends."""
    return sorted(run, key=lambda one: (abs(one - line), one))


def _numbered(number: int, line: str) -> str:
    text = visible(line)
    if len(text) > MAX_LINE:
        text = f"{text[:MAX_LINE]} […{len(text) - MAX_LINE} more]"
    return f"{number:5}| {text}\n"


def _rendered(lines: Sequence[str], chosen: Sequence[int]) -> str:
    parts: list[str] = []
    before = 0
    for line in (*chosen, len(lines) + 1):
        if line - before > 1:
            parts.append(MARK)
        if line <= len(lines):
            parts.append(_numbered(line, lines[line - 1]))
        before = line
    return "".join(parts)
