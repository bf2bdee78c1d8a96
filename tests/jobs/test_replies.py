"""A reply goes on with the run that asked: one job per delivery, whatever races, on both databases."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import pytest

from bot.jobs.durable import DbosJobs
from bot.queue import (
    Ending,
    Halted,
    JobFailed,
    JobResult,
    JobState,
    JobView,
    Reply,
    RunJob,
    TaskRequest,
    request_from_json,
    request_to_json,
)
from tests.jobs.test_jobs import REQUEST

MakeJobs = Callable[[RunJob], DbosJobs]

ASKS = JobResult(ending=Ending.ASKING, summary="which?")
SOLVED = JobResult(ending=Ending.SOLVED, summary="done")


def reply(number: int, text: str = "6") -> Reply:
    return Reply(
        delivery=f"00000000-dddd-eeee-ffff-{number:012}",
        installation=1,
        repository_id=2,
        issue=3,
        comment=number,
        author="ann",
        text=text,
    )


@dataclass
class Asking:
    """Asks, until somebody says "6"; each job waits for its turn."""

    requests: list[tuple[str, TaskRequest]] = field(default_factory=list)
    go: threading.Event = field(default_factory=threading.Event)
    broken: int = 0

    def __post_init__(self) -> None:
        self.go.set()

    def __call__(self, job_id: str, request: TaskRequest, _halted: Halted, _start: int) -> JobResult:
        self.requests.append((job_id, request))
        assert self.go.wait(60)
        if request.reply is not None and self.broken:
            self.broken -= 1
            raise JobFailed("broke")
        return SOLVED if request.reply is not None and request.reply.text == "6" else ASKS


def ended(jobs: DbosJobs, job_id: str) -> JobView:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        view = jobs.status(job_id)
        if view is not None and not view.state.active:
            return view
        time.sleep(0.02)
    raise AssertionError("waited in vain")


def asked(jobs: DbosJobs) -> str:
    job_id = jobs.enqueue(REQUEST).job_id
    assert ended(jobs, job_id).result == ASKS
    return job_id


def test_a_reply_goes_on_with_the_same_run(make_jobs: MakeJobs) -> None:
    work = Asking()
    jobs = make_jobs(work)
    first = asked(jobs)
    going_on = jobs.reply(reply(1))
    assert going_on is not None
    assert going_on.new
    assert going_on.job_id != first
    view = ended(jobs, going_on.job_id)
    assert view.result == SOLVED
    assert view.run == first
    assert view.request.first == REQUEST
    assert view.request.reply == reply(1)
    again = jobs.reply(reply(1))
    assert again is not None
    assert (again.job_id, again.new) == (going_on.job_id, False)
    assert jobs.reply(reply(2)) is None  # the question is answered
    assert len(work.requests) == 2


def test_nothing_was_asked(make_jobs: MakeJobs) -> None:
    work = Asking()
    jobs = make_jobs(work)
    assert jobs.reply(reply(1)) is None
    work.go.clear()
    job_id = jobs.enqueue(REQUEST).job_id
    assert jobs.reply(reply(2)) is None  # it works on the issue: the comment is about something else
    work.go.set()
    assert ended(jobs, job_id).result == ASKS
    assert jobs.reply(replace(reply(3), issue=4)) is None
    assert len(work.requests) == 1


def test_an_answer_that_comes_while_the_job_still_ends(make_jobs: MakeJobs) -> None:
    """The question can be read before its job is over; what was said before it was asked is no answer."""
    work = Asking()
    jobs = make_jobs(work)
    work.go.clear()
    first = jobs.enqueue(REQUEST).job_id
    assert jobs.reply(reply(1)) is None
    jobs.asks(first)
    jobs.asks(first)  # again, after a kill
    early = jobs.reply(reply(2))
    assert early is not None
    assert (early.job_id, early.new) == (first, False)
    work.go.set()
    assert ended(jobs, first).result == ASKS
    deadline = time.monotonic() + 60
    while len(work.requests) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    job_id, request = work.requests[1]
    assert ended(jobs, job_id).result == SOLVED
    assert (request.run, request.reply) == (first, reply(2))


def test_replies_at_once_have_their_turn_in_order(make_jobs: MakeJobs) -> None:
    """Of many that come together the first right one is found, and each delivery has one job."""
    work = Asking()
    jobs = make_jobs(work)
    first = asked(jobs)
    work.go.clear()
    opened = jobs.reply(reply(1, "thanks"))
    assert opened is not None
    said = [reply(number, "me too" if number < 8 else "6") for number in range(2, 12)]
    for each in said:
        assert jobs.reply(each) is not None
    with ThreadPoolExecutor(8) as pool:  # redelivered while they wait
        assert all(pool.map(jobs.reply, said))
    work.go.set()
    deadline = time.monotonic() + 60
    while len(work.requests) < 9 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert ended(jobs, work.requests[-1][0]).result == SOLVED
    texts = [request.reply.comment for _, request in work.requests[1:] if request.reply]
    assert texts == [1, *range(2, 9)]
    assert {request.run for _, request in work.requests[1:]} == {first}
    assert jobs.reply(reply(20)) is None


def test_many_replies_race_for_one_question(make_jobs: MakeJobs) -> None:
    work = Asking()
    jobs = make_jobs(work)
    asked(jobs)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(jobs.reply, [reply(number) for number in range(1, 9)]))
    assert sum(each is not None and each.new for each in found) == 1
    for each in found:
        assert each is None or ended(jobs, each.job_id).result == SOLVED
    assert len(work.requests) == 2


def test_a_redelivered_reply_goes_on_after_its_job_failed(make_jobs: MakeJobs) -> None:
    work = Asking(broken=1)
    jobs = make_jobs(work)
    first = asked(jobs)
    broken = jobs.reply(reply(1))
    assert broken is not None
    assert ended(jobs, broken.job_id).state is JobState.FAILED
    assert jobs.reply(reply(2)) is None
    again = jobs.reply(reply(1))
    assert again is not None
    assert again.new
    view = ended(jobs, again.job_id)
    assert view.result == SOLVED
    assert view.run == first


def test_the_label_set_again_begins_anew(make_jobs: MakeJobs) -> None:
    work = Asking()
    jobs = make_jobs(work)
    asked(jobs)
    fresh = jobs.enqueue(replace(REQUEST, delivery="00000000-aaaa-bbbb-cccc-000000000099"))
    assert fresh.new
    view = ended(jobs, fresh.job_id)
    assert view.run == fresh.job_id
    assert view.request.reply is None


@pytest.mark.parametrize("request_", [REQUEST, replace(REQUEST, run="a" * 32, reply=reply(1))])
def test_requests_as_json(request_: TaskRequest) -> None:
    values = request_to_json(request_)
    assert request_from_json(values) == request_
    assert ("reply" in values) == (request_.reply is not None)
