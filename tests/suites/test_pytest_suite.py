"""pytest in a real sandbox: exact ids, every way to stop in the middle, hostile repositories."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from sandbox import Limits
from sandbox.suites.baseline import baseline
from sandbox.suites.types import Verdict

pytestmark = pytest.mark.bubblewrap

PACKAGE = {
    "src/calc/__init__.py": "",
    "src/calc/core.py": '''\
"""Arithmetic."""


def add(a, b):
    return a + b


def half(a):
    if a is None:
        raise ValueError("nothing to halve")
    return a / 2
''',
}
TESTS = {
    "tests/test_core.py": """\
import unittest
import pytest
from calc.core import add, half


@pytest.mark.parametrize("a, b, c", [(1, 2, 3), (1, 1, 3)], ids=["ok", "w\\u00f6rse [x]::y\\n"])
def test_add(a, b, c):
    assert add(a, b) == c


def test_error():
    print("seen before the error")
    half(None)


@pytest.mark.skip(reason="not today")
def test_skipped(): ...


@pytest.mark.xfail
def test_expected(): assert False


@pytest.fixture
def broken(): raise RuntimeError("no fixture")


def test_setup(broken): ...


class TestClass(unittest.TestCase):
    def test_method(self):
        for i in range(2):
            with self.subTest(i=i):
                self.assertEqual(i, i)
"""
}
WORSE = "tests/test_core.py::test_add[w\\xf6rse [x]::y\\n]"


def test_a_suite_with_every_verdict(bench) -> None:
    place = bench(PACKAGE | TESTS)
    suite = place.suite()
    report, completed = place.run(suite, coverage=True)
    assert report.problem == ""
    assert {case.id: (case.verdict.value, case.message) for case in report.cases} == {
        "tests/test_core.py::test_add[ok]": ("passed", ""),
        WORSE: ("failed", "AssertionError: assert 2 == 3"),
        "tests/test_core.py::test_error": ("failed", "ValueError: nothing to halve"),
        "tests/test_core.py::test_skipped": ("skipped", "Skipped: not today"),
        "tests/test_core.py::test_expected": ("skipped", "expected failure:"),
        "tests/test_core.py::test_setup": ("error", "RuntimeError: no fixture"),
        "tests/test_core.py::TestClass::test_method": ("passed", ""),
    }
    details = report.by_id["tests/test_core.py::test_error"].details
    assert 'File "tests/test_core.py", line 13, in test_error' in details
    assert 'File "src/calc/core.py", line 10, in half' in details
    assert "seen before the error" in details
    assert "_pytest" not in details

    coverage = suite.coverage(completed).lines
    core = coverage["src/calc/core.py"]
    assert core[5] == {"tests/test_core.py::test_add[ok]", WORSE}
    assert core[10] == {"tests/test_core.py::test_error"}
    assert core[4] == frozenset()  # executed by the import alone
    assert 11 not in core
    assert not any(path.startswith(".codeagent") for path in coverage)


def test_selection_is_by_exact_id_prefix_or_file(bench) -> None:
    place = bench(PACKAGE | TESTS | {"tests/test_other.py": "def test_one(): ...\ndef test_two(): ...\n"})
    suite = place.suite()

    def ids(*select: str) -> list[str]:
        report, _ = place.run(suite, select)
        assert not report.problem
        return [case.id for case in report.cases]

    assert ids(WORSE) == [WORSE]
    assert ids("tests/test_core.py::test_add") == ["tests/test_core.py::test_add[ok]", WORSE]
    assert ids("tests/test_core.py::TestClass", "tests/test_other.py::test_two") == [
        "tests/test_core.py::TestClass::test_method",
        "tests/test_other.py::test_two",
    ]
    assert ids("tests/test_other.py") == ["tests/test_other.py::test_one", "tests/test_other.py::test_two"]


def test_an_id_that_is_gone_is_said_and_the_others_run(bench) -> None:
    place = bench(PACKAGE | TESTS)
    gone, there = "tests/test_core.py::test_gone", "tests/test_core.py::test_add[ok]"
    report, _ = place.run(place.suite(), (gone, there))
    assert report.passing == {there}
    assert report.problem == f"not found: {gone}"


def test_thousands_of_ids_fit(bench) -> None:
    body = "import pytest\n@pytest.mark.parametrize('i', range(3000))\ndef test_" + "x" * 80 + "(i): ...\n"
    place = bench({"test_many.py": body})
    suite = place.suite()
    ids = tuple(f"test_many.py::test_{'x' * 80}[{index}]" for index in range(0, 3000, 2))
    report, _ = place.run(suite, ids)
    assert report.passing == frozenset(ids)


def test_stop_after_stops_at_the_first_failure(bench) -> None:
    place = bench({"test_a.py": "def test_1(): assert 0\ndef test_2(): ...\n"})
    report, _ = place.run(place.suite(), stop_after=1)
    assert [case.id for case in report.cases] == ["test_a.py::test_1"]


def test_options_of_the_repository_that_a_measured_run_cannot_have(bench) -> None:
    place = bench(
        {
            "pytest.ini": "[pytest]\nfilterwarnings = error\n"
            "addopts = -x --lf --stepwise --color=yes --pdb --maxfail=1\n",
            "test_a.py": "def test_1(): assert 0\ndef test_2(): assert 0\ndef test_3(): ...\n",
        }
    )
    report, _ = place.run(place.suite(), coverage=True)
    assert (len(report.cases), report.problem) == (3, "")
    assert "\x1b" not in report.output


def test_an_infinite_loop_hides_no_other_test(bench) -> None:
    loop = "    while True:\n        try: pass\n        except: pass\n"
    place = bench({"test_a.py": f"def test_1(): ...\ndef test_2():\n{loop}def test_3(): ...\n"})
    report, _ = place.run(replace(place.suite(), case_seconds=0.5))
    assert [case.verdict for case in report.cases] == [Verdict.PASSED, Verdict.FAILED, Verdict.PASSED]
    assert report.cases[1].message == "CaseTimeout: ran longer than 0.5 s"
    assert report.problem == ""


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("import os; os._exit(0)", "the runner's process ended with status 0"),
        ("import os; os.kill(os.getpid(), 11)", "killed by signal 11"),
        # in compiled code, where no handler of signals is reached
        ("import itertools; sum(itertools.repeat(0))", "stopped by the time limit"),
    ],
)
def test_a_run_that_ends_in_the_middle_keeps_what_was_finished(bench, body: str, problem: str) -> None:
    place = bench({"test_a.py": f"def test_1(): ...\ndef test_2():\n    {body}\ndef test_3(): ...\n"})
    place = replace(place, limits=Limits(seconds=4))
    report, _ = place.run(place.suite())
    assert report.problem == f"{problem} in test_a.py::test_2 after 1 of 3 cases"
    assert report.passing == {"test_a.py::test_1"}
    assert report.by_id["test_a.py::test_2"].verdict is Verdict.ERROR
    assert "the run ended in this test" in report.by_id["test_a.py::test_2"].message


def test_a_file_that_cannot_be_collected_hides_no_other(bench) -> None:
    place = bench({"tests/test_a.py": "import nowhere\n", "tests/test_b.py": "def test_b(): ...\n"})
    report, _ = place.run(place.suite())
    assert report.passing == {"tests/test_b.py::test_b"}
    assert report.problem == "could not be collected: tests/test_a.py"
    case = report.by_id["tests/test_a.py"]
    assert (case.verdict, case.message) == (Verdict.ERROR, "ModuleNotFoundError: No module named 'nowhere'")


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"conftest.py": "raise SystemExit(3)\n"}, "left no report: .* status 3"),
        ({"conftest.py": "import nowhere\n"}, "left no report: .* status 4.*conftest"),
        (
            {"pytest.ini": "[pytest]\naddopts = --no-such-option\n"},
            "left no report: .* status 4.*unrecognized arguments: --no-such-option",
        ),
        ({"test_a.py": "def nothing(): ...\n"}, "no test was run: pytest ended with status 5"),
    ],
)
def test_a_suite_that_does_not_start_says_why(bench, files: dict[str, str], says: str) -> None:
    place = bench({"test_a.py": "def test_1(): ...\n"} | files)
    report, _ = place.run(place.suite())
    assert report.cases == ()
    assert re.search(says, report.problem), report.problem


def test_output_of_any_bytes(bench) -> None:
    place = bench(
        {"test_a.py": "import sys\ndef test_1():\n    sys.stdout.buffer.write(b'\\xff\\x00\\x1b[31m')\n"
         "    raise ValueError('\\udcff\\x00 bad')\n"}
    )  # fmt: skip
    report, _ = place.run(place.suite())
    case = report.cases[0]
    assert case.message == "ValueError: \\udcff\\x00 bad"
    for text in (case.message, case.details, report.output):
        text.encode()
        assert "\x00" not in text


def test_exceptions_that_fight_back(bench) -> None:
    body = """
class Bad(Exception):
    def __str__(self): raise SystemExit("no")
def test_1(): raise Bad
def test_2():
    def deep(n): return deep(n + 1)
    deep(0)
def test_3():
    assert "x" * 100_000 == "y" * 100_000
"""
    place = bench({"test_a.py": body})
    report, _ = place.run(place.suite())
    assert [case.verdict for case in report.cases] == [Verdict.FAILED] * 3
    assert report.problem == ""
    assert report.cases[1].message.startswith("RecursionError")
    assert all(len(case.details) < 30_000 for case in report.cases)


def test_what_a_hostile_repository_can_and_cannot_forge(bench) -> None:
    """A test shares the runner's process: a repository can lie about itself. A careless lie is noticed, as
    the true report goes on being written; a careful one (write a whole report, leave at once) is not."""
    careless = """
import sys
print("garbage", file=sys.__stdout__)
with open(".codeagent/report.jsonl", "a") as stream:
    print('{"kind": "case", "id": "test_a.py::test_1", "verdict": "passed"}', file=stream)
    print('{"kind": "finish"}', file=stream)
"""
    place = bench({"conftest.py": careless, "test_a.py": "def test_1(): assert 0\n"})
    report, _ = place.run(place.suite())
    assert report.failing == {"test_a.py::test_1"}
    assert report.problem == "reported more than once: test_a.py::test_1"

    careful = careless + "import os; os._exit(0)\n"
    report, _ = place.run(place.suite(), overlay={"conftest.py": careful.encode()})
    assert report.passing == {"test_a.py::test_1"}


def test_tests_import_from_the_tree_and_see_generated_files(bench) -> None:
    place = bench(
        {
            "src/pkg/__init__.py": "from pkg._version import version\n",
            "tests/test_v.py": "import pkg\ndef test_v(): assert pkg.version == '7'\n",
        }
    )
    environment = replace(place.environment, generated={"src/pkg/_version.py": b"version = '7'\n"})
    place = replace(place, environment=environment)
    report, _ = place.run(place.suite())
    assert report.passing == {"tests/test_v.py::test_v"}


def test_a_fork_that_does_not_leave_reports_nothing(bench) -> None:
    body = "import os\ndef test_1():\n    os.fork()\ndef test_2(): ...\n"
    place = bench({"test_a.py": body})
    report, _ = place.run(place.suite())
    assert report.passing == {"test_a.py::test_1", "test_a.py::test_2"}
    assert report.problem == ""


def test_baseline_leaves_out_what_spoils_every_run(bench) -> None:
    place = bench(
        {
            "tests/test_a.py": "import nowhere\n",
            "tests/test_b.py": "import os\ndef test_1(): ...\ndef test_2(): os._exit(3)\ndef test_3(): ...\n"
            "def test_4(): assert 0\n",
        }
    )
    suite = place.suite()
    runs = baseline(place.complete, suite, limits=place.limits)
    assert runs.problem == ""
    assert runs.left_out == ("tests/test_a.py", "tests/test_b.py::test_2")
    assert runs.classes.passing == {"tests/test_b.py::test_1", "tests/test_b.py::test_3"}
    assert runs.classes.failing == {"tests/test_a.py", "tests/test_b.py::test_2", "tests/test_b.py::test_4"}
    assert runs.coverage.tests_of("tests/test_b.py") >= runs.classes.passing
    report, _ = place.run(runs.suite)
    assert report.problem == ""


def test_baseline_calls_flaky_what_differs(bench) -> None:
    """The second run has no coverage: a test that can tell stands for one that depends on chance."""
    body = "import sys\ndef test_1(): assert sys.gettrace() is None\ndef test_2(): ...\n"
    place = bench({"test_a.py": body})
    runs = baseline(place.complete, place.suite())
    assert (runs.classes.passing, runs.classes.flaky) == ({"test_a.py::test_2"}, {"test_a.py::test_1"})
