"""The repository's own failing tests as the reproduction: found, run again and again, and repaired."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from agent.baseline import readmit
from agent.failing import judged, reproduction, resolve
from agent.gates import Evidence, no_test_weakened
from agent.journal import MemoryJournal
from agent.run import open_journal, repair
from agent.show.read import read_run
from agent.show.rebuild import RecordedRun
from agent.types import (
    Baseline,
    FailingTests,
    FileChange,
    NamedFailure,
    Outcome,
    Patch,
    Solved,
    StopReason,
    TestFile,
    Unsolved,
)
from sandbox.suites.pytest_suite import PytestSuite
from sandbox.suites.types import CaseResult, SuiteReport, Verdict
from tests.agent.support import (
    CALC,
    TASK,
    TEST_ZERO,
    ToySandboxes,
    ToyWorkbench,
    script,
    services,
    write_toy,
)

KNOWN = (
    "tests/test_a.py::test_one",
    "tests/test_a.py::test_one_more",
    "tests/test_a.py::Case::test_two",
    "tests/test_a.py::test_many[1-a b]",
    "tests/test_a.py::test_many[2]",
    "lib/tests/test_a.py::test_three",
    "other/tests/test_a.py::test_three",
    "tests/test_broken.py",
)

MANY = ["tests/test_a.py::test_many[1-a b]", "tests/test_a.py::test_many[2]"]


@pytest.mark.parametrize(
    ("named", "found"),
    [
        ("tests/test_a.py::test_one", ["tests/test_a.py::test_one"]),
        ("test_a.py::test_one", ["tests/test_a.py::test_one"]),  # begun in tests/
        ("../repo/tests/test_a.py::Case::test_two", ["tests/test_a.py::Case::test_two"]),
        ("tests.test_a.Case.test_two", ["tests/test_a.py::Case::test_two"]),  # unittest
        ("test_a.Case.test_two", ["tests/test_a.py::Case::test_two"]),
        ("tests\\test_a.py::Case::test_two", ["tests/test_a.py::Case::test_two"]),
        ("tests/test_a.py::test_many[1-a b]", ["tests/test_a.py::test_many[1-a b]"]),
        (
            "tests/test_a.py::test_many[other]",
            ["tests/test_a.py::test_many[1-a b]", "tests/test_a.py::test_many[2]"],
        ),
        (
            "tests/test_a.py::test_many",
            ["tests/test_a.py::test_many[1-a b]", "tests/test_a.py::test_many[2]"],
        ),
        ("lib/tests/test_a.py::test_three", ["lib/tests/test_a.py::test_three"]),
        ("tests/test_a.py::test_three", []),  # one of two, nobody knows which
        ("tests/test_broken.py", ["tests/test_broken.py"]),
        ("tests.test_broken", ["tests/test_broken.py"]),
        ("tests/test_gone.py::test_one", []),
        ("", []),
        ("::", []),
        ("[", []),
    ],
)
def test_names_from_elsewhere_are_found_again(named: str, found: list[str]) -> None:
    assert list(resolve([NamedFailure(test=named)], KNOWN)) == found


def run(tree: Path, failing: FailingTests, *, flaky: tuple[str, ...] = (), journal=None) -> Outcome:
    sandboxes = ToySandboxes(flaky=flaky)
    return repair(
        replace(TASK, failing=failing),
        tree,
        services(sandboxes, script(tests=())),
        journal or MemoryJournal(),
        workbench=ToyWorkbench(tree, sandboxes),
    )


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The test of zero is there, and fails; another one has failed for ever."""
    root = write_toy(tmp_path / "toy")
    (root / "tests" / "test_zero.py").write_text(TEST_ZERO)
    return root


ZERO_ID, OLD = "tests/test_zero.py::test_sign_of_zero", "tests/test_calc.py::test_known_to_fail"


def named(*tests: str, exception: str = "") -> FailingTests:
    return FailingTests(named=tuple(NamedFailure(test=test, exception=exception) for test in tests), runs=3)


@pytest.mark.parametrize("name", [ZERO_ID, "test_zero.test_sign_of_zero"])
def test_a_named_test_is_the_reproduction_and_is_left_as_it_is(tree: Path, name: str) -> None:
    outcome = run(tree, named(name, exception="AssertionError"))
    assert isinstance(outcome, Solved)
    assert outcome.patch.paths == ("calc.py",)
    (test,) = outcome.tests
    assert (test.path, test.content, test.select, test.given) == (
        "tests/test_zero.py",
        TEST_ZERO,
        (ZERO_ID,),
        True,
    )
    assert all(gate.passed for gate in outcome.proof.gates)
    (rerun,) = outcome.reruns
    assert (rerun.test, rerun.runs, rerun.failed, rerun.aside) == (ZERO_ID, 3, 3, "")
    assert rerun.message.startswith("AssertionError")
    # The other test failed before, and is no concern of this repair.
    assert OLD in outcome.proof.baseline.failing


def test_when_none_is_named_whatever_fails_is_to_be_repaired(tree: Path) -> None:
    outcome = run(tree, FailingTests(runs=3))
    assert isinstance(outcome, Unsolved)  # nothing makes 1 + 1 equal 3
    assert [(each.test, each.failed, each.aside) for each in outcome.reruns] == [
        (OLD, 3, ""),
        (ZERO_ID, 3, ""),
    ]
    assert {test.path for test in outcome.reproduction} == {"tests/test_calc.py", "tests/test_zero.py"}


def test_a_test_that_passes_now_and_then_is_called_flaky_with_numbers(tree: Path) -> None:
    """The toy's flaky tests fail in every second run."""
    outcome = run(
        tree, named("tests/test_calc.py::test_positive"), flaky=("tests/test_calc.py::test_positive",)
    )
    assert isinstance(outcome, Unsolved)
    assert outcome.stop is StopReason.FLAKY
    (rerun,) = outcome.reruns
    assert 0 < rerun.failed < rerun.runs == 3
    assert f"{rerun.failed} of 3 runs" in rerun.aside


@pytest.mark.parametrize(
    ("failing", "aside"),
    [
        (named("tests/test_calc.py::test_double"), "passes here, 3 times of 3"),
        (named(ZERO_ID, exception="ValueError"), "where it was seen to fail with ValueError"),
    ],
)
def test_what_fails_elsewhere_only_is_said_to(tree: Path, failing: FailingTests, aside: str) -> None:
    outcome = run(tree, failing)
    assert isinstance(outcome, Unsolved)
    assert outcome.stop is StopReason.NOT_REPRODUCED
    assert aside in outcome.reruns[0].aside
    assert outcome.advice


def test_a_name_that_the_suite_does_not_know(tree: Path) -> None:
    outcome = run(tree, named("tests/test_gone.py::test_it"))
    assert isinstance(outcome, Unsolved)
    assert (outcome.stop, outcome.reruns) == (StopReason.NOT_REPRODUCED, ())
    assert "tests/test_gone.py::test_it" in outcome.summary


def test_one_flaky_test_beside_one_that_fails_is_set_aside(tree: Path) -> None:
    outcome = run(
        tree,
        named(ZERO_ID, "tests/test_calc.py::test_positive"),
        flaky=("tests/test_calc.py::test_positive",),
    )
    assert {each.test: bool(each.aside) for each in outcome.reruns} == {
        ZERO_ID: False,
        "tests/test_calc.py::test_positive": True,
    }


@pytest.mark.parametrize(
    ("undone", "then"),
    [
        (
            FileChange(
                path="calc.py", content=CALC.replace("return 1\n    return", "return 0\n    return").encode()
            ),
            "passed",
        ),
        (FileChange(path="calc.py", content=CALC.encode()), "failed"),
        (FileChange(path="tests/test_zero.py", content=None), "absent"),
    ],
)
def test_whether_the_branch_broke_it_is_told(tree: Path, undone: FileChange, then: str) -> None:
    outcome = run(tree, replace(named(ZERO_ID), began=Patch.of([undone])))
    assert isinstance(outcome, Solved)
    assert [each.began for each in outcome.reruns] == [then]


def test_the_run_can_be_resumed_and_shown(tree: Path, tmp_path: Path) -> None:
    path, task = tmp_path / "journal", replace(TASK, failing=named(ZERO_ID))
    with open_journal(path, run="r", task=task) as journal:
        first = run(tree, named(ZERO_ID), journal=journal)
    whole = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join(whole[: len(whole) // 2]) + b"\n")
    with open_journal(path, run="r", task=task) as journal:
        again = run(tree, named(ZERO_ID), journal=journal)
    assert isinstance(first, Solved)
    assert isinstance(again, Solved)
    assert again.patch == first.patch
    shown = read_run(path)
    root = RecordedRun(path, shown).state(shown.nodes[0])
    assert [test.select for test in root.tests] == [(ZERO_ID,)]


def test_a_patch_of_a_failing_test_is_refused_wherever_it_lies() -> None:
    test = TestFile(path="checks/spec.py", content="", verifies="", given=True)
    evidence = Evidence(
        source=Nothing(),
        patch=Patch.of([FileChange(path="checks/spec.py", content=b"pass\n")]),
        tests=(test,),
        baseline=NO_BASELINE,
        red=SuiteReport(),
        green=SuiteReport(),
        after=SuiteReport(),
    )
    assert not no_test_weakened.check(evidence).passed


class Nothing:
    def paths(self) -> tuple[str, ...]:
        return ()

    def read(self, path: str) -> bytes | None:  # noqa: ARG002
        return None


NO_BASELINE = Baseline(passing=frozenset(), failing=frozenset(), flaky=frozenset(), skipped=frozenset())


@pytest.mark.parametrize(
    ("cases", "exception", "aside"),
    [
        ((Verdict.FAILED, "gaierror: no name"), "", "needs a network"),
        ((Verdict.FAILED, "gaierror: no name"), "gaierror", ""),
        ((Verdict.SKIPPED, ""), "", "is skipped here"),
        ((Verdict.FAILED, "assert 1 == 2"), "AssertionError", ""),
        ((Verdict.ERROR, "ModuleNotFoundError: No module named 'x'"), "ImportError", ""),
        ((Verdict.FAILED, "pkg.errors.Bad: no"), "Bad", ""),
        (None, "", "did not run"),
    ],
)
def test_whether_a_failure_counts(cases: tuple[Verdict, str] | None, exception: str, aside: str) -> None:
    report = SuiteReport(
        cases=(CaseResult(id="t.py::a", verdict=cases[0], message=cases[1]),) if cases else ()
    )
    found = judged("t.py::a", exception, [report, report], NO_BASELINE, there=b"")
    assert aside in found.aside
    assert bool(found.aside) == bool(aside)


def test_a_test_that_depends_on_others_is_told_from_one_that_passes() -> None:
    report = SuiteReport(cases=(CaseResult(id="t.py::a", verdict=Verdict.PASSED),))
    baseline = replace(NO_BASELINE, failing=frozenset({"t.py::a"}))
    assert "depends on other tests" in judged("t.py::a", "", [report], baseline, there=b"").aside


def test_a_file_that_cannot_be_imported_is_given_as_a_whole() -> None:
    report = SuiteReport(cases=(CaseResult(id="t.py", verdict=Verdict.ERROR, message="ImportError: x"),))
    broken = judged("t.py", "", [report, report], NO_BASELINE, there=b"")
    (test,) = reproduction([broken], Nothing())
    assert (broken.failed, test.path, test.select) == (2, "t.py", ())
    suite = PytestSuite()
    assert readmit(suite, ("t.py", "other.py", "x.py::a"), {"t.py"}) == suite.without(
        ["other.py"], ["x.py::a"]
    )
