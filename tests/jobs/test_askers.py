"""Two people ask for the same: one who may not must not make the other's request vanish."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.jobs.store import JobStore, open_engine
from bot.queue import Ending, JobResult, JobState
from tests.jobs.test_jobs import delivery


@pytest.fixture
def store(tmp_path: Path) -> JobStore:
    made = JobStore(open_engine(f"sqlite:///{tmp_path / 'jobs.sqlite'}"))
    made.create_tables()
    return made


class Queue:
    """What was given its turn."""

    def __init__(self) -> None:
        self.jobs: list[str] = []

    def __call__(self, _connection: object, job_id: str, _lane: object) -> None:
        self.jobs.append(job_id)


OUTSIDER, MAINTAINER = delivery(1, sender="mallory"), delivery(2, sender="alice")


@pytest.mark.parametrize("ending", [Ending.SOLVED, Ending.UNSOLVED, Ending.ASKING])
def test_who_asks_for_what_is_done_already_gets_that(store: JobStore, ending: Ending) -> None:
    queue = Queue()
    first = store.enqueue(delivery(3, sender="bob"), queue)
    second = store.enqueue(MAINTAINER, queue)
    assert second.new
    assert store.enqueue(delivery(4, sender="alice"), queue).job_id == second.job_id
    store.start(first.job_id, "worker")
    store.finish(first.job_id, "worker", JobResult(ending=ending, summary="done"), queue)
    assert queue.jobs == [first.job_id]
    assert store.view(second.job_id) is None
    latest = store.latest(MAINTAINER.subject)
    assert latest is not None
    assert latest.job_id == first.job_id
    # A redelivery of either request is told of the job that did it.
    for number in (2, 4):
        again = store.enqueue(delivery(number, sender="alice"), queue)
        assert (again.job_id, again.new) == (first.job_id, False)


def test_a_refused_request_takes_no_other_with_it(store: JobStore) -> None:
    queue = Queue()
    refused, wanted = store.enqueue(OUTSIDER, queue), store.enqueue(MAINTAINER, queue)
    assert queue.jobs == [refused.job_id]
    store.start(refused.job_id, "worker")
    store.finish(refused.job_id, "worker", JobResult(ending=Ending.REFUSED, summary="may not"), queue)
    assert queue.jobs == [refused.job_id, wanted.job_id]
    view = store.view(wanted.job_id)
    assert view is not None
    assert (view.state, view.request.sender) == (JobState.QUEUED, "alice")
