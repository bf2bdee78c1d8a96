"""Scores of actions (U11): the mean log-probability of the tokens that say it, else the stated confidence.

Both are at most zero and of the same kind: logarithms of how likely the model finds the action. Pure.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from itertools import islice

from agent.llm.types import Token

LOG_PROBABILITY = "log-probability"
STATED = "stated confidence"
LEAST = 0.1  # per cent: the logarithm of none is no number
MAX_ITEMS = 200
MOST_LISTS = 4  # that may be the one: each is read to its end, and an answer may hold nothing else


def scores(
    text: str, tokens: Sequence[Token], key: str, confidences: Sequence[float]
) -> tuple[tuple[float, ...], str]:
    """The score of each item of the list ``key`` in an answer, and where the scores come from.

    All from log-probabilities, or all from stated confidence: within one list they are compared. Confidences
    that are all between 0 and 1 are taken for shares: some models answer so, whatever they are asked.
    """
    spans = item_spans(text, key)
    if len(spans) == len(confidences):
        means = [span_mean(text, tokens, span) for span in spans]
        if means and all(mean is not None for mean in means):
            return tuple(mean for mean in means if mean is not None), LOG_PROBABILITY
    share = any(0.0 < one < 1.0 for one in confidences) and all(one <= 1.0 for one in confidences)
    return tuple(stated(one * 100.0 if share else one) for one in confidences), STATED


def stated(confidence: float) -> float:
    """The logarithm of a confidence in per cent; what is no number, or out of range, is brought into it."""
    if math.isnan(confidence):
        confidence = 0.0
    return round(math.log(min(max(confidence, LEAST), 100.0) / 100.0), 6)


def span_mean(text: str, tokens: Sequence[Token], span: tuple[int, int]) -> float | None:
    """The mean log-probability of the tokens that overlap a span of the answer.

    None when the tokens do not say the answer's text, or give no usable number there.
    """
    start = "".join(token.text for token in tokens).find(text) if tokens and text else -1
    if start < 0:
        return None
    first, last = start + span[0], start + span[1]
    found: list[float] = []
    position = 0
    for token in tokens:
        end = position + len(token.text)
        if position < last and end > first:
            found.append(token.logprob)
        position = end
    if not found or any(math.isnan(one) for one in found):
        return None
    return round(max(min(sum(found) / len(found), 0.0), math.log(LEAST / 100.0)), 6)


def item_spans(text: str, key: str) -> tuple[tuple[int, int], ...]:
    """Where the items of the list under ``key`` stand in a JSON text, also when there is text around it;
    empty when they cannot be told apart."""
    decoder = json.JSONDecoder()
    for match in islice(re.finditer(rf'"{re.escape(key)}"\s*:\s*\[', text), MOST_LISTS):
        spans = _items(text, match.end(), decoder)
        if spans is not None:
            return spans
    return ()


def _items(text: str, position: int, decoder: json.JSONDecoder) -> tuple[tuple[int, int], ...] | None:
    spans: list[tuple[int, int]] = []
    while len(spans) < MAX_ITEMS:
        while position < len(text) and text[position] in " \t\r\n,":
            position += 1
        if text[position : position + 1] == "]":
            return tuple(spans)
        try:
            _, end = decoder.raw_decode(text, position)
        except (ValueError, RecursionError):
            return None
        spans.append((position, end))
        position = end
    return None
