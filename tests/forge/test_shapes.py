"""What is read of answers, and how texts are made to fit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.forge import Issue, PullRequest
from bot.github.shapes import CUT_NOTE, ErrorShape, IssueShape, PullShape, fit, marked, one_line, same_text

MARKER = "<!-- codeagent:x -->"


@given(st.text(max_size=3000), st.integers(600, 2000))
def test_what_fits_is_untouched_and_what_does_not_is_cut_with_a_note(text: str, limit: int) -> None:
    cut = fit(text, limit)
    if len(text.encode("utf-8", "replace")) <= limit:
        assert cut.encode() == text.encode("utf-8", "replace")
    else:
        assert len(cut.encode()) <= limit
        assert cut.endswith(CUT_NOTE)
    assert fit(cut, limit) == cut


@given(st.text(max_size=3000), st.sampled_from(("front", "back", "none")))
def test_the_marker_survives_every_cut(text: str, place: str) -> None:
    body = {"front": MARKER + text, "back": text + MARKER, "none": text}[place]
    result = marked(body, MARKER, 800)
    assert MARKER in result
    assert len(result.encode()) <= 800
    assert marked(result, MARKER, 800) == result


def test_what_is_open_is_closed() -> None:
    text = "<details><summary>x</summary>\n\n````python\n" + "a" * 2000
    assert fit(text, 1000).endswith("a\n````\n</details>" + CUT_NOTE)


@pytest.mark.parametrize(("text", "line"), [(" a\n b\t", "a b"), ("x" * 300, "x" * 255 + "…"), ("", "")])
def test_titles_are_one_line(text: str, line: str) -> None:
    assert one_line(text) == line


@pytest.mark.parametrize(
    ("one", "other", "same"), [("a\r\nb", "a\nb\n", True), (None, "", True), ("a", "b", False)]
)
def test_line_ends_are_no_difference(one: str | None, other: str, same: bool) -> None:
    assert same_text(one, other) is same


def test_sparse_and_strange_answers() -> None:
    """Accounts vanish, labels come as strings, bodies are null, and there is always more than that."""
    data = {
        "number": 1,
        "title": "t",
        "body": None,
        "user": None,
        "labels": ["a", {"name": "b", "x": 1}, {"name": None}],
        "new": {},
    }
    assert IssueShape.model_validate(data).issue() == Issue(
        number=1, title="t", body="", author="", open=True, labels=("a", "b")
    )
    assert PullShape.model_validate({"number": 2, "merged_at": "2026-01-01"}).pull_request() == PullRequest(
        number=2, url="", head="", base="", open=True, merged=True
    )


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (
            {"message": "Validation Failed", "errors": [{"code": "custom", "message": "No commits"}]},
            "Validation Failed; No commits",
        ),
        (
            {"message": "Validation Failed", "errors": [{"field": "base", "code": "invalid"}]},
            "Validation Failed; base invalid",
        ),
        ({"message": "a\nb", "errors": ["c"]}, "a b; c"),
        ({"message": "m" * 9000}, "m" * 500),
        ({}, ""),
    ],
)
def test_errors_in_one_line(data: object, said: str) -> None:
    assert ErrorShape.model_validate(data).text() == said
