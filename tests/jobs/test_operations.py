"""What operators look at and what is tidied away: metrics, health, retention, ids in logs."""

from __future__ import annotations

import io
import json
import os
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import structlog

from agent.llm.ledger import Cost
from agent.llm.record import ASK, Record, to_json
from agent.llm.types import Prompt
from bot import log
from bot.errors import ConfigError
from bot.health import LEAST_FREE, missing
from bot.housekeeping import DAY, daily, tidy, tidy_runs
from bot.jobs.durable import DbosJobs
from bot.metrics import Metrics
from bot.own_port import Shown, listening
from bot.progress import LiveProgress
from bot.queue import (
    Halted,
    Interrupted,
    JobResult,
    JobState,
    JobView,
    Kind,
    Pending,
    QueueUnavailable,
    RunJob,
    TaskRequest,
)
from bot.settings_groups import RetentionSettings
from tests.jobs.test_jobs import REQUEST, SOLVED, Work, delivery, wait_for

MakeJobs = Callable[[RunJob], DbosJobs]

NOW = 2_000_000_000.0


# --- Metrics ------------------------------------------------------------------------------------------------


def test_what_is_counted() -> None:
    metrics, clock = Metrics(), iter(range(0, 1000, 100))
    for status in (202, 202, 200, 401, 418):
        metrics.delivered(status)
    with metrics.job(Kind.FIX, lambda: next(clock)) as ended:
        assert "codeagent_jobs_here 1.0" in metrics.shown().decode()
        ended(SOLVED)
    with pytest.raises(Interrupted), metrics.job(Kind.FIX, lambda: next(clock)):
        raise Interrupted
    with pytest.raises(ValueError), metrics.job(Kind.REVIEW, lambda: next(clock)):  # noqa: PT011
        raise ValueError
    metrics.observe("run", {"completed": {"seconds": 2.5}})
    metrics.observe("run", {"cancelled": True})
    prompt = Prompt(system="", stable="", turn="")
    metrics.observe(
        ASK, to_json(Record(prompt=prompt, calls=2, cost=10**12, lost=Cost(tokens=5, money=5 * 10**11)))
    )
    metrics.watch_queue(
        lambda: (Pending(kind=Kind.FIX, state=JobState.WAITING, number=3, since=NOW - 60),), lambda: NOW
    )
    shown = metrics.shown().decode().splitlines()
    for line in (
        'codeagent_deliveries_total{outcome="accepted"} 2.0',
        'codeagent_deliveries_total{outcome="unsigned"} 1.0',
        'codeagent_deliveries_total{outcome="other"} 1.0',
        "codeagent_jobs_here 0.0",
        'codeagent_jobs_ended_total{ending="solved",kind="fix"} 1.0',
        'codeagent_jobs_ended_total{ending="interrupted",kind="fix"} 1.0',
        'codeagent_jobs_ended_total{ending="failed",kind="review"} 1.0',
        'codeagent_job_seconds_sum{kind="fix"} 200.0',
        "codeagent_sandbox_runs_total 2.0",
        "codeagent_sandbox_seconds_total 2.5",
        "codeagent_model_calls_total 2.0",
        "codeagent_model_tokens_total 5.0",
        "codeagent_model_dollars_total 1.5",
        'codeagent_queue_jobs{kind="fix",state="waiting"} 3.0',
        'codeagent_queue_oldest_seconds{kind="fix",state="waiting"} 60.0',
    ):
        assert line in shown


def test_a_database_that_is_away_leaves_the_other_numbers() -> None:
    def away() -> tuple[Pending, ...]:
        raise QueueUnavailable("gone")

    metrics = Metrics()
    metrics.watch_queue(away, lambda: NOW)
    shown = metrics.shown().decode()
    assert "codeagent_jobs_here 0.0" in shown
    assert "codeagent_queue_jobs{" not in shown


def test_a_port_of_its_own() -> None:
    trouble = [""]
    shown = Shown(metrics=lambda: b"some 1.0\n", ready=lambda: trouble[0])

    def get(port: int, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    with listening("127.0.0.1", 0, shown) as port:
        assert get(port, "/metrics") == (200, "some 1.0\n")
        assert get(port, "/healthz") == (200, "ok\n")
        assert get(port, "/readyz") == (200, "ready\n")
        trouble[0] = "the disk is full"
        assert get(port, "/readyz") == (503, "the disk is full\n")
        assert get(port, "/runs/x")[0] == 404
        with pytest.raises(ConfigError, match="CODEAGENT_METRICS_PORT"), listening("127.0.0.1", port, shown):
            pass


def test_what_is_in_the_queue(make_jobs: MakeJobs) -> None:
    work = Work()
    work.go.clear()
    jobs = make_jobs(work)
    jobs.enqueue(REQUEST)
    assert work.started.wait(20)
    (pending,) = jobs.pending()
    assert (pending.kind, pending.number) == (Kind.FIX, 1)
    assert jobs.reachable()
    jobs.shutdown(5)
    assert not jobs.reachable()


# --- Health -------------------------------------------------------------------------------------------------


def test_readiness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert missing(tmp_path, lambda: True) == ""
    assert "database" in missing(tmp_path, lambda: False)
    gone = missing(tmp_path / "gone", lambda: True)
    assert "data directory cannot be written" in gone
    assert str(tmp_path) not in gone
    usage = type("Usage", (), {"free": LEAST_FREE - 1})
    monkeypatch.setattr("shutil.disk_usage", lambda _path: usage)
    assert missing(tmp_path, lambda: True) == "the disk is full: 255 MiB are free"


# --- Retention ----------------------------------------------------------------------------------------------


class Known:
    """Jobs that ended, and runs that are still wanted."""

    def __init__(self, states: dict[str, JobState], busy: frozenset[str] = frozenset()) -> None:
        self.states = states
        self.busy = busy
        self.forgotten: list[float] = []

    def status(self, job_id: str) -> JobView | None:
        state = self.states.get(job_id)
        return None if state is None else JobView(job_id=job_id, state=state, request=REQUEST)

    def busy_runs(self) -> frozenset[str]:
        return self.busy

    def forget(self, before: float) -> int:
        self.forgotten.append(before)
        return 1


def test_runs_go_when_they_are_old(tmp_path: Path) -> None:
    def run(name: str, days: float, record: str = "journal.jsonl") -> None:
        (tmp_path / name).mkdir()
        (tmp_path / name / record).touch()
        os.utime(tmp_path / name / record, (NOW, NOW - days * DAY))

    for name, days in {"young": 5, "old": 20, "failed": 20, "rotten": 60, "asked": 20, "lost": 20}.items():
        run(name, days)
    (tmp_path / "link").symlink_to(tmp_path.parent)
    failed = {"failed": JobState.FAILED, "rotten": JobState.FAILED}
    done = dict.fromkeys(("young", "old", "asked"), JobState.DONE)
    known = Known({**failed, **done}, busy=frozenset({"asked"}))
    assert tidy_runs(tmp_path, known, RetentionSettings(runs=10, failed=50), NOW) == 2
    assert {path.name for path in tmp_path.iterdir()} == {"young", "failed", "asked", "lost", "link"}
    assert tidy_runs(tmp_path, known, RetentionSettings(runs=0), NOW * 2) == 0
    assert tidy_runs(tmp_path / "none", known, RetentionSettings(), NOW) == 0


@pytest.mark.parametrize(("days", "forgotten"), [(10.0, [NOW - 10 * DAY]), (0.0, [])])
def test_jobs_are_forgotten_after_their_time(tmp_path: Path, days: float, forgotten: list[float]) -> None:
    known = Known({})
    tidy(tmp_path, known, RetentionSettings(jobs=days), NOW)
    assert known.forgotten == forgotten


def test_chores_are_done_at_once_and_again_and_one_that_fails_stops_nothing() -> None:
    calls: list[str] = []
    thrice = threading.Event()

    def breaks() -> None:
        raise OSError("full")

    def counts() -> None:
        calls.append("done")
        if len(calls) == 3:
            thrice.set()

    with daily(breaks, counts, every=0.01):
        assert thrice.wait(20)


def test_forgotten_jobs_leave_nothing_and_active_ones_stay(make_jobs: MakeJobs) -> None:
    work = Work()
    jobs = make_jobs(work)
    old = jobs.enqueue(REQUEST)
    wait_for(jobs, old.job_id, JobState.DONE)
    work.go.clear()
    active = jobs.enqueue(delivery(2, issue=9))
    assert jobs.busy_runs() == {active.job_id}
    assert jobs.forget(before=4e9) == 1
    assert jobs.status(old.job_id) is None
    assert jobs.status(active.job_id) is not None
    assert jobs.enqueue(REQUEST).new  # it is not known any more that the delivery was seen
    work.go.set()
    wait_for(jobs, active.job_id, JobState.DONE)


# --- Logs ---------------------------------------------------------------------------------------------------


def test_each_line_of_a_job_s_work_says_which_job_it_is(make_jobs: MakeJobs) -> None:
    """Also those of threads that it starts, and the one that says that it failed."""
    stream = io.StringIO()
    log.configure(lambda text: text, json=True, stream=stream)

    def work(_job: str, _request: TaskRequest, _halted: Halted, _start: int) -> JobResult:
        structlog.get_logger("test").info("here")

        def show(_phase: str, _detail: str) -> None:
            raise RuntimeError

        shown = threading.Event()

        def then(_phase: str, _detail: str) -> None:
            shown.set()

        with LiveProgress((show, then), lambda: 0.0) as progress:
            progress("search")
            assert shown.wait(20)
        raise ValueError

    jobs = make_jobs(work)
    job = jobs.enqueue(replace(REQUEST, kind=Kind.EXPLAIN)).job_id
    wait_for(jobs, job, JobState.FAILED)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    ids = {"job": job, "kind": "explain", "repository": "owner/name", "delivery": REQUEST.delivery}
    for event in ("here", "progress could not be shown", "job broke"):
        (line,) = [line for line in lines if line["event"] == event]
        assert {name: line.get(name) for name in ids} == ids, event
