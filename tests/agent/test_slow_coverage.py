"""A test that recording its lines makes too slow still reproduces the issue; one that hangs is said to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from agent.effects import Run
from agent.executor import Bench, SandboxExecutor
from agent.protocols import Context
from agent.types import State, TestFile
from sandbox import Command, Completed, LimitName, Limits
from sandbox.suites.types import CaseResult, Coverage, SuiteReport, Verdict
from tests.search.world import CONTEXT

PATH = "tests/test_made.py"
CASE = f"{PATH}::test_made"
MADE = TestFile(path=PATH, content="", verifies="")


class Words:
    """A runner whose command says in words what it does, and whose report is what was printed."""

    name = "words"
    overlay: Mapping[str, bytes] = {}

    def command(self, select: tuple[str, ...], *, coverage: bool = False, **_: object) -> Command:
        return Command(argv=("covered" if coverage else "plain", *select))

    def report(self, completed: Completed) -> SuiteReport:
        problem = f"stopped by the {completed.stopped_by} limit in {CASE}" if completed.stopped_by else ""
        verdict = {b"failed": Verdict.FAILED, b"": Verdict.ERROR}.get(completed.stdout, Verdict.PASSED)
        case = CaseResult(
            id=CASE, verdict=verdict, message="AssertionError" if not problem else "the run ended"
        )
        return SuiteReport(cases=(case,), problem=problem)

    def coverage(self, completed: Completed) -> Coverage:  # noqa: ARG002
        return Coverage()


Says = Callable[[str, int], str]


@dataclass
class Runner:
    """Answers by kind of run and attempt: what is printed, "" for a run that the time limit stops."""

    says: Says
    ran: list[tuple[str, int]] = field(default_factory=list)

    def run_many(self, runs: Sequence[Run]) -> tuple[Completed, ...]:
        return tuple(map(self.answer, runs))

    def answer(self, run: Run) -> Completed:
        kind, attempt = run.command.argv[0], run.attempt
        self.ran.append((kind, attempt))
        said = self.says(kind, attempt)
        return Completed(
            exit_status=1 if said else None,
            stopped_by=None if said else LimitName.TIME,
            stdout=said.encode(),
            stderr=b"",
            seconds=1.0,
        )


def too_slow_when_covered(kind: str, _attempt: int) -> str:
    return "failed" if kind == "plain" else ""


def changes_its_mind(kind: str, attempt: int) -> str:
    return ("passed" if attempt else "failed") if kind == "plain" else ""


def hangs(_kind: str, _attempt: int) -> str:
    return ""


def hangs_at_times(kind: str, attempt: int) -> str:
    return "failed" if kind == "plain" and not attempt else ""


@pytest.mark.parametrize(
    ("says", "reproduced", "remark", "runs"),
    [
        (too_slow_when_covered, True, "fails on base for the stated reason", 3),
        (changes_its_mind, False, "does not give the same result twice", 3),
        (hangs, False, "an error outside the test itself: the run ended", 2),
        (hangs_at_times, False, "did not come to its end: stopped by the time limit", 3),
    ],
)
def test_what_a_time_limit_on_base_says(says: Says, reproduced: bool, remark: str, runs: int) -> None:
    runner = Runner(says)
    bench = Bench(runner=runner, suite=Words(), limits=Limits(), suite_limits=Limits())  # type: ignore[arg-type]
    context: Context = CONTEXT
    (state,) = SandboxExecutor(context, bench).measure([State(tests=(MADE,))])
    assert state.results is not None
    assert state.results.reproduced is reproduced
    assert remark in state.results.remark
    assert runner.ran[:runs] == [("plain", 0), ("covered", 1), ("plain", 1)][:runs]
