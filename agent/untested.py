"""Without generated tests (J16): code is written from the issue alone, and only the suite measures it.

There is nothing to improve on once code breaks nothing of the suite, so the first such code is the last: it
is the best branch that the outcome shows, never a solution, for nothing proves it.
"""

from __future__ import annotations

from collections.abc import Sequence

from agent.protocols import Policy, View
from agent.types import Action, AddTests, State


class WithoutTests:
    """A :class:`agent.protocols.Policy`, one per run, that drops every new test of another one and falls
    silent when sound code was measured."""

    def __init__(self, inner: Policy) -> None:
        self._inner = inner
        self._found = False

    def propose(self, view: View, k: int) -> Sequence[Action]:
        reached = (view.state, *(step.after for step in view.tried if step.after is not None))
        self._found = self._found or any(map(_sound, reached))
        if self._found:
            return ()
        proposals = self._inner.propose(view, k)
        return [each for each in proposals if not _adds_tests(each)]


def _sound(state: State) -> bool:
    results = state.results
    return bool(state.patch.changes) and results is not None and not results.regressions


def _adds_tests(action: Action) -> bool:
    return any(isinstance(operation, AddTests) for operation in action.operations)
