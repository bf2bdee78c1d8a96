"""Built-in first, a model where that is stuck (Driver.ESCALATE).

At each state the built-in policy proposes until it has nothing more to say, or for ``patience`` proposals.
Then the model has up to four turns, each with a wider look at the code (FixAgent's levels); then whatever the
built-in one still has. Who proposed an action plans it and decides on it; who led to a state explains its
failures.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from agent.llm.policy import ORIGIN, turns
from agent.protocols import DecisionModel, Feedback, NoActions, Planner, Policy, View
from agent.types import Action, Decision, FeedbackNote, Plan, Transition

LEVELS = ("line", "function", "file", "repository")


@dataclass(frozen=True, slots=True, kw_only=True)
class EscalatingPolicy:
    """A :class:`agent.protocols.Policy` over the two; ``patience`` counts built-in proposals at one state."""

    builtin: Policy
    model: Policy
    patience: int

    def propose(self, view: View, k: int) -> Sequence[Action]:
        if not self._models_turn(view, k):
            actions = self._builtin(view, k)
            if actions or turns(view, k) >= len(LEVELS):
                return actions
        answer = self.model.propose(view, k)
        if answer:
            return answer
        return self._builtin(view, k) or answer

    def _models_turn(self, view: View, k: int) -> bool:
        """Right after the built-in policy had its patience: a model that has nothing to say then is not asked
        again with each further proposal, but only when there is no other left."""
        own = {step.plan.action.id for step in view.tried if step.plan.action.origin != ORIGIN}
        return turns(view, k) < len(LEVELS) and 0 <= len(own) - self.patience < k

    def _builtin(self, view: View, k: int) -> Sequence[Action]:
        answer = self.builtin.propose(view, k)
        return answer if isinstance(answer, NoActions) else tuple(map(comparable, answer))


def comparable(action: Action) -> Action:
    """A built-in action with its score read as a logit and made the logarithm of a probability, as a model's
    scores are: never above zero, and in the order that it was."""
    score = action.score
    value = -math.log1p(math.exp(-score)) if score > -30 else score  # the same to the last digit, no overflow
    return replace(action, score=round(value, 6))


@dataclass(frozen=True, slots=True, kw_only=True)
class EscalatingPlanner:
    """A :class:`agent.protocols.Planner`: who proposed it plans it."""

    builtin: Planner
    model: Planner

    def expand(self, view: View, action: Action) -> Plan:
        planner = self.model if action.origin == ORIGIN else self.builtin
        return planner.expand(view, action)


@dataclass(frozen=True, slots=True, kw_only=True)
class EscalatingDecision:
    """A :class:`agent.protocols.DecisionModel`: who proposed it decides on it; no model is asked about a
    built-in action."""

    builtin: DecisionModel
    model: DecisionModel

    def decide(self, view: View, plan: Plan) -> Decision:
        return self._of(plan).decide(view, plan)

    def descend(self, view: View, transition: Transition) -> Decision:
        return self._of(transition.plan).descend(view, transition)

    def _of(self, plan: Plan) -> DecisionModel:
        return self.model if plan.action.origin == ORIGIN else self.builtin


@dataclass(frozen=True, slots=True, kw_only=True)
class EscalatingFeedback:
    """A :class:`agent.protocols.Feedback`: a model explains only what its own actions led to."""

    builtin: Feedback
    model: Feedback

    def explain(self, view: View) -> Sequence[FeedbackNote]:
        last = view.path[-1].plan.action.origin if view.path else ""
        return (self.model if last == ORIGIN else self.builtin).explain(view)
