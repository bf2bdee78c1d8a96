"""A finished run again, from its journal alone: no sandbox, no model, no checkout, and the same Outcome."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from agent.codec import decode
from agent.errors import JournalDiverged
from agent.journal import ReplayJournal
from agent.run import Services, repair
from agent.types import Outcome, Task
from sandbox import Sandbox, Sandboxes, SandboxSpec

NOWHERE = Path("/nonexistent")


class NoSandboxes:
    """In the place of Sandboxes while a journal answers."""

    name = "none"
    python = "none"
    identity = "none"

    def open(self, spec: SandboxSpec) -> AbstractContextManager[Sandbox]:
        raise JournalDiverged(f"a replay asked for a sandbox ({spec.label}): the journal is not complete")


def replay(path: Path, services: Services) -> Outcome:
    """The Outcome of a finished run. Raises JournalDiverged when the journal is not complete, or was made by
    parts that decide otherwise than those in ``services`` (its sandboxes and cache are not used),
    JournalCorrupt when it cannot be read.
    """
    journal = ReplayJournal(path)
    sandboxes: Sandboxes = NoSandboxes()
    task = decode(Task, journal.header.task)
    outcome = repair(task, NOWHERE, replace(services, sandboxes=sandboxes, cache=NOWHERE), journal)
    if journal.resumed:
        _incomplete(path)
    return outcome


def _incomplete(path: Path) -> NoReturn:
    raise JournalDiverged(f"{path} holds more than the replay came to: it was made by another version")
