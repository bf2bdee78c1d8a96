"""Real worker processes, really killed, on both databases."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bot.jobs.store import JobStore, open_engine
from bot.queue import JobState, JobView

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass
class Workers:
    database: str
    data: Path
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    def start(self, name: str, mode: str, *orders: str) -> tuple[subprocess.Popen[str], str]:
        """The process, and what it said when it was ready."""
        module = (sys.executable, "-m", "tests.jobs.worker")
        command = (*module, name, self.database, str(self.data), mode, *orders)
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        self.processes.append(process)
        assert process.stdout is not None
        said = process.stdout.readline().strip()
        assert said, "the worker did not come up"
        return process, said

    def kill(self, process: subprocess.Popen[str]) -> None:
        process.kill()
        process.wait()

    def log(self) -> list[str]:
        path = self.data / "log"
        return path.read_text().splitlines() if path.exists() else []

    def view(self, job_id: str) -> JobView:
        engine = open_engine(self.database)
        try:
            view = JobStore(engine).view(job_id)
        finally:
            engine.dispose()
        assert view is not None
        return view

    def wait(self, what: str, holds: Callable[[], bool]) -> None:
        for _ in range(600):
            if holds():
                return
            time.sleep(0.1)
        pytest.fail(f"{what} did not come about: {self.log()}")

    def wait_for_line(self, line: str) -> None:
        self.wait(line, lambda: line in self.log())

    def wait_until_done(self, job_id: str) -> JobView:
        self.wait("the end", lambda: self.view(job_id).state is JobState.DONE)
        return self.view(job_id)


@pytest.fixture
def workers(database: str, tmp_path: Path) -> Iterator[Workers]:
    data = tmp_path / "data"
    data.mkdir()
    workers = Workers(database, data)
    yield workers
    for process in workers.processes:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def test_a_job_whose_worker_was_killed_goes_on_in_the_next_one(workers: Workers) -> None:
    first, job = workers.start("first", "hang", "enqueue")
    workers.wait_for_line(f"first starts {job} 1")
    workers.kill(first)
    workers.start("second", "work")
    view = workers.wait_until_done(job)
    assert (view.starts, view.result and view.result.summary) == (2, "second")
    assert workers.log() == [f"first starts {job} 1", f"second starts {job} 2", f"second ends {job}"]


def test_a_worker_that_runs_takes_over_from_a_dead_one_and_from_nobody_else(workers: Workers) -> None:
    first, job = workers.start("first", "hang", "enqueue")
    workers.wait_for_line(f"first starts {job} 1")
    workers.start("second", "work")
    time.sleep(1.5)  # several rounds of looking for dead workers
    assert workers.log() == [f"first starts {job} 1"]
    workers.kill(first)
    assert workers.wait_until_done(job).starts == 2


def test_a_job_accepted_in_the_last_moment_of_a_process_is_not_lost(workers: Workers) -> None:
    first, job = workers.start("first", "hang", "enqueue", "die")
    assert first.wait() == -signal.SIGKILL
    workers.start("second", "work", "enqueue")  # the same delivery once more
    workers.wait_until_done(job)
    assert [line for line in workers.log() if "ends" in line] == [f"second ends {job}"]


def test_a_slow_job_is_run_by_one_of_two_workers(workers: Workers) -> None:
    workers.start("first", "slow")
    _, job = workers.start("second", "slow", "enqueue")
    workers.wait_until_done(job)
    assert len(workers.log()) == 2


def test_asked_to_end_a_worker_leaves_its_job_to_the_next(workers: Workers) -> None:
    first, job = workers.start("first", "hang", "enqueue")
    workers.wait_for_line(f"first starts {job} 1")
    first.terminate()
    assert first.wait(30) == 0
    workers.start("second", "work")
    assert workers.wait_until_done(job).starts == 1
