"""Every cap by itself: reached, it ends the search or closes a branch; the best so far is kept (D4)."""

from __future__ import annotations

import pytest

from agent.types import Budget, Spend, StopReason
from tests.search.paying import Paying
from tests.search.world import World, where

DEEP = {"a" * n: [("a" * (n + 1), 0.5), ("a" * n + "b", 0.1)] for n in range(30)}
SCORES = {"a": 2, "aa": 5, "aab": 1}


class Meter:
    """Something used by every state that is measured."""

    def __init__(self, world: World, **each: float) -> None:
        self.world, self.each = world, each

    def __call__(self) -> Spend:
        used = len(self.world.measured)
        return Spend(
            seconds=self.each.get("seconds", 0.0) * used,
            tokens=int(self.each.get("tokens", 0) * used),
            money=self.each.get("money", 0.0) * used,
        )


@pytest.mark.parametrize(
    ("budget", "stop", "measured"),
    [
        ({"max_iterations": 3}, StopReason.ITERATIONS, 6),
        ({"max_steps": 5}, StopReason.STEPS, 5),
        ({"max_tokens": 40}, StopReason.TOKENS, 4),
        ({"max_money": 0.5}, StopReason.MONEY, 6),  # 0.1 a state, two states at a time
        ({"max_seconds": 8.0}, StopReason.TIME, 8),
        ({"max_stale_iterations": 4}, StopReason.NO_IMPROVEMENT, 12),  # the best came in the second
        ({"max_depth": 4}, StopReason.EXHAUSTED, 8),
        ({}, StopReason.EXHAUSTED, 16),  # the default depth
    ],
    ids=lambda value: next(iter(value), "none") if isinstance(value, dict) else "",
)
def test_each_cap_by_itself(budget: dict[str, float], stop: StopReason, measured: int) -> None:
    world = World(children=DEEP, scores=SCORES)
    meter = Meter(world, tokens=10, money=0.1, seconds=1.0)
    search = world.run(measured=meter, **budget)
    assert (search.stop, len(world.measured)) == (stop, measured)
    assert where(search.tree.best.state) == "aa"


def test_a_cap_of_tokens_is_met_between_two_proposals() -> None:
    """The call that might go over the cap is not made; what was planned before is measured all the same."""
    world = Paying(children={"": [(name, 0.5) for name in "abcde"]}, max_tokens=250)
    search = world.solve()
    assert search.stop is StopReason.TOKENS
    assert 0 < len(world.measured) < 5
    assert world.measured == world.performed
    assert search.tree.spend.tokens <= 250


@pytest.mark.parametrize(
    ("spend", "stop"),
    [
        (Spend(iterations=400), StopReason.ITERATIONS),
        (Spend(steps=4000), StopReason.STEPS),
        (Spend(seconds=1200.0), StopReason.TIME),
        (Spend(tokens=10**9, money=10.0**6), None),  # 0: no such cap
        (Spend(iterations=399, steps=3999, seconds=1199.9), None),
    ],
)
def test_the_caps_that_a_run_has_when_nothing_is_said(spend: Spend, stop: StopReason | None) -> None:
    assert Budget().exceeded(spend) is stop


@pytest.mark.parametrize("iterations", [1, 2, 3, 4])
def test_the_cap_on_iterations(iterations: int) -> None:
    """J3 to J6: rounds of proposals, and not one more; more of them never lead to a worse best (J11)."""
    world = World(children=DEEP, scores=SCORES)
    search = world.run(max_iterations=iterations)
    assert search.stop is StopReason.ITERATIONS
    assert search.tree.spend.iterations == iterations
    assert len(world.measured) == 2 * iterations
    fewer = World(children=DEEP, scores=SCORES).run(max_iterations=max(1, iterations - 1))
    assert search.tree.best.measured_score >= fewer.tree.best.measured_score
