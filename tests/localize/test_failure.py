"""Failures as runners print them: a row each."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.localize.failure import FailureKind as K
from agent.localize.failure import read_failure
from agent.localize.traceback import Frame, frames
from sandbox.suites.types import CaseResult, Verdict

ROWS = [
    ("AssertionError: assert 3 == 2", "", K.WRONG_NUMBER, "3", "2"),
    ("assert [1] == [[1]]", "", K.WRONG_COLLECTION, "[1]", "[[1]]"),
    ("AssertionError: assert None == 'x'", "", K.WRONG_NONE, "None", "'x'"),
    ("AssertionError: 1 != 2", "", K.WRONG_NUMBER, "1", "2"),
    ("AssertionError: 'a' != 'b' : words", "", K.WRONG_TEXT, "'a'", "'b'"),
    ("AssertionError: False is not true", "", K.WRONG_BOOL, "False", "True"),
    ("AssertionError: assert not True", "", K.WRONG_BOOL, "True", "False"),
    ("assert False", "", K.WRONG_BOOL, "False", "True"),
    ("assert 0 == 1  +  where", "assert 0 == 1\n +  where 1 = f(0, 1)", K.WRONG_NUMBER, "1", "0"),
    ("assert f(x) == 2", "", K.UNKNOWN, "", ""),
    ("Failed: DID NOT RAISE <class 'ValueError'>", "", K.NOT_RAISED, "", ""),
    ("AssertionError: ValueError not raised by f", "", K.NOT_RAISED, "", ""),
    ("AttributeError: 'NoneType' object has no attribute 'x'", "", K.NONE_USED, "", ""),
    ("TypeError: 'NoneType' object is not iterable", "", K.NONE_USED, "", ""),
    ("AttributeError: 'set' object has no attribute 'y'", "", K.NO_ATTRIBUTE, "", ""),
    ("NameError: name 'x' is not defined", "", K.NO_NAME, "", ""),
    ("TypeError: f() missing 1 required positional argument: 'a'", "", K.ARGUMENTS, "", ""),
    ("ValueError: not enough values to unpack (expected 2, got 1)", "", K.UNPACK, "", ""),
    ("ValueError: max() arg is an empty sequence", "", K.INDEX, "", ""),
    ("ValueError: invalid literal for int() with base 10: 'x'", "", K.CONVERSION, "", ""),
    ("ValueError: price is odd", "", K.RAISED, "", ""),
    ("package.errors.ParseError: no", "", K.RAISED, "", ""),
    ("OverflowError: cannot convert float infinity to integer", "", K.CONVERSION, "", ""),
    ("IndexError: list index out of range", "", K.INDEX, "", ""),
    ("KeyError: 'a'", "", K.KEY, "", ""),
    ("ZeroDivisionError: division by zero", "", K.ZERO_DIVISION, "", ""),
    ("RecursionError: maximum recursion depth exceeded", "", K.RECURSION, "", ""),
    ("RuntimeError: generator raised StopIteration", "", K.STOP, "", ""),
    ("", "", K.UNKNOWN, "", ""),
]


@pytest.mark.parametrize(("message", "details", "kind", "actual", "expected"), ROWS)
def test_kind_and_values(message: str, details: str, kind: K, actual: str, expected: str) -> None:
    case = CaseResult(id="t", verdict=Verdict.FAILED, message=message, details=details)
    failure = read_failure(case, ())
    assert (failure.kind, failure.actual, failure.expected) == (kind, actual, expected)


PYTHON = """\
Traceback (most recent call last):
  File "tests/test_a.py", line 3, in test_a
    f()
  File "/workspace/src/pkg/a.py", line 10, in f
    g()
  File "/env/lib/python3.11/site-packages/pkg/b.py", line 1, in g
  File "/home/somebody/checkout/src/pkg/b.py", line 7, in g
ValueError: no
"""
PYTEST = """\
    def test_a():
>       f()

tests/test_a.py:3:
_ _ _ _ _
src/pkg/a.py:10: in f
    g()
src/pkg/b.py:7: ValueError
"""
PATHS = ("src/pkg/a.py", "src/pkg/b.py", "tests/test_a.py")


@pytest.mark.parametrize("text", [PYTHON, PYTEST])
def test_frames_of_the_repository(text: str) -> None:
    assert [(f.path, f.line) for f in frames(text, PATHS)] == [
        ("tests/test_a.py", 3), ("src/pkg/a.py", 10), ("src/pkg/b.py", 7),
    ]  # fmt: skip


def test_frames_of_tests_are_apart() -> None:
    case = CaseResult(id="t", verdict=Verdict.ERROR, message="ValueError: no", details=PYTHON)
    failure = read_failure(case, PATHS, ("tests/test_a.py",))
    assert failure.frames[-1] == Frame(path="src/pkg/b.py", line=7, name="g")
    assert [frame.line for frame in failure.test_frames] == [3]
    assert failure.crashed


HOSTILE = [
    "AssertionError: " + "a." * 8000,
    "AssertionError: a.b" * 1000,
    "\n" * 16_000 + "+ where",
    "E " * 8000,
    "assert " + "(" * 8000,
    "DID NOT RAISE <class '" + "x." * 8000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.timeout(10)
def test_patterns_are_not_kept_busy(text: str) -> None:
    case = CaseResult(id="t", verdict=Verdict.FAILED, message=text[:500], details=text[:16_000])
    assert read_failure(case, ("a.py",)).test == "t"


@given(st.text(max_size=300), st.text(max_size=600))
def test_whatever_is_printed_is_read(message: str, details: str) -> None:
    case = CaseResult(id="t", verdict=Verdict.FAILED, message=message, details=details)
    assert read_failure(case, ("a.py",)).test == "t"
