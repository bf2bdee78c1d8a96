"""The toy repository with two repairs that pass everything and differ on what the issue does not mention."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from agent.clarify import Clarifier, LiteralClarifier
from agent.journal import MemoryJournal
from agent.protocols import Journal
from agent.run import repair
from agent.types import Action, AddTests, FailureSign, Outcome, Question, Task, TestFile
from tests.agent.support import (
    GOOD,
    TASK,
    Script,
    ToySandboxes,
    ToyWorkbench,
    action,
    edit,
    services,
)

THREE = "\n\ndef test_three():\n    assert unseen(3) == 3\n"
FOUR = "\n\ndef test_four():\n    assert unseen(4) == 8\n"
ZERO = 'from calc import sign, unseen\n\n\ndef test_zero():\n    assert sign(0) == 0, "zero"\n'
PATH = "tests/test_made.py"
WITNESS = "tests/test_made_witness.py"


def by_model(made: Action) -> Action:
    return replace(made, origin="model")


def made_tests(*extra: str) -> Action:
    """One file of a model: what reproduces the issue, and more that does not."""
    made = TestFile(
        path=PATH,
        content=ZERO + "".join(extra),
        verifies="sign(0) is 0.",
        sign=FailureSign(exception="AssertionError", fragment="zero"),
    )
    return by_model(action("tests", 1.0, AddTests(tests=(made,))))


KEEPS = by_model(action("keeps", 0.4, GOOD))
DOUBLES = by_model(action("doubles", 0.9, GOOD, edit(17, "    return x", "    return 2 * x")))
WRONG = by_model(action("wrong", 1.0, edit(12, "        return 1", "        return 5")))


def run(
    tree: Path,
    journal: Journal | None = None,
    *,
    extra: tuple[str, ...] = (THREE, FOUR),
    edits: tuple[Action, ...] = (WRONG, DOUBLES, KEEPS),
    sandboxes: ToySandboxes | None = None,
    clarifier: Clarifier | None = None,
    answers: Callable[[Question], str | None] = lambda _question: None,
    task: Task = TASK,
    parts: Script | None = None,
    **changes: Any,
) -> Outcome:
    sandboxes = sandboxes or ToySandboxes()
    parts = parts or Script(tests=(made_tests(*extra),), edits=edits)
    return repair(
        task,
        tree,
        services(sandboxes, parts, clarifier=clarifier, **changes),
        journal if journal is not None else MemoryJournal(),
        workbench=ToyWorkbench(tree, sandboxes),
        answers=answers,
    )


LITERAL = LiteralClarifier()


class Notes(MemoryJournal):
    """A journal whose notes can be looked at."""

    def __init__(self) -> None:
        super().__init__()
        self.bodies: list[tuple[str, dict]] = []

    def note(self, kind: str, body) -> None:
        self.bodies.append((kind, body))
        super().note(kind, body)

    def all(self, kind: str) -> list[dict]:
        return [body for each, body in self.bodies if each == kind]
