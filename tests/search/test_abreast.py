"""The paper to the letter: one action per visit, its siblings when the search comes back (C10)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.protocols import SearchStrategy
from agent.search.strategies import STRATEGIES, BestFirst, BreadthFirst, Greedy, HybridDepthFirst
from agent.types import StopReason
from tests.search.graphs import worlds
from tests.search.world import TREE, Children, World


@pytest.mark.parametrize(
    ("strategy", "measured"),
    [
        # a, then below it: ab, aba; back to a for aa; back to the root for b, ba; and for c
        (HybridDepthFirst(), ["a", "ab", "aba", "aa", "b", "ba", "c"]),
        # one of each node in turn
        (BreadthFirst(), ["a", "ab", "aba", "b", "ba", "aa", "c"]),
        # a 0.9, ab 1.8, aba 1.9; then aa 1.4 before b 0.8; ba 1.7 before c 0.1
        (BestFirst(), ["a", "ab", "aba", "aa", "b", "ba", "c"]),
        (Greedy(), ["a", "ab", "aba"]),
    ],
)
def test_order_of_execution(strategy: SearchStrategy, measured: list[str]) -> None:
    world = World(children=TREE)
    search = world.run(strategy, abreast=1)
    assert search.stop is StopReason.EXHAUSTED
    assert world.measured == measured


def test_a_sibling_costs_no_plan_before_the_search_comes_back() -> None:
    """U14, lazily: what solves the task leaves its siblings unplanned, and the policy is asked once."""
    world = World(children={"": TREE[""]}, solved=frozenset({"b"}))
    search = world.run(abreast=1)
    assert search.stop is StopReason.SOLVED
    assert world.measured == ["a", "b"]
    assert world.visits == ["", "a"]
    assert search.tree.spend.steps == 2
    assert [action.id for action in search.tree.root.pending] == ["c"]


def test_best_first_weighs_what_waits_by_its_own_score() -> None:
    children: Children = {"": [("a", 0.9), ("b", 0.1)], "a": [("aa", 0.5), ("ab", -0.9)]}
    world = World(children=children)
    world.run(BestFirst(), abreast=1)
    assert world.measured == ["a", "aa", "b", "ab"]


@settings(max_examples=60, deadline=None)
@given(worlds(), st.sampled_from(sorted(STRATEGIES)), st.integers(1, 4))
def test_in_the_end_the_same_states_are_reached(world: World, strategy: str, abreast: int) -> None:
    """Where nothing is solved and nothing is capped, how many are taken up at once is a matter of order."""
    free = World(children=world.children, shallow=world.shallow, unused=world.unused, broken=world.broken)
    again = World(children=world.children, shallow=world.shallow, unused=world.unused, broken=world.broken)
    tree = free.run(STRATEGIES[strategy], abreast=abreast, max_depth=20).tree
    assert len(tree.transitions) == tree.spend.steps
    if strategy != "greedy":
        again.run(STRATEGIES[strategy], max_depth=20)
        assert sorted(free.measured) == sorted(again.measured)
