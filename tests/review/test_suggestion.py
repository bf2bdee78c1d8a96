"""A suggestion put in the place of the lines that were commented on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.queue import ReviewNote
from bot.review.suggestion import Unfit, applied

FILE = b"one\ntwo\nthree\nfour\n"
HUNK = "@@ -1,3 +1,3 @@\n one\n-zwei\n+two\n three"


def note(line: int, start: int = 0, hunk: str = HUNK) -> ReviewNote:
    return ReviewNote(
        pull=7, head_sha="a" * 40, comment=1, thread=1, path="f", line=line, start_line=start, hunk=hunk
    )


@pytest.mark.parametrize(
    ("content", "where", "text", "expected"),
    [
        (FILE, note(3), "3\n", b"one\ntwo\n3\nfour\n"),
        (FILE, note(3, 2), "2\n3\n", b"one\n2\n3\nfour\n"),
        (FILE, note(3, 2), "", b"one\nfour\n"),
        (FILE, note(3), "\n", b"one\ntwo\n\nfour\n"),
        (FILE.replace(b"\n", b"\r\n"), note(3), "3\n", b"one\r\ntwo\r\n3\r\nfour\r\n"),
        (b"one\ntwo\nthree", note(3), "3\n", b"one\ntwo\n3"),
        (b"one\ntwo\nthree", note(3), "", b"one\ntwo\n"),
        (FILE, note(3, hunk=""), "3\n", b"one\ntwo\n3\nfour\n"),  # the very file: the number is enough
        (FILE, note(3, hunk=f"{HUNK}\n\\ No newline at end of file"), "3\n", b"one\ntwo\n3\nfour\n"),
    ],
)
def test_the_lines_are_replaced(content: bytes, where: ReviewNote, text: str, expected: bytes) -> None:
    assert applied(content, where, text, same_head=True) == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"zero\n" + FILE, b"zero\none\ntwo\n3\nfour\n"),  # moved
        (FILE, b"one\ntwo\n3\nfour\n"),
        (FILE.replace(b"three", b"THREE"), None),
        (b"zero\nthree\nx\nthree\n", None),  # which one?
        (b"", None),
    ],
)
def test_a_branch_that_went_on(content: bytes, expected: bytes | None) -> None:
    result = applied(content, note(3), "3\n", same_head=False)
    assert isinstance(result, Unfit) if expected is None else result == expected


@pytest.mark.parametrize(
    ("where", "text", "said"),
    [
        (note(3), "three\n", "already"),
        (note(0), "x\n", "whole file"),
        (note(2), "x\n", "are not those"),
        (note(9, hunk=""), "x\n", "changed"),
        (note(2, hunk="@@ -1,2 +1 @@\n one\n-two"), "x\n", "takes out"),
    ],
)
def test_what_does_not_fit(where: ReviewNote, text: str, said: str) -> None:
    result = applied(FILE, where, text, same_head=True)
    assert isinstance(result, Unfit)
    assert said in result.reason


LINES = st.lists(
    st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\r\n"), max_size=8), max_size=12
)


@given(LINES, LINES, st.integers(-2, 15), st.integers(-2, 15), st.text(max_size=60), st.booleans())
def test_all_but_the_lines_stays(
    lines: list[str], new: list[str], line: int, start: int, hunk: str, same: bool
) -> None:
    content = "".join(f"{each}\n" for each in lines).encode()
    shown = hunk if len(hunk) % 2 else "@@\n" + "\n".join(f" {each}" for each in lines[: max(line, 0)])
    result = applied(content, note(line, start, shown), "".join(f"{each}\n" for each in new), same_head=same)
    if isinstance(result, bytes) and not hunk and 0 < line <= len(lines):
        first = start if 0 < start <= line else line
        expected = [*lines[: first - 1], *new, *lines[line:]]
        assert result.decode() == "".join(f"{each}\n" for each in expected) or not same
