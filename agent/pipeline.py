"""The null hypothesis: localise once, sample N complete repairs, filter by tests, select by agreement.

That is Agentless' way, and AlphaCode's sample-filter-cluster (K2), on the same tree, executor, gates and
budget as the search: tests are made and must fail on base, one outline is written, all repairs are proposed
at that one node, measured at once and ordered by the selector. No feedback, no decision model, no second
look: what a search is worth is what it does better than this (I4).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from agent.builtin.planner import BuiltinPlanner
from agent.errors import BudgetSpent, ModelUnusable
from agent.protocols import Policy, View
from agent.search.solve import Parts
from agent.search.strategies import HybridDepthFirst
from agent.types import (
    Action,
    AddTests,
    Budget,
    Decision,
    Edit,
    FeedbackNote,
    Plan,
    Transition,
    WriteOutline,
)

ROUNDS = 3  # tests, outline, repairs: with fewer iterations nothing would be sampled at all


def pipeline(parts: Parts, budget: Budget) -> tuple[Parts, Budget]:
    """The parts and the budget of a pipeline run under a search's budget.

    It may consider as many proposals as the search may (its steps, or K times its iterations when that is
    less), takes them all at one node, and has the same caps of tokens, money and time.
    """
    samples = max(1, min(budget.max_steps, budget.actions_per_state * budget.max_iterations))
    return (
        replace(
            parts,
            policy=SamplingPolicy(parts.policy, per_call=budget.actions_per_state),
            planner=BuiltinPlanner(),
            decision=TakeAll(),
            feedback=NoFeedback(),
            strategy=HybridDepthFirst(),
            eager_plans=False,
            replan=False,
        ),
        replace(
            budget,
            actions_per_state=samples,
            max_iterations=max(ROUNDS, budget.max_iterations),
            max_stale_iterations=0,
        ),
    )


class SamplingPolicy:
    """A :class:`agent.protocols.Policy` that asks another one: for tests as it gives them, for one outline,
    then for repairs until there are K, without telling it what came of any of them."""

    def __init__(self, inner: Policy, *, per_call: int) -> None:
        self._inner = inner
        self._per_call = per_call

    def propose(self, view: View, k: int) -> Sequence[Action]:
        state = view.state
        if state.patch.changes or any(_outlines(one) or _edits(one) for one in _tried(view)):
            return ()  # each stage has one node, and the repairs have one turn
        each = min(k, self._per_call)
        proposals = self._ask(view, each)
        tests = [action for action in proposals if _adds_tests(action)]
        if tests and not (state.results and state.results.reproduced):
            return tests
        outlines = [action for action in proposals if _outlines(action)]
        if outlines and state.outline is None:
            return outlines[:1]
        return self._sample(view, k, each) if proposals else proposals

    def _sample(self, view: View, k: int, each: int) -> Sequence[Action]:
        """Up to ``k`` repairs; fewer when the policy has no more, or the budget ends in between."""
        samples: dict[str, Action] = {}
        asked = view.proposed
        while len(samples) < k:
            try:
                proposals = self._ask(replace(view, proposed=asked), each)  # the first is known by now
            except (BudgetSpent, ModelUnusable):
                if not samples:
                    raise
                break  # what was sampled is measured and chosen from
            new = [action for action in proposals if action.id not in asked]
            if not new:
                break
            asked |= {action.id for action in new}
            samples |= {action.id: action for action in new if _edits(action)}
        return tuple(samples.values())[:k]

    def _ask(self, view: View, k: int) -> Sequence[Action]:
        """Without a word on what came of earlier proposals."""
        return self._inner.propose(replace(view, notes=(), tried=()), k)


class TakeAll:
    """A :class:`agent.protocols.DecisionModel` that uses every plan and never goes into a repair."""

    def decide(self, view: View, plan: Plan) -> Decision:  # noqa: ARG002
        return Decision(use=True, reason="the pipeline measures every sample")

    def descend(self, view: View, transition: Transition) -> Decision:  # noqa: ARG002
        after = transition.after
        if after is None or after.patch.changes:
            return Decision(use=False, reason="the pipeline does not repair a repair")
        on_the_way = after.outline is not None or (after.results is not None and after.results.reproduced)
        return Decision(use=on_the_way, reason="the next stage" if on_the_way else "nothing is reproduced")


class NoFeedback:
    """A :class:`agent.protocols.Feedback` that explains nothing."""

    def explain(self, view: View) -> Sequence[FeedbackNote]:  # noqa: ARG002
        return ()


def _tried(view: View) -> Iterator[Action]:
    return (step.plan.action for step in view.tried)


def _adds_tests(action: Action) -> bool:
    return any(isinstance(operation, AddTests) for operation in action.operations)


def _outlines(action: Action) -> bool:
    return any(isinstance(operation, WriteOutline) for operation in action.operations)


def _edits(action: Action) -> bool:
    return any(isinstance(operation, Edit) for operation in action.operations)
