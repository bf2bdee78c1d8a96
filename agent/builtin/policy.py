"""The built-in policy: the paper's policy network without a model.

No test yet: the Test Designer's proposals. A test that reproduces the issue: the Architect's outline. With an
outline: repairs, best first, K at a time; and, when the code is already changed and got better, repairs of
what still fails.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence

from agent.builtin import architect, candidates
from agent.localize.combine import relocate
from agent.protocols import Context, View
from agent.types import Action, State

REMEMBERED = 24  # streams of states; one that was forgotten is made again, the same
MOST_DEEPER = 15  # repairs on top of a repair: the search goes depth first, and must come back in time

Designer = Callable[[Context], Sequence[Action]]


class Stream:
    """Proposals for one state, made as far as they were asked for."""

    def __init__(self, source: Iterator[Action]) -> None:
        self._source = source
        self._made: list[Action] = []

    def take(self, k: int, proposed: frozenset[str]) -> list[Action]:
        found = [action for action in self._made if action.id not in proposed][:k]
        while len(found) < k:
            action = next(self._source, None)
            if action is None:
                break
            self._made.append(action)
            if action.id not in proposed:
                found.append(action)
        return found


class BuiltinPolicy:
    """A :class:`agent.protocols.Policy`. ``designer`` makes the Test Designer's proposals."""

    def __init__(self, designer: Designer | None = None) -> None:
        self._designer = designer
        self._streams: OrderedDict[str, Stream] = OrderedDict()

    def propose(self, view: View, k: int) -> Sequence[Action]:
        key = _key(view)
        stream = self._streams.pop(key, None) or Stream(self._proposals(view.context, view.state))
        self._streams[key] = stream
        while len(self._streams) > REMEMBERED:
            self._streams.popitem(last=False)
        return stream.take(k, view.proposed)

    def _proposals(self, context: Context, state: State) -> Iterator[Action]:
        if not state.tests:
            yield from self._designer(context) if self._designer else ()
        elif state.outline is None:
            if state.results is not None and state.results.reproduced:
                yield from architect.actions(context, state)
        elif not state.patch.changes:
            yield from candidates.actions(context, state, state.outline.targets)
        else:
            places = relocate(context, state, state.outline.targets)
            for count, action in enumerate(candidates.actions(context, state, places)):
                if count == MOST_DEEPER:
                    return
                yield action


def _key(view: View) -> str:
    """A state, its failures, and the task: what the proposals follow from."""
    results = view.state.results
    said = [(case.id, case.message) for case in results.generated.cases if case.failing] if results else []
    task = view.context.task
    return f"{task.repository}\0{task.base}\0{task.number}\0{view.state.digest}\0{said!r}"
