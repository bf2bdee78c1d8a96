"""Which lines differ between two texts: small, bounded in time, and enough for sizes and for choosing
tests."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher

MATCHED = 4_000_000  # lines of one side times lines of the other, beyond which the middle counts as rewritten


@dataclass(frozen=True, slots=True, kw_only=True)
class Hunk:
    """Lines ``old`` were replaced by lines ``new``: half-open ranges of line numbers from 1."""

    old: range
    new: range


def hunks(old: bytes | None, new: bytes | None) -> tuple[Hunk, ...]:
    """The differing places, in order. None is a file that does not exist."""
    before, after = (old or b"").splitlines(), (new or b"").splitlines()
    head = _common(before, after)
    tail = _common(before[head:][::-1], after[head:][::-1])
    middle_old, middle_new = before[head : len(before) - tail], after[head : len(after) - tail]
    if not middle_old and not middle_new:
        return ()
    if not middle_old or not middle_new or len(middle_old) * len(middle_new) > MATCHED:
        return (_hunk(head, 0, len(middle_old), 0, len(middle_new)),)
    matcher = SequenceMatcher(None, middle_old, middle_new, autojunk=False)
    return tuple(_hunk(head, *where) for tag, *where in matcher.get_opcodes() if tag != "equal")


def changed_line_count(old: bytes | None, new: bytes | None) -> int:
    """Lines taken out plus lines put in."""
    return sum(len(hunk.old) + len(hunk.new) for hunk in hunks(old, new))


def added_lines(old: bytes | None, new: bytes | None) -> tuple[tuple[int, str], ...]:
    """The lines put in, with their numbers in the new text."""
    lines = (new or b"").splitlines()
    return tuple(
        (number, lines[number - 1].decode("utf-8", "replace"))
        for hunk in hunks(old, new)
        for number in hunk.new
    )


def _common(a: list[bytes], b: list[bytes]) -> int:
    """How many lines at the front are the same."""
    count = 0
    for left, right in zip(a, b, strict=False):
        if left != right:
            break
        count += 1
    return count


def _hunk(head: int, old_from: int, old_to: int, new_from: int, new_to: int) -> Hunk:
    first = head + 1
    return Hunk(old=range(first + old_from, first + old_to), new=range(first + new_from, first + new_to))
