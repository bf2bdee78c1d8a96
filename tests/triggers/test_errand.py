"""Commands that are answered at once, over fakes: who may, what is said, what is stopped."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from agent.journal import FileJournal
from bot.errors import ForgeRefused, ForgeUnavailable
from bot.names import names_of
from bot.queue import Ending, FailedCheck, JobFailed, JobResult, JobState, JobView, Kind, TaskRequest
from bot.triggers.place import subjects
from bot.workflow import JOURNAL, run_job
from tests.workflow.fakes import REQUEST, FakeForge, FakeForges, World, ports

JOB = "0123456789abcdef0123456789abcdef"
OTHER = "fedcba9876543210fedcba9876543210"
ASKED = replace(REQUEST, kind=Kind.ERRAND, command="status", comment=11, label="", body="")


@dataclass
class FakeControl:
    """A queue with at most one job for each subject."""

    views: dict[str, JobView] = field(default_factory=dict)
    before: int = 0
    stopped: list[str] = field(default_factory=list)

    def latest(self, subject: str, /) -> JobView | None:
        return self.views.get(subject)

    def ahead(self, _job_id: str, /) -> int:
        return self.before

    def stop(self, subject: str, /) -> str | None:
        self.stopped.append(subject)
        view = self.views.get(subject)
        return view.job_id if view is not None and view.state.active else None


def view(state: JobState, request: TaskRequest = REQUEST, result: JobResult | None = None) -> JobView:
    return JobView(job_id=OTHER, state=state, request=request, result=result, error="the disk is full")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "world.json")


def answered(
    tmp_path: Path, world: World, request: TaskRequest, control: FakeControl, **changes: object
) -> JobResult:
    given = ports(tmp_path / "data", world, control=control, **changes)
    return run_job(JOB, request, given, lambda: None, 1)


def said(world: World) -> str:
    (comment,) = world.read()["comments"]
    return str(comment["body"])


STATES = [
    (view(JobState.QUEUED), 0, "waits, and is next"),
    (view(JobState.QUEUED), 1, "one job has its turn before"),
    (view(JobState.QUEUED), 7, "7 jobs have their turn before"),
    (view(JobState.RUNNING), 0, "at work: starting"),
    (replace(view(JobState.RUNNING), cancelling=True), 0, "asked to stop"),
    (view(JobState.FAILED), 0, "failed: the disk is full"),
    (view(JobState.DONE), 0, "done"),
    (
        view(
            JobState.DONE,
            result=JobResult(ending=Ending.SOLVED, summary="solved", pull_request="https://forge/pull/9"),
        ),
        0,
        "[pull request](https://forge/pull/9)",
    ),
]


@pytest.mark.parametrize(("job", "before", "words"), STATES)
def test_status(tmp_path: Path, world: World, job: JobView, before: int, words: str) -> None:
    control = FakeControl({REQUEST.subject: job}, before=before)
    assert answered(tmp_path, world, ASKED, control).ending is Ending.ANSWERED
    assert words in said(world)
    assert f"https://bot.example/runs/{OTHER}" in said(world)
    assert control.stopped == []


def test_status_tells_the_phase_and_what_was_used(tmp_path: Path, world: World) -> None:
    home = tmp_path / "data" / "runs" / OTHER
    home.mkdir(parents=True)
    with FileJournal(home / JOURNAL, run=OTHER, task={}) as journal:
        completed = {"seconds": 2.0}
        journal.effect("run", {"n": 1}, lambda: {"completed": completed, "clock": 9.4, "for": "reproduction"})
        usage = {"prompt": 1000, "completion": 200}
        cost = {"cost": 2 * 10**11, "calls": 1, "usage": usage}
        journal.effect("model", {"component": "policy"}, lambda: cost)
    answered(tmp_path, world, ASKED, FakeControl({REQUEST.subject: view(JobState.RUNNING)}))
    assert "at work: search, 0 states measured" in said(world)
    assert "9 s; 1 sandbox runs; 1 model calls, 1,200 tokens, $0.20" in said(world)


def test_status_of_nothing_and_of_a_damaged_journal(tmp_path: Path, world: World) -> None:
    home = tmp_path / "data" / "runs" / OTHER
    home.mkdir(parents=True)
    (home / JOURNAL).write_bytes(b"\xff\x00 not a journal\n")
    answered(tmp_path, world, ASKED, FakeControl())
    assert "nothing here so far" in said(world)
    again = replace(ASKED, delivery="00000000-aaaa-bbbb-cccc-000000000002")
    given = ports(tmp_path / "data", world, control=FakeControl({REQUEST.subject: view(JobState.RUNNING)}))
    run_job("1" * 32, again, given, lambda: None, 1)
    assert len(world.read()["comments"]) == 2  # each command has an answer of its own


def test_help_lists_the_commands_after_the_remark(tmp_path: Path, world: World) -> None:
    remark = "`/codeagent fxi` is no command that I know. Did you mean `/codeagent fix`?"
    answered(tmp_path, world, replace(ASKED, command="help", body=remark), FakeControl())
    assert said(world).startswith((remark, names_of(ASKED).comment))
    for word in ("fix", "explain", "retry", "stop", "status", "help"):
        assert f"`/codeagent {word}`" in said(world)


def test_stop_asks_every_job_of_the_place_to_stop(tmp_path: Path, world: World) -> None:
    control = FakeControl({REQUEST.subject: view(JobState.RUNNING)})
    stop = replace(ASKED, command="stop")
    assert answered(tmp_path, world, stop, control).ending is Ending.ANSWERED
    assert control.stopped == [
        "1/2/issue/3",
        "1/2/issue/3/explain",
        "1/2/check/pull/3",
        "1/2/pull/3",
    ]
    assert "Stopped" in said(world)


def test_stop_is_remembered(tmp_path: Path, world: World) -> None:
    """Taken up again after a kill it stops no job that was asked for later."""
    control = FakeControl({REQUEST.subject: view(JobState.RUNNING)})
    stop = replace(ASKED, command="stop")
    answered(tmp_path, world, stop, control)
    count = len(control.stopped)
    answered(tmp_path, world, stop, control)
    assert len(control.stopped) == count
    assert len(world.read()["comments"]) == 1


def test_a_button_stops_its_own_job_and_says_nothing(tmp_path: Path, world: World) -> None:
    control = FakeControl({REQUEST.subject: view(JobState.RUNNING)})
    pressed = replace(ASKED, command="stop", about=REQUEST.subject, issue=0, comment=0)
    assert answered(tmp_path, world, pressed, control).ending is Ending.ANSWERED
    assert control.stopped == [REQUEST.subject]
    assert world.read()["comments"] == []


def test_a_branch_has_a_subject_too() -> None:
    branch = replace(REQUEST, issue=0, kind=Kind.CHECK, check=FailedCheck(branch="main"))
    assert subjects(branch) == ("1/2/check/branch/main",)


ROLES = [
    ("admin", True),
    ("maintain", True),
    ("write", True),
    ("triage", False),
    ("read", False),
    ("none", False),
]


@pytest.mark.parametrize(("role", "may"), ROLES)
@pytest.mark.parametrize("command", ["stop", "status", "help"])
def test_only_who_may_write_is_obeyed_and_answered(
    tmp_path: Path, world: World, role: str, may: bool, command: str
) -> None:
    with world.change() as state:
        state["permission"] = role
    control = FakeControl({REQUEST.subject: view(JobState.RUNNING)})
    ending = answered(tmp_path, world, replace(ASKED, command=command), control).ending
    assert ending is (Ending.ANSWERED if may else Ending.REFUSED)
    assert bool(world.read()["comments"]) is may
    assert bool(control.stopped) is (may and command == "stop")


ERRORS = [ForgeRefused("no", status=403), ForgeRefused("no", status=404), ForgeUnavailable("500")]


@pytest.mark.parametrize("error", ERRORS)
def test_a_permission_that_cannot_be_read_is_none(tmp_path: Path, world: World, error: Exception) -> None:
    control = FakeControl({REQUEST.subject: view(JobState.RUNNING)})
    forge = FakeForge(world, faults={"permission": [error] * 50})
    stop = replace(ASKED, command="stop")
    with capture_logs(), pytest.raises(JobFailed):  # drawing tracebacks would take minutes
        answered(tmp_path, world, stop, control, forges=FakeForges(forge))
    assert control.stopped == []
    assert world.read()["comments"] == []
