"""The execution module: applies plans to states and measures states in the sandbox (C7, U19).

Applying is pure and cheap, measuring is a pool of sandbox runs. What a run is asked for depends on the state
alone, so a state has the same results whenever and wherever it is measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from agent.affected import WHOLE, affected_tests
from agent.effects import JournaledRunner, Run
from agent.operations import apply_operation
from agent.protocols import Context
from agent.reproduction import judge, lies_in, same_verdicts
from agent.types import (
    Baseline,
    Plan,
    Results,
    State,
    TestFile,
)
from sandbox import Completed, Limits
from sandbox.suites.types import Suite, SuiteReport

UNTESTED = SuiteReport(problem="no test")


@dataclass(frozen=True, kw_only=True)
class Bench:
    """The repository's test runner and what each of its runs gets."""

    runner: JournaledRunner
    suite: Suite
    limits: Limits  # of a run of chosen tests
    suite_limits: Limits  # of a run of the whole suite

    @cached_property
    def overlay(self) -> Mapping[str, bytes]:
        return self.suite.overlay

    def run(
        self,
        state: State,
        select: tuple[str, ...],
        *,
        coverage: bool = False,
        attempt: int = 0,
        fresh: bool = False,
        label: str,
    ) -> Run:
        """The run of some tests, of all for an empty selection, with a state's files in place."""
        limits = self.limits if select else self.suite_limits
        return Run(
            command=self.suite.command(select, coverage=coverage, limits=limits),
            overlay={**self.overlay, **state.overlay},
            attempt=attempt,
            fresh=fresh,
            label=label,
        )

    def report(self, completed: Completed) -> SuiteReport:
        return self.suite.report(completed)

    def reports(self, runs: Sequence[Run]) -> tuple[SuiteReport, ...]:
        return tuple(self.suite.report(completed) for completed in self.runner.run_many(runs))


def expected(tests: Sequence[TestFile], context: Context, bench: Bench) -> Baseline:
    """The baseline to compare with when these tests are in place.

    A test handed in with the task may be a newer version of a file that the repository has: what passes in
    that version on base counts, not what passed in the older one.
    """
    newer = tuple(test for test in tests if test.given and context.source.read(test.path) is not None)
    if not newer:
        return context.baseline
    paths = tuple(sorted(test.path for test in newer))
    report = bench.reports([bench.run(State(tests=newer), paths, label="given tests on base")])[0]
    older = frozenset(case for case in context.baseline.passing if any(lies_in(case, path) for path in paths))
    return replace(context.baseline, passing=(context.baseline.passing - older) | report.passing)


def selection(tests: Sequence[TestFile]) -> tuple[str, ...]:
    """What to ask the runner for, to run these tests.

    A made test runs whole: no patch may break its cases that pass on base already, which say what the issue
    calls right. Of a given one, which may be a whole test module, only the chosen cases run.
    """
    names = (test.select if test.given and test.select else (test.path,) for test in tests)
    return tuple(dict.fromkeys(name for chosen in names for name in chosen))


class SandboxExecutor:
    """The Executor of every run."""

    def __init__(self, context: Context, bench: Bench) -> None:
        self._context = context
        self._bench = bench

    def apply(self, state: State, plan: Plan) -> State:
        after = state
        for step in plan.steps:
            after = apply_operation(after, step.operation, self._context.source)
        return after if after == state else replace(after, results=None)

    def measure(self, states: Sequence[State]) -> tuple[State, ...]:
        """Reproduction on base for states without a patch; for the others own tests first, then the
        suite's."""
        on_base = [state for state in states if not state.patch.changes]
        patched = [state for state in states if state.patch.changes]
        measured = dict(zip(map(_key, on_base), self._reproduce(on_base), strict=True))
        measured |= zip(map(_key, patched), self._own_then_suite(patched), strict=True)
        return tuple(state.with_results(measured[_key(state)]) for state in states)

    def _reproduce(self, states: Sequence[State]) -> list[Results]:
        """Twice each, since a flaky test proves nothing; the second time with coverage, for localisation."""
        runs = [
            self._bench.run(
                state, selection(state.reproduction), coverage=again, attempt=again, label="reproduction"
            )
            for state in states
            if state.reproduction
            for again in (False, True)
        ]
        completed = iter(self._bench.runner.run_many(runs))
        return [
            self._reproduction(state, next(completed), next(completed))
            if state.reproduction
            else Results(remark="no test")
            for state in states
        ]

    def _reproduction(self, state: State, plain: Completed, covered: Completed) -> Results:
        first, second = self._bench.report(plain), self._bench.report(covered)
        reproduced, remark = judge(first, state.reproduction)
        if not same_verdicts(first, second):
            reproduced, remark = False, "the test does not give the same result twice on base"
        return Results(
            generated=first,
            coverage=self._bench.suite.coverage(covered) if reproduced else None,
            reproduced=reproduced,
            remark=remark,
        )

    def _own_then_suite(self, states: Sequence[State]) -> list[Results]:
        tested = [state for state in states if state.reproduction]
        own = self._bench.reports(
            [self._bench.run(state, selection(state.reproduction), label="own tests") for state in tested]
        )
        reports = dict(zip(map(_key, tested), own, strict=True))
        passing = [
            state for state in states if not state.reproduction or _all_pass(reports[_key(state)])
        ]  # without tests (J16) the suite alone measures
        suites = dict(zip(map(_key, passing), self._suite_of(passing), strict=True))
        return [
            Results(
                generated=reports.get(_key(state), UNTESTED),
                suite=suites[_key(state)][0],
                regressions=suites[_key(state)][1],
            )
            if _key(state) in suites
            else Results(generated=reports[_key(state)])
            for state in states
        ]

    def _suite_of(self, states: Sequence[State]) -> list[tuple[SuiteReport, tuple[str, ...]]]:
        """The suite's tests that can see each change, and which of them got worse."""
        baselines = [expected(state.reproduction, self._context, self._bench) for state in states]
        chosen = [
            affected_tests(state.patch, baseline, self._context.source) if state.reproduction else WHOLE
            for state, baseline in zip(states, baselines, strict=True)
        ]
        runs = [
            self._bench.run(state, select, label="suite")
            for state, select in zip(states, chosen, strict=True)
            if select is not None
        ]
        reports = iter(self._bench.reports(runs))
        return [
            (SuiteReport(), ()) if select is None else self._compare(next(reports), select, baseline.passing)
            for select, baseline in zip(chosen, baselines, strict=True)
        ]

    def _compare(
        self, report: SuiteReport, select: tuple[str, ...], passing: frozenset[str]
    ) -> tuple[SuiteReport, tuple[str, ...]]:
        worse = regressions(report, select, passing)
        if worse and select:
            # A test that needs another one to run before it fails in any selection, on base as well.
            base = self._bench.reports([self._bench.run(State(), select, label="suite on base")])[0]
            worse = tuple(case for case in worse if case in base.passing)
        return report, worse


def regressions(report: SuiteReport, select: tuple[str, ...], passing: frozenset[str]) -> tuple[str, ...]:
    """What passed on base and was asked for, but does not pass now, or did not run at all; sorted."""
    expected = passing & frozenset(select) if select else passing
    skipped_or_missing = expected - report.passing
    return tuple(sorted(skipped_or_missing))


def _all_pass(report: SuiteReport) -> bool:
    return bool(report.passing) and not report.failing and not report.problem


def _key(state: State) -> str:
    return state.digest
