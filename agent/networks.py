"""The four networks of a run, as its Method says: built-in, a model's, or one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, assert_never

from agent.builtin import reproduction
from agent.builtin.decision import BuiltinDecision, protections
from agent.builtin.feedback import BuiltinFeedback
from agent.builtin.planner import BuiltinPlanner
from agent.builtin.policy import BuiltinPolicy
from agent.context import pack
from agent.context.flaws import flaws
from agent.errors import ModelUnusable
from agent.escalation import (
    LEVELS,
    EscalatingDecision,
    EscalatingFeedback,
    EscalatingPlanner,
    EscalatingPolicy,
)
from agent.llm.decision import ModelDecision
from agent.llm.feedback import ModelFeedback
from agent.llm.planner import ModelPlanner
from agent.llm.policy import WIDENING, ModelPolicy
from agent.method import Driver, Method
from agent.protocols import (
    DecisionModel,
    Feedback,
    Model,
    NoActions,
    Planner,
    Policy,
    View,
)
from agent.skills.possible import allowed
from agent.skills.shared import Packs
from agent.types import Action, FeedbackNote, RunTests

__all__ = ["MakeNetworks", "Networks", "Packs", "networks"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Networks:
    """What the search asks. One set per run: a model is bound to a run's budget and journal."""

    policy: Policy
    planner: Planner
    decision: DecisionModel
    feedback: Feedback

    def __call__(self, _method: Method, _model: Model | None, _packs: Packs) -> Networks:
        """These very networks, whatever the method: in the place of :func:`networks`."""
        return self


class MakeNetworks(Protocol):
    """:func:`networks`, or something in its place."""

    def __call__(self, method: Method, model: Model | None, packs: Packs, /) -> Networks: ...


def packs() -> Packs:
    """What a model is shown of the repository."""
    return Packs(stable=pack.stable, window=pack.window, flaws=flaws)


def networks(method: Method, model: Model | None, packs: Packs) -> Networks:
    """The networks of a method. Raises ModelUnusable when it is driven by a model and there is none.

    Built-in ones know no planner and no decision model that could be left out: those switches are a model's.
    Without the Architect the built-in policy repairs nothing, as only an outline tells it where.
    A pipeline's actions come with their operations, since it plans nothing itself (agent.pipeline).
    """
    builtin = _builtin(method)
    if method.driver is Driver.BUILT_IN:
        return builtin
    if model is None:
        raise ModelUnusable(
            f"the driver {method.driver.value!r} needs a language model and none is configured"
        )
    planner = ModelPlanner(method=method, model=model, packs=packs)
    levels = LEVELS if method.driver is Driver.ESCALATE else WIDENING
    policy = ModelPolicy(method=method, model=model, packs=packs, levels=levels)
    driven = Networks(
        policy=policy,
        planner=planner,
        decision=ModelDecision(method=method, model=model, packs=packs),
        feedback=ModelFeedback(method=method, model=model, packs=packs) if method.self_feedback else Silent(),
    )
    match method.driver:
        case Driver.MODEL:
            return driven
        case Driver.PIPELINE:
            return replace(
                driven, policy=WorkedOut(policy=policy, planner=planner, untested=not method.generated_tests)
            )
        case Driver.ESCALATE:
            return Networks(
                policy=EscalatingPolicy(builtin=builtin.policy, model=policy, patience=method.patience),
                planner=EscalatingPlanner(builtin=builtin.planner, model=planner),
                decision=EscalatingDecision(builtin=builtin.decision, model=driven.decision),
                feedback=EscalatingFeedback(builtin=builtin.feedback, model=driven.feedback),
            )
        case _:
            assert_never(method.driver)


def _builtin(method: Method) -> Networks:
    policy: Policy = BuiltinPolicy(designer=reproduction.actions)
    return Networks(
        policy=Permitted(inner=policy, method=method),
        planner=BuiltinPlanner(),
        decision=BuiltinDecision(),
        feedback=BuiltinFeedback(method.feedback) if method.self_feedback else Silent(),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Permitted:
    """A :class:`agent.protocols.Policy` that lets only skills through that are switched on (J16)."""

    inner: Policy
    method: Method

    def propose(self, view: View, k: int) -> Sequence[Action]:
        kept: list[Action] = []
        while len(kept) < k:
            actions = self.inner.propose(view, k - len(kept))
            if not actions:
                return kept or actions
            kept += [action for action in actions if allowed(action.skill, self.method)]
            view = replace(view, proposed=view.proposed | {action.id for action in actions})
        return kept


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkedOut:
    """A :class:`agent.protocols.Policy` whose actions carry the operations that the planner finds for them;
    those that it finds none for, and those that are forbidden, are left out."""

    policy: Policy
    planner: Planner
    untested: bool = False

    def propose(self, view: View, k: int) -> Sequence[Action]:
        proposals = self.policy.propose(view, k)
        worked = [(action, self.planner.expand(view, action)) for action in proposals]
        found = [
            replace(action, operations=tuple(step.operation for step in plan.steps))
            for action, plan in worked
            if any(not isinstance(step.operation, RunTests) for step in plan.steps)
            and not protections(view.state, plan, untested=self.untested)
        ]
        if found or not proposals:
            return found or proposals
        return NoActions(f"none of the proposals was worked out: {worked[0][1].steps[0].reasoning}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Silent:
    """A :class:`agent.protocols.Feedback` that explains nothing (J2)."""

    def explain(self, view: View) -> Sequence[FeedbackNote]:  # noqa: ARG002
        return ()
