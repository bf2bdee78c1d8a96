"""A whole run over a toy repository: outcome, resume at every effect, replay, cancellation."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.errors import JournalDiverged
from agent.journal import MemoryJournal, read_journal
from agent.replay import replay
from agent.run import open_journal, repair
from agent.types import Budget, Outcome, Solved, StopReason, Unsolved
from tests.agent.support import (
    GOOD,
    TASK,
    Script,
    ToySandboxes,
    ToyWorkbench,
    script,
    services,
    write_toy,
)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return write_toy(tmp_path / "toy")


def run(
    tree: Path, journal, *, sandboxes=None, parts: Script | None = None, workers: int = 1, **more
) -> Outcome:
    sandboxes = sandboxes or ToySandboxes()
    return repair(
        more.pop("task", TASK),
        tree,
        services(sandboxes, parts or script(), workers=workers),
        journal,
        workbench=ToyWorkbench(tree, sandboxes),
        **more,
    )


def test_the_right_patch_is_found_and_proven(tree: Path) -> None:
    sandboxes = ToySandboxes()
    outcome = run(tree, MemoryJournal(), sandboxes=sandboxes)
    assert isinstance(outcome, Solved)
    assert [change.path for change in outcome.patch.changes] == ["calc.py"]
    assert outcome.patch.changes[0].content is not None
    assert GOOD.replacement.encode() in outcome.patch.changes[0].content
    assert outcome.proof.red.failing == {"tests/test_zero.py::test_sign_of_zero"}
    assert outcome.proof.green.passing == {"tests/test_zero.py::test_sign_of_zero"}
    assert outcome.proof.baseline.failing == {"tests/test_calc.py::test_known_to_fail"}
    assert all(gate.passed for gate in outcome.proof.gates)
    assert sandboxes.open_now == 0
    assert outcome.spend.iterations == 3
    assert outcome.spend.sandbox_runs == len(sandboxes.runs)


def test_the_rationale_tells_what_failed_why_and_what_else_was_tried(tree: Path) -> None:
    outcome = run(tree, MemoryJournal())
    assert isinstance(outcome, Solved)
    text = "\n".join(outcome.rationale)
    for part in (
        "sign(0) is 0.",
        "AssertionError",
        "calc.py:12",
        "because of e7 right",
        "did not apply",
        "same as",
    ):
        assert part in text, part


def test_workers_do_not_change_the_result(tree: Path) -> None:
    one, four = MemoryJournal(), MemoryJournal()
    first = run(tree, one, workers=1)
    second = run(tree, four, workers=4)
    assert isinstance(first, Solved)
    assert isinstance(second, Solved)
    assert (first.patch, first.tests, first.rationale) == (second.patch, second.tests, second.rationale)
    assert first.proof == second.proof
    assert [n for n in one._notes if '"outcome"' not in n] == [n for n in four._notes if '"outcome"' not in n]


def test_replay_gives_the_same_outcome_without_tree_or_sandbox(tree: Path, tmp_path: Path) -> None:
    path = tmp_path / "journal"
    with open_journal(path, run="r", task=TASK) as journal:
        outcome = run(tree, journal, workers=2)
    (tree / "calc.py").unlink()
    assert replay(path, services(ToySandboxes(), script())) == outcome


def test_replay_by_other_parts_diverges(tree: Path, tmp_path: Path) -> None:
    path = tmp_path / "journal"
    with open_journal(path, run="r", task=TASK) as journal:
        run(tree, journal)
    with pytest.raises(JournalDiverged):
        replay(path, services(ToySandboxes(), script(unused=frozenset())))


class Killed(BaseException):
    """Not an Exception: nothing may catch it."""


def dying(effect, at: int, when: str):
    """A journal's effect that kills the run in, or right after, the performing of the n-th effect."""
    numbers = itertools.count(1)

    def call(kind, request, perform):
        number = 0

        def counted():
            nonlocal number
            number = next(numbers)
            if when == "in" and number == at:
                raise Killed
            return perform()

        answer = effect(kind, request, counted)
        if when == "after" and number == at:
            raise Killed
        return answer

    return call


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("when", ["in", "after"])
def test_killed_at_every_effect_it_resumes_to_the_same_end(
    tree: Path, tmp_path: Path, when: str, workers: int
) -> None:
    whole = tmp_path / "whole"
    with open_journal(whole, run="r", task=TASK) as journal:
        expected = run(tree, journal)
    total = sum("effect" in record for record in read_journal(whole).records)
    assert total > 15
    for at in range(1, total + 1):
        path = tmp_path / f"killed-{when}-{at}"
        first, second = ToySandboxes(), ToySandboxes()
        with open_journal(path, run="r", task=TASK) as journal:
            journal.effect = dying(journal.effect, at, when)  # type: ignore[method-assign]
            with pytest.raises(Killed):
                run(tree, journal, sandboxes=first, workers=workers)
        recorded = sum(1 for r in read_journal(path).records if r.get("effect") == "run")
        with open_journal(path, run="r", task=TASK) as journal:
            outcome = run(tree, journal, sandboxes=second, workers=workers)
        assert isinstance(outcome, Solved)
        assert isinstance(expected, Solved)
        assert (outcome.patch, outcome.proof, outcome.rationale) == (
            expected.patch,
            expected.proof,
            expected.rationale,
        )
        runs = [r["key"] for r in read_journal(path).records if r.get("effect") == "run"]
        assert len(runs) == len(set(runs)) == recorded + len(second.runs)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.floats(0, 1))
def test_cut_anywhere_it_resumes_to_the_same_end(tree: Path, tmp_path: Path, cut: float) -> None:
    whole, path = tmp_path / "whole", tmp_path / "cut"
    if not whole.exists():
        with open_journal(whole, run="r", task=TASK) as journal:
            run(tree, journal)
    complete = whole.read_bytes()
    path.write_bytes(complete[: round(cut * len(complete))])
    with open_journal(path, run="r", task=TASK) as journal:
        outcome = run(tree, journal, workers=2)
    expected = replay(whole, services(ToySandboxes(), script()))
    assert isinstance(outcome, Solved)
    assert isinstance(expected, Solved)
    assert (outcome.patch, outcome.proof, outcome.rationale) == (
        expected.patch,
        expected.proof,
        expected.rationale,
    )
    assert replay(path, services(ToySandboxes(), script())) == outcome


def test_resume_over_another_tree_is_refused(tree: Path, tmp_path: Path) -> None:
    path, stop = tmp_path / "journal", ToySandboxes(before_run=lambda n: _raise(n, 5))
    with open_journal(path, run="r", task=TASK) as journal, pytest.raises(Killed):
        run(tree, journal, sandboxes=stop)
    (tree / "calc.py").write_text("changed = True\n")
    with open_journal(path, run="r", task=TASK) as journal, pytest.raises(JournalDiverged, match="tree"):
        run(tree, journal)


def _raise(number: int, at: int) -> None:
    if number == at:
        raise Killed


@pytest.mark.parametrize("at", [1, 4, 7])
def test_cancelled_is_recorded_and_stays_so(tree: Path, tmp_path: Path, at: int) -> None:
    path, seen = tmp_path / "journal", []
    sandboxes = ToySandboxes(before_run=seen.append)
    with open_journal(path, run="r", task=TASK) as journal:
        outcome = run(tree, journal, sandboxes=sandboxes, cancelled=lambda: len(seen) >= at)
    assert isinstance(outcome, Unsolved)
    assert outcome.stop is StopReason.CANCELLED
    assert sandboxes.open_now == 0
    with open_journal(path, run="r", task=TASK) as journal:
        again = ToySandboxes()
        assert run(tree, journal, sandboxes=again) == outcome
    assert again.runs == []
    assert replay(path, services(ToySandboxes(), script())) == outcome


def test_a_command_that_runs_is_stopped_by_cancelling(tree: Path) -> None:
    """The third run blocks until its sandbox is closed: only the watcher can end it."""
    started: list[int] = []

    def block(number: int) -> None:
        started.append(number)
        if number == 3:
            assert sandboxes.sandboxes[-1].closed.wait(30)

    sandboxes = ToySandboxes(before_run=block)
    outcome = run(tree, MemoryJournal(), sandboxes=sandboxes, cancelled=lambda: len(started) >= 3)
    assert isinstance(outcome, Unsolved)
    assert outcome.stop is StopReason.CANCELLED


def test_settings_of_the_first_start_hold_after_a_resume(tree: Path, tmp_path: Path) -> None:
    path = tmp_path / "journal"
    with open_journal(path, run="r", task=TASK) as journal:
        outcome = run(tree, journal, budget=Budget(max_iterations=1))
    assert isinstance(outcome, Unsolved)
    assert outcome.stop is StopReason.ITERATIONS
    with open_journal(path, run="r", task=TASK) as journal:
        assert run(tree, journal, budget=Budget(max_iterations=99)) == outcome
