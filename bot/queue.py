"""The durable queue as the rest of the bot sees it: what is asked for, what becomes of it, one small port.

``bot.jobs`` implements the port; nothing here knows how. A job is asked for by a delivery, belongs to a
subject (one issue) and is *queued*, *running*, *done* (with an answer, whichever) or *failed* (the machinery
broke). While a subject has a job that is queued or running no second one is made for it; a delivery seen
before gets the job it got then, unless that one failed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any, Protocol

from pydantic import TypeAdapter


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A comment that may answer an open question, frozen as it was written. Whether its author may answer is
    looked up by the job."""

    delivery: str
    installation: int
    repository_id: int
    issue: int
    comment: int  # its id
    author: str
    text: str

    @property
    def subject(self) -> str:
        return _subject(self.installation, self.repository_id, self.issue)


def _subject(installation: int, repository: int, issue: int) -> str:
    return f"{installation}/{repository}/issue/{issue}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRequest:
    """One labelled issue, frozen as it was when labelled: later edits of it change nothing (threat 7).

    With a ``reply`` it is the same request again: the run of an earlier job, ``run``, goes on with it.
    """

    delivery: str  # GUID of the delivery; a redelivery has the same one
    installation: int
    repository_id: int
    repository: str  # "owner/name"
    issue: int
    title: str
    body: str
    author: str  # who wrote the issue
    sender: str  # who put the label on it: whose permission counts
    label: str
    asked_at: str = ""  # the issue's updated_at
    run: str = ""  # the job whose run this one goes on with; empty: its own
    reply: Reply | None = None

    @property
    def subject(self) -> str:
        """What there is one job at a time for."""
        return _subject(self.installation, self.repository_id, self.issue)

    @property
    def first(self) -> TaskRequest:
        """As it was before any question: what a run's journal belongs to."""
        return replace(self, run="", reply=None)


class JobState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"

    @property
    def active(self) -> bool:
        return self in (JobState.QUEUED, JobState.RUNNING)


class Ending(StrEnum):
    """How a job that is done ended; exactly one."""

    SOLVED = "solved"
    UNSOLVED = "unsolved"
    UNRUNNABLE = "unrunnable"
    REFUSED = "refused"  # whoever asked may not
    HELD_BACK = "held back"  # somebody else's work would have been overwritten
    CANCELLED = "cancelled"
    ASKING = "asking"  # a question is open; the answer asks for the job again


@dataclass(frozen=True, slots=True, kw_only=True)
class JobResult:
    """What is kept of a finished job. Nothing in it is secret: the run's page shows it."""

    ending: Ending
    summary: str
    pull_request: str = ""  # URL


@dataclass(frozen=True, slots=True, kw_only=True)
class JobView:
    """What can be seen of a job. ``starts`` counts how often a worker took it up."""

    job_id: str
    state: JobState
    request: TaskRequest
    starts: int = 0
    cancelling: bool = False
    result: JobResult | None = None
    error: str = ""  # one line for whoever may see the run's page
    created: float = 0.0
    updated: float = 0.0

    @property
    def run(self) -> str:
        """Whose journal is that of this job: its own, or that of the run that it goes on with."""
        return self.request.run or self.job_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Enqueued:
    job_id: str
    new: bool


class Halt(StrEnum):
    """Why a running job is to stop."""

    CANCELLED = "cancelled"  # somebody asked: tell the issue and end
    INTERRUPTED = "interrupted"  # this worker goes away or lost the job: say nothing, another start goes on


Halted = Callable[[], Halt | None]


class Interrupted(Exception):
    """A job stopped because its worker goes away; it will be taken up again where it was."""


class JobFailed(Exception):
    """A job broke for good. The message is one line that anybody may read; causes are chained."""


class QueueUnavailable(Exception):
    """The queue's database does not answer: nothing was accepted."""


class RunJob(Protocol):
    """Does one job. Called again with the same job id after a kill; must then go on where it was.

    Raises Interrupted when halted so, JobFailed when it gives up; ``start`` counts from 1.
    """

    def __call__(self, job_id: str, request: TaskRequest, halted: Halted, start: int, /) -> JobResult: ...


class Jobs(Protocol):
    """The port. All of it may be called from any thread; ``enqueue`` is durable when it returns."""

    def enqueue(self, request: TaskRequest) -> Enqueued:
        """Raises QueueUnavailable when the job could not be written down."""
        ...

    def reply(self, reply: Reply) -> Enqueued | None:
        """The job that goes on with a reply; None when no question is open for its issue. Durable, as
        ``enqueue``."""
        ...

    def status(self, job_id: str) -> JobView | None: ...

    def cancel(self, job_id: str) -> bool:
        """Ask a queued or running job to stop; False when there is none such."""
        ...

    def launch(self) -> None: ...

    def shutdown(self, timeout: float) -> None:
        """Stop taking jobs, interrupt the running ones, wait for them at most so long (seconds)."""
        ...


_REPLY: TypeAdapter[Reply] = TypeAdapter(Reply)
_REQUEST: TypeAdapter[TaskRequest] = TypeAdapter(TaskRequest)
_RESULT: TypeAdapter[JobResult] = TypeAdapter(JobResult)


def request_to_json(request: TaskRequest) -> dict[str, Any]:
    """Without what is not there: requests look as they did before there were replies."""
    values = asdict(request)
    if request.reply is None:
        del values["reply"], values["run"]
    return values


def reply_to_json(reply: Reply) -> dict[str, Any]:
    return asdict(reply)


def reply_from_json(value: object) -> Reply:
    return _REPLY.validate_python(value)


def request_from_json(value: object) -> TaskRequest:
    return _REQUEST.validate_python(value)


def result_to_json(result: JobResult) -> dict[str, Any]:
    return asdict(result)


def result_from_json(value: object) -> JobResult:
    return _RESULT.validate_python(value)
