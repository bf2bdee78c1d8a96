"""What is known of every job, in three tables beside the queue's own and in the same database.

The tables decide what the queue itself cannot: which job a delivery got, that a subject has one job at a
time, whose turn it is, that somebody asked a running job to stop, and how it ended. A job's row and its place
in the queue are written in one transaction, and there is one transaction that writes at a time, whatever
process it is of: what a decision was made from still holds when it is written down.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as WaitedInVain

from bot.jobs import turns
from bot.jobs.tables import (
    ACTIVE,
    OPEN,
    asking,
    belongs,
    deliveries,
    job_of,
    job_with,
    jobs,
    last_of,
    prepare,
    replies,
    view_of,
)
from bot.jobs.turns import Lane, PutInQueue
from bot.queue import (
    WAITS,
    Ending,
    Enqueued,
    JobResult,
    JobState,
    JobView,
    Kind,
    Parallel,
    QueueUnavailable,
    Reply,
    TaskRequest,
    reply_from_json,
    reply_to_json,
    request_to_json,
    result_to_json,
)

Accepted = TypeVar("Accepted")

_WRITER: Final = int.from_bytes(b"codeagnt")
"""Names the advisory lock of PostgreSQL that makes writers take turns, as SQLite's do."""

_DROPPED: Final = JobResult(ending=Ending.CANCELLED, summary="stopped before its turn came")

WRITER_SECONDS = 5
"""How long to wait for SQLite's one writer; GitHub waits ten for an answer, and a 503 must still reach it."""

_RACES = (
    10  # each lost race means that another delivery got its job meanwhile, so two rounds are already rare
)


def open_engine(url: str) -> sa.Engine:
    """An engine for SQLite ("sqlite:///path") or PostgreSQL ("postgresql://…")."""
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "sqlite":
        engine = sa.create_engine(parsed)
        sa.event.listen(engine, "connect", _prepare_sqlite)
        return engine
    # Five seconds: GitHub waits ten for an answer, and a 503 must still reach it.
    timeouts = {"connect_timeout": 5, "options": "-c statement_timeout=5000"}
    return sa.create_engine(
        parsed.set(drivername="postgresql+psycopg"), pool_pre_ping=True, connect_args=timeouts
    )


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = "IMMEDIATE"  # writers queue up instead of failing half-way
    connection.execute(f"PRAGMA busy_timeout={WRITER_SECONDS * 1000}")
    connection.execute("PRAGMA journal_mode=WAL")  # persists in the file; the default is several times slower


class JobStore:
    """Every method is one transaction; SQLAlchemy's errors come out as they are but for :meth:`enqueue`."""

    def __init__(
        self,
        engine: sa.Engine,
        clock: Callable[[], float] = time.time,
        *,
        parallel: Parallel | None = None,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._parallel = parallel or Parallel()
        self._turn = threading.Lock() if engine.dialect.name == "sqlite" else None

    def create_tables(self) -> None:
        """The caller makes sure that one process at a time does this."""
        with self._engine.begin() as connection:
            prepare(connection)

    # --- Asking -------------------------------------------------------------------------------------------

    def enqueue(self, request: TaskRequest, put_in_queue: PutInQueue) -> Enqueued:
        """The job for this delivery: the one it had, the one its subject has now, or a new one; it may have
        to wait."""
        return self._accepted(lambda connection: self._enqueue(connection, request, put_in_queue))

    def reply(self, reply: Reply, put_in_queue: PutInQueue) -> Enqueued | None:
        """The job that goes on with this reply: a new one for a question that is open; the one that looks at
        an earlier reply, after which this one has its turn. None: nothing was asked."""
        return self._accepted(lambda connection: self._reply(connection, reply, put_in_queue))

    def _accepted(self, transaction: Callable[[sa.Connection], Accepted]) -> Accepted:
        try:
            for _ in range(_RACES):
                try:
                    with self._writing() as connection:
                        return transaction(connection)
                except IntegrityError:
                    continue  # somebody else was faster: look again
        except SQLAlchemyError as error:
            raise QueueUnavailable(f"{type(error).__name__} while a job was written down") from error
        raise QueueUnavailable("too many deliveries at once for one issue")

    def _enqueue(self, connection: sa.Connection, request: TaskRequest, put_in_queue: PutInQueue) -> Enqueued:
        known = job_of(connection, request.delivery)
        if known is not None and known.state != JobState.FAILED:
            return Enqueued(job_id=known.job_id, new=False)
        same = None if request.kind.in_line else _same(connection, request)
        if same is not None:
            belongs(connection, request.delivery, same)
            return Enqueued(job_id=same, new=False)
        job_id = self._insert(connection, request, put_in_queue)
        belongs(connection, request.delivery, job_id)
        return Enqueued(job_id=job_id, new=True)

    def _reply(self, connection: sa.Connection, reply: Reply, put_in_queue: PutInQueue) -> Enqueued | None:
        known = job_of(connection, reply.delivery)
        if known is not None and known.state != JobState.FAILED:
            return Enqueued(job_id=known.job_id, new=False)
        last = last_of(connection, reply.subject)
        if last is None:
            return None
        if last.state.active:
            if last.request.reply is None and not _asks(connection, last.job_id):
                return None  # it works on the issue and has asked nothing yet
            belongs(connection, reply.delivery, last.job_id)
            waiting = {"subject": reply.subject, "reply": json.dumps(reply_to_json(reply))}
            connection.execute(replies.insert().values(waiting))
            return Enqueued(job_id=last.job_id, new=False)
        again = known is not None and known.job_id == last.job_id  # redelivered, since its job failed
        if not again and (last.result is None or last.result.ending is not Ending.ASKING):
            return None
        job_id = self._go_on(connection, last, reply, put_in_queue)
        return Enqueued(job_id=job_id, new=True)

    def _go_on(
        self, connection: sa.Connection, asked: JobView, reply: Reply, put_in_queue: PutInQueue
    ) -> str:
        """A new job for the same run."""
        job_id = self._insert(connection, replace(asked.request, run=asked.run, reply=reply), put_in_queue)
        belongs(connection, reply.delivery, job_id)
        return job_id

    def _insert(self, connection: sa.Connection, request: TaskRequest, put_in_queue: PutInQueue) -> str:
        job_id = secrets.token_hex(16)  # unguessable: it is also the address of the run's page
        now = self._clock()
        connection.execute(
            jobs.insert().values(
                job_id=job_id,
                subject=request.subject,
                state=JobState.WAITING.value,
                request=json.dumps(request_to_json(request)),
                kind=request.kind.value,
                installation=request.installation,
                repository=request.repository_id,
                created=turns.next_place(connection, request.subject, now),
                updated=now,
            )
        )
        if request.kind is Kind.ERRAND:
            turns.queue(connection, job_id, Lane.ERRANDS, put_in_queue)
        else:
            turns.give_turns(connection, self._parallel, put_in_queue)
        return job_id

    # --- Stopping -----------------------------------------------------------------------------------------

    def request_cancel(self, job_id: str, put_in_queue: PutInQueue) -> bool:
        """One that waits behind another is over with that; any other notices it and tells people."""
        with self._writing() as connection:
            view = job_with(connection, job_id)
            if view is None or not view.state.active:
                return False
            if view.state is JobState.WAITING and _open(connection, view.request.subject) != job_id:
                self._drop(connection, jobs.c.job_id == job_id)
            else:
                self._cancel(connection, view, put_in_queue)
            return True

    def stop(self, subject: str, put_in_queue: PutInQueue) -> str | None:
        """Ask the subject's job to stop; what stands in line behind it is dropped."""
        with self._writing() as connection:
            first = _open(connection, subject)
            view = job_with(connection, first) if first else None
            if view is None:
                return None
            self._cancel(connection, view, put_in_queue)
            behind = (jobs.c.subject == subject, jobs.c.state == turns.WAITING)
            self._drop(connection, *behind)
            connection.execute(replies.delete().where(replies.c.subject == subject))
            return view.job_id

    def _cancel(self, connection: sa.Connection, view: JobView, put_in_queue: PutInQueue) -> None:
        mine = jobs.update().where(jobs.c.job_id == view.job_id)
        connection.execute(mine.values(cancelling=True, updated=self._clock()))
        if view.state is JobState.WAITING:  # it has nothing to do but to say so, for which it need not wait
            turns.queue(connection, view.job_id, Lane.ERRANDS, put_in_queue)

    def _drop(self, connection: sa.Connection, *where: sa.ColumnElement[bool]) -> None:
        dropped = {
            "state": JobState.DONE.value,
            "result": json.dumps(result_to_json(_DROPPED)),
            "updated": self._clock(),
        }
        connection.execute(jobs.update().where(*where).values(dropped))

    # --- Looking ------------------------------------------------------------------------------------------

    def view(self, job_id: str) -> JobView | None:
        with self._engine.connect() as connection:
            return job_with(connection, job_id)

    def latest(self, subject: str) -> JobView | None:
        with self._engine.connect() as connection:
            return last_of(connection, subject)

    def ahead(self, job_id: str) -> int:
        with self._engine.connect() as connection:
            return turns.ahead(connection, job_id)

    def active(self) -> tuple[str, ...]:
        """Those that the queue must have."""
        return self._ids(jobs.c.state.in_(ACTIVE))

    def notice(self, job_id: str) -> str:
        """The errand that says that this job waits; empty: none was sent."""
        with self._engine.connect() as connection:
            return connection.execute(sa.select(jobs.c.notice).where(jobs.c.job_id == job_id)).scalar() or ""

    def census(self) -> tuple[tuple[str, str, int, float], ...]:
        """Of the jobs that are not over: kind, state, how many, and when the oldest was asked for."""
        counted = sa.select(jobs.c.kind, jobs.c.state, sa.func.count(), sa.func.min(jobs.c.created))
        with self._engine.connect() as connection:
            found = connection.execute(
                counted.where(jobs.c.state.in_(OPEN)).group_by(jobs.c.kind, jobs.c.state)
            )
            return tuple((kind, state, number, since) for kind, state, number, since in found)

    def busy_runs(self) -> frozenset[str]:
        """Runs that a job belongs to which is not over."""
        with self._engine.connect() as connection:
            rows = connection.execute(sa.select(jobs).where(jobs.c.state.in_(OPEN))).all()
        return frozenset(view_of(row).run for row in rows)

    def cancelling(self, job_ids: Sequence[str]) -> frozenset[str]:
        return frozenset(self._ids(jobs.c.job_id.in_(job_ids), jobs.c.cancelling))

    def disowned(self, job_ids: Sequence[str], owner: str) -> frozenset[str]:
        """Those of the jobs that another worker has taken over."""
        return frozenset(self._ids(jobs.c.job_id.in_(job_ids), jobs.c.owner != owner))

    def _ids(self, *where: sa.ColumnElement[bool]) -> tuple[str, ...]:
        with self._engine.connect() as connection:
            return tuple(connection.execute(sa.select(jobs.c.job_id).where(*where)).scalars())

    # --- Forgetting ---------------------------------------------------------------------------------------

    def ended_before(self, moment: float, at_most: int) -> tuple[str, ...]:
        over = (jobs.c.state.not_in(OPEN), jobs.c.updated < moment)
        with self._engine.connect() as connection:
            return tuple(connection.execute(sa.select(jobs.c.job_id).where(*over).limit(at_most)).scalars())

    def forget(self, job_ids: Sequence[str]) -> None:
        with self._writing() as connection:
            connection.execute(deliveries.delete().where(deliveries.c.job_id.in_(job_ids)))
            connection.execute(jobs.delete().where(jobs.c.job_id.in_(job_ids)))

    def send_notices(self, seconds: float, put_in_queue: PutInQueue) -> tuple[str, ...]:
        """An errand for each job that has waited so long without a word; the jobs."""
        told = (Kind.FIX.value, Kind.EXPLAIN.value)
        long = (
            jobs.c.state.in_((JobState.WAITING.value, JobState.QUEUED.value)),
            jobs.c.created < self._clock() - seconds,
            jobs.c.notice == "",
            jobs.c.kind.in_(told),
        )
        if not self._ids(*long):
            return ()
        with self._writing() as connection:
            waiting = [view_of(row) for row in connection.execute(sa.select(jobs).where(*long)).all()]
            for view in waiting:
                errand = replace(
                    view.request,
                    kind=Kind.ERRAND,
                    command=WAITS,
                    about=view.request.subject,
                    delivery=f"{WAITS}-{view.job_id}",
                    run="",
                    reply=None,
                )
                sent = self._insert(connection, errand, put_in_queue)
                mine = jobs.update().where(jobs.c.job_id == view.job_id)
                connection.execute(mine.values(notice=sent))
        return tuple(view.job_id for view in waiting)

    # --- Working ------------------------------------------------------------------------------------------

    def give_turns(self, put_in_queue: PutInQueue) -> tuple[str, ...]:
        """To those that wait and may go now: needed when the caps were raised."""
        if not self._ids(jobs.c.state == turns.WAITING):
            return ()
        with self._writing() as connection:
            return turns.give_turns(connection, self._parallel, put_in_queue)

    def start(self, job_id: str, owner: str) -> JobView | None:
        """Take a job up. None when it does not exist; its view when it has ended already."""
        with self._update(jobs.c.job_id == job_id, jobs.c.state.in_(ACTIVE)) as change:
            change(state=JobState.RUNNING.value, owner=owner, starts=jobs.c.starts + 1)
        return self.view(job_id)

    def asks(self, job_id: str) -> None:
        """From now on, comments may be answers: they wait until the job is over."""
        with self._writing() as connection:
            if not _asks(connection, job_id):
                connection.execute(asking.insert().values(job_id=job_id))

    def interrupted(self, job_id: str, owner: str) -> None:
        """The worker goes away on purpose: that does not count as a start."""
        with self._update(jobs.c.job_id == job_id, jobs.c.owner == owner, jobs.c.starts > 0) as change:
            change(starts=jobs.c.starts - 1)

    def finish(self, job_id: str, owner: str, result: JobResult, put_in_queue: PutInQueue) -> None:
        """If its question is still open, the next reply that came meanwhile has its turn; then whoever else
        waits for one."""
        done = {
            "state": JobState.DONE.value,
            "result": json.dumps(result_to_json(result)),
            "updated": self._clock(),
        }
        mine = (jobs.c.job_id == job_id, jobs.c.owner == owner)
        with self._writing() as connection:
            if not connection.execute(jobs.update().where(*mine).values(done)).rowcount:
                return
            connection.execute(asking.delete().where(asking.c.job_id == job_id))
            view = job_with(connection, job_id)
            if view is None:
                return
            if result.ending is not Ending.REFUSED and not view.request.kind.in_line:
                _take_for(connection, view)
            waiting = replies.c.subject == view.request.subject
            first = connection.execute(sa.select(replies).where(waiting).order_by(replies.c.number)).first()
            if first is not None and result.ending is Ending.ASKING:
                waiting = replies.c.number == first.number
                self._go_on(connection, view, reply_from_json(json.loads(first.reply)), put_in_queue)
            connection.execute(replies.delete().where(waiting))
            turns.give_turns(connection, self._parallel, put_in_queue)

    def fail(self, job_id: str, error: str, put_in_queue: PutInQueue, *, owner: str | None = None) -> None:
        """Without an owner: whoever has it (the queue lost it). Whoever waits for its end has a turn."""
        fence = () if owner is None else (jobs.c.owner == owner,)
        with self._writing() as connection:
            mine = (jobs.c.job_id == job_id, jobs.c.state.in_(ACTIVE), *fence)
            failed = {"state": JobState.FAILED.value, "error": error[:500], "updated": self._clock()}
            if connection.execute(jobs.update().where(*mine).values(failed)).rowcount:
                subject = sa.select(jobs.c.subject).where(jobs.c.job_id == job_id).scalar_subquery()
                connection.execute(replies.delete().where(replies.c.subject == subject))
                turns.give_turns(connection, self._parallel, put_in_queue)

    @contextmanager
    def _update(self, *where: sa.ColumnElement[bool]) -> Iterator[Callable[..., bool]]:
        """Gives a function that changes the matching row and says whether there was one."""
        with self._writing() as connection:

            def change(**values: object) -> bool:
                statement = jobs.update().where(*where).values(updated=self._clock(), **values)
                return connection.execute(statement).rowcount > 0

            yield change

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A transaction for what is kept beside the jobs."""
        with self._writing() as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        """One transaction that writes. SQLite has one writer, and whoever finds it taken sleeps up to 100 ms,
        each time. So this process's threads queue up before it: with 40 of them the longest wait fell from
        1.2 s to 0.3 s, and a third more were written."""
        if self._turn is not None and not self._turn.acquire(timeout=WRITER_SECONDS):
            raise WaitedInVain(f"the database was busy for {WRITER_SECONDS} s")
        try:
            with self._engine.begin() as connection:
                if self._turn is None:
                    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_WRITER)))
                else:  # now, and not at the first write: what is read before that must hold as well
                    connection.exec_driver_sql("BEGIN IMMEDIATE")
                yield connection
        finally:
            if self._turn is not None:
                self._turn.release()


def _asks(connection: sa.Connection, job_id: str) -> bool:
    return connection.execute(sa.select(asking).where(asking.c.job_id == job_id)).first() is not None


def _same(connection: sa.Connection, request: TaskRequest) -> str | None:
    """The open job that this request is taken for. Not one that somebody else asked for: it is refused when
    that one may not ask, and this request must not be refused with it. It waits, and is taken for that job
    when that was not refused."""
    where = (jobs.c.subject == request.subject, jobs.c.state.in_(OPEN))
    rows = connection.execute(sa.select(jobs).where(*where).order_by(jobs.c.created)).all()
    return next((row.job_id for row in rows if view_of(row).request.sender == request.sender), None)


def _take_for(connection: sa.Connection, done: JobView) -> None:
    """Whoever asked for the same meanwhile has it: their deliveries got this job."""
    where = (jobs.c.subject == done.request.subject, jobs.c.state == turns.WAITING)
    waiting = connection.execute(sa.select(jobs.c.job_id).where(*where)).scalars().all()
    if waiting:
        theirs = deliveries.update().where(deliveries.c.job_id.in_(waiting))
        connection.execute(theirs.values(job_id=done.job_id))
        connection.execute(jobs.delete().where(jobs.c.job_id.in_(waiting)))


def _open(connection: sa.Connection, subject: str) -> str | None:
    """The job of a subject that has its turn, or would have it first."""
    first = (jobs.c.state.in_(ACTIVE).desc(), jobs.c.created)
    mine = sa.select(jobs.c.job_id).where(jobs.c.subject == subject, jobs.c.state.in_(OPEN))
    return connection.execute(mine.order_by(*first).limit(1)).scalar()
