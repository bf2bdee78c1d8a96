"""Values survive the way into the journal and back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.codec import decode, encode
from agent.gates import SizeCap
from agent.llm.types import Component
from agent.method import Method
from agent.run import Settings
from agent.types import (
    Budget,
    EditLines,
    FailureSign,
    Location,
    Outline,
    Plan,
    Skill,
    State,
    Step,
    Task,
    TestFile,
    WriteFile,
    WriteOutline,
)
from sandbox import Completed, LimitName, Limits
from sandbox.environments import Environment
from tests.agent.support import REPRODUCE, TASK

TEST = TestFile(path="t.py", content="x", verifies="v", sign=FailureSign(exception="E"), select=("a", "b"))
PLACE = Location(path="p", line=3, suspicion=0.5)


@pytest.mark.parametrize(
    "value",
    [
        TASK,
        Task(
            repository="r",
            base="b",
            title="t",
            text="\udc80\n",
            number=7,
            given_tests=(TEST,),
            test_command=("x",),
        ),
        Completed(
            exit_status=None,
            stopped_by=LimitName.TIME,
            stdout=b"\xff" * 5000,
            stderr=b"text",
            seconds=1.5,
            collected={"a": b"b" * 4000, "c": bytes(range(256))},
        ),
        Completed(exit_status=-9, stopped_by=None, stdout=b"", stderr=b"", seconds=2, truncated=True),
        Environment(directory=Path("/x"), key="k", generated={"a": b"\x00"}, env=(("A", "b"),)),
        Plan(
            action=REPRODUCE,
            steps=(
                Step(
                    reasoning="r",
                    operation=EditLines(path="p", first=1, last=0, expected="", replacement="x"),
                ),
                Step(reasoning="r", operation=WriteFile(path="p", content=None)),
                Step(reasoning="r", operation=WriteOutline(outline=Outline(targets=(PLACE,), approach="a"))),
            ),
        ),
        Settings(
            task=TASK,
            budget=Budget(max_steps=3),
            limits=Limits(seconds=1),
            suite_limits=Limits(),
            cap=SizeCap(),
            method=Method(search="greedy", models=((Component.POLICY, "m"),)),
        ),
        State(tests=(TEST,)),
        Skill.DEBUGGER,
    ],
    ids=lambda value: type(value).__name__,
)
def test_round_trip(value: object) -> None:
    there = json.loads(json.dumps(encode(value)))
    assert decode(type(value), there) == value


@given(st.binary(max_size=3000))
def test_any_bytes_round_trip(value: bytes) -> None:
    assert decode(bytes, json.loads(json.dumps(encode(value)))) == value


def test_repeated_text_is_compressed() -> None:
    assert len(json.dumps(encode(b"the same line\n" * 10_000))) < 2000


@pytest.mark.parametrize(
    "value", [{}, {"is": "Task"}, {"is": "Other"}, None, [], {"is": "Task", "repository": 1}, "Task"]
)
def test_what_is_not_a_task_is_refused(value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        decode(Task, value)  # type: ignore[arg-type]


def test_what_has_no_json_form_is_refused() -> None:
    with pytest.raises(TypeError, match="object"):
        encode(object())
