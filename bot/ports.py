"""What a job needs of the world, as Protocols and one frozen value that the wiring (``bot.serve``) fills."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from agent.journal import FileJournal
from agent.protocols import Journal, JsonObject, Progress
from agent.types import Outcome, Question, Task
from bot.budgets import Cap, NoPurse, Purse
from bot.forge import Forges, GitAccess, RepositoryRef
from bot.git.checkout import Checkout
from bot.git.tree_export import Export
from bot.queue import JobView
from bot.repo_config import RepoConfig, Terms


class Repair(Protocol):
    """The engine (``agent.run.repair``) with everything wired that does not change from job to job."""

    def __call__(
        self,
        task: Task,
        tree: Path,
        journal: Journal,
        *,
        config: RepoConfig,
        progress: Progress,
        cancelled: Callable[[], bool],
        answers: Callable[[Question], str | None],
    ) -> Outcome: ...


class Git(Protocol):
    """What is used of ``bot.git.checkout.Checkouts``."""

    def clone(self, access: GitAccess, sha: str, directory: Path) -> Checkout: ...

    def export(self, checkout: Checkout, directory: Path) -> Export: ...


class OpenJournal(Protocol):
    def __call__(self, path: Path, *, run: str, task: JsonObject) -> AbstractContextManager[Journal]: ...


class Control(Protocol):
    """What a command may look at and do in the queue (``bot.queue.Jobs``)."""

    def latest(self, subject: str, /) -> JobView | None: ...

    def ahead(self, job_id: str, /) -> int: ...

    def stop(self, subject: str, /) -> str | None: ...


class NoControl:
    """Where there is no queue, as in a workflow: the job that runs is the only one."""

    def latest(self, _subject: str, /) -> JobView | None:
        return None

    def ahead(self, _job_id: str, /) -> int:
        return 0

    def stop(self, _subject: str, /) -> str | None:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """``run_url`` gives the address of a run's page (empty: there is none). ``answer_refused`` says whether
    somebody who may not ask is told so; by default nothing happens. ``wait`` sleeps so many seconds. ``asks``
    is told the id of a job that is about to post a question. ``purse`` keeps what runs have spent, ``caps``
    are the operator's, and ``observe`` is told of each new effect of the engine (kind, answer). ``terms`` are
    what the operator allows; ``organisation`` reads the defaults of its owner, if any."""

    forges: Forges
    git: Git
    repair: Repair
    data: Path
    clock: Callable[[], float]
    wait: Callable[[float], None]
    redact: Callable[[str], str]
    run_url: Callable[[str], str] = lambda _run: ""
    open_journal: OpenJournal = FileJournal
    answer_refused: bool = False
    asks: Callable[[str], None] = lambda _job: None
    purse: Purse = field(default_factory=NoPurse)
    caps: tuple[Cap, ...] = ()
    observe: Callable[[str, JsonObject], None] = lambda _kind, _answer: None
    terms: Terms = field(default_factory=Terms)
    organisation: Callable[[RepositoryRef], bytes | None] = lambda _repository: None
    control: Control = field(default_factory=NoControl)
    max_starts: int = 20

    def run_directory(self, job_id: str) -> Path:
        return self.data / "runs" / job_id
