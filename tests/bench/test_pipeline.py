"""The null hypothesis on the same tree: tests, one outline, all repairs at one node, no second look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from agent.errors import BudgetSpent, ModelUnusable
from agent.pipeline import NoFeedback, SamplingPolicy, TakeAll, pipeline
from agent.protocols import Context, View
from agent.search.solve import Parts
from agent.search.strategies import Greedy
from agent.source import HostTree
from agent.types import (
    Action,
    AddTests,
    Baseline,
    Budget,
    Decision,
    Effect,
    Outline,
    Patch,
    Plan,
    ReplacePassage,
    Results,
    Skill,
    State,
    StopReason,
    Task,
    TestFile,
    Transition,
    WriteOutline,
)
from agent.untested import WithoutTests
from sandbox.suites.types import CaseResult, SuiteReport, Verdict

TEST = TestFile(path="tests/test_a.py", content="", verifies="it")
OUTLINE = Outline(targets=(), approach="look")
RED = Results(generated=SuiteReport(cases=(CaseResult(id="t::a", verdict=Verdict.FAILED),)), reproduced=True)


def act(name: str, *operations: Any) -> Action:
    return Action(
        id=name, skill=Skill.DEBUGGER, kind="k", summary=name, score=-float(len(name)), operations=operations
    )


def repair(number: int) -> Action:
    return act(f"r{number}", ReplacePassage(path="a.py", passage="x", replacement=str(number)))


@dataclass(kw_only=True)
class Inner:
    """Proposes tests, then outlines, then repairs without end; ``fails`` at a call."""

    repairs: int = 1000
    outlines: bool = True
    tests: bool = True
    fails: tuple[int, Exception] | None = None
    asked: list[View] = field(default_factory=list)

    def propose(self, view: View, k: int) -> Sequence[Action]:
        self.asked.append(view)
        if self.fails is not None and len(self.asked) >= self.fails[0]:
            raise self.fails[1]
        if self.tests and not (view.state.results and view.state.results.reproduced):
            found = [act("t1", AddTests(tests=(TEST,))), act("t2", AddTests(tests=(TEST,)))]
        elif self.outlines and view.state.outline is None:
            found = [act("o1", WriteOutline(outline=OUTLINE)), act("o2", WriteOutline(outline=OUTLINE))]
        else:
            found = [repair(number) for number in range(self.repairs)]
        return [each for each in found if each.id not in view.proposed][:k]


@pytest.fixture
def view(tmp_path: Path) -> View:
    none: frozenset[str] = frozenset()
    baseline = Baseline(passing=none, failing=none, flaky=none, skipped=none)
    task = Task(repository="r", base="0", title="t", text="x")
    return View(context=Context(task=task, source=HostTree(tmp_path), baseline=baseline), state=State())


def state(*, tests: bool = True, outline: bool = True, patch: Patch | None = None) -> State:
    return State(
        patch=patch or Patch(),
        tests=(TEST,) if tests else (),
        outline=OUTLINE if outline else None,
        results=RED if tests else None,
    )


def ids(actions: Sequence[Action]) -> list[str]:
    return [action.id for action in actions]


def tried(action: Action, before: State, after: State | None = None) -> Transition:
    return Transition(
        before=before,
        plan=Plan(action=action, steps=()),
        decision=Decision(use=True, reason=""),
        effect=Effect.EXECUTED,
        after=after,
    )


def test_the_stages(view: View) -> None:
    """Tests as they come, one outline, then N repairs in one turn, then nothing more."""
    inner = Inner()
    policy = SamplingPolicy(inner, per_call=5)
    assert ids(policy.propose(view, 12)) == ["t1", "t2"]
    reproduced = replace(view, state=state(outline=False))
    assert ids(policy.propose(reproduced, 12)) == ["o1"]
    again = replace(reproduced, tried=(tried(act("o1", WriteOutline(outline=OUTLINE)), reproduced.state),))
    assert policy.propose(again, 12) == ()
    outlined = replace(view, state=state())
    assert ids(policy.propose(outlined, 12)) == [f"r{n}" for n in range(12)]
    assert policy.propose(replace(outlined, tried=(tried(repair(0), outlined.state),)), 12) == ()
    patched = replace(view, state=state(patch=Patch().with_file("a.py", b"1")))
    assert policy.propose(patched, 12) == ()
    assert all(asked.notes == () and asked.tried == () for asked in inner.asked)


@pytest.mark.parametrize("outlines", [True, False])
def test_no_more_samples_than_there_are(view: View, outlines: bool) -> None:
    policy = SamplingPolicy(Inner(repairs=7, outlines=outlines), per_call=5)
    assert len(policy.propose(replace(view, state=state(outline=outlines)), 100)) == 7


@pytest.mark.parametrize("error", [BudgetSpent(StopReason.MONEY, "spent"), ModelUnusable("down")])
def test_what_was_sampled_when_the_budget_ends_is_chosen_from(view: View, error: Exception) -> None:
    outlined = replace(view, state=state())
    assert len(SamplingPolicy(Inner(fails=(4, error)), per_call=5).propose(outlined, 100)) == 10
    with pytest.raises(type(error)):
        SamplingPolicy(Inner(fails=(1, error)), per_call=5).propose(outlined, 100)


def test_without_tests_it_samples_at_the_root_once(view: View) -> None:
    policy = SamplingPolicy(Inner(tests=False, outlines=False), per_call=5)
    assert len(policy.propose(view, 8)) == 8
    assert policy.propose(replace(view, tried=(tried(repair(0), view.state),)), 8) == ()


def test_the_budget_is_the_searchs() -> None:
    """As many proposals, the same caps, and rounds enough to come to the repairs."""
    inner = Inner()
    parts = Parts(
        policy=inner,
        planner=None,  # type: ignore[arg-type]
        decision=None,  # type: ignore[arg-type]
        feedback=None,  # type: ignore[arg-type]
        executor=None,  # type: ignore[arg-type]
        strategy=Greedy(),
        selector=None,  # type: ignore[arg-type]
    )
    budget = Budget(max_iterations=5, max_steps=4000, max_money=0.3, max_tokens=9, max_seconds=60)
    changed, own = pipeline(parts, budget)
    assert isinstance(changed.decision, TakeAll)
    assert isinstance(changed.feedback, NoFeedback)
    assert changed.strategy.width is None
    assert own.actions_per_state == 25
    assert (own.max_money, own.max_tokens, own.max_seconds, own.max_steps) == (0.3, 9, 60, 4000)
    assert pipeline(parts, replace(budget, max_steps=11))[1].actions_per_state == 11
    assert pipeline(parts, replace(budget, max_iterations=1))[1].max_iterations == 3


def test_it_goes_on_to_the_next_stage_only(view: View) -> None:
    decision = TakeAll()
    plan = Plan(action=repair(0), steps=())
    assert decision.decide(view, plan).use
    after = {
        "reproduced": (state(outline=False), True),
        "outlined": (state(), True),
        "not reproduced": (State(tests=(TEST,), results=Results()), False),
        "repaired": (state(patch=Patch().with_file("a.py", b"1")), False),
    }
    for name, (reached, goes_on) in after.items():
        assert decision.descend(view, tried(repair(0), view.state, reached)).use is goes_on, name


def test_without_tests_nothing_follows_sound_code(view: View) -> None:
    """J16: tests are dropped, broken code is gone on from, sound code ends it."""
    sound = replace(state(patch=Patch().with_file("a.py", b"1")), results=Results(suite=SuiteReport()))
    broken = replace(sound, results=Results(suite=SuiteReport(), regressions=("tests/test_a.py::a",)))
    policy = WithoutTests(Inner(outlines=False))
    assert policy.propose(view, 5) == []  # only tests were proposed
    policy = WithoutTests(Inner(tests=False, outlines=False, repairs=3))
    assert ids(policy.propose(view, 5)) == ["r0", "r1", "r2"]
    assert len(policy.propose(replace(view, tried=(tried(repair(0), view.state, broken),)), 5)) == 3
    assert policy.propose(replace(view, tried=(tried(repair(0), view.state, sound),)), 5) == ()
    assert policy.propose(view, 5) == ()  # also back at the root
