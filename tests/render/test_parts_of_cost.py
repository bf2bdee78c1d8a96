"""What a run cost, in words that a reviewer can check."""

from __future__ import annotations

import pytest

from agent.types import Mutant, Spend
from bot.render.parts import cost, money, strength


def test_a_model_is_named_with_all_that_it_used() -> None:
    said = cost(Spend(sandbox_runs=3, model_calls=4, tokens=12_345, cached_tokens=1_000, money=0.0123))
    assert "| 4 | 12,345 | 1,000 | 0 | $0.0123 |" in said
    assert "No language model" not in said


def test_what_the_numbers_leave_out_is_said() -> None:
    said = cost(Spend(model_calls=1, remarks=("no price is known for <b>@x</b>: it is counted as $0",)))
    assert "Note: no price is known for" in said
    assert "<b>" not in said


@pytest.mark.parametrize(
    ("dollars", "shown"),
    [(0.0, "$0.00"), (0.00004, "less than $0.0001"), (0.004, "$0.0040"), (0.1, "$0.10"), (12.5, "$12.50")],
)
def test_small_sums_are_shown_with_more_digits(dollars: float, shown: str) -> None:
    assert money(dollars) == shown


def test_the_strength_of_tests_names_what_they_miss() -> None:
    hit = Mutant(path="m.py", line=2, summary="compare with `>`", killed=True)
    miss = Mutant(path="m.py", line=3, summary="</details><script> | @team", killed=False)
    said = strength((hit, miss))
    assert "notice 1 of 2 small changes" in said
    assert "`m.py:3`" in said
    assert "<script>" not in said
    assert "@team" not in said.replace("@\u200bteam", "")
    assert strength(()) == ""
    assert "do not notice" not in strength((hit,))
