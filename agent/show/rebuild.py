"""The states of a run, rebuilt from its journal alone.

A State is its whole patch against base, a plan says what changes it, and the base's files are in the journal
(agent.source). What is rebuilt has to have the digest of its code that was recorded, or it is not the state
that was measured (F2); tests are recorded as measuring left them.
"""

from __future__ import annotations

import zlib
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

from agent.codec import decode
from agent.errors import AgentError, EditDoesNotApply, JournalDiverged
from agent.journal import MemoryJournal, record_at, scan_journal
from agent.operations import apply_operation
from agent.protocols import JsonObject, SourceTree
from agent.show.fields import Body, bodies_of, body_of
from agent.show.model import ActionView, NodeView, RunView, TransitionView
from agent.source import HostTree, RecordedTree
from agent.types import Action, Plan, Skill, State, Step, Task, TestFile

UNSOUND = (KeyError, ValueError, TypeError, IndexError, AttributeError, RecursionError, zlib.error)
"""What comes of reading a record that another version, or nobody, wrote."""

KEPT = 64  # states in memory: a depth-first search asks for the last ones


class Unusable(AgentError):
    """A run, or a state or plan of it, that cannot be had from its journal; the message says why."""


class RecordedRun:
    """A run's task, base files, states and plans. Memory: the base's files, and ``KEPT`` states."""

    def __init__(self, path: Path, run: RunView) -> None:
        """Raises Unusable when the journal does not hold what a run begins with, or holds it in a form that
        this version does not read."""
        self._path = path
        self._run = run
        self._states: OrderedDict[int, State] = OrderedDict()
        self.task, self.source = _beginning(path)

    def state(self, node: NodeView) -> State:
        """Raises Unusable when it cannot be rebuilt, or comes out otherwise than it was."""
        for each in self._run.path_to(node.id):
            if each not in self._states:
                self._keep(each, self._made(self._run.nodes[each]))
            self._states.move_to_end(each)
        return self._states[node.id]

    def plan(self, step: TransitionView) -> Plan:
        """The plan in full; the view has it shortened."""
        return Plan(action=_action(step.action), steps=_steps(self._body(step)))

    def _made(self, node: NodeView) -> State:
        if node.arrived is None or node.parent is None:
            return State(tests=self.task.given_tests)
        body = self._body(node.arrived)
        state = self._states[node.parent]
        try:
            for step in _steps(body):
                state = apply_operation(state, step.operation, self.source)
        except (EditDoesNotApply, JournalDiverged, *UNSOUND) as error:
            raise Unusable(f"state {node.id} cannot be rebuilt: {error}") from None
        if "tests" in body:  # as measuring left them
            tests = tuple(_decoded(TestFile, test) for test in bodies_of(body, "tests"))
            state = replace(state, tests=tests)
        code = body.get("code")
        if state.patch.digest != code if isinstance(code, str) else state.digest != node.digest:
            raise Unusable(
                f"state {node.id} comes out otherwise than it was: another version made the journal"
            )
        return state

    def _body(self, step: TransitionView) -> Body:
        return body_of(record_at(self._path, step.place), "body")

    def _keep(self, number: int, state: State) -> None:
        self._states[number] = state
        while len(self._states) > max(KEPT, 2 * len(self._run.path_to(number))):
            self._states.popitem(last=False)


def _beginning(path: Path) -> tuple[Task, SourceTree]:
    records: list[JsonObject] = []
    task: Task | None = None
    for _, record in scan_journal(path):
        if "task" in record and task is None:
            task = _decoded(Task, record["task"])
        elif record.get("effect") in ("source", "read"):
            records.append(record)
        elif record.get("note") == "failing tests" and task is not None:  # the repository's own are given
            given = bodies_of(body_of(record, "body"), "given")
            task = replace(task, given_tests=tuple(_decoded(TestFile, test) for test in given))
    if task is None or not any(record.get("effect") == "source" for record in records):
        raise Unusable("the run ended before it had read its repository")
    try:
        return task, RecordedTree(MemoryJournal(records), _no_tree)
    except UNSOUND as error:
        raise Unusable(f"the repository's files cannot be read from the journal: {error}") from None


def _no_tree() -> HostTree:
    _not_recorded()


def _not_recorded() -> NoReturn:
    raise JournalDiverged("the run never read this file")


def _steps(body: Body) -> tuple[Step, ...]:
    return tuple(_decoded(Step, step) for step in bodies_of(body, "plan", 10_000))


def _action(view: ActionView) -> Action:
    try:
        skill = Skill(view.skill)
    except ValueError:
        raise Unusable(f"the journal names no skill of the action {view.id[:80]!r}") from None
    if view.score is None:
        raise Unusable(f"the journal has no score of the action {view.id[:80]!r}")
    return Action(
        id=view.id,
        skill=skill,
        kind=view.kind,
        summary=view.summary,
        score=view.score,
        score_source=view.score_source,
        origin=view.origin,
        level=view.level,
        operations=(),
    )


def _decoded(kind: type[Any], value: object) -> Any:
    try:
        return decode(kind, value)  # type: ignore[arg-type]  # whatever it is, decode says so
    except UNSOUND as error:
        raise Unusable(f"the journal holds no sound {kind.__name__}: {str(error)[:200]}") from None
