"""What is said on an issue whose job has to wait: in the job's own comment, and only while it waits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bot.queue import WAITS, Ending, JobState, Kind
from bot.workflow import run_job
from tests.triggers.test_errand import JOB, OTHER, FakeControl, view
from tests.workflow.fakes import REQUEST, World, ports

NOTICE = replace(REQUEST, kind=Kind.ERRAND, command=WAITS, about=REQUEST.subject)


@pytest.mark.parametrize(
    ("state", "before", "words"),
    [
        (JobState.WAITING, 0, "**Queued:** it is next."),
        (JobState.QUEUED, 1, "**Queued:** one job has its turn before."),
        (JobState.WAITING, 4, "**Queued:** 4 jobs have their turn before."),
        (JobState.RUNNING, 0, ""),
        (JobState.DONE, 0, ""),
    ],
)
def test_a_job_that_waits_is_said_to(tmp_path: Path, state: JobState, before: int, words: str) -> None:
    world = World(tmp_path / "world.json")
    control = FakeControl({REQUEST.subject: view(state)}, before=before)
    result = run_job(JOB, NOTICE, ports(tmp_path / "data", world, control=control), lambda: None)
    assert result.ending is Ending.ANSWERED
    comments = world.read()["comments"]
    assert len(comments) == bool(words)
    if words:
        assert words in comments[0]["body"]
        assert f"https://bot.example/runs/{OTHER}" in comments[0]["body"]
        # The job goes on editing the same comment.
        run_job(OTHER, REQUEST, ports(tmp_path / "data", world), lambda: None)
        (comment,) = world.read()["comments"]
        assert "opened a pull request" in comment["body"]


def test_whoever_may_not_ask_hears_nothing(tmp_path: Path) -> None:
    world = World(tmp_path / "world.json")
    with world.change() as state:
        state["roles"] = {"somebody": "read"}
    control = FakeControl({REQUEST.subject: view(JobState.WAITING)})
    asked = replace(NOTICE, sender="somebody")
    result = run_job(JOB, asked, ports(tmp_path / "data", world, control=control), lambda: None)
    assert result.ending is Ending.REFUSED
    assert world.read()["comments"] == []
