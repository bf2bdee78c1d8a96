"""Keeps what the engine came to: the job tells GitHub of it, the step tells the runner."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from agent.protocols import Journal, Progress
from agent.types import Outcome, Solved, Task
from bot.action.outputs import WorkflowLog
from bot.git.checkout import Change, Checkout, Checkouts, Person
from bot.ports import Repair

AUTHOR: Final = Person(name="CodeAgent", email="codeagent@users.noreply.github.com")
COMMIT_DATE: Final = 946_684_800  # 2000-01-01: the commit only serves to be compared with its parent
SAME_PHASE_SECONDS: Final = 10.0


@dataclass(kw_only=True)
class Recorder:
    """A ``bot.ports.Repair`` around the engine's. ``patch`` is where a solution's patch is written, while the
    base commit's objects are still there."""

    inner: Repair
    checkouts: Checkouts
    log: WorkflowLog
    patch: Path
    test_command: tuple[str, ...] = ()
    task: Task | None = field(default=None, init=False)
    outcome: Outcome | None = field(default=None, init=False)

    def __call__(
        self, task: Task, tree: Path, journal: Journal, *, progress: Progress, **how: Any
    ) -> Outcome:
        self.task = replace(task, test_command=self.test_command or task.test_command)
        shown = _Both(progress, Phases(self.log))
        try:
            self.outcome = self.inner(self.task, tree, journal, progress=shown, **how)
        finally:
            self.log.end_group()
        if isinstance(self.outcome, Solved):
            self._write_patch(
                self.outcome, Checkout(git_dir=tree.parent / "repository.git", commit=task.base)
            )
        return self.outcome

    def _write_patch(self, solved: Solved, checkout: Checkout) -> None:
        tests = {test.path: test.content.encode() for test in solved.tests}
        change = Change(
            files={**solved.patch.overlay, **tests},
            message="CodeAgent",
            author=AUTHOR,
            committer=AUTHOR,
            date=COMMIT_DATE,
        )
        self.patch.parent.mkdir(parents=True, exist_ok=True)
        self.patch.write_bytes(self.checkouts.diff(checkout, self.checkouts.commit(checkout, change)))


@dataclass(frozen=True, slots=True)
class _Both:
    first: Progress
    second: Progress

    def __call__(self, phase: str, detail: str = "", *, done: int = 0, total: int = 0) -> None:
        self.first(phase, detail, done=done, total=total)
        self.second(phase, detail, done=done, total=total)


class Phases:
    """An ``agent.protocols.Progress`` that makes a group of lines of each phase."""

    def __init__(self, log: WorkflowLog) -> None:
        self._log = log
        self._phase = ""
        self._last = 0.0

    def __call__(self, phase: str, detail: str = "", *, done: int = 0, total: int = 0) -> None:
        now = time.monotonic()
        if phase != self._phase:
            self._phase = phase
            self._log.group(phase)
        elif now - self._last < SAME_PHASE_SECONDS:
            return
        self._last = now
        count = f"{done} of {total}" if total else ""
        if shown := ", ".join(part for part in (count, detail[:200]) if part):
            self._log.line(shown.replace("\n", " "))
