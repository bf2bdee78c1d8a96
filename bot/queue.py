"""The durable queue as the rest of the bot sees it: what is asked for, what becomes of it, one small port.

``bot.jobs`` implements the port; nothing here knows how. A job is asked for by a delivery, belongs to a
subject (one issue, one branch with a failing check, one pull request under review) and is *waiting*,
*queued*, *running*, *done* (with an answer, whichever) or *failed* (the machinery broke). While a subject has
a job that is not over no second one is made for it: a further request stands in line if it is of a kind that
does, and is taken for the same one otherwise. A delivery seen before gets the job it got then, unless that
one failed.

A job waits while its subject has another one that runs, or while as many run as the operator lets run at once
(:class:`Parallel`); then it is queued, and the next free worker takes it. Errands never wait, and have
workers of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
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


WAITS = "waits"
"""The command of an errand that the queue sends: say where a job belongs that it has to wait. No comment's
words make it."""


class Kind(StrEnum):
    """What a job is asked to do; each has a file in ``bot.work``."""

    FIX = "fix"  # an issue, up to one pull request
    EXPLAIN = "explain"  # an issue: reproduce and localise, change nothing, say what was seen
    CHECK = "check"  # a failing check, up to one pull request (or a comment with the patch, for a fork)
    REVIEW = "review"  # what a reviewer wrote on a pull request of ours: a commit or an explanation
    ERRAND = "errand"  # a command that is answered at once: help, status, stop

    @property
    def in_line(self) -> bool:
        """Whether a second request for a busy subject waits for its turn, because it says something else."""
        return self is Kind.REVIEW


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedCheck:
    """A check that failed, as the delivery named it. What is not known is 0 or empty."""

    sha: str = ""  # the commit that it failed on; empty: whatever the pull request's head is (a command)
    branch: str = ""
    fork: str = ""  # "owner/name" of the repository that the head lies in, when it is another one
    pull: int = 0  # the pull request; 0: none, a branch of the repository itself
    name: str = ""  # of the check run, check suite's App or workflow
    check_run: int = 0
    check_suite: int = 0
    workflow_run: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewNote:
    """What a reviewer wrote, frozen as it was written. ``comment`` 0: the text of a whole review."""

    pull: int
    head_sha: str  # of the pull request when it was written
    review: int = 0  # its id
    comment: int = 0  # id of the review comment that is to be answered
    thread: int = 0  # id of the thread's first comment; the comment's own if it is the first
    path: str = ""
    line: int = 0  # last line commented on, in the file as the pull request has it; 0: the whole file
    start_line: int = 0  # first line, when there are several
    hunk: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRequest:
    """What is asked for, frozen as it was then: later edits of it change nothing (threat 7).

    ``issue`` is the number of the issue or pull request where the answer belongs, 0 when there is neither;
    ``title``, ``body`` and ``author`` are those of the issue (of the review comment for a REVIEW).
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
    sender: str  # who asked (put the label on it, commented): whose permission counts
    label: str
    asked_at: str = ""  # the issue's updated_at
    run: str = ""  # the job whose run this one goes on with; empty: its own
    reply: Reply | None = None
    kind: Kind = Kind.FIX
    command: str = ""  # of an ERRAND: "help", "status" or "stop"
    comment: int = 0  # id of the issue comment that asked, if one did
    about: str = ""  # subject of the one job that an ERRAND is about; empty: all of the issue's
    again: bool = False  # asked for once more: an earlier pull request that was closed is no longer a no
    sender_id: int = 0  # the sender's number at GitHub; 0: not known
    actors: tuple[str, ...] = ()  # whose permission counts besides the sender's
    check: FailedCheck | None = None
    note: ReviewNote | None = None

    @property
    def subject(self) -> str:
        """What there is one job at a time for."""
        match self.kind:
            case Kind.FIX:
                return _subject(self.installation, self.repository_id, self.issue)
            case Kind.EXPLAIN:
                return f"{_subject(self.installation, self.repository_id, self.issue)}/explain"
            case Kind.CHECK:
                return f"{self.installation}/{self.repository_id}/check/{self._checked}"
            case Kind.REVIEW:
                return f"{self.installation}/{self.repository_id}/pull/{self.issue}"
            case Kind.ERRAND:
                return f"{self.installation}/{self.repository_id}/errand/{self.delivery}"

    @property
    def _checked(self) -> str:
        check = self.check or FailedCheck()
        return f"pull/{check.pull}" if check.pull else f"branch/{check.branch or check.sha}"

    @property
    def first(self) -> TaskRequest:
        """As it was before any question: what a run's journal belongs to."""
        return replace(self, run="", reply=None)


class JobState(StrEnum):
    WAITING = "waiting"  # for its turn: see Parallel, and Kind.in_line
    QUEUED = "queued"  # for a worker
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"

    @property
    def active(self) -> bool:
        """Whether it is not over yet."""
        return self not in (JobState.DONE, JobState.FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parallel:
    """How many jobs have their turn at once, errands aside; 0: as many as there are workers."""

    in_all: int = 0
    installation: int = 0
    repository: int = 0


class Ending(StrEnum):
    """How a job that is done ended; exactly one."""

    SOLVED = "solved"
    UNSOLVED = "unsolved"
    UNRUNNABLE = "unrunnable"
    REFUSED = "refused"  # whoever asked may not
    HELD_BACK = "held back"  # somebody else's work would have been overwritten
    CANCELLED = "cancelled"
    OVER_BUDGET = "over budget"  # a cap of the operator's or the repository's is reached for now
    ANSWERED = "answered"  # a command was, or an issue was explained
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
class Pending:
    """Jobs of one kind in one state that are not over. ``since``: when the oldest was asked for."""

    kind: Kind
    state: JobState
    number: int
    since: float


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

    def latest(self, subject: str) -> JobView | None:
        """The newest job of a subject, whatever became of it."""
        ...

    def ahead(self, job_id: str) -> int:
        """How many jobs that do not run yet have their turn before this one, and one more when its subject is
        busy; 0 for one that is next, runs or is over."""
        ...

    def stop(self, subject: str) -> str | None:
        """Ask the subject's job to stop and drop those that stand in line behind it, which are done then, as
        cancelled; the job's id, None when there is none. Raises QueueUnavailable."""
        ...

    def launch(self) -> None: ...

    def shutdown(self, timeout: float) -> None:
        """Stop taking jobs, interrupt the running ones, wait for them at most so long (seconds)."""
        ...


_REPLY: TypeAdapter[Reply] = TypeAdapter(Reply)
_REQUEST: TypeAdapter[TaskRequest] = TypeAdapter(TaskRequest)
_RESULT: TypeAdapter[JobResult] = TypeAdapter(JobResult)


def request_to_json(request: TaskRequest) -> dict[str, Any]:
    """Without what is not there: a request looks as it did before there were newer fields."""
    values = asdict(request)
    absent = [name for name in _NEWER if values[name] == _ABSENT[name]]
    if request.reply is not None:
        absent = [name for name in absent if name not in ("reply", "run")]
    return {name: value for name, value in values.items() if name not in absent}


_NEWER = (
    "run",
    "reply",
    "kind",
    "command",
    "comment",
    "about",
    "again",
    "sender_id",
    "actors",
    "check",
    "note",
)
_ABSENT = {field.name: field.default for field in fields(TaskRequest) if field.name in _NEWER}


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
