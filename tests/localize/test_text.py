"""What an issue's words name, and which functions they resemble."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.localize.text import bm25, read_issue, stems


def test_names_by_how_plainly_they_are_meant() -> None:
    issue = read_issue(
        "split fails", "Calling `boltons.iterutils.split([], 1)` with MyClass, max_size and `sep`."
    )
    names = issue.identifiers
    assert names["split"] == 1.0
    assert names["sep"] == 0.9
    assert names["MyClass"] == names["max_size"] == 0.7
    assert 0 < names["iterutils"] < 0.9
    assert "Calling" not in names


def test_words_of_identifiers_and_prose_meet() -> None:
    assert stems("parses HTTPHeaders of max_sizes") == ["pars", "httpheader", "max", "siz"]


def test_bm25_prefers_rare_words_and_short_texts() -> None:
    texts = [["get", "name"], ["get", "colspan", "cell"], ["get"] * 30 + ["colspan"]]
    scores = bm25(["get", "colspan"], texts)
    assert max(scores) == scores[1] == 1.0
    assert scores[2] > scores[0]
    assert bm25(["x"], []) == []
    assert bm25(["x"], [["y"], []]) == [0.0, 0.0]


@pytest.mark.parametrize("text", ["```" * 20_000, "`" * 60_000, "Aa" * 30_000, "a." * 30_000, "a(" * 30_000])
@pytest.mark.timeout(10)
def test_patterns_are_not_kept_busy(text: str) -> None:
    assert read_issue("title", text) is not None


@given(st.text(max_size=500), st.text(max_size=500))
def test_any_text_is_read(title: str, body: str) -> None:
    issue = read_issue(title, body)
    assert all(0 < weight <= 1 for weight in issue.identifiers.values())
