"""Roles of made tests come from what base shows (U22): taking files apart, byte for byte."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.source_parts import place_of, places, without
from agent.types import (
    Action,
    AddTests,
    FailureSign,
    Plan,
    RunTests,
    Skill,
    Step,
    TestFile,
    TestRole,
)
from agent.witnesses import separable, settle, unsettled
from sandbox.suites.types import CaseResult, SuiteReport, Verdict

TEXT = '''"""Tests."""
import pytest
from calc import sign


def helper():
    return 0


def test_zero():
    assert sign(0) == helper()


@pytest.mark.parametrize("n", [1, 2])
def test_positive(n):
    assert sign(n) == 1


class TestMore:
    def test_negative(self):
        assert sign(-1) == -1

    def test_none(self):
        assert sign(None) is None
'''
PATH = "tests/test_made.py"
MADE = TestFile(
    path=PATH,
    content=TEXT,
    verifies="sign",
    sign=FailureSign(exception="AssertionError"),
    separable=True,
)


def report(*cases: tuple[str, str], path: str = PATH) -> SuiteReport:
    """Cases by "p" passed, "f" failed as stated, "o" failed otherwise, "s" skipped."""
    verdicts = {"p": Verdict.PASSED, "f": Verdict.FAILED, "o": Verdict.FAILED, "s": Verdict.SKIPPED}
    messages = {"f": "AssertionError: assert 1 == 0", "o": "TypeError: no"}
    return SuiteReport(
        cases=tuple(
            CaseResult(id=f"{path}::{name}", verdict=verdicts[how], message=messages.get(how, ""))
            for name, how in cases
        )
    )


def settled(found: SuiteReport, *tests: TestFile, taken: Iterable[str] = ()) -> tuple[TestFile, ...]:
    return settle(tests or (MADE,), found, lambda path: path in set(taken))


def names(test: TestFile) -> set[str]:
    return {".".join(place) for place in places(test.content)} - {"helper"}


ALL = ("test_zero", "test_positive[1]", "test_positive[2]", "TestMore::test_negative", "TestMore::test_none")


def test_what_fails_as_stated_stays_and_the_rest_votes() -> None:
    gates, votes = settled(report(*zip(ALL, "fpppo", strict=True)))
    assert (gates.path, gates.role) == (PATH, TestRole.REPRODUCTION)
    assert (votes.path, votes.role) == ("tests/test_made_witness.py", TestRole.WITNESS)
    assert names(gates) == {"test_zero"}
    assert names(votes) == {"test_positive", "TestMore.test_negative", "TestMore.test_none"}
    assert gates.content == TEXT[: TEXT.index("@pytest")] + "\n\n"
    zero = TEXT[TEXT.index("def test_zero") : TEXT.index("\n\n@pytest")]
    assert votes.content == TEXT.replace(zero, "")


def test_methods_are_taken_out_of_their_class() -> None:
    gates, votes = settled(report(*zip(ALL, "pppfs", strict=True)))
    assert names(gates) == {"TestMore.test_negative"}
    assert names(votes) == {"test_zero", "test_positive", "TestMore.test_none"}
    for each in (gates, votes):
        ast.parse(each.content)


def test_unittest_names_are_understood() -> None:
    text = (
        "import unittest\n\n\nclass T(unittest.TestCase):\n"
        "    def test_a(self): pass\n    def test_b(self): pass\n"
    )
    found = SuiteReport(
        cases=(
            CaseResult(id="tests.test_made.T.test_a", verdict=Verdict.FAILED, message="AssertionError: x"),
            CaseResult(id="tests.test_made.T.test_b", verdict=Verdict.PASSED),
        )
    )
    gates, votes = settled(found, replace(MADE, content=text))
    assert names(gates) == {"T.test_a"}
    assert names(votes) == {"T.test_b"}


UNCHANGED = [
    ("everything reproduces", MADE, "fffff"),
    ("nothing reproduces", MADE, "ppppp"),
    ("all fail for another reason", MADE, "ooooo"),
    ("the built-in designer's stay strict", replace(MADE, separable=False), "fpppp"),
    ("given ones are right", replace(MADE, separable=False, given=True), "fpppp"),
]


@pytest.mark.parametrize(("why", "test", "verdicts"), UNCHANGED)
def test_what_stays_as_it_is(why: str, test: TestFile, verdicts: str) -> None:
    assert settled(report(*zip(ALL, verdicts, strict=True)), test) == (test,), why


def test_parameters_of_which_some_reproduce_gate_when_there_is_nothing_else() -> None:
    cases = (("test_positive[1]", "f"), ("test_positive[2]", "p"))
    (gates,) = settled(report(*cases))
    assert gates == replace(MADE, select=(f"{PATH}::test_positive[1]",))
    # Not when the others fail otherwise: no patch would be right.
    assert settled(report(("test_positive[1]", "f"), ("test_positive[2]", "o"))) == (MADE,)
    # With a whole function beside it, it votes.
    gates, votes = settled(report(*cases, ("test_zero", "f")))
    assert "test_positive" not in names(gates)
    assert "test_positive" in names(votes)


def test_a_whole_file_votes_when_another_one_reproduces() -> None:
    other = replace(MADE, path="tests/test_other.py")
    both = SuiteReport(
        cases=(
            *report(("test_zero", "f")).cases,
            *report(("test_zero", "p"), path=other.path).cases,
        )
    )
    assert settled(both, MADE, other) == (MADE, replace(other, role=TestRole.WITNESS))
    assert settled(both, replace(MADE, separable=False), other)[1].role is TestRole.WITNESS
    # One that could not even be collected, too.
    assert settled(report(("test_zero", "f")), MADE, other)[1].role is TestRole.WITNESS


def test_a_witness_gets_a_path_of_its_own() -> None:
    found = report(*zip(ALL, "fpppp", strict=True))
    (_, votes) = settled(found, taken=["tests/test_made_witness.py"])
    assert votes.path == "tests/test_made_witness2.py"
    witness = replace(MADE, path="tests/test_made_witness.py", role=TestRole.WITNESS)
    _, votes, kept = settled(found, MADE, witness)
    assert votes.path == "tests/test_made_witness2.py"
    assert kept == witness


def test_what_cannot_be_taken_apart_stays_whole() -> None:
    shared = replace(MADE, content="class A:\n    def test_a(self): pass\n\n\nclass TestB(A): pass\n")
    assert settled(report(("TestB::test_a", "p"), ("A::test_a", "f")), shared) == (shared,)


def test_a_model_cannot_choose_roles() -> None:
    claimed = replace(
        MADE, separable=False, given=True, role=TestRole.WITNESS, select=("x",), reason="I say so"
    )
    steps = tuple(
        Step(reasoning="r", operation=operation) for operation in (AddTests(tests=(claimed,)), RunTests())
    )
    action = Action(
        id="a", skill=Skill.TEST_DESIGNER, kind="k", summary="s", score=1.0, operations=(), origin="model"
    )
    plan = separable(Plan(action=action, steps=steps))
    assert plan.steps[0].operation == AddTests(tests=(MADE,))
    assert plan.steps[1] == steps[1]
    assert unsettled((MADE,))
    built_in = Plan(action=replace(action, origin="built-in"), steps=steps)
    assert separable(built_in) is built_in


# --- Cutting ------------------------------------------------------------------------------------------------

CASES = [
    (f"{PATH}::test_a", ("test_a",)),
    (f"{PATH}::T::test_a[x::y]", ("T", "test_a")),
    ("tests.test_made.T.test_a", ("T", "test_a")),
    ("tests/test_made_witness.py::test_a", ()),
    ("elsewhere", ()),
]


@pytest.mark.parametrize(("case", "place"), CASES)
def test_where_a_case_stands(case: str, place: tuple[str, ...]) -> None:
    assert place_of(case, PATH) == place


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("def (", ("test_a",)),
        ("def test_a(): pass\n", ("test_b",)),
        ("x = 1; y = 2\nif x:\n    def test_a(): pass\n", ("test_a",)),
        ("def test_a(): pass; x = 1\ndef test_a(): pass\nif 1: \n  def test_a(): pass\n", ("test_a",)),
        ("\udc80", ("test_a",)),
    ],
)
def test_what_cannot_be_cut_is_not_cut(text: str, place: tuple[str, ...]) -> None:
    assert without(text, {place}) is None


def test_a_class_of_which_nothing_is_left_goes_as_a_whole() -> None:
    text = 'x = 1\r\n\r\n@mark\r\nclass T:\r\n    """Doc."""\r\n    def test_a(self): pass\r\ny = 2\r\n'
    assert without(text, {("T", "test_a")}) == "x = 1\r\n\r\ny = 2\r\n"


@given(st.lists(st.sampled_from(["a", "b", "c", "d"]), unique=True, min_size=1), st.data())
def test_the_rest_stays_byte_for_byte(found: list[str], data: st.DataObject) -> None:
    parts = {
        name: data.draw(
            st.sampled_from([f"def test_{name}():\n    pass\n", f"@m\ndef test_{name}(): pass\n"])
        )
        + data.draw(st.sampled_from(["", "\n\n", "# comment\n", f"x_{name} = 1\n"]))
        for name in found
    }
    gone = data.draw(st.sets(st.sampled_from(found)))
    functions = {name: part[: part.index("pass\n") + 5] for name, part in parts.items()}
    expected = "".join(
        part.removeprefix(functions[name]) if name in gone else part for name, part in parts.items()
    )
    assert without("".join(parts.values()), {(f"test_{name}",) for name in gone}) == expected
