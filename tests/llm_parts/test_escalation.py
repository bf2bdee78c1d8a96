"""Built-in first, then the model at growing levels; who proposed an action plans and decides it. And which
networks a method means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.builtin.decision import BuiltinDecision
from agent.builtin.planner import BuiltinPlanner
from agent.errors import ModelUnusable
from agent.escalation import (
    LEVELS,
    EscalatingDecision,
    EscalatingFeedback,
    EscalatingPlanner,
    EscalatingPolicy,
    comparable,
)
from agent.method import Driver, Method
from agent.networks import Permitted, Silent, WorkedOut, networks
from agent.protocols import NoActions, View
from agent.types import (
    Action,
    Decision,
    Effect,
    FeedbackNote,
    Plan,
    ReplacePassage,
    Skill,
    Transition,
    WriteFile,
)
from tests.llm_parts.support import (
    CHANGED,
    OUTLINED,
    ScriptedModel,
    action,
    packs,
    plan,
    proposal,
    tried,
    view,
)


@dataclass
class Stream:
    """A policy with so many proposals."""

    name: str
    count: int
    asked: list[int] = field(default_factory=list)

    def propose(self, view: View, k: int) -> Sequence[Action]:
        self.asked.append(len(view.tried))
        origin = "built-in" if self.name == "b" else "model"
        skill = {0: Skill.IMPLEMENTER}.get
        made = [
            action(skill(n % 2, Skill.DEBUGGER), id=f"{self.name}{n}", score=2.0 - n, origin=origin)
            for n in range(self.count)
        ]
        return [each for each in made if each.id not in view.proposed][:k] or NoActions(self.name)


def walk(policy: EscalatingPolicy, visits: int, k: int = 2) -> list[str]:
    """The ids of visits to one state; each proposal is tried."""
    at = view()
    said = []
    for _ in range(visits):
        found = policy.propose(at, k)
        said.append(" ".join(each.id for each in found))
        at = replace(
            at,
            proposed=at.proposed | {each.id for each in found},
            tried=(*at.tried, *(tried(each) for each in found)),
        )
    return said


@pytest.mark.parametrize(
    ("builtin", "model", "patience", "expected"),
    [
        # out of proposals
        (2, 3, 60, ["b0 b1", "m0 m1", "m2", "", ""]),
        (0, 1, 60, ["m0", "", ""]),
        # out of patience, four turns, then the rest of the built-in ones
        (8, 20, 4, ["b0 b1", "b2 b3", "m0 m1", "m2 m3", "m4 m5", "m6 m7", "b4 b5", "b6 b7", ""]),
        # a model with nothing to say is not asked at each further proposal
        (10, 0, 4, ["b0 b1", "b2 b3", "b4 b5", "b6 b7", "b8 b9", "", ""]),
    ],
)
def test_who_proposes_when(builtin: int, model: int, patience: int, expected: list[str]) -> None:
    one, two = Stream("b", builtin), Stream("m", model)
    assert walk(EscalatingPolicy(builtin=one, model=two, patience=patience), len(expected)) == expected


def test_a_silent_model_is_asked_once_after_the_patience_and_then_at_the_end() -> None:
    silent = Stream("m", 0)
    walk(EscalatingPolicy(builtin=Stream("b", 10), model=silent, patience=4), 6)
    assert silent.asked == [4, 10]


def test_the_models_turns_go_from_the_line_to_the_repository() -> None:
    """FixAgent's levels."""
    answers = [{"actions": [proposal(summary=f"Idea {n}"), proposal(summary=f"Other {n}")]} for n in range(6)]
    parts = networks(Method(driver=Driver.ESCALATE), ScriptedModel(answers={"Proposals": answers}), packs())
    assert isinstance(parts.policy, EscalatingPolicy)
    policy = replace(parts.policy, builtin=Stream("b", 0))
    at, levels = view(), []
    for _ in range(5):
        found = policy.propose(at, 2)
        levels += sorted({each.level for each in found})
        at = replace(
            at, proposed=at.proposed | {each.id for each in found}, tried=(*at.tried, *map(tried, found))
        )
    assert tuple(levels) == LEVELS


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=6))
def test_built_in_scores_become_logarithms_in_the_same_order(values: list[float]) -> None:
    found = [comparable(action(score=value)).score for value in values]
    assert all(score <= 0.0 for score in found)
    order = sorted(range(len(values)), key=lambda n: values[n])
    assert [found[n] for n in order] == sorted(found)


@dataclass
class Named:
    """Any part, by name."""

    name: str

    def expand(self, _view: View, action: Action) -> Plan:
        return plan(action=replace(action, kind=self.name))

    def decide(self, _view: View, _plan: Plan) -> Decision:
        return Decision(use=True, reason=self.name)

    def descend(self, _view: View, _transition: Transition) -> Decision:
        return Decision(use=True, reason=self.name)

    def explain(self, _view: View) -> Sequence[FeedbackNote]:
        return (FeedbackNote(test="t", kind="simple", text=self.name),)


@pytest.mark.parametrize(("origin", "name"), [("built-in", "b"), ("model", "m")])
def test_who_proposed_plans_decides_and_explains(origin: str, name: str) -> None:
    builtin, model = Named("b"), Named("m")
    wanted = action(origin=origin)
    step = tried(wanted, effect=Effect.EXECUTED, after=CHANGED)
    decision = EscalatingDecision(builtin=builtin, model=model)
    assert EscalatingPlanner(builtin=builtin, model=model).expand(view(), wanted).action.kind == name
    assert decision.decide(view(), plan(action=wanted)).reason == name
    assert decision.descend(view(), step).reason == name
    (note,) = EscalatingFeedback(builtin=builtin, model=model).explain(view(path=(step,)))
    assert note.text == name


def test_what_a_given_test_says_at_the_root_is_explained_without_a_model() -> None:
    (note,) = EscalatingFeedback(builtin=Named("b"), model=Named("m")).explain(view())
    assert note.text == "b"


# --- Networks of a method


def test_the_built_in_driver_needs_no_model() -> None:
    parts = networks(Method(), None, packs())
    assert isinstance(parts.planner, BuiltinPlanner)
    assert isinstance(parts.decision, BuiltinDecision)


@pytest.mark.parametrize("driver", [Driver.MODEL, Driver.ESCALATE, Driver.PIPELINE])
def test_other_drivers_do(driver: Driver) -> None:
    with pytest.raises(ModelUnusable, match="needs a language model"):
        networks(Method(driver=driver), None, packs())
    assert networks(Method(driver=driver), ScriptedModel(), packs())


@pytest.mark.parametrize("driver", [Driver.BUILT_IN, Driver.MODEL])
def test_no_self_feedback_explains_nothing(driver: Driver) -> None:
    """J2."""
    parts = networks(Method(driver=driver, self_feedback=False), ScriptedModel(), packs())
    assert isinstance(parts.feedback, Silent)
    assert not parts.feedback.explain(view(CHANGED))


def test_skills_that_are_off_are_left_out_of_the_built_in_proposals_too() -> None:
    """J16: and what comes behind them moves up."""
    policy = Permitted(inner=Stream("b", 9), method=Method(skills=("debugger",)))
    assert [each.id for each in policy.propose(view(), 3)] == ["b1", "b3", "b5"]
    assert [each.id for each in policy.propose(view(proposed=frozenset({"b1", "b3", "b5"})), 3)] == ["b7"]
    none = Permitted(inner=Stream("b", 9), method=Method(skills=())).propose(view(), 3)
    assert isinstance(none, NoActions)


EDIT = ReplacePassage(path="calc.py", passage="side == 0", replacement="side <= 0")


@dataclass
class Planned:
    operations: dict[str, Any]

    def expand(self, _view: View, wanted: Action) -> Plan:
        return plan(*self.operations[wanted.id], action=wanted)


def test_a_pipeline_gets_actions_with_their_operations() -> None:
    """And none that is forbidden: nobody else decides on them there."""
    forbidden = WriteFile(path=".github/workflows/ci.yml", content=b"")
    planner = Planned({"m0": [EDIT], "m1": [], "m2": [forbidden]})
    found = WorkedOut(policy=Stream("m", 3), planner=planner).propose(view(OUTLINED), 3)
    assert [(each.id, each.operations) for each in found] == [("m0", (EDIT,))]
    nothing = WorkedOut(policy=Stream("m", 1), planner=Planned({"m0": [forbidden]})).propose(
        view(OUTLINED), 3
    )
    assert isinstance(nothing, NoActions)
