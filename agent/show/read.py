"""The model of a run, from its journal: finished, killed half-way, still going on, of an older version.

Only what the search noted is used (agent.search.record), never the parts that made it: nothing is run again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from agent.errors import JournalCorrupt
from agent.journal import scan_journal
from agent.protocols import JsonObject
from agent.show.fields import (
    Body,
    bodies_of,
    body_of,
    count_of,
    flag_of,
    id_of,
    number_of,
    text_of,
)
from agent.show.model import (
    ActionView,
    NodeView,
    PhaseView,
    RunView,
    TransitionView,
)
from agent.show.operations import edits, step_view, tests_of
from agent.show.views import action_view, gate_view, note_view, results_view, settings_view, task_view
from agent.types import Effect, StopReason

JOURNAL = "journal.jsonl"
PICO = 10**12
NODES = 50_000  # more than any budget allows; what comes after is left out with a remark
SPENT = (
    "iterations",
    "steps",
    "sandbox_runs",
    "sandbox_seconds",
    "seconds",
    "model_calls",
    "tokens",
    "cached_tokens",
    "money",
    "model_seconds",
)


def journal_of(place: Path) -> Path:
    """The journal of a run that is named by its directory or by the journal itself."""
    return place / JOURNAL if place.is_dir() else place


def read_run(path: Path) -> RunView:
    """The run that a journal tells of, as far as it tells. Raises JournalCorrupt when it is none, OSError."""
    reading = _Reading()
    damage = ""
    records = scan_journal(path)
    try:
        _, header = next(records)
    except StopIteration:
        raise JournalCorrupt(f"{path} holds no journal") from None
    try:
        for place, record in records:
            reading.take(place, record)
    except JournalCorrupt as error:
        damage = str(error).removeprefix(f"{path}, ")
    return reading.view(header, damage)


@dataclass
class _Phase:
    runs: int = 0
    seconds: float = 0.0
    model_calls: int = 0
    tokens: int = 0
    money: float = 0.0


@dataclass
class _Reading:
    """What has been read so far."""

    nodes: dict[int, NodeView] = field(default_factory=lambda: {0: NodeView(id=0)})
    actions: dict[tuple[int, str], ActionView] = field(default_factory=dict)
    phases: dict[str, _Phase] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    outcome: Body = field(default_factory=dict)
    seconds: float = 0.0
    best: int = 0
    left_out: int = 0  # rows that fit to nothing

    def take(self, place: int, record: JsonObject) -> None:
        body = body_of(record, "body")
        match record.get("note"), record.get("effect"):
            case "visit", _:
                self._visit(body)
            case "transition", _:
                self._transition(place, body)
            case "feedback", _:
                self._feedback(body)
            case "gates", _:
                self._gates(body)
            case "outcome", _:
                self.outcome = body
            case "question", _:  # where the journal ends while nobody has answered
                self.outcome = {"stop": StopReason.QUESTION.value, "question": body.get("question")}
            case "answer", _ if not flag_of(body, "open"):
                self.outcome = {}
            case None, str(kind):
                self._effect(kind, body_of(record, "request"), body_of(record, "answer"))
            case _:
                pass  # a note that this version knows nothing of

    # --- Notes

    def _visit(self, body: Body) -> None:
        node = self._node(body)
        if node is None:
            return
        node.visits.append(count_of(body, "visit"))
        node.digest = node.digest or text_of(body, "state", 64)
        node.results = node.results or results_view(body.get("results"))
        for each in bodies_of(body, "actions", 10_000):
            action = action_view(each)
            self.actions[node.id, action.id] = action

    def _transition(self, place: int, body: Body) -> None:
        node = self._node(body)
        if node is None:
            return
        name = text_of(body, "action", 300)
        plan = bodies_of(body, "plan")
        step = TransitionView(
            node=node.id,
            action=self.actions.get((node.id, name), ActionView(id=name)),
            steps=tuple(step_view(each) for each in plan),
            tests=tests_of(plan),
            use=flag_of(body_of(body, "decision"), "use"),
            reason=text_of(body_of(body, "decision"), "reason"),
            effect=text_of(body, "effect", 40),
            remark=text_of(body, "remark"),
            child=id_of(body, "child"),
            place=place,
        )
        if step.effect == Effect.EXECUTED.value and step.child is not None:
            self._reach(node, step, body)
        else:
            node.tried.append(replace(step, child=None))

    def _reach(self, node: NodeView, step: TransitionView, body: Body) -> None:
        """Only a new state under a known one: whatever the rows say, this is a tree."""
        if step.child is None or step.child in self.nodes or len(self.nodes) >= NODES:
            self.left_out += 1
            return
        child = NodeView(
            id=step.child,
            parent=node.id,
            depth=node.depth + 1,
            digest=text_of(body, "state", 64),
            arrived=step,
            results=results_view(body.get("results")),
        )
        child.patched = node.patched or edits(bodies_of(body, "plan"))
        self.nodes[child.id] = child
        node.children.append(child.id)
        if child.patched and (child.score or 0.0) > (self.nodes[self.best].score or 0.0):
            self.best = child.id

    def _feedback(self, body: Body) -> None:
        node = self._node(body)
        if node is None:
            return
        node.notes = tuple(note_view(each) for each in bodies_of(body, "notes"))
        node.descend = flag_of(body, "descend")
        node.descend_reason = text_of(body, "reason")
        node.closed = bool(flag_of(body, "closed"))

    def _gates(self, body: Body) -> None:
        node = self._node(body)
        if node is not None:
            node.gates = tuple(gate_view(each) for each in bodies_of(body, "gates"))

    def _node(self, body: Body) -> NodeView | None:
        node = self.nodes.get(id_of(body, "node") or 0) if id_of(body, "node") is not None else None
        if node is None:
            self.left_out += 1
        return node

    # --- Effects

    def _effect(self, kind: str, request: Body, answer: Body) -> None:
        clock = number_of(answer, "clock")
        if kind == "settings":
            self.settings = dict(settings_view(body_of(answer, "settings")))
        elif kind == "environment":
            self._phase("environment").seconds += clock or 0.0
        elif kind == "run":
            phase = self._phase(_phase_of(text_of(answer, "for", 60)))
            phase.runs += 1
            phase.seconds += number_of(body_of(answer, "completed"), "seconds") or 0.0
        elif kind == "model":
            self._model_call(text_of(request, "component", 60), answer)
        self.seconds = max(self.seconds, clock or 0.0)

    def _model_call(self, component: str, answer: Body) -> None:
        """An ask as agent.llm.record writes it: with what was lost on the way, money in picodollars."""
        phase, usage, lost = (
            self._phase(f"model: {component}"),
            body_of(answer, "usage"),
            body_of(answer, "lost"),
        )
        phase.model_calls += count_of(answer, "calls")
        phase.tokens += count_of(usage, "prompt") + count_of(usage, "completion") + count_of(lost, "tokens")
        phase.money += (count_of(answer, "cost") + count_of(lost, "money")) / PICO
        phase.seconds += count_of(answer, "milliseconds") / 1_000

    def _phase(self, name: str) -> _Phase:
        return self.phases.setdefault(name if len(self.phases) < 50 else "other", _Phase())

    # --- The whole

    def view(self, header: JsonObject, damage: str) -> RunView:
        spend = body_of(self.outcome, "spend")
        view = RunView(
            run=text_of(header, "run", 100),
            task=task_view(body_of(header, "task")),
            settings=self.settings,
            nodes=self.nodes,
            best=self.best,
            stop=text_of(self.outcome, "stop", 60),
            summary=_summary(self.outcome),
            spend={name: value for name in SPENT if (value := number_of(spend, name)) is not None},
            phases=tuple(_phase_view(name, phase) for name, phase in self.phases.items()),
            seconds=self.seconds,
            remarks=tuple(_remarks(damage, self.left_out)),
        )
        proven = next((node.id for node in self.nodes.values() if node.proven), None)
        return view if proven is None else replace(view, chosen=view.path_to(proven))


def _remarks(damage: str, left_out: int) -> Iterator[str]:
    if damage:
        yield f"The journal is damaged; what comes before is shown: {damage}."
    if left_out:
        yield f"{left_out} rows of the journal fit to nothing before them and were left out."


def _phase_of(label: str) -> str:
    """Three phases of sandbox runs, in the words of docs/method.md."""
    if label.startswith("proof"):
        return "proof"
    return "baseline" if label == "baseline" else f"search: {label or 'other'}"


def _phase_view(name: str, phase: _Phase) -> PhaseView:
    return PhaseView(
        name=name,
        runs=phase.runs,
        seconds=round(phase.seconds, 3),
        model_calls=phase.model_calls,
        tokens=phase.tokens,
        money=phase.money,
    )


def _summary(outcome: Body) -> str:
    return (
        text_of(outcome, "summary")
        or text_of(outcome, "reason")
        or text_of(body_of(outcome, "question"), "text")
    )
