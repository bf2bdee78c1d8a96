"""Line-addressed edits of a model, brought to the lines that they mean. Pure.

A model miscounts lines and forgets line ends more often than it misquotes them. So the quoted text decides:
where it stands exactly once in the file, there the edit goes; where it does not stand at all, the edit is
left as it is, does not apply, and that is an observation.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from agent.types import EditLines

NUMBERED = re.compile(r"^ *\d+\| ?")  # as agent.context numbers them
Read = Callable[[str], bytes | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class LineEdit:
    """An edit in the numbers of the file as it was shown."""

    path: str
    first: int
    last: int
    expected: str
    replacement: str
    reasoning: str = ""


def fitted(edits: Sequence[LineEdit], read: Read) -> tuple[tuple[LineEdit, EditLines], ...] | str:
    """The edits as operations, those further down in a file first, so that no number shifts under another;
    a sentence when two of them overlap."""
    found = [(edit, _fitted(edit, read(edit.path))) for edit in edits]
    found.sort(key=lambda pair: (pair[1].path, -pair[1].first, -pair[1].last))
    for (_, lower), (_, upper) in pairwise(found):
        if lower.path == upper.path and (upper.last >= lower.first or upper.first == lower.first):
            return f"edits of lines {upper.first} and {lower.first} of {upper.path} overlap"
    return tuple(found)


def unnumbered(text: str) -> str | None:
    """A text whose lines were copied with their numbers, without them; None when they were not."""
    lines = text.split("\n")
    if not any(line.strip() for line in lines):
        return None
    if any(line.strip() and not NUMBERED.match(line) for line in lines):
        return None
    return "\n".join(NUMBERED.sub("", line, count=1) for line in lines)


def _fitted(edit: LineEdit, content: bytes | None) -> EditLines:
    lines = _lines(content)
    bare = unnumbered(edit.expected)
    if bare is not None:
        edit = replace(edit, expected=bare, replacement=unnumbered(edit.replacement) or edit.replacement)
    if lines is None:
        return _plain(edit)
    if edit.last == edit.first - 1 and not edit.expected.strip():
        return _operation(edit, lines, edit.first - 1, 0)
    wanted = _stripped(edit.expected)
    start = _place(lines, wanted, edit.first - 1)
    return _plain(edit) if start is None else _operation(edit, lines, start, len(wanted))


def _plain(edit: LineEdit) -> EditLines:
    """As it was answered: for the executor to refuse with its own words."""
    return EditLines(
        path=edit.path,
        first=edit.first,
        last=edit.last,
        expected=edit.expected,
        replacement=edit.replacement,
    )


def _place(lines: Sequence[str], wanted: Sequence[str], stated: int) -> int | None:
    """Where the quoted lines stand: at the stated place, else at the only other one."""
    if not wanted:
        return None
    bare = [text.rstrip() for text in lines]
    size = len(wanted)

    def stands(start: int) -> bool:
        return bare[start : start + size] == list(wanted)

    if 0 <= stated < len(lines) and stands(stated):
        return stated
    starts = [start for start in range(len(lines) - size + 1) if bare[start] == wanted[0] and stands(start)]
    return starts[0] if len(starts) == 1 else None


def _operation(edit: LineEdit, lines: Sequence[str], start: int, count: int) -> EditLines:
    """Exactly the lines that stand there, and new ones with the file's line ends."""
    old = lines[start : start + count]
    end = "\r\n" if any(text.endswith("\r\n") for text in lines[:50]) else "\n"
    text = edit.replacement.replace("\r\n", "\n")
    closed = start + count < len(lines) or not old or old[-1].endswith("\n")
    if text and not text.endswith("\n") and closed:
        text += "\n"
    return EditLines(
        path=edit.path,
        first=start + 1,
        last=start + count,
        expected="".join(old),
        replacement=text.replace("\n", end),
    )


def _stripped(text: str) -> list[str]:
    """Lines without trailing blanks, which models do not reproduce and numbered listings do not show."""
    lines = [each.rstrip() for each in text.replace("\r\n", "\n").split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def _lines(content: bytes | None) -> list[str] | None:
    """As the executor counts them: only line feeds and carriage returns end a line."""
    if content is None:
        return None
    try:
        return [each.decode() for each in content.splitlines(keepends=True)]
    except UnicodeDecodeError:
        return None
