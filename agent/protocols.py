"""The parts of the method and the doors to the outside, as Protocols.

Pure parts decide (Policy, Planner, DecisionModel, Feedback, SearchStrategy); effects go through Executor and
Journal. Each part has a built-in implementation that needs no model (``agent.builtin``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, Self, TypeVar

from agent.context.installed import NOTHING as NOTHING_INSTALLED
from agent.context.installed import InstalledPackages
from agent.types import (
    Action,
    Baseline,
    Decision,
    FeedbackNote,
    Plan,
    Problem,
    State,
    Transition,
)

if TYPE_CHECKING:
    from pydantic import BaseModel

    from agent.llm.types import Answer, Ask, Failed
    from agent.search.tree import Node, Tree

JsonValue = None | bool | int | float | str | Sequence["JsonValue"] | Mapping[str, "JsonValue"]
JsonObject = dict[str, JsonValue]
Reply = TypeVar("Reply", bound="BaseModel")


class SourceTree(Protocol):
    """The repository's files at the base commit, read-only. Paths are POSIX and relative."""

    def paths(self) -> tuple[str, ...]:
        """All regular files, sorted."""
        ...

    def read(self, path: str) -> bytes | None:
        """A file's content; None when there is no such regular file."""
        ...


@dataclass(frozen=True, kw_only=True)
class Context:
    """What every part may know of the run: the same for all states."""

    task: Problem
    source: SourceTree
    baseline: Baseline
    import_roots: tuple[str, ...] = (".",)  # directories on the import path, relative: "src", "."
    packages: InstalledPackages = NOTHING_INSTALLED  # as far as it could be read where the tests run


@dataclass(frozen=True, kw_only=True)
class View:
    """One state as its parts see it. ``proposed`` holds the ids of actions already proposed here, so that a
    deterministic policy asked again goes on where it stopped. ``path`` are the transitions that led here from
    the root, ``tried`` those that were made from here: what did not apply or was not used, and why, too."""

    context: Context
    state: State
    depth: int = 0
    notes: tuple[FeedbackNote, ...] = ()
    proposed: frozenset[str] = field(default_factory=frozenset)
    path: tuple[Transition, ...] = ()
    tried: tuple[Transition, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Survivor:
    """A measured state that passes its tests, with the action that led to it."""

    state: State
    action: Action


class NoActions(tuple[Action, ...]):
    """No proposal, and why: a policy's remark instead of actions, kept in the journal."""

    remark: str

    def __new__(cls, remark: str) -> Self:
        made = super().__new__(cls)
        made.remark = remark
        return made


class Policy(Protocol):
    """Proposes scored actions for a state (C2, B6); fewer, none or :class:`NoActions` when it has nothing
    more to say."""

    def propose(self, view: View, k: int) -> Sequence[Action]: ...


class Planner(Protocol):
    """Expands an action into steps of reasoning and operation (C4, C5). Never writes (C9)."""

    def expand(self, view: View, action: Action) -> Plan: ...


class DecisionModel(Protocol):
    """Use the plan or continue the search (C6), asked before execution; and, after it, whether the state
    that was reached is worth going deeper into (else the search backtracks: U13)."""

    def decide(self, view: View, plan: Plan) -> Decision: ...

    def descend(self, view: View, transition: Transition) -> Decision: ...


class Feedback(Protocol):
    """Explains each failing test of a measured state in words (E1)."""

    def explain(self, view: View) -> Sequence[FeedbackNote]: ...


class Executor(Protocol):
    """Applies plans and measures states in the sandbox (C7, U19).

    ``apply`` is cheap and pure: it raises :class:`agent.errors.EditDoesNotApply`. ``measure`` is dear:
    states of one call may be measured in parallel, the answer keeps their order and does not depend on it.
    """

    def apply(self, state: State, plan: Plan) -> State: ...

    def measure(self, states: Sequence[State]) -> Sequence[State]: ...


class Selector(Protocol):
    """The order in which states that pass are proven, best first (dual execution agreement, tie-breaks).

    May raise :class:`agent.errors.AwaitingAnswer` when they differ on what the issue leaves open.
    """

    def order(self, context: Context, survivors: Sequence[Survivor]) -> Sequence[Survivor]: ...


class Model(Protocol):
    """Any OpenAI-compatible endpoint behind budget and journal (agent.llm). Thread-safe.

    Raises BudgetSpent before a call that might go over a cap, and ModelUnusable.
    """

    def ask(self, ask: Ask[Reply]) -> Answer[Reply] | Failed: ...


class SearchStrategy(Protocol):
    """Which node to visit next (D2, D6). None: nothing is left. ``width`` caps the actions taken up per
    visit."""

    @property
    def name(self) -> str: ...

    @property
    def width(self) -> int | None: ...

    def next(self, tree: Tree) -> Node | None: ...


class Journal(Protocol):
    """The append-only record of every effect of one run.

    ``effect`` returns the recorded answer for this (kind, request), or performs it once and records the
    answer before returning it. Thread-safe. ``note`` records a decision; when a resumed or replayed run
    takes another decision than the recorded one it raises :class:`agent.errors.JournalDiverged`.
    """

    def effect(self, kind: str, request: JsonObject, perform: Callable[[], JsonObject]) -> JsonObject: ...

    def note(self, kind: str, body: JsonObject) -> None: ...


class Progress(Protocol):
    """Told what happens, for bars and live comments; must not raise."""

    def __call__(self, phase: str, detail: str = "", *, done: int = 0, total: int = 0) -> None: ...
