"""Runs that end without a patch say what happened, what was tried and what would help."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from agent.errors import JournalDiverged
from agent.journal import FileJournal, MemoryJournal
from agent.replay import replay
from agent.run import open_journal, repair
from agent.types import (
    AddTests,
    Budget,
    FailureSign,
    Outcome,
    Solved,
    StopReason,
    TestFile,
    Unrunnable,
    Unsolved,
)
from agent.workbench import Prepared
from sandbox.environments import BuildFailed, Environment, Undetected
from sandbox.suites.pytest_suite import PytestSuite
from sandbox.suites.table import NoSuite
from tests.agent.support import (
    EDITS,
    GOOD,
    REPRODUCE,
    TASK,
    ZERO,
    Script,
    ToySandboxes,
    ToyWorkbench,
    action,
    edit,
    script,
    services,
    write_toy,
)


class Bench(ToyWorkbench):
    """A workbench that ends where the row says."""

    def __init__(self, tree: Path, prepared: Prepared | None = None, suite: NoSuite | None = None) -> None:
        super().__init__(tree, ToySandboxes())
        self.found = prepared
        self.no_suite = suite

    def prepare(self, progress: object) -> Prepared:  # type: ignore[override]
        return self.found or super().prepare(progress)

    def suite(self, environment: Environment) -> PytestSuite | NoSuite:  # type: ignore[override]
        return self.no_suite or super().suite(environment)


def run(
    tree: Path, bench: ToyWorkbench, journal=None, parts: Script | None = None, task=TASK, **more
) -> Outcome:
    parts = parts or script()
    return repair(
        task, tree, services(bench.sandboxes, parts), journal or MemoryJournal(), workbench=bench, **more
    )


@pytest.mark.parametrize(
    ("prepared", "suite", "reason"),
    [
        (Undetected(reason="no Python here"), None, "no Python here"),
        (BuildFailed(reason="pip says no", output="x" * 20_000, advice=("pin it",)), None, "pip says no"),
        (None, NoSuite(reason="no test file found"), "no test file found"),
    ],
)
def test_unrunnable(tmp_path: Path, prepared: Prepared | None, suite: NoSuite | None, reason: str) -> None:
    path = tmp_path / "journal"
    with open_journal(path, run="r", task=TASK) as journal:
        outcome = run(write_toy(tmp_path / "toy"), Bench(tmp_path / "toy", prepared, suite), journal)
    assert isinstance(outcome, Unrunnable)
    assert outcome.stop is StopReason.UNRUNNABLE
    assert outcome.reason == reason
    assert outcome.advice
    assert len(outcome.output) <= 8000
    assert replay(path, services(ToySandboxes(), script())) == outcome


def test_a_suite_that_runs_nothing_is_unrunnable(tmp_path: Path) -> None:
    tree = write_toy(tmp_path / "toy")
    (tree / "tests" / "test_calc.py").unlink()
    outcome = run(tree, Bench(tree))
    assert isinstance(outcome, Unrunnable)
    assert "no test ran" in outcome.reason


def test_not_reproduced_shows_what_was_tried(tmp_path: Path) -> None:
    tree = write_toy(tmp_path / "toy")
    fine = replace(ZERO, content=ZERO.content.replace("== 0", "== 1"))
    wrong = replace(ZERO, path="tests/test_w.py", content="import nothing_like_it\n", sign=FailureSign())
    other = replace(ZERO, path="tests/test_o.py", sign=FailureSign(exception="KeyError"))
    tests = [
        action(f"t{n}", 1 - n / 10, AddTests(tests=(test,))) for n, test in enumerate((fine, wrong, other))
    ]
    outcome = run(tree, Bench(tree), parts=script(tests=tests))
    assert isinstance(outcome, Unsolved)
    assert outcome.stop is StopReason.NOT_REPRODUCED
    said = {attempt.summary: attempt.outcome for attempt in outcome.attempts}
    assert "passes on base" in said["Try t0"]
    assert "not for the stated reason" in said["Try t1"] or "did not run" in said["Try t1"]
    assert "expected KeyError" in said["Try t2"]
    assert outcome.advice
    assert outcome.reproduction == ()


def test_exhausted_shows_the_reproduction_and_the_attempts(tmp_path: Path) -> None:
    tree = write_toy(tmp_path / "toy")
    outcome = run(tree, Bench(tree), parts=script(edits=EDITS[:5]))
    assert isinstance(outcome, Unsolved)
    assert outcome.stop is StopReason.EXHAUSTED
    assert outcome.reproduction == (ZERO,)
    assert outcome.red is not None
    assert outcome.red.failing
    said = {attempt.summary: attempt.outcome for attempt in outcome.attempts}
    assert said["Try e1 wrong value"].startswith("the reproduction still fails: AssertionError")
    assert said["Try e2 breaks others"] == "breaks 1 tests, among them tests/test_calc.py::test_positive"
    assert said["Try e3 does not fit"].startswith("not applied")
    assert said["Try e4 same as e1"].startswith("duplicate")
    assert said["Try e5 not used"].startswith("not used")


def test_refused_by_the_gates(tmp_path: Path) -> None:
    tree = write_toy(tmp_path / "toy")
    outcome = run(tree, Bench(tree), parts=script(edits=(EDITS[5],)))
    assert isinstance(outcome, Unsolved)
    assert outcome.stop is StopReason.GATES
    assert "refused: no-special-case" in next(a.outcome for a in outcome.attempts if "e6" in a.summary)


def test_a_given_test_is_the_reproduction(tmp_path: Path) -> None:
    tree = write_toy(tmp_path / "toy")
    task = replace(TASK, given_tests=(replace(ZERO, given=True),))
    outcome = run(tree, Bench(tree), task=task, parts=script(tests=(), edits=(action("right", 1, GOOD),)))
    assert outcome.stop is StopReason.SOLVED


def test_a_given_test_that_passes_on_base_ends_the_run(tmp_path: Path) -> None:
    tree = write_toy(tmp_path / "toy")
    test = replace(ZERO, given=True, content=ZERO.content.replace("== 0", "== 1"))
    outcome = run(tree, Bench(tree), task=replace(TASK, given_tests=(test,)))
    assert isinstance(outcome, Unsolved)
    assert outcome.stop is StopReason.NOT_REPRODUCED
    assert "passes on base" in outcome.summary


def test_a_cap_names_itself(tmp_path: Path) -> None:
    tree = write_toy(tmp_path / "toy")
    outcome = run(tree, Bench(tree), budget=Budget(max_steps=3))
    assert isinstance(outcome, Unsolved)
    assert outcome.stop is StopReason.STEPS
    assert "step cap" in outcome.summary


def test_a_new_flaky_test_does_not_refuse_a_right_patch(tmp_path: Path) -> None:
    """test_double passes in both baseline runs and fails in the proof, with the patch and without."""
    tree = write_toy(tmp_path / "toy")
    seen: list[int] = []
    sandboxes = ToySandboxes(before_run=seen.append)
    bench = ToyWorkbench(tree, sandboxes)

    def flaky_from_the_proof_on(number: int) -> None:
        if number >= 8:
            sandboxes.flaky = frozenset({"tests/test_calc.py::test_double"})

    sandboxes.before_run = flaky_from_the_proof_on
    sandboxes.every_run_flaky = True
    outcome = run(tree, bench, parts=script(edits=(action("right", 1, GOOD),)))
    assert outcome.stop is StopReason.SOLVED


def test_the_environment_is_made_again_when_the_cache_vanished(tmp_path: Path) -> None:
    """Between a kill and the resume: the recorded facts hold, the directory is made anew."""
    tree, path = write_toy(tmp_path / "toy"), tmp_path / "journal"

    class Stop(BaseException):
        pass

    def stop(number: int) -> None:
        if number == 4:
            raise Stop

    first = ToyWorkbench(tree, ToySandboxes(before_run=stop))
    with open_journal(path, run="r", task=TASK) as journal, pytest.raises(Stop):
        run(tree, first, journal)
    second = Bench(tree)
    with open_journal(path, run="r", task=TASK) as journal:
        assert run(tree, second, journal).stop is StopReason.SOLVED
    assert (first.prepared, second.prepared) == (1, 1)


def test_another_environment_after_a_resume_is_refused(tmp_path: Path) -> None:
    tree, path = write_toy(tmp_path / "toy"), tmp_path / "journal"
    with open_journal(path, run="r", task=TASK) as journal:
        run(tree, Bench(tree), journal, budget=Budget(max_iterations=1))
    whole = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join(whole[: len(whole) // 2]) + b"\n")
    other = Bench(tree, Environment(directory=tree, key="another"))
    with (
        open_journal(path, run="r", task=TASK) as journal,
        pytest.raises(JournalDiverged, match="environment"),
    ):
        run(tree, other, journal)


def test_the_journal_of_another_task_is_refused(tmp_path: Path) -> None:
    tree = write_toy(tmp_path / "toy")
    with FileJournal(tmp_path / "j", run="r", task={}) as journal:
        run(tree, Bench(tree), journal, budget=Budget(max_iterations=1))
    with (
        FileJournal(tmp_path / "j", run="r", task={}) as journal,
        pytest.raises(JournalDiverged, match="task"),
    ):
        run(tree, Bench(tree), journal, task=replace(TASK, title="another"))


def test_a_made_test_never_replaces_a_file(tmp_path: Path) -> None:
    tree = write_toy(tmp_path / "toy")
    test = replace(ZERO, path="tests/test_calc.py")
    designed = script(tests=(replace(REPRODUCE, operations=(AddTests(tests=(test,)),)),))
    outcome = run(tree, Bench(tree), parts=designed)
    assert isinstance(outcome, Unsolved)
    assert outcome.stop is StopReason.NOT_REPRODUCED
    assert "exists already" in outcome.attempts[0].outcome


NEWER = """from calc import double, sign


def test_doubling():
    assert double(2) == 4


def test_negative():
    assert sign(-3) == -1


def test_zero():
    assert sign(0) == 0
"""


@pytest.mark.parametrize("select", [(), ("tests/test_calc.py::test_zero",)])
def test_a_given_test_may_be_a_newer_version_of_a_file(tmp_path: Path, select: tuple[str, ...]) -> None:
    """test_double and test_positive are gone in it, which is no regression; breaking test_negative is one."""
    tree = write_toy(tmp_path / "toy")
    given = TestFile(
        path="tests/test_calc.py", content=NEWER, verifies="sign(0) is 0.", select=select, given=True
    )
    breaks = action("breaks", 2.0, GOOD, edit(10, "        return -1", "        return -2"))
    parts = script(tests=(), edits=(breaks, action("right", 1.0, GOOD)))
    outcome = run(tree, Bench(tree), task=replace(TASK, given_tests=(given,)), parts=parts)
    assert isinstance(outcome, Solved)
    assert b"return -1" in (outcome.patch.changes[0].content or b"")
