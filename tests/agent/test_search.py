"""The hybrid search over scripted trees: order of visits, caps, stop reasons, duplicates, gates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import pytest

from agent.errors import AwaitingAnswer, BudgetSpent, Cancelled, ModelUnusable
from agent.journal import MemoryJournal
from agent.protocols import Context, SearchStrategy, Survivor, View
from agent.search.solve import Search, top_k
from agent.search.strategies import STRATEGIES, BestFirst, BreadthFirst, Greedy, HybridDepthFirst
from agent.types import (
    Action,
    Effect,
    Question,
    Skill,
    Spend,
    StopReason,
)
from tests.search.world import TREE, Children, World, where


def first_visits(visits: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(visits))


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        # D2: as deep as it goes by score, siblings, then back up
        (HybridDepthFirst(), ["", "a", "ab", "aba", "aa", "b", "ba", "c"]),
        # J8: level by level
        (BreadthFirst(), ["", "a", "b", "c", "ab", "aa", "ba", "aba"]),
        # J9: the largest sum of scores on the whole frontier: ab 1.8, aba 1.9, b's ba 1.7, aa 1.4
        (BestFirst(), ["", "a", "ab", "aba", "aa", "b", "ba", "c"]),
        # J10: one path, no way back
        (Greedy(), ["", "a", "ab", "aba"]),
    ],
)
def test_order_of_visits(strategy: SearchStrategy, expected: list[str]) -> None:
    world = World(children=TREE)
    search = world.run(strategy)
    assert search.stop is StopReason.EXHAUSTED
    assert first_visits(world.visits) == expected


def test_best_first_leaves_a_branch_for_a_better_one() -> None:
    children: Children = {"": [("a", 0.9), ("b", 0.8)], "a": [("aa", -0.5)], "b": [("ba", 0.9)]}
    world = World(children=children)
    world.run(BestFirst())
    assert first_visits(world.visits) == ["", "a", "b", "ba", "aa"]


def test_k_new_proposals_each_time_a_node_is_asked_again() -> None:
    """C2, C3: K at a time, the next K when the first were in vain, closed when nothing comes."""
    world = World(children={"": [(f"n{n:02}", 1 - n / 100) for n in range(12)]}, shallow=frozenset(ALL))
    search = world.run()
    assert world.visits == ["", "", "", ""]
    assert world.measured == ALL
    assert search.tree.root.closed


ALL = [f"n{n:02}" for n in range(12)]


def test_top_k_sorts_cuts_and_breaks_ties_by_id() -> None:
    actions = [
        Action(id=name, skill=Skill.DEBUGGER, kind="k", summary="", score=score, operations=())
        for name, score in [("d", 0.5), ("a", 0.1), ("c", 0.5), ("b", 0.9), ("c", 0.5)]
    ]
    assert [each.id for each in top_k(actions, 3)] == ["b", "c", "d"]
    assert [each.id for each in top_k(actions, 3, frozenset({"b"}))] == ["c", "d", "a"]


def test_backtracking_restores_the_parent_state_byte_for_byte() -> None:
    """D2: what is visited after a way back is the same state as before."""
    seen: dict[str, set[str]] = {}

    @dataclass(kw_only=True)
    class Watched(World):
        def propose(self, view: View, k: int) -> Sequence[Action]:
            seen.setdefault(where(view.state), set()).add(view.state.digest + repr(view.state))
            return super().propose(view, k)

    Watched(children=TREE).run()
    assert Counter(len(states) for states in seen.values()) == {1: 8}


def test_planning_and_deciding_never_write() -> None:
    """C9: no plan that was not decided to be used is ever applied or measured."""
    world = World(children=TREE, unused=frozenset({"a", "b"}))
    search = world.run()
    assert world.measured == ["c"]
    effects = [step.effect for _, step in search.tree.transitions]
    assert effects == [Effect.NOT_USED, Effect.NOT_USED, Effect.EXECUTED]


def test_duplicates_are_measured_once() -> None:
    """Different actions, here with a quote in their name, may lead to the same state."""
    world = World(children={"": [("a", 0.9), ("b", 0.8), ("a'", 0.7)], "b": [("a''", 0.5), ("b'", 0.4)]})
    search = world.run()
    assert world.measured == ["a", "b"]
    assert [step.effect for _, step in search.tree.transitions].count(Effect.DUPLICATE) == 3


def test_an_edit_that_does_not_apply_is_an_observation_and_its_node_closes() -> None:
    world = World(children={"": [("a", 0.9), ("b", 0.8)]}, broken=frozenset({"a", "b"}))
    search = world.run()
    assert search.stop is StopReason.EXHAUSTED
    assert [step.remark for _, step in search.tree.transitions] == ["a does not fit", "b does not fit"]
    assert world.visits == ["", ""]


def test_the_first_state_that_is_proven_ends_the_search() -> None:
    world = World(children=TREE, solved=frozenset({"ab", "ba"}))
    search = world.run()
    assert search.stop is StopReason.SOLVED
    assert search.solution is not None
    assert where(search.solution.state) == "ab"
    assert [where(node.state) for node in search.solution.path] == ["", "a", "ab"]


def test_what_the_gates_refuse_is_recorded_and_the_search_goes_on() -> None:
    world = World(children=TREE, solved=frozenset({"ab", "ba"}), refused=frozenset({"ab"}))
    search = world.run()
    assert search.solution is not None
    assert where(search.solution.state) == "ba"
    assert [(where(node.state), node.refused) for node in search.tree.refused] == [("ab", "gate: scripted")]


def test_the_best_so_far_never_gets_worse() -> None:
    """J11: a later state replaces the best only by a higher score."""
    scores = {"a": 3, "b": 7, "c": 7, "aa": 2, "ab": 5, "ba": 1, "aba": 6}
    best: list[float] = []
    world = World(children=TREE, scores=scores)
    tree = world.run(tick=lambda _: None).tree
    for limit in range(1, 9):
        best.append(replace_run(world, limit))
    assert best == sorted(best)
    assert where(tree.best.state) == "b"


def replace_run(world: World, iterations: int) -> float:
    again = replace(world, visits=[], measured=[])
    return again.run(max_iterations=iterations).tree.best.measured_score


# --- Stopping criteria (A4, C8, U18): every one is reached --------------------------------------------------


def cancel_at(iteration: int) -> Callable[[int], None]:
    def tick(now: int) -> None:
        if now == iteration:
            raise Cancelled("asked to stop")

    return tick


@dataclass(kw_only=True)
class Failing(World):
    """Its policy cannot go on at one state, as one whose model is gone or would cost too much."""

    at: str
    error: Exception

    def propose(self, view: View, k: int) -> Sequence[Action]:
        if where(view.state) == self.at:
            raise self.error
        return super().propose(view, k)


QUESTION = Question(text="Which of the two?", input="f(0)", outputs=("None", "0"))


@dataclass(kw_only=True)
class Asking(World):
    """Two states that pass differ on what the issue leaves open."""

    def order(self, _context: Context, survivors: Sequence[Survivor]) -> Sequence[Survivor]:
        if len(survivors) > 1:
            raise AwaitingAnswer(QUESTION)
        return survivors


def test_a_cap_that_a_model_call_would_break_is_the_stop_reason() -> None:
    spent = BudgetSpent(StopReason.MONEY, "the next call may cost 0.02 dollars, 0.01 are left")
    search = Failing(children=TREE, at="ab", error=spent).run()
    assert (search.stop, search.remark) == (StopReason.MONEY, str(spent))
    reached = [where(node.state) for node in search.tree.nodes]
    assert reached == ["", "a", "b", "c", "ab", "aa"]  # what was reached before is kept


def test_a_question_comes_with_the_stop_reason() -> None:
    search = Asking(children=TREE, solved=frozenset({"a", "b"})).run()
    assert (search.stop, search.question, search.solution) == (StopReason.QUESTION, QUESTION, None)


def test_every_stopping_criterion_is_reached() -> None:
    deep = {"a" * n: [("a" * (n + 1), 0.5)] for n in range(50)}
    rows: list[tuple[StopReason, Search]] = [
        (StopReason.SOLVED, World(children=TREE, solved=frozenset({"c"})).run()),
        (StopReason.NOT_REPRODUCED, World(children={}, reproduces=False).run()),
        (StopReason.EXHAUSTED, World(children=TREE).run()),
        (StopReason.ITERATIONS, World(children=deep).run(max_iterations=3)),
        (StopReason.STEPS, World(children=deep).run(max_steps=3)),
        (StopReason.NO_IMPROVEMENT, World(children=deep).run(max_stale_iterations=3)),
        (StopReason.TIME, World(children=deep).run(measured=lambda: Spend(seconds=9.0), max_seconds=9.0)),
        (StopReason.TOKENS, World(children=deep).run(measured=lambda: Spend(tokens=9), max_tokens=9)),
        (StopReason.MONEY, World(children=deep).run(measured=lambda: Spend(money=9.0), max_money=9.0)),
        (StopReason.GATES, World(children=TREE, solved=frozenset({"c"}), refused=frozenset({"c"})).run()),
        (StopReason.CANCELLED, World(children=deep).run(tick=cancel_at(3))),
        (StopReason.MODEL, Failing(children=deep, at="aa", error=ModelUnusable("no key")).run()),
        (StopReason.QUESTION, Asking(children=TREE, solved=frozenset({"a", "b"})).run()),
    ]
    assert [search.stop for _, search in rows] == [expected for expected, _ in rows]
    # These never come out of a search: test_outcomes.py and test_failing.py reach them.
    assert {expected for expected, _ in rows} == set(StopReason) - {StopReason.UNRUNNABLE, StopReason.FLAKY}


@pytest.mark.parametrize("cap", [1, 2, 3, 4, 5, 6, 7])
def test_the_budget_is_checked_per_proposal(cap: int) -> None:
    """D4: not one state more than allowed, though five are proposed and measured at a time."""
    world = World(children={"": [(f"n{n:02}", 1 - n / 100) for n in range(12)]}, workers=4)
    search = world.run(max_steps=cap)
    assert search.stop is StopReason.STEPS
    assert len(world.measured) == cap


def test_one_iteration_is_a_whole_round() -> None:
    world = World(children=TREE)
    search = world.run(max_iterations=1)
    assert sorted(world.measured) == ["a", "b", "c"]
    assert search.tree.spend == Spend(iterations=1, steps=3)


def test_the_depth_cap_closes_nodes() -> None:
    world = World(children={"a" * n: [("a" * (n + 1), 0.5)] for n in range(50)})
    world.run(max_depth=4)
    assert max(map(len, world.measured)) == 4


@pytest.mark.parametrize("name", list(STRATEGIES))
def test_the_number_of_workers_changes_nothing(name: str) -> None:
    notes = []
    for workers in (1, 4):
        journal = MemoryJournal()
        world = World(children=TREE, workers=workers, scores={"a": 3, "ab": 4}, solved=frozenset({"ba"}))
        world.run(STRATEGIES[name], journal=journal)
        notes.append(journal._notes)
    assert notes[0] == notes[1]


def test_the_journal_tells_every_visit_plan_decision_and_result() -> None:
    journal = MemoryJournal()
    World(children=TREE, unused=frozenset({"b"}), solved=frozenset({"ab"})).run(journal=journal)
    text = "\n".join(journal._notes)
    for part in (
        '"note":"visit"',
        '"note":"transition"',
        '"note":"feedback"',
        '"note":"gates"',
        '"reasoning":"r"',
    ):
        assert part in text
    assert '"effect":"not used"' in text
