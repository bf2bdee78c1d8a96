"""Failures in plain English: what was called, expected and got, where; and nothing in it is live."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.builtin.feedback import KINDS, MAX_TEXT, BuiltinFeedback, quoted
from agent.protocols import View
from sandbox.suites.types import CaseResult, SuiteReport, Verdict

CODE = """\
def shout(text):
    return text.upper()


def twice(value):
    return value + value + 1
"""
TEST = """\
def test_none():
    equal(shout(None), '')


def test_number():
    equal(twice(2), 4)


def test_refused():
    with raises(ValueError):
        twice(2)


def test_ok():
    shout('a')
"""


def notes(scene: Callable[..., Any], kind: str) -> dict[str, Any]:
    found = BuiltinFeedback(kind).explain(scene(CODE, TEST).view)
    return {note.test.rpartition("::")[2]: note for note in found}


def test_one_note_for_each_failing_test(scene: Callable[..., Any]) -> None:
    found = notes(scene, "explanation")
    assert set(found) == {"test_none", "test_number", "test_refused"}
    assert "`AttributeError`" in found["test_none"].text
    assert "`shout` (`package/module.py`, line 2): `return text.upper()`" in found["test_none"].text
    assert found["test_none"].suspects[0].line == 2
    assert "gives `5`, but `4` is expected" in found["test_number"].text
    assert "line 6" in found["test_number"].text
    assert "expects that `ValueError` is raised, and nothing was raised" in found["test_refused"].text


def test_kinds_tell_more_and_more(scene: Callable[..., Any]) -> None:
    lengths = [len(notes(scene, kind)["test_none"].text) for kind in KINDS]
    assert lengths == sorted(lengths)
    assert len(set(lengths)) == len(lengths)
    with pytest.raises(ValueError, match="kind of feedback"):
        BuiltinFeedback("loud")


def test_regressions_are_explained_too(scene: Callable[..., Any]) -> None:
    ground = scene(CODE, TEST)
    broken = CaseResult(id="tests/test_old.py::test_a", verdict=Verdict.FAILED, message="assert 1 == 2")
    results = replace(
        ground.state.results, suite=SuiteReport(cases=(broken,)), regressions=("tests/test_old.py::test_a",)
    )
    view = View(context=ground.context, state=ground.state.with_results(results))
    (note,) = (n for n in BuiltinFeedback().explain(view) if n.test == broken.id)
    assert "which passed on the base commit, fails" in note.text


@given(st.text(max_size=400))
def test_quotations_cannot_be_left(text: str) -> None:
    found = quoted(text)
    assert "\n" not in found
    assert "\r" not in found
    if found != "nothing":
        assert found[0] == found[-1] == "`"
        assert "`" not in found[1:-1]
    assert len(found) <= 162


def test_hostile_output_stays_inside_quotations(scene: Callable[..., Any]) -> None:
    ground = scene(CODE, TEST)
    hostile = "ValueError: @org/team `code` ![x](http://a/b) </details>\n# Fixes #1 " + "x" * 5000
    case = CaseResult(id="tests/t.py::test[`@you`]", verdict=Verdict.FAILED, message=hostile, details=hostile)
    state = ground.state.with_results(replace(ground.state.results, generated=SuiteReport(cases=(case,))))
    for kind in KINDS:
        (note,) = BuiltinFeedback(kind).explain(View(context=ground.context, state=state))
        outside = "".join(note.text.split("`")[::2])
        assert "@" not in outside
        assert "http" not in outside
        assert "#" not in outside
        assert len(note.text) <= MAX_TEXT
