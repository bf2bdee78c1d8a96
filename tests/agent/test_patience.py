"""Limits from what the same took on base: tight where a candidate hangs, generous to everything else."""

from __future__ import annotations

import pytest

from agent.patience import PATIENCE, for_chosen_tests, for_made_tests
from sandbox import Completed, LimitName, Limits

CAP = Limits(seconds=120.0, memory_mib=7)


def on_base(seconds: float, stopped_by: LimitName | None = None) -> Completed:
    return Completed(exit_status=1, stopped_by=stopped_by, stdout=b"", stderr=b"", seconds=seconds)


@pytest.mark.parametrize(
    ("seconds", "limit"),
    [(0.0, PATIENCE), (0.42, 15.0), (3.0, 40.0), (10.9, 119.0), (11.0, 120.0), (60.0, 120.0)],
)
def test_made_tests(seconds: float, limit: float) -> None:
    assert for_made_tests(CAP, on_base(seconds)) == Limits(seconds=limit, memory_mib=7)


@pytest.mark.parametrize("by", list(LimitName))
def test_a_run_that_was_stopped_on_base_tells_nothing(by: LimitName) -> None:
    assert for_made_tests(CAP, on_base(0.1, by)) == CAP


@pytest.mark.parametrize(("seconds", "limit"), [(0.0, PATIENCE), (2.01, 17.0), (36.0, 118.0), (400.0, 120.0)])
def test_chosen_tests_of_the_suite(seconds: float, limit: float) -> None:
    assert for_chosen_tests(CAP, seconds).seconds == limit


def test_the_cap_that_was_set_is_never_passed() -> None:
    assert for_made_tests(Limits(seconds=2.5), on_base(9.0)).seconds == 2.5
