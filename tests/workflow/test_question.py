"""The job that asks, and the job that goes on with the answer: one run, one comment, one pull request."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from agent.errors import JournalDiverged
from bot.names import names_for
from bot.ports import Ports
from bot.queue import Ending, Halt, Interrupted, JobFailed, JobResult, Reply
from bot.workflow import JOURNAL, STEPS, run_job
from tests.workflow.fakes import ASKING, REQUEST, FakeRepair, World, ports

FIRST, SECOND, THIRD = "1" * 32, "2" * 32, "3" * 32
REPLY = Reply(
    delivery="00000000-dddd-eeee-ffff-000000000001",
    installation=1,
    repository_id=2,
    issue=3,
    comment=11,
    author="carol",
    text="`0`, as the issue says",
)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "world.json")


@pytest.fixture
def asking(tmp_path: Path, world: World) -> Ports:
    return ports(tmp_path / "data", world, repair=FakeRepair(world, ASKING))


def ask(given: Ports) -> JobResult:
    return run_job(FIRST, REQUEST, given, lambda: None)


def answer(given: Ports, reply: Reply = REPLY, job: str = SECOND, halt: Halt | None = None) -> JobResult:
    return run_job(job, replace(REQUEST, run=FIRST, reply=reply), given, lambda: halt)


def test_the_question_is_the_one_comment(asking: Ports, world: World) -> None:
    assert ask(asking).ending is Ending.ASKING
    state = world.read()
    (comment,) = state["comments"]
    for part in ("What is the mean of nothing?", "mean([])", "0", "None", "comment below"):
        assert part in comment["body"]
    assert state["pulls"] == []
    (check,) = state["checks"]
    assert check["conclusion"] == "neutral"
    # Whoever reads the comment may answer at once: nothing is left to be done then.
    assert state["calls"][-1] == "comment"


def test_before_the_question_can_be_read_the_queue_knows(asking: Ports, world: World) -> None:
    told: list[tuple[str, int]] = []
    given = replace(asking, asks=lambda job: told.append((job, world.calls("comment"))))
    ask(given)
    assert told == [(FIRST, world.calls("comment") - 1)]


def test_the_answer_goes_on_with_the_same_run(asking: Ports, world: World) -> None:
    ask(asking)
    ran = world.calls("run")
    assert answer(asking).ending is Ending.SOLVED
    assert asking.repair.heard == [REPLY.text]  # type: ignore[attr-defined]
    state = world.read()
    assert world.calls("run") == ran  # not one of the engine's effects again
    assert len(state["pulls"]) == len(state["comments"]) == len(state["checks"]) == 1
    assert state["checks"][0]["conclusion"] == "success"
    assert state["branches"].keys() == {names_for(2, 3).branch}
    runs = asking.data / "runs"
    assert [path.name for path in runs.iterdir()] == [FIRST]
    assert {path.name for path in (runs / FIRST).iterdir()} == {JOURNAL, STEPS}


def test_the_same_base_though_the_branch_moved_on(asking: Ports, world: World) -> None:
    ask(asking)
    with world.change() as state:
        state["head"] = "d" * 40
    assert answer(asking).ending is Ending.SOLVED
    first, second = asking.repair.tasks  # type: ignore[attr-defined]
    assert first == second


def test_done_twice_it_does_nothing_twice(asking: Ports, world: World) -> None:
    ask(asking)
    first = answer(asking)
    before = world.read()
    assert answer(asking) == first
    assert world.read() == before


@pytest.mark.parametrize("role", ["read", "triage", "none", ""])
def test_who_may_not_write_may_not_answer(asking: Ports, world: World, role: str) -> None:
    ask(asking)
    with world.change() as state:
        state["roles"] = {"carol": role}
    before = world.read()
    assert answer(asking).ending is Ending.ASKING
    after = world.read()
    assert after == {**before, "calls": [*before["calls"], "permission"]}
    assert asking.repair.heard == []  # type: ignore[attr-defined]
    # Somebody else may; and the same person, once the role has changed.
    with world.change() as state:
        state["roles"] = {}
    assert answer(asking, replace(REPLY, comment=12), THIRD).ending is Ending.SOLVED


def test_interrupted_it_goes_on_later(asking: Ports, world: World) -> None:
    ask(asking)
    with pytest.raises(Interrupted):
        answer(asking, halt=Halt.INTERRUPTED)
    assert answer(asking).ending is Ending.SOLVED
    assert len(world.read()["pulls"]) == 1


def test_cancelled_it_says_so(asking: Ports, world: World) -> None:
    ask(asking)
    assert answer(asking, halt=Halt.CANCELLED).ending is Ending.CANCELLED
    assert "Stopped" in world.read()["comments"][0]["body"]


def test_a_failure_is_told_where_the_question_was(tmp_path: Path, world: World) -> None:
    repair = FakeRepair(world, ASKING)
    given = ports(tmp_path / "data", world, repair=repair)
    ask(given)
    repair.errors = [RuntimeError("private") for _ in range(3)]
    with pytest.raises(JobFailed, match="internal error"):
        answer(given)
    (comment,) = world.read()["comments"]
    assert "could not go on" in comment["body"]


def test_a_journal_of_another_version_is_set_aside(tmp_path: Path, world: World) -> None:
    repair = FakeRepair(world, ASKING)
    given = ports(tmp_path / "data", world, repair=repair)
    ask(given)
    repair.errors = [JournalDiverged("note 3 …")]
    assert answer(given).ending is Ending.SOLVED
    assert len(list((tmp_path / "data" / "runs" / FIRST).glob("*.unusable-1"))) == 2
    assert len(world.read()["comments"]) == 1
