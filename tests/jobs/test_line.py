"""Whose turn it is: jobs that stand in line for their subject or for the operator's caps, and errands."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from bot.jobs.durable import QUEUES, DbosJobs, JobsConfig
from bot.jobs.store import JobStore, open_engine
from bot.queue import (
    WAITS,
    Ending,
    Halt,
    Halted,
    Interrupted,
    JobFailed,
    JobResult,
    JobState,
    Kind,
    Parallel,
    ReviewNote,
    TaskRequest,
)
from tests.jobs.test_jobs import REQUEST, delivery, wait_for

OVER = (JobState.DONE, JobState.FAILED)


def note(number: int, pull: int = 9) -> TaskRequest:
    return delivery(
        100 + number,
        kind=Kind.REVIEW,
        issue=pull,
        body=f"note {number}",
        note=ReviewNote(pull=pull, head_sha="a" * 40, comment=number),
    )


class Gate:
    """Jobs that end one after the other, when they are let through."""

    def __init__(self) -> None:
        self.began: list[str] = []
        self.at_once = self.peak = 0
        self.fails: set[str] = set()
        self.open = threading.Semaphore(0)
        self._guard = threading.Lock()

    def __call__(self, _job: str, request: TaskRequest, halted: Halted, _start: int) -> JobResult:
        if request.kind is Kind.ERRAND:
            return JobResult(ending=Ending.SOLVED, summary="errand")
        with self._guard:
            self.began.append(request.body)
            self.at_once += 1
            self.peak = max(self.peak, self.at_once)
        try:
            while not self.open.acquire(timeout=0.02):
                if halted() is Halt.INTERRUPTED:
                    raise Interrupted
                if halted() is Halt.CANCELLED:
                    return JobResult(ending=Ending.CANCELLED, summary="stopped")
        finally:
            with self._guard:
                self.at_once -= 1
        if request.body in self.fails:
            raise JobFailed("broke")
        return JobResult(ending=Ending.SOLVED, summary=request.body)

    def let_through(self, number: int) -> None:
        self.open.release(number)

    def wait_for(self, *began: str) -> None:
        deadline = time.monotonic() + 60
        while len(self.began) < len(began) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert self.began == list(began)


MakeCapped = Callable[[Gate, Parallel], DbosJobs]


@pytest.fixture
def make(database: str, tmp_path: Path) -> Iterator[MakeCapped]:
    made: list[DbosJobs] = []

    def start(gate: Gate, parallel: Parallel) -> DbosJobs:
        config = JobsConfig(
            data=tmp_path / "data",
            database=database,
            concurrency=3,
            parallel=parallel,
            poll_seconds=0.05,
            watch_seconds=0.2,
        )
        jobs = DbosJobs(config, gate)
        made.append(jobs)
        jobs.launch()
        return jobs

    yield start
    for jobs in made:
        jobs.shutdown(5)


def test_notes_on_one_pull_request_have_their_turn_one_after_the_other(make: MakeCapped) -> None:
    """Also after one that failed, in the order in which they came, and each delivery has one job."""
    gate = Gate()
    gate.fails.add("note 2")
    jobs = make(gate, Parallel())
    first = jobs.enqueue(note(1))
    gate.wait_for("note 1")
    others = [jobs.enqueue(note(number)) for number in (2, 3, 4)]
    assert all(each.new for each in others)
    assert len({each.job_id for each in (first, *others)}) == 4
    views = [jobs.status(each.job_id) for each in others]
    assert [view.state for view in views if view] == [JobState.WAITING] * 3
    assert [jobs.ahead(each.job_id) for each in (first, *others)] == [0, 1, 2, 3]
    assert jobs.enqueue(note(3)) == replace(others[1], new=False)  # redelivered
    gate.let_through(4)
    for each in (first, *others):
        wait_for(jobs, each.job_id, *OVER)
    assert gate.began == ["note 1", "note 2", "note 3", "note 4"]
    assert gate.peak == 1
    failed = jobs.status(others[0].job_id)
    assert failed is not None
    assert failed.state is JobState.FAILED
    again = jobs.enqueue(note(2))  # redelivered after it failed
    assert again.new
    gate.fails.clear()
    gate.let_through(1)
    wait_for(jobs, again.job_id, JobState.DONE)


def test_notes_that_come_together_lose_nothing(make: MakeCapped) -> None:
    gate = Gate()
    jobs = make(gate, Parallel())
    gate.let_through(12)
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda number: jobs.enqueue(note(number)), [*range(12), *range(12)]))
    for each in found:
        wait_for(jobs, each.job_id, *OVER)
    assert sorted(gate.began) == sorted(f"note {number}" for number in range(12))
    assert gate.peak == 1


def test_stop_ends_the_one_and_drops_the_line(make: MakeCapped) -> None:
    gate = Gate()
    jobs = make(gate, Parallel())
    first = jobs.enqueue(note(1))
    gate.wait_for("note 1")
    behind = [jobs.enqueue(note(number)) for number in (2, 3)]
    other = jobs.enqueue(note(4, pull=10))
    assert jobs.stop(note(1).subject) == first.job_id
    wait_for(jobs, first.job_id, JobState.DONE)
    for each in behind:
        view = jobs.status(each.job_id)
        assert view is not None
        assert view.result is not None
        assert view.result.ending is Ending.CANCELLED
        assert jobs.enqueue(view.request) == replace(each, new=False)
    assert jobs.stop(note(1).subject) is None
    assert jobs.latest(note(1).subject) is not None
    gate.let_through(1)
    wait_for(jobs, other.job_id, JobState.DONE)
    assert sorted(gate.began) == ["note 1", "note 4"]


def test_one_that_waits_is_cancelled_by_itself(make: MakeCapped) -> None:
    """Behind another one it is over at once; held back by a cap only, it runs to say that it was stopped."""
    gate = Gate()
    jobs = make(gate, Parallel(repository=1))
    first = jobs.enqueue(note(1))
    gate.wait_for("note 1")
    behind, other = jobs.enqueue(note(2)), jobs.enqueue(delivery(50, body="other", issue=4))
    assert jobs.cancel(behind.job_id)
    view = jobs.status(behind.job_id)
    assert view is not None
    assert view.state is JobState.DONE
    assert jobs.stop(delivery(50, issue=4).subject) == other.job_id
    wait_for(jobs, other.job_id, JobState.DONE)  # while the first one still runs
    gate.let_through(1)
    wait_for(jobs, first.job_id, JobState.DONE)
    assert "note 2" not in gate.began


def test_errands_are_never_behind_long_jobs(make: MakeCapped) -> None:
    gate = Gate()
    jobs = make(gate, Parallel(in_all=1))
    long = [jobs.enqueue(delivery(number, issue=number, body=str(number))) for number in range(1, 6)]
    gate.wait_for("1")
    errands = [jobs.enqueue(delivery(20 + n, kind=Kind.ERRAND, command="status")) for n in range(3)]
    assert [jobs.ahead(each.job_id) for each in errands] == [0, 0, 0]
    for each in errands:
        wait_for(jobs, each.job_id, JobState.DONE)
    assert gate.began == ["1"]
    assert [jobs.ahead(each.job_id) for each in long] == [0, 0, 1, 2, 3]
    gate.let_through(5)
    for each in long:
        wait_for(jobs, each.job_id, JobState.DONE)


def test_as_many_at_once_as_the_operator_allows(make: MakeCapped) -> None:
    """A repository with many issues leaves room for the others."""
    gate = Gate()
    jobs = make(gate, Parallel(repository=1, installation=2))
    busy = [jobs.enqueue(delivery(n, issue=n, body=f"busy {n}")) for n in range(1, 5)]
    gate.wait_for("busy 1")
    quiet = jobs.enqueue(delivery(8, repository_id=5, issue=1, body="quiet"))
    third = jobs.enqueue(delivery(9, repository_id=6, issue=1, body="third"))
    gate.wait_for("busy 1", "quiet")
    elsewhere = jobs.enqueue(delivery(10, installation=7, issue=1, body="elsewhere"))
    gate.wait_for("busy 1", "quiet", "elsewhere")
    # The same issue again while it waits is the same job.
    assert jobs.enqueue(delivery(30, issue=3)) == replace(busy[2], new=False)
    gate.let_through(7)
    for each in (*busy, quiet, third, elsewhere):
        wait_for(jobs, each.job_id, JobState.DONE)
    assert gate.peak <= 3
    order = [name for name in gate.began if name.startswith("busy")]
    assert order == [f"busy {n}" for n in range(1, 5)]


def test_many_processes_ask_for_one_issue(database: str, make: MakeCapped) -> None:
    """While a cap makes the job wait, no index keeps the second one away: the writers take turns."""
    gate = Gate()
    make(gate, Parallel(in_all=1)).enqueue(delivery(1, issue=1, body="first"))
    gate.wait_for("first")
    engines = [open_engine(database) for _ in range(4)]
    stores = [JobStore(engine, parallel=Parallel(in_all=1)) for engine in engines]

    def nothing(*_: object) -> None:
        raise AssertionError("it has to wait")

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda n: stores[n % 4].enqueue(delivery(n, issue=2), nothing), range(2, 26)))
    assert len({each.job_id for each in found}) == 1
    assert sum(each.new for each in found) == 1
    gate.let_through(2)
    for engine in engines:
        engine.dispose()


def test_concurrency_is_this_process_s_own(make: MakeCapped, database: str) -> None:
    """DBOS keeps it in the database, where another process writes its own."""
    gate = Gate()
    jobs = make(gate, Parallel())
    engine = open_engine(database)
    schema = "" if engine.dialect.name == "sqlite" else "dbos."
    with engine.begin() as connection:
        change = sa.text(f"UPDATE {schema}queues SET worker_concurrency = 1 WHERE name = :name")
        assert connection.execute(change, {"name": QUEUES["work"]}).rowcount == 1
    engine.dispose()
    three = [jobs.enqueue(delivery(n, issue=n, body=str(n))) for n in range(1, 4)]
    deadline = time.monotonic() + 60
    while gate.peak < 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert gate.peak == 3
    gate.let_through(3)
    for each in three:
        wait_for(jobs, each.job_id, JobState.DONE)


def test_tables_of_an_older_version_are_added_to(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'old.sqlite'}"
    engine = open_engine(url)
    JobStore(engine).create_tables()
    with engine.begin() as connection:
        connection.execute(sa.text("DROP INDEX codeagent_jobs_by_state"))
        for column in ("kind", "installation", "repository", "notice"):
            connection.execute(sa.text(f"ALTER TABLE codeagent_jobs DROP COLUMN {column}"))
        old = "INSERT INTO codeagent_jobs VALUES ('j', 's', 'done', '{}', '', 1, 0, '', '', 1.0, 1.0)"
        connection.execute(sa.text(old))
    store = JobStore(engine)
    store.create_tables()
    queued: list[str] = []
    store.enqueue(REQUEST, lambda _connection, job, _lane: queued.append(job))
    assert store.active() == tuple(queued)
    engine.dispose()


def test_a_job_that_waits_says_so_before_it_begins(database: str, tmp_path: Path) -> None:
    """Once; and it does not begin while that is said."""
    said: list[str] = []
    telling, told = threading.Event(), threading.Event()
    gate = Gate()

    def run(job: str, request: TaskRequest, halted: Halted, start: int) -> JobResult:
        if request.kind is not Kind.ERRAND:
            said.append(f"begins {request.issue}")
            return gate(job, request, halted, start)
        view = jobs.latest(request.about)
        assert view is not None
        assert request.command == WAITS
        if request.issue == 1:  # a busy machine was slow to take it
            return JobResult(ending=Ending.ANSWERED, summary="told")
        telling.set()
        assert told.wait(60)
        said.append(f"waits {request.issue}, {jobs.ahead(view.job_id)} ahead")
        return JobResult(ending=Ending.ANSWERED, summary="told")

    config = JobsConfig(
        data=tmp_path / "data",
        database=database,
        concurrency=1,
        poll_seconds=0.05,
        watch_seconds=0.1,
        notice_seconds=0.3,
    )
    jobs = DbosJobs(config, run)
    jobs.launch()
    try:
        first = jobs.enqueue(delivery(1, issue=1, body="first"))
        gate.wait_for("first")
        second = jobs.enqueue(delivery(2, issue=2, body="second"))
        assert telling.wait(60)
        gate.let_through(2)  # the second one's turn comes while it is said that it waits
        wait_for(jobs, first.job_id, JobState.DONE)
        wait_for(jobs, second.job_id, JobState.RUNNING)
        time.sleep(0.5)
        assert said == ["begins 1"]
        told.set()
        wait_for(jobs, second.job_id, JobState.DONE)
        assert said == ["begins 1", "waits 2, 0 ahead", "begins 2"]
    finally:
        told.set()
        jobs.shutdown(5)
