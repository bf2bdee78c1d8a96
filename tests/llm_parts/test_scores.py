"""Scores of actions from tokens, else from stated confidence (U11)."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.llm.scores import LOG_PROBABILITY, STATED, item_spans, scores, span_mean, stated
from agent.llm.types import Token

TEXT = '{"actions": [{"a": 1}, {"b": "]}"}]}'


def tokens_of(text: str, size: int, logprob: float = -0.5) -> list[Token]:
    return [Token(text=text[at : at + size], logprob=logprob) for at in range(0, len(text), size)]


@pytest.mark.parametrize(
    ("text", "items"),
    [
        (TEXT, ['{"a": 1}', '{"b": "]}"}']),
        (f"Here it is:\n```json\n{TEXT}\n```", ['{"a": 1}', '{"b": "]}"}']),
        ('{"actions": []}', []),
        ('{"actions": [1, 2', []),  # cut off
        ('{"other": [1]}', []),
        ("", []),
        ('{"actions": [' * 3000, []),
    ],
)
def test_spans_of_items(text: str, items: list[str]) -> None:
    assert [text[first:last] for first, last in item_spans(text, "actions")] == items


@given(st.lists(st.dictionaries(st.text(), st.text() | st.integers()), max_size=5), st.integers(1, 9))
def test_every_item_is_found_and_scored_by_its_own_tokens(items: list[dict[str, str]], size: int) -> None:
    text = json.dumps({"actions": items}, ensure_ascii=False)
    spans = item_spans(text, "actions")
    assert [json.loads(text[first:last]) for first, last in spans] == items
    tokens = [Token(text=text[at : at + size], logprob=-float(at)) for at in range(0, len(text), size)]
    for first, last in spans:
        own = [-float(at) for at in range(0, len(text), size) if at < last and at + size > first]
        expected = max(sum(own) / len(own), math.log(0.001))
        assert span_mean(text, tokens, (first, last)) == pytest.approx(expected, abs=1e-5)


def test_log_probabilities_are_used_when_they_say_the_text() -> None:
    tokens = [
        Token(text=TEXT[:13], logprob=-9.0),
        *tokens_of(TEXT[13:21], 2, -0.25),
        Token(text=TEXT[21:], logprob=-2.0),
    ]
    assert scores(TEXT, tokens, "actions", [1, 99]) == ((-0.25, -2.0), LOG_PROBABILITY)


@pytest.mark.parametrize(
    "tokens",
    [
        [],  # the endpoint gives none
        tokens_of(TEXT[:-4], 3),  # they stop early
        tokens_of("something else", 3),
        tokens_of(TEXT, 3, math.nan),
    ],
)
def test_else_the_stated_confidence_of_all(tokens: list[Token]) -> None:
    values, source = scores(TEXT, tokens, "actions", [50, 100])
    assert source == STATED
    assert values == (round(math.log(0.5), 6), 0.0)


@pytest.mark.parametrize(
    ("confidences", "per_cent"),
    [([0.5, 1.0], [50, 100]), ([0.5, 2.0], [0.5, 2.0]), ([1, 1], [1, 1]), ([0.25, 0], [25, 0.1])],
)
def test_shares_are_understood(confidences: list[float], per_cent: list[float]) -> None:
    values, _ = scores(TEXT, [], "actions", confidences)
    assert values == tuple(round(math.log(one / 100), 6) for one in per_cent)


@pytest.mark.parametrize(("logprob", "score"), [(5.0, 0.0), (-math.inf, round(math.log(0.001), 6))])
def test_log_probabilities_out_of_range_are_brought_into_it(logprob: float, score: float) -> None:
    assert scores(TEXT, tokens_of(TEXT, 4, logprob), "actions", [1, 1]) == ((score, score), LOG_PROBABILITY)


def test_a_reasoning_prefix_in_the_tokens_does_not_shift_them() -> None:
    tokens = [Token(text="<think>", logprob=-7.0), *tokens_of(TEXT, 1, -0.5)]
    assert scores(TEXT, tokens, "actions", [1, 1]) == ((-0.5, -0.5), LOG_PROBABILITY)


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_a_stated_confidence_is_never_above_zero_nor_below_the_least(confidence: float) -> None:
    assert round(math.log(0.001), 6) <= stated(confidence) <= 0.0
