"""What others' checks say, what GitHub Actions logged, and our own annotations and buttons."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import ForgeRefused
from bot.forge import Annotation, Button, CheckRun, Conclusion, Forge, Level
from bot.github.checks import tail
from tests.double.faults import Fault, Garbage, ResetAfter, Status, StatusAfter
from tests.forge.conftest import DEMO, Stage

LOG = "".join(f"2026-01-02T03:04:05.0000000Z line {number}\n" for number in range(2000))


def head(stage: Stage) -> str:
    sha = stage.github.repository(DEMO).git.tip("main")
    assert sha is not None
    return sha


def test_the_newest_failed_checks_of_others(stage: Stage, forge: Forge) -> None:
    sha, double = head(stage), stage.github
    double.complete_check(DEMO, sha, "mended", conclusion="failure")
    double.complete_check(DEMO, sha, "mended", conclusion="success")
    double.complete_check(DEMO, sha, "tests", conclusion="success")
    newest = double.complete_check(DEMO, sha, "tests", conclusion="timed_out", summary="Too slow.")
    other = double.complete_check(DEMO, sha, "tests", conclusion="failure", app="circle")
    for conclusion in ("cancelled", "skipped", "neutral", "action_required", "stale"):
        double.complete_check(DEMO, sha, conclusion, conclusion=conclusion)
    forge.upsert_check_run(own(stage, conclusion=Conclusion.FAILURE))
    found = {each.id: each for each in forge.failed_checks(sha)}
    assert found.keys() == {newest.id, other.id}
    seen = found[newest.id]
    assert (seen.name, seen.app, seen.conclusion) == ("tests", "github-actions", "timed_out")
    assert (seen.head_sha, seen.summary, seen.suite) == (sha, "Too slow.", newest.suite)
    assert found[other.id].app == "circle"
    assert forge.seen_check(newest.id) == seen
    assert forge.seen_check(1) is None


def test_the_failed_jobs_and_the_end_of_a_log(stage: Stage, forge: Forge) -> None:
    run = stage.github.run_workflow(DEMO, "main", {"test": LOG, "lint": None})
    run.jobs[1].conclusion = "cancelled"
    (job,) = forge.failed_jobs(run.id)
    assert (job.name, job.conclusion, job.steps) == ("test", "failure", ("Run tests",))
    assert forge.job_log(job.id, 1000) == LOG.encode()[-1000:]
    assert forge.job_log(job.id, 1 << 20) == LOG.encode()
    (served,) = [each for each in stage.github.requests if each.path.startswith("/_logs/")][:1]
    assert served.status == 200, "and no token came along: that would be a violation"
    assert forge.job_log(run.jobs[1].id, 1000) is None, "GitHub has thrown it away"
    assert forge.job_log(1, 1000) is None
    assert forge.failed_jobs(1) == ()


@pytest.mark.parametrize("fault", [ResetAfter(), StatusAfter(502), Status(503)], ids=str)
@pytest.mark.parametrize("where", ["/logs$", "^/_logs/"])
def test_a_log_is_asked_for_again(where: str, fault: Fault, stage: Stage, forge: Forge) -> None:
    run = stage.github.run_workflow(DEMO, "main", {"test": LOG})
    stage.github.faults.add("GET", where, fault)
    assert forge.job_log(run.jobs[0].id, 100) == LOG.encode()[-100:]


def test_without_the_permission_there_is_no_log(stage: Stage, forge: Forge) -> None:
    run = stage.github.run_workflow(DEMO, "main", {"test": LOG})
    stage.github.faults.add("GET", "/logs$", Status(403))
    stage.time.pass_by(100)  # a token that is young may be refused for that
    assert forge.job_log(run.jobs[0].id, 100) is None


class Blocks:
    def __init__(self, blocks: list[bytes]) -> None:
        self.blocks, self.closed = blocks, False

    def iter_bytes(self) -> list[bytes]:
        return self.blocks

    def close(self) -> None:
        self.closed = True


@given(st.lists(st.binary(max_size=20), max_size=20), st.integers(0, 50))
def test_the_tail_is_the_end(blocks: list[bytes], limit: int) -> None:
    answer = Blocks(blocks)
    whole = b"".join(blocks)
    assert tail(answer, limit) == (whole[-limit:] if limit else b"")
    assert answer.closed


def test_an_endless_log_is_left() -> None:
    assert tail(Blocks([b"ab", b"cd", b"ef"]), 3, most=4) == b"bcd"


# --- our own -----------------------------------------------------------------------------------------------


def own(stage: Stage, **changes: object) -> CheckRun:
    plain = CheckRun(
        name="CodeAgent", head_sha=head(stage), external_id="1", title="Working", summary="Wait."
    )
    return dataclasses.replace(plain, **changes)  # type: ignore[arg-type]


def note(line: int, **changes: object) -> Annotation:
    plain = Annotation(path="a.py", start_line=line, end_line=line, message="Suspicious.")
    return dataclasses.replace(plain, **changes)  # type: ignore[arg-type]


def test_annotations_are_made_fit_and_said_once(stage: Stage, forge: Forge) -> None:
    rows = (
        note(0),
        note(1, path=""),
        note(2, message=" "),
        note(3, end_line=1, level=Level.FAILURE, title="t" * 300),
        note(4, message="ä" * 64_000),
        *(note(line) for line in range(10, 70)),
    )
    done = own(stage, annotations=rows, conclusion=Conclusion.SUCCESS)
    forge.upsert_check_run(own(stage))
    forge.upsert_check_run(done)
    forge.upsert_check_run(done)
    forge.upsert_check_run(dataclasses.replace(done, title="Once more"))
    (run,) = stage.github.check_runs(DEMO)
    assert len(run.annotations) == 50
    first, second = run.annotations[:2]
    assert (first["start_line"], first["end_line"], first["annotation_level"]) == (3, 3, "failure")
    assert len(first["title"]) <= 255
    assert len(second["message"].encode()) <= 64_000
    assert run.title == "Once more"


@pytest.mark.parametrize("fault", [ResetAfter(), StatusAfter(502), Garbage()], ids=str)
def test_annotations_whose_answer_was_lost_are_not_said_twice(
    fault: Fault, stage: Stage, forge: Forge
) -> None:
    forge.upsert_check_run(own(stage))
    stage.github.faults.add("PATCH", "/check-runs/", fault)
    forge.upsert_check_run(own(stage, annotations=(note(1),)))
    (run,) = stage.github.check_runs(DEMO)
    assert len(run.annotations) == 1


def test_buttons_come_and_go(stage: Stage, forge: Forge) -> None:
    stop = Button(
        label="Stop", description="End this run, and say what was found so far " * 2, identifier="stop"
    )
    forge.upsert_check_run(own(stage, buttons=(stop,) * 4))
    (run,) = stage.github.check_runs(DEMO)
    assert [each["identifier"] for each in run.actions] == ["stop"] * 3
    assert len(run.actions[0]["description"]) <= 40
    forge.upsert_check_run(own(stage, conclusion=Conclusion.SUCCESS))
    assert run.actions == []


def test_a_check_of_a_commit_that_is_not_there(forge: Forge) -> None:
    with pytest.raises(ForgeRefused):
        forge.failed_checks("f" * 40)
