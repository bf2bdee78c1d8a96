"""An issue from a file, standard input or the argument itself."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from bot.issue_text import LARGEST, BadIssue, IssueText, parse_issue, read_issue


@pytest.mark.parametrize(
    ("text", "title", "body"),
    [
        ("# Title\n\nBody\n", "Title", "Body"),
        ("\n\n  Title only", "Title only", ""),
        ("f(1) gives 2\nand should give 3", "f(1) gives 2", "and should give 3"),
        ("###", "Issue", ""),
        ("x" * 1000, "x" * 256, ""),
    ],
)
def test_the_first_line_is_the_title(text: str, title: str, body: str) -> None:
    assert parse_issue(text) == IssueText(title=title, body=body)


def test_a_file_standard_input_and_a_text_say_the_same(tmp_path: Path) -> None:
    text = "# T\n\nB é"
    file = tmp_path / "issue.md"
    file.write_text(text, encoding="utf-8")
    issues = [
        read_issue(str(file), io.BytesIO()),
        read_issue("-", io.BytesIO(text.encode())),
        read_issue(text, io.BytesIO()),
    ]
    assert issues == [IssueText(title="T", body="B é")] * 3


@pytest.mark.parametrize(
    ("given", "stdin", "said"),
    [
        ("", b"", "is empty"),
        ("-", b"  \n ", "is empty"),
        ("-", b"a\0b", "is not text"),
        ("no-such-file.md", b"", "There is no file"),
        ("/", b"", "is a directory"),
    ],
)
def test_what_is_no_issue_is_refused_with_a_reason(given: str, stdin: bytes, said: str) -> None:
    with pytest.raises(BadIssue, match=said):
        read_issue(given, io.BytesIO(stdin))


def test_more_than_an_issue_can_have_is_refused() -> None:
    with pytest.raises(BadIssue, match="larger than"):
        read_issue("-", io.BytesIO(b"x" * (LARGEST + 1)))


def test_bytes_that_are_no_utf8_are_read_all_the_same(tmp_path: Path) -> None:
    file = tmp_path / "latin.txt"
    file.write_bytes(b"caf\xe9 crashes")
    assert read_issue(str(file), io.BytesIO()).title == "caf\ufffd crashes"
