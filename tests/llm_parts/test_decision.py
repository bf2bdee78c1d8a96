"""The decision model: protections first, then flaws, then the model; going deeper by rules (C6, D3, U13)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from agent.llm.decision import ModelDecision, shown
from agent.llm.types import Failed, Misbehaviour
from agent.method import Method
from agent.types import (
    AddTests,
    Decision,
    EditLines,
    Effect,
    MarkTestWrong,
    Operation,
    Outline,
    ReplacePassage,
    Results,
    RewriteSymbol,
    State,
    WriteFile,
    WriteOutline,
)
from sandbox.suites.types import CaseResult, SuiteReport, Verdict
from tests.llm_parts.support import (
    AREA_TEST,
    CHANGED,
    FAILED,
    ON_BASE,
    OUTLINE,
    OUTLINED,
    ROOT,
    ScriptedModel,
    action,
    packs,
    plan,
    tried,
    view,
)

USE = {"reason": "It follows.", "use": True}
EDIT = ReplacePassage(path="calc.py", passage="side == 0", replacement="side <= 0")


def decide(
    *operations: Operation,
    answer: Any = USE,
    method: Method | None = None,
    state: State = OUTLINED,
    **packed: Any,
) -> tuple[Decision, ScriptedModel]:
    model = ScriptedModel(answers={"Verdict": [answer]})
    part = ModelDecision(method=method or Method(), model=model, packs=packs(**packed))
    return part.decide(view(state), plan(*operations)), model


@pytest.mark.parametrize("use", [True, False])
def test_the_model_is_asked_once_and_both_answers_count(use: bool) -> None:
    decision, model = decide(EDIT, answer={"reason": "Because.", "use": use})
    assert decision == Decision(use=use, reason="Because.")
    (ask,) = model.asks
    assert "side <= 0" in ask.prompt.turn
    assert "Refuse sides below zero." in ask.prompt.turn


def edits_of(path: str) -> list[Operation]:
    return [
        EditLines(path=path, first=1, last=1, expected="a", replacement="b"),
        RewriteSymbol(path=path, symbol="f", source="def f(): pass"),
        ReplacePassage(path=path, passage="a", replacement="b"),
        WriteFile(path=path, content=b"x"),
        WriteFile(path=path, content=None),
    ]


FORBIDDEN = [
    ("../outside.py", "outside the repository"),
    ("a/../../outside.py", "outside the repository"),
    ("/etc/passwd", "outside the repository"),
    ("./calc.py", "plain relative path"),
    ("a//b.py", "plain relative path"),
    ("", "empty or absolute"),
    ("a\\b.py", "backslash"),
    ("calc.py\n", "invisible"),
    ("\u202ecalc.py", "invisible"),
    ("x" * 5_000, "too long"),
    (".github/workflows/ci.yml", "protected"),
    (".GitHub/workflows/ci.yml", "protected"),
    ("sub/.git/config", "protected"),
    ("CODEOWNERS", "protected"),
    ("poetry.lock", "protected"),
    ("conftest.py", "protected"),
    ("tests/test_calc.py", "is a test"),
    ("pkg/Tests/helper.py", "is a test"),
    (AREA_TEST.path, "is a test"),
]


@pytest.mark.parametrize(("path", "reason"), FORBIDDEN)
def test_what_is_forbidden_is_forbidden_whatever_the_model_says(path: str, reason: str) -> None:
    for method in (Method(), Method(decision=False)):
        for operation in edits_of(path):
            decision, model = decide(operation, method=method)
            assert not decision.use
            assert reason in decision.reason
            assert len(decision.reason) < 1_000
            assert not model.asks


@pytest.mark.parametrize(
    ("operation", "state", "reason"),
    [
        (EDIT, ROOT, "no test reproduces the issue yet"),
        (AddTests(tests=(replace(AREA_TEST, path="calc_new.py"),)), ROOT, "no test file"),
        (AddTests(tests=(replace(AREA_TEST, path="../tests/test_x.py"),)), ROOT, "outside"),
        (AddTests(tests=(replace(AREA_TEST, path="tests/conftest.py"),)), ROOT, "protected"),
        (AddTests(tests=(replace(AREA_TEST, path="tests/test_x.py"),)), CHANGED, "changed already"),
        (AddTests(tests=(AREA_TEST,)), ON_BASE, "there already"),
        (WriteOutline(outline=Outline(targets=(), approach="x")), ON_BASE, "names no place"),
    ],
)
def test_other_protections(operation: Operation, state: State, reason: str) -> None:
    decision, model = decide(operation, state=state)
    assert not decision.use
    assert reason in decision.reason
    assert not model.asks


def test_one_forbidden_step_forbids_the_plan() -> None:
    assert not decide(EDIT, WriteFile(path=".github/x.yml", content=b""))[0].use


def test_names_that_do_not_exist_are_refused_before_the_model_is_asked() -> None:
    flaws = tuple(f"calc has no name n{n}" for n in range(8))
    for method in (Method(), Method(decision=False)):
        decision, model = decide(EDIT, method=method, flaws=lambda _view, _plan: flaws)
        assert not decision.use
        assert decision.reason.startswith("calc has no name n0; ")
        assert decision.reason.endswith("(3 more)")
        assert not model.asks


def test_without_the_decision_model_what_is_not_forbidden_is_used() -> None:
    """J16."""
    decision, model = decide(EDIT, method=Method(decision=False))
    assert decision.use
    assert not model.asks


def test_no_answer_lets_the_tests_decide() -> None:
    decision, _ = decide(EDIT, answer=Failed(kind=Misbehaviour.TIMEOUT))
    assert decision.use
    assert "no answer in time" in decision.reason


def test_an_answer_without_a_reason_still_has_one() -> None:
    assert decide(EDIT, answer={"reason": " \n", "use": False})[0].reason == "the model gives no reason"
    long, _ = decide(EDIT, answer={"reason": "x" * 100_000, "use": False})
    assert len(long.reason) <= 600


def test_without_generated_tests_code_needs_none() -> None:
    """J16: the suite alone measures it."""
    method = Method(generated_tests=False)
    assert decide(EDIT, method=method, state=ROOT)[0].use
    assert not decide(WriteFile(path="tests/test_calc.py", content=b""), method=method, state=ROOT)[0].use


def test_every_operation_can_be_shown() -> None:
    everything = plan(
        *edits_of("calc.py"),
        AddTests(tests=(AREA_TEST,)),
        MarkTestWrong(path="t", reason="r"),
        WriteOutline(outline=OUTLINE),
    )
    text = shown(everything)
    for part in (
        "Replace lines 1 to 1",
        "Rewrite f",
        "Delete calc.py",
        "Add the test",
        "as wrong: r",
        "Approach",
    ):
        assert part in text


# --- Going deeper


def results(message: str, passing: int = 0, **more: Any) -> Results:
    cases = (
        replace(FAILED, message=message),
        *(CaseResult(id=f"t{n}", verdict=Verdict.PASSED) for n in range(passing)),
    )
    return Results(generated=SuiteReport(cases=cases), **more)


@pytest.mark.parametrize(
    ("measured", "deeper"),
    [
        (results("AssertionError: area(-1) was accepted"), False),  # nothing has changed
        (results("TypeError: cannot square it"), True),  # it fails in another way: for the Debugger
        (results("AssertionError: area(-1) was accepted", passing=1), True),  # better
        (results("TypeError: x", regressions=("tests/test_calc.py::test_two",)), False),
        (Results(generated=SuiteReport(cases=(FAILED,), problem="crashed")), False),
    ],
)
def test_how_far_a_change_is_worth_following(measured: Results, deeper: bool) -> None:
    after = CHANGED.with_results(measured)
    step = tried(action(), EDIT, state=OUTLINED, after=after, effect=Effect.EXECUTED)
    part = ModelDecision(method=Method(), model=ScriptedModel(), packs=packs())
    assert part.descend(view(after, depth=3), step).use == deeper
    assert not part.descend(view(after, depth=9), step).use


def test_an_outline_is_followed_also_where_no_test_is_to_reproduce() -> None:
    after = replace(ROOT, outline=OUTLINE)
    step = tried(action(), WriteOutline(outline=OUTLINE), state=ROOT, after=after, effect=Effect.EXECUTED)
    for method, deeper in [(Method(), False), (Method(generated_tests=False), True)]:
        part = ModelDecision(method=method, model=ScriptedModel(), packs=packs())
        assert part.descend(view(after, depth=1), step).use == deeper
