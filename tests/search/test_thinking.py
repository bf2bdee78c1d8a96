"""Proposals of one visit considered at once: nothing but the time that it takes may tell."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.errors import BudgetSpent, ModelUnusable
from agent.journal import FileJournal, MemoryJournal, ReplayJournal
from agent.protocols import View
from agent.search.solve import Search
from agent.search.strategies import STRATEGIES
from agent.types import Action, Decision, Effect, Plan, Spend, Step, StopReason, WriteFile
from tests.search.graphs import worlds
from tests.search.paying import DEAREST, Paying
from tests.search.world import TREE, World, where

PATIENCE = 20.0  # seconds until a test that waits for another thread gives up
FIVE = {"": [(name, 0.9 - n / 10) for n, name in enumerate("abcde")]}


def outcome(search: Search) -> object:
    solution = None if search.solution is None else where(search.solution.state)
    return search.stop, search.remark, solution, search.tree.spend, [node.state for node in search.tree.nodes]


def test_k_proposals_are_considered_at_once() -> None:
    """None of the five gets its answer before all five have asked."""
    together = threading.Barrier(5)
    world = Paying(children=FIVE, during=lambda _: together.wait(PATIENCE) and None)
    world.solve(thinkers=5)
    assert sorted(world.performed) == list("abcde")


def test_the_last_answer_first_changes_no_order() -> None:
    answered = {name: threading.Event() for name in "abcdef"}
    answered["f"].set()

    def hold(action: Action) -> None:
        assert answered[chr(ord(action.id) + 1)].wait(PATIENCE)
        answered[action.id].set()

    world = Paying(children=FIVE, during=hold)
    search = world.solve(thinkers=5)
    assert world.performed == list("edcba")
    assert [step.plan.action.id for _, step in search.tree.transitions] == list("abcde")
    one_by_one = Paying(children=FIVE)
    assert outcome(one_by_one.solve()) == outcome(search)
    assert one_by_one.journal._notes == world.journal._notes


@pytest.mark.parametrize(
    ("cap", "alone"),
    [(0, False), (1_000_000, False), (101 * DEAREST, True), (300, True)],
    ids=["no cap", "far from the cap", "calls like those before might reach it", "near"],
)
def test_one_after_the_other_where_a_cap_might_be_met(cap: int, alone: bool) -> None:
    world = Paying(children=FIVE, max_tokens=cap)
    world.solve(thinkers=5)
    assert (world.threads == {threading.get_ident()}) is alone


def test_without_a_model_no_thread_is_started() -> None:
    world = Paying(children=FIVE)
    world.run(thinkers=5, journal=world.journal)
    assert world.threads == {threading.get_ident()}


def at_work() -> Spend:
    return Spend(model_calls=1)


@dataclass(kw_only=True)
class Refused(World):
    """Planning some proposals fails; the later one fails first."""

    errors: dict[str, Exception]
    turns: tuple[str, ...] = ()
    failed: dict[str, threading.Event] = field(default_factory=dict)

    def expand(self, view: View, action: Action) -> Plan:
        if action.id in self.errors:
            for later in self.turns[: self.turns.index(action.id)]:
                assert self.failed[later].wait(PATIENCE)
            self.failed[action.id].set()
            raise self.errors[action.id]
        return super().expand(view, action)


@pytest.mark.parametrize(
    ("solved", "stop", "remark"), [("", StopReason.MONEY, "b is too dear"), ("a", StopReason.SOLVED, "")]
)
def test_what_ends_a_visit_is_taken_in_the_order_of_the_proposals(
    solved: str, stop: StopReason, remark: str
) -> None:
    """D4: d fails first, but b is the better proposal; what comes before b is still measured."""
    world = Refused(
        children=FIVE,
        solved=frozenset({solved}) if solved else frozenset(),
        errors={"b": BudgetSpent(StopReason.MONEY, "b is too dear"), "d": ModelUnusable("d has no model")},
        turns=("d", "b"),
        failed={"b": threading.Event(), "d": threading.Event()},
    )
    search = world.run(thinkers=5, measured=at_work)
    assert (search.stop, search.remark, world.measured) == (stop, remark, ["a"])


def test_a_bug_in_a_thread_is_a_bug() -> None:
    world = Refused(
        children=FIVE, errors={"c": ZeroDivisionError()}, turns=("c",), failed={"c": threading.Event()}
    )
    with pytest.raises(ZeroDivisionError):
        world.run(thinkers=5, measured=at_work)


caps = st.one_of(st.just(0), st.integers(100, 4000))


@settings(max_examples=40, deadline=None)
@given(worlds(), st.sampled_from(sorted(STRATEGIES)), caps, st.booleans())
def test_the_number_of_thinkers_changes_nothing(world: World, strategy: str, cap: int, eager: bool) -> None:
    """Whatever the cap, where a call may be refused: same notes, same states, same spending."""
    runs = []
    for thinkers in (1, 4):
        paying = Paying(
            children=world.children,
            solved=world.solved,
            unused=world.unused,
            max_tokens=cap,
            during=lambda _: time.sleep(0.0002),  # lets another thread in
        )
        search = paying.solve(
            strategy=STRATEGIES[strategy],
            thinkers=thinkers,
            eager_plans=eager,
            max_iterations=12,
        )
        assert not cap or search.tree.spend.tokens <= cap
        runs.append((outcome(search), paying.journal._notes))
    assert runs[0] == runs[1]


def test_a_run_made_at_once_is_replayed_one_by_one(tmp_path: Path) -> None:
    """Effects may have been recorded in any order: they are found by their content."""
    path = tmp_path / "journal"
    with FileJournal(path, run="r", task={}) as journal:
        first = Paying(children=TREE, solved=frozenset({"ba"}), journal=journal)
        made = outcome(first.solve(thinkers=4))
    assert first.performed
    again = Paying(children=TREE, solved=frozenset({"ba"}), journal=ReplayJournal(path))
    assert outcome(again.solve()) == made
    assert again.performed == []


class Killed(BaseException):
    """The process is gone, in the middle of a call."""


@pytest.mark.parametrize("at", range(1, 8))
def test_killed_in_the_middle_of_a_round_it_goes_on_and_pays_nothing_twice(tmp_path: Path, at: int) -> None:
    path = tmp_path / "journal"
    calls = iter(range(1, 100))

    def kill(_action: Action) -> None:
        if next(calls) == at:
            raise Killed

    with FileJournal(path, run="r", task={}) as journal:
        killed = Paying(children=TREE, solved=frozenset({"ba"}), journal=journal, during=kill)
        with pytest.raises(Killed):
            killed.solve(thinkers=4)
    with FileJournal(path, run="r", task={}) as journal:
        resumed = Paying(children=TREE, solved=frozenset({"ba"}), journal=journal)
        ended = outcome(resumed.solve(thinkers=4))
    whole = Paying(children=TREE, solved=frozenset({"ba"}))
    assert ended == outcome(whole.solve())
    assert sorted(killed.performed + resumed.performed) == sorted(whole.performed)


# --- Eager plans (U14) and planning anew (U13) --------------------------------------------------------------


@dataclass(kw_only=True)
class Listening(World):
    heard: list[str] = field(default_factory=list)

    def expand(self, view: View, action: Action) -> Plan:
        self.heard.append(f"plan {action.id}")
        return super().expand(view, action)

    def decide(self, view: View, plan: Plan) -> Decision:
        self.heard.append(f"decide {plan.action.id}")
        return super().decide(view, plan)


@pytest.mark.parametrize(
    ("eager", "expected"),
    [
        (False, ["plan a", "decide a", "plan b", "decide b", "plan c", "decide c"]),
        (True, ["plan a", "plan b", "plan c", "decide a", "decide b", "decide c"]),
    ],
)
def test_plans_are_made_lazily_or_all_before_the_first_decision(eager: bool, expected: Sequence[str]) -> None:
    world = Listening(children={"": TREE[""]})
    search = world.run(eager_plans=eager)
    assert world.heard == expected
    plain = World(children={"": TREE[""]}).run()
    assert outcome(search) == outcome(plain)


@dataclass(kw_only=True)
class SecondThoughts(World):
    """Decides against every first plan; the second one writes something else."""

    def expand(self, view: View, action: Action) -> Plan:
        refused = [step for step in view.tried if step.plan.action.id == action.id]
        plan = super().expand(view, action)
        if not refused or action.id == "b":
            return plan
        assert refused[-1].decision.reason == "not like this"
        better = WriteFile(path="code", content=b"better")
        return replace(plan, steps=(Step(reasoning="as it was refused", operation=better),))

    def decide(self, _view: View, plan: Plan) -> Decision:
        use = plan.steps[0].reasoning == "as it was refused"
        return Decision(use=use, reason="" if use else "not like this")


@pytest.mark.parametrize(
    ("replan", "measured", "effects"),
    [
        (False, [], [Effect.NOT_USED, Effect.NOT_USED]),
        # a: refused, made anew, used; b: refused, the same again, not asked a second time
        (True, ["better"], [Effect.NOT_USED, Effect.EXECUTED, Effect.NOT_USED]),
    ],
)
def test_a_plan_that_is_not_used_is_made_anew_once(
    replan: bool, measured: list[str], effects: list[Effect]
) -> None:
    world = SecondThoughts(children={"": [("a", 0.9), ("b", 0.8)]})
    search = world.run(replan=replan)
    assert world.measured == measured
    assert [step.effect for _, step in search.tree.transitions] == effects
    assert search.tree.spend.steps == 2


def test_thinking_needs_no_journal_of_its_own() -> None:
    """C9: considering writes neither notes nor states; only what is executed changes the tree."""
    journal = MemoryJournal()
    World(children={"": TREE[""]}, unused=frozenset("abc")).run(journal=journal, thinkers=3, measured=at_work)
    kinds = [note.split('"note":"')[1].split('"')[0] for note in journal._notes]
    assert kinds == ["visit", "transition", "transition", "transition", "iteration", "visit"]
