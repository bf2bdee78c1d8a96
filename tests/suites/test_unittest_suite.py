"""unittest without pytest, in a real sandbox."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sandbox import Limits
from sandbox.suites.baseline import baseline
from sandbox.suites.unittest_suite import UnittestSuite

pytestmark = pytest.mark.bubblewrap

FILES = {
    "pkg/__init__.py": "def twice(a):\n    return a * 2\n",
    "tests/__init__.py": "",
    "tests/test_pkg.py": """\
import time
import unittest
from pkg import twice


class TestTwice(unittest.TestCase):
    def test_right(self):
        self.assertEqual(twice(2), 4)

    def test_wrong(self):
        self.assertEqual(twice(2), 5, "wörse")

    def test_error(self):
        twice(None)

    @unittest.skip("not today")
    def test_skipped(self): ...

    @unittest.expectedFailure
    def test_expected(self): self.fail()

    @unittest.expectedFailure
    def test_unexpected(self): ...

    def test_parts(self):
        for i in range(3):
            with self.subTest(i=i):
                self.assertNotEqual(i, 1)

    def test_loop(self):
        while True:
            pass
""",
    "other/test_more.py": "import unittest\nclass T(unittest.TestCase):\n    def test_1(self): ...\n",
    "tests/test_broken.py": "import unittest, nowhere\nclass T(unittest.TestCase): ...\n",
}
CLASS = "tests/test_pkg.py::TestTwice::"


@pytest.fixture
def place(bench):
    place = bench(FILES)
    return replace(place, environment=replace(place.environment, tools=("coverage",)))


def test_every_verdict(place) -> None:
    suite = place.suite()
    assert isinstance(suite, UnittestSuite)
    suite = replace(suite, case_seconds=0.5)
    report, completed = place.run(suite, coverage=True)
    assert {case.id.removeprefix(CLASS): (case.verdict.value, case.message) for case in report.cases} == {
        "other/test_more.py::T::test_1": ("passed", ""),
        "tests/test_broken.py": ("error", "ModuleNotFoundError: No module named 'nowhere'"),
        "test_right": ("passed", ""),
        "test_wrong": ("failed", "AssertionError: 4 != 5 : wörse"),
        "test_error": ("failed", "TypeError: unsupported operand type(s) for *: 'NoneType' and 'int'"),
        "test_skipped": ("skipped", "not today"),
        "test_expected": ("skipped", "expected failure"),
        "test_unexpected": ("failed", "unexpected success"),
        "test_parts": ("failed", "AssertionError: 1 == 1"),
        "test_loop": ("failed", "CaseTimeout: ran longer than 2 s"),  # four times as long with coverage
    }
    assert report.problem == "could not be collected: tests/test_broken.py"
    assert 'File "pkg/__init__.py", line 2, in twice' in report.by_id[f"{CLASS}test_error"].details
    covered = suite.coverage(completed).lines["pkg/__init__.py"][2]
    assert covered == {f"{CLASS}{name}" for name in ("test_right", "test_wrong", "test_error")}


def test_selection(place) -> None:
    suite = place.suite()
    report, _ = place.run(suite, (f"{CLASS}test_right", "other/test_more.py", "gone.py"))
    assert report.passing == {f"{CLASS}test_right", "other/test_more.py::T::test_1"}
    assert "test_loop" not in str(report.by_id)


def test_a_test_that_leaves(bench) -> None:
    files = {"test_a.py": "import os, unittest\nclass T(unittest.TestCase):\n    def test_1(self): ...\n"
             "    def test_2(self): os._exit(5)\n    def test_3(self): ...\n"}  # fmt: skip
    place = bench(files)
    place = replace(place, environment=replace(place.environment, tools=()), limits=Limits(seconds=20))
    report, _ = place.run(place.suite())
    assert "ended with status 5 in test_a.py::T::test_2" in report.problem
    runs = baseline(place.complete, place.suite())
    assert runs.classes.passing == {"test_a.py::T::test_1", "test_a.py::T::test_3"}
    assert runs.left_out == ("test_a.py::T::test_2",)
    assert runs.coverage.tests_of("test_a.py") == runs.classes.passing


def test_stop_after_and_class_preparation(bench) -> None:
    body = """\
import unittest
class A(unittest.TestCase):
    @classmethod
    def setUpClass(cls): raise OSError("no database")
    def test_1(self): ...
class B(unittest.TestCase):
    def test_1(self): ...
"""
    place = bench({"test_a.py": body})
    place = replace(place, environment=replace(place.environment, tools=()))
    report, _ = place.run(place.suite())
    assert report.passing == {"test_a.py::B::test_1"}
    assert report.by_id["setUpClass (test_a.A)"].message == "OSError: no database"
    report, _ = place.run(place.suite(), stop_after=1)
    assert report.passing == frozenset()
