"""Architect, Implementer and Debugger: what their answers become, and what of hostile ones does not."""

from __future__ import annotations

from typing import Any

import pytest

from agent.skills import architect, debugger, implementer
from agent.skills.shared import Failure, Files, Made, Situation, Unusable
from agent.types import (
    EditLines,
    Location,
    MarkTestWrong,
    ReplacePassage,
    RewriteSymbol,
    State,
    WriteFile,
    WriteOutline,
)
from tests.llm_parts.support import CHANGED, CONTEXT, OUTLINE, MemoryTree

FILES = Files(CONTEXT.source, State())
SITUATION = Situation(
    code="1 def area(side):",
    failures=(Failure(test="t::a", message="AssertionError", details="frame"),),
    tests=(("tests/test_a.py", "assert area(-1)"),),
    observations=("[debugger] Change line 3: did not apply",),
)


# --- Architect (B2)


def outline(**changes: Any) -> Made | Unusable:
    reply = {
        "targets": [
            {"path": "calc.py", "symbol": "scaled"},
            {"path": "calc.py", "symbol": "area", "line": 2, "reason": "decides"},
            {"path": "calc/new.py", "reason": "to be made"},
        ],
        "approach": "Refuse it.",
        "steps": ["First.", " ", "Second."],
    }
    return architect.made(architect.OutlineReply.model_validate(reply | changes), FILES)


def test_an_outline_names_places_approach_and_steps() -> None:
    made = outline()
    assert isinstance(made, Made)
    (step,) = made.steps
    assert isinstance(step.operation, WriteOutline)
    written = step.operation.outline
    assert [(each.path, each.symbol, each.line) for each in written.targets] == [
        ("calc.py", "scaled", 7),  # where the symbol begins
        ("calc.py", "area", 2),
        ("calc/new.py", "", 1),
    ]
    assert written.steps == ("First.", "Second.")
    assert step.reasoning


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"targets": []}, "names no place"),
        ({"targets": [{"path": "../x.py"}, {"path": "/etc/passwd"}, {"path": "a\\b"}]}, "names no place"),
        ({"approach": "\n"}, "states no approach"),
    ],
)
def test_outlines_of_no_use(changes: dict[str, Any], reason: str) -> None:
    made = outline(**changes)
    assert isinstance(made, Unusable)
    assert reason in made.reason


def test_outlines_are_bounded() -> None:
    many = [{"path": "calc.py", "line": 1, "symbol": f"s{n}"} for n in range(500)]
    made = outline(targets=many, steps=["x" * 10_000] * 500, approach="y" * 10_000)
    assert isinstance(made, Made)
    assert isinstance(made.steps[0].operation, WriteOutline)
    written = made.steps[0].operation.outline
    assert (len(written.targets), len(written.steps)) == (12, 12)
    assert max(map(len, (written.approach, *written.steps))) <= 600


# --- Implementer (B3)


def code(*edits: dict[str, Any]) -> Made | Unusable:
    reply = implementer.EditsReply.model_validate({"edits": list(edits), "expectation": "All pass."})
    return implementer.made(reply, FILES)


REWRITE = {"kind": "rewrite", "path": "calc.py", "symbol": "area", "text": "def area(side):\n    return 1\n"}
REPLACE = {"kind": "replace", "path": "calc.py", "passage": "side == 0", "text": "side <= 0"}
NEW = {"kind": "new file", "path": "errors.py", "text": "class Negative(ValueError):\n    pass\n"}


def test_several_files_at_once() -> None:
    made = code(REWRITE, REPLACE, NEW)
    assert isinstance(made, Made)
    assert [type(step.operation) for step in made.steps] == [RewriteSymbol, ReplacePassage, WriteFile]
    assert all(step.reasoning for step in made.steps)
    assert made.expectation == "All pass."


def test_a_passage_copied_with_line_numbers_loses_them() -> None:
    made = code(REPLACE | {"passage": "    2|     if side == 0:", "text": "    2|     if side <= 0:"})
    assert isinstance(made, Made)
    expected = ReplacePassage(path="calc.py", passage="    if side == 0:", replacement="    if side <= 0:")
    assert made.steps[0].operation == expected


@pytest.mark.parametrize(
    ("edits", "reason"),
    [
        ([], "no edit"),
        ([REWRITE | {"symbol": None}], "lacks a symbol"),
        ([REWRITE | {"text": " \n"}], "lacks a symbol or its source"),
        ([REPLACE | {"passage": ""}], "lacks the passage"),
        ([NEW | {"path": "calc.py"}], "exists already"),
        ([REWRITE | {"kind": "delete everything"}], "is no kind of edit"),
        ([NEW | {"text": "\ud800"}], "characters that no source file can hold"),
        ([NEW | {"text": "\0"}], "characters that no source file can hold"),
        ([NEW | {"text": "x" * 300_000}], "more than 200000 characters"),
        ([REPLACE] * 21, "too many"),
    ],
)
def test_edits_of_no_use(edits: list[dict[str, Any]], reason: str) -> None:
    made = code(*edits)
    assert isinstance(made, Unusable)
    assert reason in made.reason


# --- Debugger (B4, U26)


def repair(files: Files = FILES, **changes: Any) -> Made | Unusable:
    edit = {
        "path": "calc.py",
        "first": 2,
        "last": 2,
        "expected": "    if side == 0:",
        "replacement": "    if not side:",
    }
    reply = {"bug_class": "boundary", "explanation": "Zero only.", "edits": [edit]} | changes
    return debugger.made(debugger.RepairReply.model_validate(reply), files)


def test_the_class_of_the_bug_comes_first_then_lines() -> None:
    made = repair()
    assert isinstance(made, Made)
    (step,) = made.steps
    assert step.reasoning == "Bug class: boundary. Zero only. Change line 2 of calc.py."
    assert step.operation == EditLines(
        path="calc.py", first=2, last=2, expected="    if side == 0:\n", replacement="    if not side:\n"
    )


def test_lines_are_those_of_the_current_state() -> None:
    made = repair(Files(CONTEXT.source, CHANGED))
    assert isinstance(made, Made)
    operation = made.steps[0].operation
    assert isinstance(operation, EditLines)
    assert operation.expected == "    if side == 0:"  # it is "side < -1" now: left to be refused


def test_a_test_that_contradicts_the_issue_is_marked_with_the_reason() -> None:
    """U21."""
    made = repair(edits=[], wrong_test={"path": "tests/test_a.py", "reason": "The issue says 0 is fine."})
    assert isinstance(made, Made)
    assert made.steps[0].operation == MarkTestWrong(
        path="tests/test_a.py", reason="The issue says 0 is fine."
    )


OUT = {"path": "../x", "first": 1, "last": 1, "expected": "a", "replacement": "b"}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"bug_class": " "}, "names no class of bug"),
        ({"edits": []}, "holds no edit"),
        ({"edits": [], "wrong_test": {"path": "t", "reason": ""}}, "without the words of the issue"),
        ({"edits": [OUT] * 30}, "too many"),
        ({"edits": [OUT | {"replacement": "x" * 200_000}]}, "more than 100000 characters"),
        ({"edits": [OUT | {"path": "\ud800"}]}, "characters that no source file can hold"),
        ({"edits": [OUT | {"replacement": "\0"}]}, "characters that no source file can hold"),
        ({"edits": [OUT, OUT]}, "overlap"),
    ],
)
def test_repairs_of_no_use(changes: dict[str, Any], reason: str) -> None:
    made = repair(**changes)
    assert isinstance(made, Unusable)
    assert reason in made.reason


def test_paths_outside_are_left_for_the_decision_to_refuse_and_never_read() -> None:
    made = repair(edits=[OUT])
    assert isinstance(made, Made)

    class Strict(MemoryTree):
        def read(self, path: str) -> bytes | None:
            raise AssertionError(path)

    files = Files(Strict({}), State())
    assert [files.read(path) for path in ("../x", "/x", "a/./b", "\ud800", "")] == [None] * 5


# --- Prompts


def test_each_skill_is_told_its_own_task_and_the_situation() -> None:
    """B1: separate prompts; what strangers wrote stands between marks."""
    turns = {
        architect.system_prompt("steps"): architect.prompt(
            architect.ArchitectInput(aim="Outline it", situation=SITUATION)
        ),
        implementer.system_prompt("steps"): implementer.prompt(
            implementer.ImplementerInput(aim="Do it", outline=OUTLINE, situation=SITUATION)
        ),
        debugger.system_prompt("steps"): debugger.prompt(
            debugger.DebuggerInput(aim="Fix it", target=Location(path="calc.py", line=2), situation=SITUATION)
        ),
    }
    assert len(turns) == 3
    for turn in turns.values():
        for text in ("def area(side)", "AssertionError", "assert area(-1)", "did not apply"):
            assert text in turn
            before = turn[: turn.index(text)]
            assert before.count("<untrusted") == before.count("</untrusted") + 1
    assert "Refuse sides below zero." in list(turns.values())[1]


def test_the_reasoning_can_be_switched_off() -> None:
    for skill in (architect, implementer, debugger):
        with_steps, without = skill.system_prompt("steps"), skill.system_prompt("no_steps")
        assert "Leave none of them empty" in with_steps
        assert "leave every `reasoning` and `expectation` empty" in without
