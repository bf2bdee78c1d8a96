"""Durable jobs on DBOS Transact: the only place that knows it, and what had to be known about it (3.4).

* Recovery at launch looks for the same executor id *and* application version only, and two processes with one
  id run a job twice. So: a fixed version, an id of its own for every process under a lock (``liveness``),
  and one way for all recovery: whoever finds a dead worker's lock free puts its jobs back into the queue.
* Deduplication ids are freed by a resume, and cancelling frees a job that still runs. So both live in
  ``bot.jobs.store``; DBOS keeps the queue.
* A cancel takes effect between steps only. So a running job is told through a flag that it watches.
* Values are pickled by default, and a row may ask for pickle: a writer of the database could run code here.
* The default poll of one second would also cap the throughput.
* A queue's concurrency is kept in its database: each process would get that of whoever started last.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NoReturn

import sqlalchemy as sa
import structlog
from dbos import DBOS, DBOSClient, DBOSConfig, DBOSPortableJSONSerializer
from dbos._dbos import _get_dbos_instance
from dbos._serialization import DefaultSerializer
from sqlalchemy.exc import SQLAlchemyError

from bot.jobs.flags import Abandoned, Flag, Running
from bot.jobs.liveness import FileLocks, Locks, PostgresLocks
from bot.jobs.store import JobStore, open_engine
from bot.jobs.turns import Lane
from bot.queue import (
    Enqueued,
    Halt,
    Interrupted,
    JobFailed,
    JobResult,
    JobState,
    JobView,
    Kind,
    Parallel,
    Pending,
    QueueUnavailable,
    Reply,
    RunJob,
    TaskRequest,
)
from bot.spending import Spending

APPLICATION: Final = "codeagent"
VERSION: Final = "1"  # fixed: DBOS would otherwise leave the jobs of another version alone for ever
QUEUES: Final[Mapping[Lane, str]] = {Lane.WORK: "codeagent-jobs", Lane.ERRANDS: "codeagent-errands"}
WORKFLOW: Final = "codeagent-job"
END_ATTEMPTS: Final = 5  # with up to 5 s for each and 15 s between them: a restart of the database
NOTICE_LOOKS: Final = 150  # half a minute
FORGOTTEN_AT_ONCE: Final = 200  # a short transaction: others wait for it
_PREPARING: Final = "preparing"

log = structlog.get_logger("bot.jobs.durable")


@dataclass(frozen=True, slots=True, kw_only=True)
class JobsConfig:
    """``database`` is an URL (the database must exist); empty means SQLite in ``data``. ``concurrency`` is
    the number of jobs at once in this process, 0: it does none; ``errands`` that of errands, beside them.
    ``parallel`` caps what all processes do together. ``max_starts`` bounds how often a job may take its
    worker down before it is given up. ``lost_seconds`` is how long a job may be this process's without
    running here: on a busy machine a thread needs its time to start. After ``notice_seconds`` of waiting it
    is said where a job belongs that it waits; 0: never."""

    data: Path
    database: str = field(default="", repr=False)
    concurrency: int = 1
    errands: int = 2
    parallel: Parallel = field(default_factory=Parallel)
    poll_seconds: float = 0.2
    watch_seconds: float = 1.0
    lost_seconds: float = 60.0
    notice_seconds: float = 0.0
    max_starts: int = 20

    @property
    def url(self) -> str:
        return self.database or f"sqlite:///{(self.data / 'jobs.sqlite').absolute()}"

    @property
    def at_once(self) -> Mapping[str, int]:
        """How many jobs of each queue run in this process; empty for one that only receives."""
        if not self.concurrency:
            return {}
        return {QUEUES[Lane.WORK]: self.concurrency, QUEUES[Lane.ERRANDS]: self.errands}


class DbosJobs:
    """The port ``bot.queue.Jobs``. One per process, as DBOS is."""

    def __init__(self, config: JobsConfig, run: RunJob) -> None:
        config.data.mkdir(parents=True, exist_ok=True, mode=0o700)  # what is asked for may be private
        self._config = config
        self._run = run
        self._engine = open_engine(config.url)
        self._store = JobStore(self._engine, parallel=config.parallel)
        self._locks: Locks = (
            FileLocks(Path(f"{self._engine.url.database}.workers"))
            if self._engine.dialect.name == "sqlite"
            else PostgresLocks(self._engine)
        )
        self._me = f"worker-{secrets.token_hex(8)}"
        self._running = Running()
        self._unseen: dict[str, float] = {}  # this worker's jobs that do not run here, and since when
        self._stopping = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="jobs-watch", daemon=True)
        self._client: DBOSClient | None = None

    # --- The port -----------------------------------------------------------------------------------------

    def enqueue(self, request: TaskRequest) -> Enqueued:
        self._check_open()
        return self._store.enqueue(request, self._put)

    def reply(self, reply: Reply) -> Enqueued | None:
        self._check_open()
        return self._store.reply(reply, self._put)

    def asks(self, job_id: str) -> None:
        """A running job is about to ask: comments from now on may be answers, and wait for its end."""
        self._store.asks(job_id)

    def _check_open(self) -> None:
        if self._client is None or self._stopping.is_set():
            raise QueueUnavailable("the job queue is not running")

    def _put(self, connection: sa.Connection, job_id: str, lane: Lane) -> None:
        self._queue.enqueue_in_transaction(
            connection,
            {
                "workflow_name": WORKFLOW,
                "queue_name": QUEUES[lane],
                "workflow_id": job_id,
                "app_version": VERSION,
            },
            job_id,
        )

    def status(self, job_id: str) -> JobView | None:
        with _database("a job was looked up"):
            return self._store.view(job_id)

    def cancel(self, job_id: str) -> bool:
        with _database("a job was cancelled"):
            if not self._store.request_cancel(job_id, self._put):
                return False
        self._running.halt([job_id], Halt.CANCELLED)
        return True

    def latest(self, subject: str) -> JobView | None:
        with _database("a subject was looked up"):
            return self._store.latest(subject)

    def ahead(self, job_id: str) -> int:
        with _database("the queue was looked at"):
            return self._store.ahead(job_id)

    def stop(self, subject: str) -> str | None:
        with _database("a job was stopped"):
            stopped = self._store.stop(subject, self._put)
        if stopped is not None:
            self._running.halt([stopped], Halt.CANCELLED)
        return stopped

    def pending(self) -> tuple[Pending, ...]:
        """What the queue holds."""
        with _database("the queue was counted"):
            return tuple(
                Pending(kind=Kind(kind), state=JobState(state), number=number, since=since)
                for kind, state, number, since in self._store.census()
            )

    def reachable(self) -> bool:
        """Whether a delivery would be accepted now."""
        try:
            self._check_open()
            self._store.census()
        except (QueueUnavailable, SQLAlchemyError):
            return False
        return True

    @property
    def purse(self) -> Spending:
        """The accounts of all runs, in the same database."""
        return Spending(self._store.writing)

    # --- Forgetting (bot.housekeeping.Kept) ---------------------------------------------------------------

    def busy_runs(self) -> frozenset[str]:
        with _database("runs were looked up"):
            return self._store.busy_runs()

    def forget(self, before: float) -> int:
        """Remove jobs that ended before, with what the queue knows of them; how many."""
        forgotten = 0
        with _database("old jobs were removed"):
            while old := self._store.ended_before(before, FORGOTTEN_AT_ONCE):
                self._queue.delete_workflows(list(old))
                self._store.forget(old)
                forgotten += len(old)
            self.purse.forget_old()
        return forgotten

    # --- Living -------------------------------------------------------------------------------------------

    def launch(self) -> None:
        _quiet_logs()
        _refuse_pickle()
        try:
            self._engine.connect().close()
        except SQLAlchemyError as error:
            raise QueueUnavailable(f"the job queue's database cannot be opened: {error}") from error
        # Before any job can be this worker's, or it would be taken for dead.
        if not self._locks.hold(self._me):
            raise QueueUnavailable("the job queue's database went away")
        with self._alone():
            self._store.create_tables()
            DBOS(config=self._dbos_config())
            DBOS.workflow(name=WORKFLOW)(self._as_workflow())
            DBOS.listen_queues(list(self._config.at_once))
            DBOS.launch()
            _own_concurrency(self._config.at_once)
            for queue, concurrency in self._config.at_once.items():
                DBOS.register_queue(
                    queue,
                    worker_concurrency=concurrency,
                    polling_interval_sec=self._config.poll_seconds,
                    on_conflict="always_update",
                )
        self._client = DBOSClient(
            system_database_engine=self._engine,
            serializer=DBOSPortableJSONSerializer(),
            application_name=APPLICATION,
            retry_connection_errors=False,  # a delivery that cannot be written down must be told so
        )
        self._watcher.start()

    def running(self) -> tuple[str, ...]:
        """The jobs that this process works on now."""
        return self._running.ids()

    def shutdown(self, timeout: float) -> None:
        self._stopping.set()
        self._running.halt_all(Halt.INTERRUPTED)
        if self._watcher.is_alive():
            self._watcher.join(timeout=30)
        # DBOS waits in whole seconds, and one at least.
        waits = max(1, round(timeout)) if self._running.ids() else 0
        DBOS.destroy(workflow_completion_timeout_sec=waits, destroy_registry=True)
        if self._client is not None:
            self._client.destroy()
            self._client = None
        self._locks.close()
        self._engine.dispose()

    def _dbos_config(self) -> DBOSConfig:
        return DBOSConfig(
            name=APPLICATION,
            system_database_url=self._config.url,
            application_version=VERSION,
            executor_id=self._me,
            serializer=DBOSPortableJSONSerializer(),
            enable_otlp=False,
            conductor_key=None,
            log_level="WARNING",
        )

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One process at a time prepares the database."""
        for _ in range(600):
            with self._locks.if_free(_PREPARING) as alone:
                if alone:
                    yield
                    break
            self._stopping.wait(0.1)
        else:
            raise QueueUnavailable("another process has been preparing the job queue for a minute")

    # --- One job ------------------------------------------------------------------------------------------

    def _as_workflow(self) -> Any:
        def codeagent_job(job_id: str) -> str:
            try:
                return self._work(job_id)
            except SQLAlchemyError as error:
                # The job's end could not be written down, so it has not ended.
                log.error(
                    "database trouble in a job; it will be taken up again", job=job_id, error=str(error)
                )
                raise Abandoned from error

        return codeagent_job

    def _work(self, job_id: str) -> str:
        with self._running.enter(job_id, self._stopping) as halted:
            view = self._store.start(job_id, self._me)
            if view is None:
                return "unknown"
            if not view.state.active:
                return view.state.value  # killed after its end was written down, before the queue knew
            if view.starts > self._config.max_starts + 2:
                # Even saying that it is given up takes the worker down.
                return self._fail(job_id, "gave up: it took its worker down again and again")
            self._after_notice(job_id)
            return self._finish(job_id, view, halted)

    def _after_notice(self, job_id: str) -> None:
        """What says that this job waits must not come after what it says itself."""
        notice = self._store.notice(job_id)
        for _ in range(NOTICE_LOOKS if notice else 0):
            view = self._store.view(notice)
            if view is None or not view.state.active or self._stopping.wait(0.2):
                return

    def _finish(self, job_id: str, view: JobView, halted: Flag) -> str:
        if view.cancelling:
            halted.set(Halt.CANCELLED)
        about = view.request
        ids = {"job": job_id, "kind": about.kind.value, "repository": about.repository}
        with structlog.contextvars.bound_contextvars(**ids, delivery=about.delivery):
            return self._do(job_id, view, halted)

    def _do(self, job_id: str, view: JobView, halted: Flag) -> str:
        try:
            result: JobResult = self._run(job_id, view.request, halted, view.starts)
        except Interrupted:
            self._store.interrupted(job_id, self._me)
            raise Abandoned from None
        except JobFailed as error:
            log.error("job failed", job=job_id, error=str(error), exc_info=error)
            return self._fail(job_id, str(error))
        except Exception as error:
            log.error("job broke", job=job_id, exc_info=error)
            return self._fail(job_id, f"internal error ({type(error).__name__})")
        self._end(lambda: self._store.finish(job_id, self._me, result, self._put))
        return "done"

    def _fail(self, job_id: str, error: str) -> str:
        self._end(lambda: self._store.fail(job_id, error, self._put, owner=self._me))
        return "failed"

    def _end(self, write: Callable[[], None]) -> None:
        """Write a job's end down, patiently: otherwise all of it would be gone through again."""
        for attempt in range(END_ATTEMPTS):
            try:
                write()
            except QueueUnavailable as error:
                raise Abandoned from error  # just starting or stopping: its end will be written down then
            except SQLAlchemyError as error:
                last = attempt == END_ATTEMPTS - 1
                if last or self._stopping.wait(2.0**attempt):
                    raise
                log.warning("a job's end could not be written down yet", error=type(error).__name__)
            else:
                return

    # --- The watch ----------------------------------------------------------------------------------------

    def _watch(self) -> None:
        while not self._stopping.wait(self._config.watch_seconds):
            try:
                if not self._locks.hold(self._me):
                    # Others may take this worker for dead and its jobs over: it must let go of them.
                    self._running.halt_all(Halt.INTERRUPTED)
                    continue
                self._pass_on_halts()
                self._recover()
                self._store.give_turns(self._put)
                if self._config.notice_seconds:
                    self._store.send_notices(self._config.notice_seconds, self._put)
            except SQLAlchemyError as error:
                log.warning("the job queue's database does not answer", error=type(error).__name__)
            except Exception as error:
                log.error("watching the jobs failed; it goes on", exc_info=error)

    def _pass_on_halts(self) -> None:
        mine = self._running.ids()
        if mine:
            self._running.halt(self._store.cancelling(mine), Halt.CANCELLED)
            self._running.halt(self._store.disowned(mine, self._me), Halt.INTERRUPTED)

    def _recover(self) -> None:
        """Put the jobs of dead workers back into the queue, and those of its own that this worker let go."""
        started = self._started()
        owners = {owner for _, owner in started.values()}
        for owner in sorted(owners - {self._me, ""}):
            with self._locks.if_free(owner) as dead:
                if dead:
                    # Looked up again: another worker may have recovered it since.
                    self._resume({job: at for job, at in self._started().items() if at[1] == owner})
                    self._locks.forget(owner)
        mine = {job: at for job, at in started.items() if at[1] == self._me}
        lost = self._running.take_let_go(mine) | self._long_unseen(mine)
        self._resume({job: mine[job] for job in sorted(lost)})
        self._give_up_lost()

    def _long_unseen(self, mine: Mapping[str, object]) -> frozenset[str]:
        """This worker's jobs that have not come to run here for so long that they will not any more."""
        now = time.monotonic()
        away = set(mine) - set(self._running.ids())
        self._unseen = {job: self._unseen.get(job, now) for job in away}
        lost = frozenset(
            job for job, since in self._unseen.items() if now - since > self._config.lost_seconds
        )
        for job in lost:
            del self._unseen[job]
        return lost

    def _started(self) -> dict[str, tuple[str, str]]:
        """Jobs that some worker has taken up → their queue and that worker."""
        rows = self._queue.list_workflows(
            status="PENDING", queue_name=list(QUEUES.values()), load_input=False, load_output=False
        )
        return {row.workflow_id: (row.queue_name or "", row.executor_id or "") for row in rows}

    def _resume(self, jobs: Mapping[str, tuple[str, str]]) -> None:
        for job, (queue, owner) in jobs.items():
            log.warning("a job lost its worker and is queued again", job=job, worker=owner)
            self._queue.resume_workflow(job, queue_name=queue)

    def _give_up_lost(self) -> None:
        """A job that the queue has ended without telling its row would block its issue for ever."""
        active = self._store.active()
        if not active:
            return
        ended = self._queue.list_workflows(
            workflow_ids=list(active), status=list(_ENDED), load_input=False, load_output=False
        )
        for row in ended:
            view = self._store.view(row.workflow_id)
            if view is not None and view.state.active:
                log.error("the queue ended a job by itself", job=row.workflow_id, status=row.status)
                self._store.fail(
                    row.workflow_id, "the queue lost this job; redeliver or label again", self._put
                )

    @property
    def _queue(self) -> DBOSClient:
        if self._client is None:
            raise QueueUnavailable("the job queue is not running")
        return self._client


_ENDED: Final = ("SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")


@contextmanager
def _database(while_what: str) -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        raise QueueUnavailable(f"{type(error).__name__} while {while_what}") from error


def _quiet_logs() -> None:
    """DBOS adds a console handler of its own unless it finds one; its records shall go where ours go."""
    logger = logging.getLogger("dbos")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    logger.setLevel(logging.WARNING)


def _own_concurrency(at_once: Mapping[str, int]) -> None:
    """A queue's row is read before each poll; the number of jobs in it is another process's, maybe."""
    database = _get_dbos_instance()._sys_db
    read = database.get_queue

    def get_queue(name: str, *arguments: Any, **options: Any) -> Any:
        queue = read(name, *arguments, **options)
        if queue is not None and name in at_once:
            queue._worker_concurrency = at_once[name]
        return queue

    database.get_queue = get_queue  # type: ignore[method-assign]


def _refuse_pickle() -> None:
    """Rows say which serializer wrote them, and DBOS obeys: such a row could run code here (threat 24)."""

    def refuse(_self: object, _data: str) -> NoReturn:
        raise ValueError("a pickled value in the job queue's database was refused")

    DefaultSerializer.deserialize = refuse  # type: ignore[method-assign,assignment]
