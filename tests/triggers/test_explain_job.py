"""The job that explains, over fakes: what is said, and that nothing else is done."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from agent.types import Explanation, Location, Outcome, StopReason, Unsolved
from bot.names import names_of
from bot.queue import Ending, Halt, Kind
from bot.workflow import run_job
from tests.workflow.fakes import REQUEST, SPEND, TEST, UNRUNNABLE, UNSOLVED, FakeRepair, World, ports

JOB = "0123456789abcdef0123456789abcdef"
ASKED = replace(REQUEST, kind=Kind.EXPLAIN, label="", comment=11)
PLACE = Location(
    path="code.py", line=3, symbol="mean", suspicion=1.0, reason="ZeroDivisionError came from here"
)
SEEN = Explanation(
    suspects=(PLACE,),
    words=("`mean([])` divides by the number of items. cc @everyone",),
    tests=(TEST,),
    report=UNSOLVED.red,
    remark="it fails for the stated reason",
)
REPRODUCED = replace(UNSOLVED, explanation=SEEN)
NOT_REPRODUCED = replace(
    UNSOLVED,
    stop=StopReason.NOT_REPRODUCED,
    reproduction=(),
    explanation=replace(SEEN, remark="the test passes on base"),
)
CANCELLED = Unsolved(
    stop=StopReason.CANCELLED,
    summary="",
    reproduction=(),
    red=None,
    attempts=(),
    advice=(),
    baseline=None,
    spend=SPEND,
)

OUTCOMES: list[tuple[Outcome, Ending, tuple[str, ...], str]] = [
    (
        REPRODUCED,
        Ending.ANSWERED,
        ("I reproduced this issue", "The test that shows it", "code.py:3", "came from here", "codeagent fix"),
        "neutral",
    ),
    (
        NOT_REPRODUCED,
        Ending.ANSWERED,
        ("could not reproduce", "the test passes on base", "The test that I tried", "code.py:3"),
        "neutral",
    ),
    (replace(UNSOLVED, stop=StopReason.TIME), Ending.UNSOLVED, ("had to stop", "time cap"), "neutral"),
    (UNRUNNABLE, Ending.UNRUNNABLE, ("could not run",), "neutral"),
    (CANCELLED, Ending.CANCELLED, ("Stopped",), "cancelled"),
]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "world.json")


@pytest.mark.parametrize(("outcome", "ending", "words", "conclusion"), OUTCOMES)
def test_every_ending(
    tmp_path: Path, world: World, outcome: Outcome, ending: Ending, words: tuple[str, ...], conclusion: str
) -> None:
    repair = FakeRepair(world, outcome)
    given = ports(tmp_path / "data", world, repair=repair)
    assert run_job(JOB, ASKED, given, lambda: None, 1).ending is ending
    assert [task.explain for task in repair.tasks] == [True]
    state = world.read()
    (comment,) = state["comments"]
    (check,) = state["checks"]
    assert comment["marker"] == names_of(ASKED).comment != names_of(REQUEST).comment
    assert check["external_id"] == "codeagent/issue/3/explain"
    assert check["conclusion"] == conclusion
    for word in words:
        assert word in comment["body"], word
    assert "@everyone" not in comment["body"]
    assert (state["pulls"], state["branches"]) == ([], {})


def test_twice_is_once(tmp_path: Path, world: World) -> None:
    for _ in range(2):
        given = ports(tmp_path / "data", world, repair=FakeRepair(world, REPRODUCED))
        assert run_job(JOB, ASKED, given, lambda: None, 1).ending is Ending.ANSWERED
    assert len(world.read()["comments"]) == 1


def test_who_may_not_write_is_refused(tmp_path: Path, world: World) -> None:
    with world.change() as state:
        state["permission"] = "triage"
    repair = FakeRepair(world, REPRODUCED)
    given = ports(tmp_path / "data", world, repair=repair)
    assert run_job(JOB, ASKED, given, lambda: None, 1).ending is Ending.REFUSED
    assert repair.tasks == []
    assert world.read()["comments"] == []


def test_a_stop_before_it_begins(tmp_path: Path, world: World) -> None:
    repair = FakeRepair(world, REPRODUCED)
    given = ports(tmp_path / "data", world, repair=repair)
    assert run_job(JOB, ASKED, given, lambda: Halt.CANCELLED, 1).ending is Ending.CANCELLED
    assert repair.tasks == []


def test_an_empty_repository_is_said_to_be_so(tmp_path: Path, world: World) -> None:
    with world.change() as state:
        state["head"] = None
    given = ports(tmp_path / "data", world, repair=FakeRepair(world, REPRODUCED))
    assert run_job(JOB, ASKED, given, lambda: None, 1).ending is Ending.UNRUNNABLE
