"""Whose turn it is: jobs wait, in the order in which they came, for their subject and for the caps.

Each function is a part of the caller's transaction, and the store has one such transaction at a time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from bot.jobs.tables import ACTIVE, jobs
from bot.queue import JobState, Kind, Parallel

WAITING = JobState.WAITING.value
_NO_ERRAND = jobs.c.kind != Kind.ERRAND.value


class Lane(StrEnum):
    """Which workers take a job: those for long ones, or those for what is answered at once."""

    WORK = "work"
    ERRANDS = "errands"


PutInQueue = Callable[[sa.Connection, str, Lane], None]
"""Puts a job id into the queue within the given transaction."""


@dataclass(slots=True)
class _Turns:
    """What has its turn now; changes as turns are given."""

    caps: Parallel
    installations: Counter[int] = field(default_factory=Counter)
    repositories: Counter[tuple[int, int]] = field(default_factory=Counter)
    subjects: set[str] = field(default_factory=set)

    def take(self, job: Any) -> None:
        self.installations[job.installation] += 1
        self.repositories[job.installation, job.repository] += 1
        self.subjects.add(job.subject)

    def allow(self, job: Any) -> bool:
        caps = self.caps
        return (
            job.subject not in self.subjects
            and _below(self.installations.total(), caps.in_all)
            and _below(self.installations[job.installation], caps.installation)
            and _below(self.repositories[job.installation, job.repository], caps.repository)
        )


def _below(number: int, cap: int) -> bool:
    return not cap or number < cap


def give_turns(connection: sa.Connection, caps: Parallel, put_in_queue: PutInQueue) -> tuple[str, ...]:
    """Queue every waiting job that may go now, the oldest first; their ids."""
    which = sa.select(jobs.c.job_id, jobs.c.subject, jobs.c.installation, jobs.c.repository)
    waiting = connection.execute(which.where(jobs.c.state == WAITING).order_by(jobs.c.created)).all()
    if not waiting:
        return ()
    turns = _Turns(caps)
    for job in connection.execute(which.where(jobs.c.state.in_(ACTIVE), _NO_ERRAND)):
        turns.take(job)
    chosen = []
    for job in waiting:
        if turns.allow(job):
            turns.take(job)
            queue(connection, job.job_id, Lane.WORK, put_in_queue)
            chosen.append(job.job_id)
    return tuple(chosen)


def queue(connection: sa.Connection, job_id: str, lane: Lane, put_in_queue: PutInQueue) -> None:
    connection.execute(jobs.update().where(jobs.c.job_id == job_id).values(state=JobState.QUEUED.value))
    put_in_queue(connection, job_id, lane)


def next_place(connection: sa.Connection, subject: str, now: float) -> float:
    """When a job of this subject was asked for: after those before it, whatever the servers' clocks say."""
    newest = sa.select(sa.func.max(jobs.c.created)).where(jobs.c.subject == subject)
    return max(now, (connection.execute(newest).scalar() or 0.0) + 1e-5)


def ahead(connection: sa.Connection, job_id: str) -> int:
    mine = connection.execute(sa.select(jobs).where(jobs.c.job_id == job_id)).first()
    pending = (WAITING, JobState.QUEUED.value)
    if mine is None or mine.state not in pending or mine.kind == Kind.ERRAND.value:
        return 0
    older = (jobs.c.state.in_(pending), jobs.c.created < mine.created, _NO_ERRAND)
    number = connection.execute(sa.select(sa.func.count()).select_from(jobs).where(*older)).scalar() or 0
    runs = (jobs.c.subject == mine.subject, jobs.c.state == JobState.RUNNING.value)
    busy = connection.execute(sa.select(jobs.c.job_id).where(*runs)).first() is not None
    return number + busy
