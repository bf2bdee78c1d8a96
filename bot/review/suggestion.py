"""A suggestion put in the place of the lines that were commented on, as GitHub's own button does. Pure.

The lines must still be those that the reviewer saw: they are compared with the end of the diff hunk that the
comment came with. Lines that have only moved are found again when there is one such place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bot.queue import ReviewNote

MOST_PLACES: Final = 2_000_000  # bytes of a file that is searched


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfit:
    """Why a suggestion cannot be applied; a sentence for the reviewer."""

    reason: str


def commented(note: ReviewNote) -> tuple[bytes, ...] | None:
    """The lines commented on as the reviewer saw them, without line ends; None when the hunk does not say.

    A hunk ends with the line commented on; of the lines that were taken out none is counted.
    """
    rows = note.hunk.split("\n")[1:]
    rows = [row for row in rows if not row.startswith("\\")]
    while rows and not rows[-1]:  # an empty context line has its blank
        rows.pop()
    if not rows or rows[-1].startswith("-"):
        return None
    there = [
        row[1:].removesuffix("\r").encode("utf-8", "surrogatepass") for row in rows if row[:1] in (" ", "+")
    ]
    count = _count(note)
    return tuple(there[-count:]) if count <= len(there) else None


def on_removed_lines(note: ReviewNote) -> bool:
    """Whether the comment stands beside lines that the change takes out."""
    rows = [row for row in note.hunk.rstrip("\n").split("\n")[1:] if not row.startswith("\\")]
    return bool(rows) and rows[-1].startswith("-")


def applied(content: bytes, note: ReviewNote, text: str, *, same_head: bool) -> bytes | Unfit:
    """The file with the lines replaced; ``same_head`` says that it is the very file that was commented on."""
    if on_removed_lines(note):
        return Unfit(reason="The comment stands beside lines that this pull request takes out.")
    if not note.line:
        return Unfit(reason="The comment is about the whole file: there are no lines to replace.")
    lines = content.splitlines(keepends=True) if len(content) <= MOST_PLACES else []
    place = _place(lines, note, same_head=same_head)
    if isinstance(place, Unfit):
        return place
    first, last = place
    old = lines[first : last + 1]
    end = _line_end(lines)
    new = [line.encode("utf-8", "surrogatepass") + end for line in text.split("\n")[:-1]]
    if new and old and not old[-1].endswith((b"\n", b"\r")):
        new[-1] = new[-1].removesuffix(end)  # the file's last line had no end
    if new == old:
        return Unfit(reason="The lines stand there already as suggested.")
    return b"".join([*lines[:first], *new, *lines[last + 1 :]])


def _place(lines: list[bytes], note: ReviewNote, *, same_head: bool) -> tuple[int, int] | Unfit:
    """First and last line, from 0."""
    seen = commented(note)
    first, last = note.line - _count(note), note.line - 1
    if seen is None:
        if same_head and 0 <= first <= last < len(lines):
            return first, last
        return Unfit(reason="The lines changed since the comment was written.")
    bare = [line.rstrip(b"\r\n") for line in lines]
    if first >= 0 and tuple(bare[first : last + 1]) == seen:
        return first, last
    if same_head:
        return Unfit(reason="The lines are not those that the comment shows.")
    found = [at for at in range(len(bare) - len(seen) + 1) if tuple(bare[at : at + len(seen)]) == seen]
    if len(found) == 1:
        return found[0], found[0] + len(seen) - 1
    return Unfit(reason="The lines changed since the comment was written.")


def _count(note: ReviewNote) -> int:
    return note.line - note.start_line + 1 if 0 < note.start_line <= note.line else 1


def _line_end(lines: list[bytes]) -> bytes:
    """What most of the file's lines end with."""
    return b"\r\n" if 2 * sum(line.endswith(b"\r\n") for line in lines) > len(lines) else b"\n"
