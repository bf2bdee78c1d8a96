"""What is over is kept for a while and then removed: jobs, runs' directories, accounts, environments."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol

import structlog

from bot.queue import JobState, JobView, QueueUnavailable
from bot.settings_groups import RetentionSettings

DAY: Final = 86_400.0
RECORDS: Final = ("steps.jsonl", "journal.jsonl")

log = structlog.get_logger("bot.housekeeping")


class Kept(Protocol):
    """What is used of ``bot.jobs.durable.DbosJobs``."""

    def status(self, job_id: str) -> JobView | None: ...

    def forget(self, before: float) -> int:
        """Remove jobs that ended before, and what is only known of them; how many."""
        ...

    def busy_runs(self) -> frozenset[str]:
        """Runs that a job belongs to which is not over."""
        ...


def tidy_runs(runs: Path, jobs: Kept, retention: RetentionSettings, now: float) -> int:
    """Remove the directories of runs that ended long enough ago; how many. One that nothing is known of any
    more is taken for one that failed."""
    old = [path for path in _directories(runs) if _is_old(path, retention.runs, now)]
    if not old:
        return 0
    busy = jobs.busy_runs()
    removed = 0
    for path in old:
        view = jobs.status(path.name)
        failed = view is None or view.state is JobState.FAILED
        if path.name in busy or (failed and not _is_old(path, retention.failed, now)):
            continue
        shutil.rmtree(path, ignore_errors=True)
        removed += 1
    return removed


def _directories(runs: Path) -> list[Path]:
    try:
        return sorted(path for path in runs.iterdir() if path.is_dir() and not path.is_symlink())
    except FileNotFoundError:
        return []


def _is_old(path: Path, days: float, now: float) -> bool:
    """By what was written last in its journals, or by itself when it has none. 0 days: never."""
    times = [found.stat().st_mtime for name in RECORDS if (found := path / name).exists()]
    return bool(days) and now - max(times, default=path.stat().st_mtime) > days * DAY


def tidy(data: Path, jobs: Kept, retention: RetentionSettings, now: float) -> None:
    runs = tidy_runs(data / "runs", jobs, retention, now)
    forgotten = jobs.forget(now - retention.jobs * DAY) if retention.jobs else 0
    if runs or forgotten:
        log.info("tidied", runs=runs, jobs=forgotten)


@contextmanager
def daily(*chores: Callable[[], None], every: float = DAY) -> Iterator[None]:
    """Does the chores at once and once a day, in a thread. One that fails is tried again the next day."""
    over = threading.Event()

    def work() -> None:
        while True:
            for chore in chores:
                try:
                    chore()
                except (OSError, QueueUnavailable) as error:
                    log.warning("tidying failed", error=f"{type(error).__name__}: {error}")
            if over.wait(every):
                return

    thread = threading.Thread(target=work, name="housekeeping", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(timeout=5)
