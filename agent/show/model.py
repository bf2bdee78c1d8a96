"""A run as it can be looked at. Every text in it is bounded, and as hostile as whoever wrote it: what shows
it has to neutralise it.

A circle of the paper's figure is a :class:`NodeView` (a state of the code), a triangle a :class:`TestView`
(D1, U27).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskView:
    repository: str = ""
    base: str = ""
    title: str = ""
    text: str = ""
    number: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionView:
    """A proposal. ``score`` None: the journal does not say."""

    id: str = ""
    skill: str = ""
    kind: str = ""
    summary: str = ""
    score: float | None = None
    score_source: str = ""
    origin: str = ""
    level: str = ""
    target: str = ""  # "path:line in symbol"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepView:
    """``title`` says what is done where; ``old`` and ``new`` are the texts that an edit takes and puts."""

    reasoning: str
    title: str
    old: str = ""
    new: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TestView:
    """A test that a plan adds: it belongs to the state that is reached and to all below it."""

    __test__ = False  # not a pytest class

    path: str
    verifies: str = ""
    role: str = ""
    content: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportView:
    passed: int = 0
    failed: Mapping[str, str] = field(default_factory=dict)  # case id → message
    failures: int = 0  # how many there are, of which ``failed`` holds the first
    details: Mapping[str, str] = field(default_factory=dict)  # case id → end of the traceback
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultsView:
    score: float | None = None
    passes: bool = False
    reproduced: bool = False
    remark: str = ""
    regressions: tuple[str, ...] = ()
    generated: ReportView = field(default_factory=ReportView)
    suite: ReportView | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteView:
    """Feedback on one failing test."""

    test: str
    kind: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GateView:
    name: str
    passed: bool
    explanation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TransitionView:
    """A plan, the decision about it and what became of it. ``place`` is where the journal has it whole."""

    node: int
    action: ActionView
    steps: tuple[StepView, ...] = ()
    tests: tuple[TestView, ...] = ()
    use: bool | None = None
    reason: str = ""
    effect: str = ""
    remark: str = ""
    child: int | None = None
    place: int = 0


@dataclass(slots=True, kw_only=True)
class NodeView:
    """A state that was reached and measured; filled while the journal is read."""

    id: int
    parent: int | None = None
    depth: int = 0
    digest: str = ""
    arrived: TransitionView | None = None  # None at the root
    results: ResultsView | None = None
    notes: tuple[NoteView, ...] = ()
    gates: tuple[GateView, ...] = ()
    descend: bool | None = None  # the decision model's word on going deeper; None: not asked
    descend_reason: str = ""
    closed: bool = False
    patched: bool = False  # some plan on the way here changes code
    visits: list[int] = field(default_factory=list)
    children: list[int] = field(default_factory=list)
    tried: list[TransitionView] = field(default_factory=list)  # from here, and not executed

    @property
    def proven(self) -> bool:
        return bool(self.gates) and all(gate.passed for gate in self.gates)

    @property
    def score(self) -> float | None:
        return None if self.results is None else self.results.score


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseView:
    """What a part of the run has used. Seconds are those of the sandbox, or of waiting for the endpoint."""

    name: str
    runs: int = 0
    seconds: float = 0.0
    model_calls: int = 0
    tokens: int = 0
    money: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """``stop`` is empty as long as the journal holds no end: the run was killed, or still goes on."""

    run: str
    task: TaskView
    settings: Mapping[str, str] = field(default_factory=dict)
    nodes: Mapping[int, NodeView] = field(default_factory=dict)
    chosen: tuple[int, ...] = ()  # from the root to the proven state; empty: there is none
    best: int = 0  # the first state with changed code and the highest score (J11); 0: there is none
    stop: str = ""
    summary: str = ""
    spend: Mapping[str, float] = field(default_factory=dict)  # as the run itself counted it
    phases: tuple[PhaseView, ...] = ()
    seconds: float = 0.0  # of work so far
    remarks: tuple[str, ...] = ()  # about the journal itself

    def path_to(self, node: int) -> tuple[int, ...]:
        """From the root to a node."""
        path = [node]
        while (parent := self.nodes[path[-1]].parent) is not None:
            path.append(parent)
        return tuple(reversed(path))

    @property
    def shown_path(self) -> tuple[int, ...]:
        """What is worth showing when not all can be: the way to the solution, else to the best state."""
        return self.chosen or (self.path_to(self.best) if self.best in self.nodes else ())
