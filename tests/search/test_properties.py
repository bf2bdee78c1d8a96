"""What holds in every search, over random graphs of states and all four strategies."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.journal import MemoryJournal
from agent.protocols import SearchStrategy, View
from agent.search.strategies import STRATEGIES
from agent.search.tree import Node
from agent.types import Action, Effect, State, StopReason
from tests.search.graphs import worlds
from tests.search.world import World

walks = st.sampled_from([STRATEGIES[name] for name in sorted(STRATEGIES)])
quick = settings(max_examples=60, deadline=None)


@quick
@given(worlds(), walks)
def test_no_state_is_measured_twice(world: World, walk: SearchStrategy) -> None:
    tree = world.run(walk).tree
    assert max(Counter(world.measured).values(), default=0) <= 1
    assert len({node.state.digest for node in tree.nodes}) == len(tree.nodes)


@quick
@given(worlds(), walks)
def test_the_best_so_far_never_gets_worse(world: World, walk: SearchStrategy) -> None:
    """J11, after every iteration; and it is the best that was ever measured."""
    journal = MemoryJournal()
    tree = world.run(walk, journal=journal).tree
    best = [note["body"]["best"] for note in map(json.loads, journal._notes) if note["note"] == "iteration"]
    assert best == sorted(best)
    assert tree.best.measured_score == max(node.measured_score for node in tree.nodes)


def rebuilt(node: Node, world: World) -> State:
    """The state that the plans on the way to a node make of the root's."""
    state = node.path[0].state
    for each in node.path[1:]:
        assert each.transition is not None
        state = world.apply(state, each.transition.plan)
    return state


@dataclass(kw_only=True)
class Watched(World):
    """Keeps what each part was shown of each state."""

    shown: dict[str, set[bytes]] = field(default_factory=dict)

    def propose(self, view: View, k: int) -> Sequence[Action]:
        whole = repr((sorted(view.state.overlay.items()), view.state)).encode()
        self.shown.setdefault(view.state.digest, set()).add(whole)
        return super().propose(view, k)


@quick
@given(worlds(), walks)
def test_backtracking_restores_the_state_byte_for_byte(world: World, walk: SearchStrategy) -> None:
    """D2: each time the search comes to a state it finds the same bytes, and those that its path makes."""
    watched = Watched(
        children=world.children,
        solved=world.solved,
        refused=world.refused,
        broken=world.broken,
        scores=world.scores,
    )
    tree = watched.run(walk).tree
    assert all(len(versions) == 1 for versions in watched.shown.values())
    for node in tree.nodes:
        assert rebuilt(node, watched).overlay == node.state.overlay


@quick
@given(worlds(), walks, st.integers(1, 6), st.integers(1, 12), st.integers(1, 4))
def test_no_cap_is_passed(
    world: World, walk: SearchStrategy, iterations: int, steps: int, depth: int
) -> None:
    tree = world.run(walk, max_iterations=iterations, max_steps=steps, max_depth=depth).tree
    assert tree.spend.iterations <= iterations
    assert tree.spend.steps <= steps
    assert max(node.depth for node in tree.nodes) <= depth


@quick
@given(worlds(), walks)
def test_a_node_is_reached_by_one_executed_action(world: World, walk: SearchStrategy) -> None:
    """C10: a step considers one action and executes at most that one."""
    search = world.run(walk)
    tree = search.tree
    executed = [step for _, step in tree.transitions if step.effect is Effect.EXECUTED]
    assert [node.transition for node in tree.nodes[1:]] == executed
    assert len(tree.transitions) == tree.spend.steps
    assert (search.solution is not None) is (search.stop is StopReason.SOLVED)
