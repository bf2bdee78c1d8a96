"""One job per delivery and per issue, on both databases, whatever races."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import sqlalchemy as sa

from bot.jobs.durable import DbosJobs
from bot.queue import (
    Ending,
    Halt,
    Halted,
    Interrupted,
    JobFailed,
    JobResult,
    JobState,
    QueueUnavailable,
    RunJob,
    TaskRequest,
)

MakeJobs = Callable[[RunJob], DbosJobs]

REQUEST = TaskRequest(
    delivery="00000000-aaaa-bbbb-cccc-000000000001",
    installation=1,
    repository_id=2,
    repository="owner/name",
    issue=3,
    title="It \u2603 breaks",
    body="text",
    author="ann",
    sender="bob",
    label="codeagent",
)
SOLVED = JobResult(ending=Ending.SOLVED, summary="done", pull_request="http://pull/1")


def delivery(number: int, **changes: object) -> TaskRequest:
    return replace(REQUEST, delivery=f"00000000-aaaa-bbbb-cccc-{number:012}", **changes)  # type: ignore[arg-type]


class Work:
    """A job that records its runs and does what it is told."""

    def __init__(self) -> None:
        self.runs: list[tuple[str, int]] = []
        self.go = threading.Event()
        self.go.set()
        self.started = threading.Event()
        self.error: Exception | None = None
        self.halts: list[Halt | None] = []

    def __call__(self, job_id: str, request: TaskRequest, halted: Halted, start: int) -> JobResult:
        assert request.repository == REQUEST.repository
        self.runs.append((job_id, start))
        self.started.set()
        while not self.go.wait(0.02):
            if (halt := halted()) is not None:
                self.halts.append(halt)
                if halt is Halt.INTERRUPTED:
                    raise Interrupted
                return JobResult(ending=Ending.CANCELLED, summary="stopped")
        if self.error is not None:
            raise self.error
        return SOLVED


def wait_for(jobs: DbosJobs, job_id: str, *states: JobState) -> None:
    for _ in range(600):
        view = jobs.status(job_id)
        if view is not None and view.state in states:
            return
        time.sleep(0.05)
    pytest.fail(f"the job did not come to {states}: {jobs.status(job_id)}")


def test_a_job_runs_once_and_its_request_and_result_come_back_whole(make_jobs: MakeJobs) -> None:
    work = Work()
    jobs = make_jobs(work)
    enqueued = jobs.enqueue(REQUEST)
    assert enqueued.new
    wait_for(jobs, enqueued.job_id, JobState.DONE)
    view = jobs.status(enqueued.job_id)
    assert view is not None
    assert (view.request, view.result, view.starts) == (REQUEST, SOLVED, 1)
    # The same delivery again: the same job, no new run.
    again = jobs.enqueue(REQUEST)
    assert (again.job_id, again.new) == (enqueued.job_id, False)
    # A new label on the same issue: a new generation.
    other = jobs.enqueue(delivery(2))
    assert other.new
    wait_for(jobs, other.job_id, JobState.DONE)
    assert work.runs == [(enqueued.job_id, 1), (other.job_id, 1)]


def test_twenty_parallel_deliveries_make_one_job(make_jobs: MakeJobs) -> None:
    work = Work()
    work.go.clear()
    jobs = make_jobs(work)
    with ThreadPoolExecutor(20) as pool:
        same = list(pool.map(lambda _: jobs.enqueue(REQUEST), range(20)))
        others = list(pool.map(lambda n: jobs.enqueue(delivery(n)), range(2, 22)))
    assert len({enqueued.job_id for enqueued in same + others}) == 1
    assert sum(enqueued.new for enqueued in same + others) == 1
    work.go.set()
    wait_for(jobs, same[0].job_id, JobState.DONE)
    # A delivery that met a running job got that one, and has it still when it is over.
    assert jobs.enqueue(delivery(7)) == replace(same[0], new=False)
    assert len(work.runs) == 1


def test_a_redelivery_runs_again_only_after_a_failure(make_jobs: MakeJobs) -> None:
    work = Work()
    work.error = JobFailed("GitHub was away")
    jobs = make_jobs(work)
    first = jobs.enqueue(REQUEST)
    wait_for(jobs, first.job_id, JobState.FAILED)
    failed = jobs.status(first.job_id)
    assert failed is not None
    assert failed.error == "GitHub was away"
    work.error = None
    with ThreadPoolExecutor(8) as pool:
        again = list(pool.map(lambda _: jobs.enqueue(REQUEST), range(8)))
    assert len({enqueued.job_id for enqueued in again}) == 1
    assert again[0].job_id != first.job_id
    wait_for(jobs, again[0].job_id, JobState.DONE)
    assert len(work.runs) == 2


def test_a_bug_in_a_job_fails_it_without_publishing_its_text(make_jobs: MakeJobs) -> None:
    work = Work()
    work.error = RuntimeError("secret detail")
    jobs = make_jobs(work)
    enqueued = jobs.enqueue(REQUEST)
    wait_for(jobs, enqueued.job_id, JobState.FAILED)
    view = jobs.status(enqueued.job_id)
    assert view is not None
    assert view.error == "internal error (RuntimeError)"


def test_a_running_job_is_cancelled_inside(make_jobs: MakeJobs) -> None:
    work = Work()
    work.go.clear()
    jobs = make_jobs(work)
    enqueued = jobs.enqueue(REQUEST)
    assert work.started.wait(20)
    # While it winds down it is still the issue's job.
    assert jobs.cancel(enqueued.job_id)
    assert jobs.enqueue(delivery(2)).job_id in {enqueued.job_id} or jobs.status(enqueued.job_id)
    wait_for(jobs, enqueued.job_id, JobState.DONE)
    view = jobs.status(enqueued.job_id)
    assert view is not None
    assert view.result is not None
    assert view.result.ending is Ending.CANCELLED
    assert work.halts[0] is Halt.CANCELLED
    assert not jobs.cancel(enqueued.job_id)
    assert not jobs.cancel("0" * 32)


def test_a_queued_job_can_be_cancelled_before_it_starts(make_jobs: MakeJobs) -> None:
    work = Work()
    work.go.clear()
    jobs = make_jobs(work)
    busy = [jobs.enqueue(delivery(n, issue=n)) for n in (1, 2)]
    waiting = jobs.enqueue(delivery(3, issue=3))
    assert jobs.cancel(waiting.job_id)
    for enqueued in busy:
        jobs.cancel(enqueued.job_id)
    wait_for(jobs, waiting.job_id, JobState.DONE)
    view = jobs.status(waiting.job_id)
    assert view is not None
    assert view.result is not None
    assert view.result.ending is Ending.CANCELLED


def test_shutdown_interrupts_and_the_next_process_goes_on(make_jobs: MakeJobs) -> None:
    work = Work()
    work.go.clear()
    jobs = make_jobs(work)
    enqueued = jobs.enqueue(REQUEST)
    assert work.started.wait(20)
    jobs.shutdown(10)
    assert work.halts == [Halt.INTERRUPTED]
    with pytest.raises(QueueUnavailable):
        jobs.enqueue(delivery(2))
    work.go.set()
    later = make_jobs(work)
    wait_for(later, enqueued.job_id, JobState.DONE)
    # An interruption does not count as a start.
    assert work.runs == [(enqueued.job_id, 1), (enqueued.job_id, 1)]


def test_a_pickled_row_is_refused(make_jobs: MakeJobs, database: str) -> None:
    """Threat 24: whoever can write to the database cannot run code here."""
    from dbos._serialization import DefaultSerializer

    work = Work()
    work.go.clear()
    jobs = make_jobs(work)
    busy = [jobs.enqueue(delivery(n, issue=n)) for n in (1, 2)]
    waiting = jobs.enqueue(delivery(3, issue=3))
    pickled = DefaultSerializer().serialize({"args": [waiting.job_id], "kwargs": {}})
    url = sa.make_url(database)
    if url.get_backend_name() == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    engine = sa.create_engine(url)
    schema = "" if engine.dialect.name == "sqlite" else "dbos."
    with engine.begin() as connection:
        values = {"inputs": pickled, "id": waiting.job_id}
        for statement in (
            f"UPDATE {schema}workflow_input SET inputs = :inputs WHERE workflow_uuid = :id",
            f"UPDATE {schema}workflow_status SET serialization = 'py_pickle' WHERE workflow_uuid = :id",
        ):
            connection.execute(sa.text(statement), values)
    engine.dispose()
    work.go.set()
    for enqueued in busy:
        wait_for(jobs, enqueued.job_id, JobState.DONE)
    time.sleep(1)
    assert waiting.job_id not in {job for job, _ in work.runs}
