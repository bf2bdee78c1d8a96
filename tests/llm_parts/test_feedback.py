"""Feedback with a model: an explanation of every failing test, others kept with it, never a crash (E1 to
E4)."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from agent.llm.feedback import ModelFeedback
from agent.llm.types import Component, Failed, Misbehaviour
from agent.method import Method
from agent.types import FeedbackNote, Results
from sandbox.suites.types import SuiteReport
from tests.llm_parts.support import CHANGED, FAILED, ScriptedModel, packs, view

DETAILS = "Traceback\n" + "frame\n" * 1_000 + "THE END"
CASES = tuple(
    replace(
        FAILED, id=f"tests/test_issue_7.py::test_{n}", message=f"AssertionError: number {n}", details=DETAILS
    )
    for n in range(7)
)
STATE = replace(CHANGED, results=Results(generated=SuiteReport(cases=CASES)))


def one(
    test: int = 1, text: str = "It compares with the wrong number.", confidence: float = 50, **more: Any
) -> dict[str, Any]:
    return {"test": test, "explanation": text, "suspects": [], "confidence": confidence, **more}


def explain(
    *found: dict[str, Any], kind: str = "explanation", answer: Any = None
) -> tuple[dict[str, FeedbackNote], ScriptedModel]:
    model = ScriptedModel(answers={"Explanations": [answer or {"explanations": list(found)}]})
    part = ModelFeedback(method=Method(feedback=kind), model=model, packs=packs())
    notes = part.explain(view(STATE))
    assert [note.test for note in notes] == sorted(case.id for case in CASES)  # A3: each has one
    return {note.test.rpartition("_")[2]: note for note in notes}, model


def test_one_question_for_all_failing_tests() -> None:
    notes, model = explain(one(1, "First cause."), one(2, "Second cause."))
    assert len(model.asks) == 1
    assert notes["0"].text == "First cause."
    assert notes["1"].text == "Second cause."
    assert notes["1"].score_source == "stated confidence"
    assert notes["2"].score_source == ""  # the built-in explanation
    assert notes["2"].text


def test_the_likeliest_is_the_note_and_the_others_stay_with_it() -> None:
    notes, _ = explain(
        one(1, "Unlikely.", 10),
        one(1, "Likely.", 90),
        one(1, "likely.", 5),
        *(one(1, f"Idea {n}.", 3) for n in range(9)),
    )
    assert notes["0"].text == "Likely."
    assert notes["0"].score == round(math.log(0.9), 6)
    assert [other.text for other in notes["0"].others] == ["Unlikely.", "Idea 0.", "Idea 1.", "Idea 2."]


def test_suspects_are_places_that_exist() -> None:
    suspects = [
        {"path": "calc.py", "symbol": "scaled", "line": None, "reason": "r"},
        {"path": "../x.py", "line": 1},
        {"path": "no.py", "line": 1},
        {"path": "calc.py", "line": 10**9, "symbol": "x\ny"},
    ]
    notes, _ = explain(one(suspects=suspects))
    assert [(place.path, place.line, place.symbol) for place in notes["0"].suspects] == [
        ("calc.py", 7, "scaled"),
        ("calc.py", 1, "x y"),
    ]


@pytest.mark.parametrize("number", [0, -1, 6, 99, 10**30])
def test_explanations_of_tests_that_were_not_asked_about_are_left_out(number: int) -> None:
    notes, _ = explain(one(number, "HOSTILE"))
    assert all("HOSTILE" not in note.text for note in notes.values())


def test_hostile_explanations_are_one_bounded_line() -> None:
    notes, _ = explain(one(text="@everyone\n\n" + "x" * 100_000), one(2, "\u202e\0\n"))
    assert len(notes["0"].text) <= 1_500
    assert "\n" not in notes["0"].text
    assert notes["1"].score_source == ""  # nothing of it can be seen


@pytest.mark.parametrize(
    "answer", [Failed(kind=Misbehaviour.FILTERED), {"explanations": 5}, {"explanations": []}]
)
def test_no_answer_leaves_the_built_in_explanations(answer: Any) -> None:
    notes, _ = explain(answer=answer)
    assert {note.score_source for note in notes.values()} == {""}
    assert all(note.text for note in notes.values())


@pytest.mark.parametrize(
    ("kind", "message", "details", "ending"),
    [
        ("simple", False, False, False),
        ("unit test", True, False, False),
        ("explanation", True, True, True),
        ("trace", True, True, True),
    ],
)
def test_the_kind_says_what_the_explanation_goes_by(
    kind: str, message: bool, details: bool, ending: bool
) -> None:
    notes, model = explain(one(), kind=kind)
    (turn,) = model.turns(Component.FEEDBACK)
    assert ("number 0" in turn) == message
    assert ("Traceback" in turn or "frame" in turn) == details
    assert ("THE END" in turn) == ending
    assert notes["0"].kind == kind
    assert (
        f"Kind of feedback: {'execution trace' if kind == 'trace' else kind}." in model.asks[0].prompt.system
    )


def test_only_some_tests_are_explained_by_the_model() -> None:
    _, model = explain(one())
    (turn,) = model.turns(Component.FEEDBACK)
    assert "test_4" in turn
    assert "2 more tests fail." in turn


def test_nothing_fails_nothing_is_asked() -> None:
    model = ScriptedModel()
    part = ModelFeedback(method=Method(), model=model, packs=packs())
    assert not part.explain(view(replace(CHANGED, results=Results())))
    assert not model.asks


@pytest.mark.parametrize("language", ["", "German"])
def test_the_language_that_is_wanted_is_asked_for(language: str) -> None:
    model = ScriptedModel(answers={"Explanations": [{"explanations": [one()]}]})
    ModelFeedback(method=Method(language=language), model=model, packs=packs()).explain(view(STATE))
    (turn,) = model.turns(Component.FEEDBACK)
    assert ("Write the explanations in German;" in turn) is bool(language)
