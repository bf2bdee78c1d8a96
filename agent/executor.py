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
from agent.patience import for_made_tests
from agent.protocols import Context
from agent.reproduction import disagreement, judge, lies_in
from agent.types import (
    Baseline,
    Plan,
    Results,
    State,
    TestFile,
)
from agent.witnesses import separable, settle, unsettled
from sandbox import Completed, LimitName, Limits
from sandbox.suites.types import Suite, SuiteReport

UNTESTED = SuiteReport(problem="no test")
ENOUGH_REGRESSIONS = 10


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
        stop_after: int = 0,
        attempt: int = 0,
        fresh: bool = False,
        limits: Limits | None = None,
        label: str,
    ) -> Run:
        """The run of some tests, of all for an empty selection, with a state's files in place."""
        limits = limits or (self.limits if select else self.suite_limits)
        return Run(
            command=self.suite.command(select, coverage=coverage, stop_after=stop_after, limits=limits),
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
    newer = tuple(test for test in tests if test.given and _newer(test, context.source.read(test.path)))
    if not newer:
        return context.baseline
    paths = tuple(sorted(test.path for test in newer))
    report = bench.reports([bench.run(State(tests=newer), paths, label="given tests on base")])[0]
    older = frozenset(case for case in context.baseline.passing if any(lies_in(case, path) for path in paths))
    return replace(context.baseline, passing=(context.baseline.passing - older) | report.passing)


def _newer(test: TestFile, there: bytes | None) -> bool:
    return there is not None and there != test.content.encode()


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
        self._bases: dict[tuple[TestFile, ...], State] = {}  # tests → what base gives them

    def apply(self, state: State, plan: Plan) -> State:
        after = state
        for step in separable(plan).steps:
            after = apply_operation(after, step.operation, self._context.source)
        return after if after == state else replace(after, results=None)

    def measure(self, states: Sequence[State]) -> tuple[State, ...]:
        """Reproduction on base for states without a patch; for the others own tests first, then the
        suite's. What is answered may hold the tests in other roles, as base gives them (U22)."""
        on_base = [state for state in states if not state.patch.changes]
        patched = [state for state in states if state.patch.changes]
        measured = dict(zip(map(_key, on_base), self._on_base(on_base), strict=True))
        measured |= zip(map(_key, patched), self._patched(patched), strict=True)
        return tuple(measured[_key(state)] for state in states)

    def _on_base(self, states: Sequence[State]) -> list[State]:
        """Measured; and once more where roles changed, since what is left must reproduce by itself."""
        first = [
            state.with_results(results)
            for state, results in zip(states, self._reproduce(states), strict=True)
        ]
        settled = [self._settled(state) for state in first]
        changed = [state for state, before in zip(settled, first, strict=True) if state is not before]
        again = iter(self._reproduce(changed))
        measured = [
            state if state is before else state.with_results(next(again))
            for state, before in zip(settled, first, strict=True)
        ]
        for made, state in zip(states, measured, strict=True):
            self._bases[made.tests] = self._bases[state.tests] = state
        return measured

    def _settled(self, state: State) -> State:
        results = state.results
        if results is None or results.reproduced or not unsettled(state.tests):
            return state
        source = self._context.source
        tests = settle(state.tests, results.generated, lambda path: source.read(path) is not None)
        return state if tests == state.tests else replace(state, tests=tests, results=None)

    def _patched(self, states: Sequence[State]) -> list[State]:
        """A test that came after a patch has its role from base all the same; what reproduces nothing there
        measures nothing here."""
        ready = [self._with_roles(state) for state in states]
        whole = [state for state in ready if state.results is None]
        measured = iter(self._own_then_suite(whole))
        return [state if state.results else state.with_results(next(measured)) for state in ready]

    def _with_roles(self, state: State) -> State:
        """Runs nothing for tests that were measured on base before."""
        if not unsettled(state.tests):
            return replace(state, results=None)
        base = self._bases.get(state.tests) or self._on_base([State(tests=state.tests)])[0]
        if base.results is not None and base.results.reproduced:
            return replace(state, tests=base.tests, results=None)
        remark = base.results.remark if base.results is not None else ""
        return state.with_results(Results(remark=f"the tests do not reproduce the issue on base: {remark}"))

    def _reproduce(self, states: Sequence[State]) -> list[Results]:
        """Twice each, since a flaky test proves nothing; the second time with coverage, for localisation."""
        runs = [
            self._bench.run(
                state, selection(state.reproduction), coverage=again, attempt=int(again), label="reproduction"
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
        first, second = self._bench.report(plain), self._second(state, plain, covered)
        reproduced, remark = judge(first, state.reproduction)
        if disagreed := disagreement(first, second):
            reproduced, remark = False, disagreed
        return Results(
            generated=first,
            coverage=self._bench.suite.coverage(covered) if reproduced else None,
            reproduced=reproduced,
            remark=remark,
        )

    def _second(self, state: State, plain: Completed, covered: Completed) -> SuiteReport:
        """Recording lines can make a test several times slower. Where that alone took too long, the test is
        run again without."""
        if covered.stopped_by is not LimitName.TIME or plain.stopped_by is LimitName.TIME:
            return self._bench.report(covered)
        run = self._bench.run(state, selection(state.reproduction), attempt=1, label="reproduction")
        return self._bench.reports([run])[0]

    def _own_then_suite(self, states: Sequence[State]) -> list[Results]:
        tested = [state for state in states if state.reproduction]
        own = self._bench.reports([self._own_run(state) for state in tested])
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

    def _own_run(self, state: State) -> Run:
        """Made tests get no more time than their run on base tells; the journal has that run."""
        chosen, limits = selection(state.reproduction), self._bench.limits
        if not any(test.given for test in state.reproduction):
            base = self._bench.run(State(tests=state.tests), chosen, label="reproduction")
            limits = for_made_tests(limits, self._bench.runner.run_many([base])[0])
        return self._bench.run(state, chosen, limits=limits, label="own tests")

    def _suite_of(self, states: Sequence[State]) -> list[tuple[SuiteReport, tuple[str, ...]]]:
        """The suite's tests that can see each change, and which of them got worse."""
        baselines = [expected(state.reproduction, self._context, self._bench) for state in states]
        chosen = [
            affected_tests(state.patch, baseline, self._context.source) if state.reproduction else WHOLE
            for state, baseline in zip(states, baselines, strict=True)
        ]
        asked = [
            _Asked(state=state, select=select, baseline=baseline)
            for state, select, baseline in zip(states, chosen, baselines, strict=True)
            if select is not None
        ]
        reports = self._bench.reports(
            [
                self._bench.run(each.state, each.select, stop_after=each.stop_after, label="suite")
                for each in asked
            ]
        )
        compared = iter([self._compare(each, report) for each, report in zip(asked, reports, strict=True)])
        return [(SuiteReport(), ()) if select is None else next(compared) for select in chosen]

    def _compare(self, asked: _Asked, report: SuiteReport) -> tuple[SuiteReport, tuple[str, ...]]:
        select, passing = asked.select, asked.baseline.passing
        if asked.cut_short(report):
            worse = tuple(sorted(report.failing & passing))
            kept = self._also_on_base(worse, select)
            if kept:
                return report, kept
            # All that failed fails on base too in this selection: only a whole run tells.
            report = self._bench.reports([self._bench.run(asked.state, select, label="suite, whole")])[0]
        return report, self._also_on_base(regressions(report, select, passing), select)

    def _also_on_base(self, worse: tuple[str, ...], select: tuple[str, ...]) -> tuple[str, ...]:
        """Less what fails on base as well: a test that needs another one to run before it fails in any
        selection."""
        if not worse or not select:
            return worse
        base = self._bench.reports([self._bench.run(State(), select, label="suite on base")])[0]
        return tuple(case for case in worse if case in base.passing)


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """What of the suite is run for a state."""

    state: State
    select: tuple[str, ...]
    baseline: Baseline

    @property
    def stop_after(self) -> int:
        """A patch that breaks so many is no repair; showing each failure takes longer than the tests do
        (measured on a library whose parser a candidate broke: 66 to 103 s instead of 5)."""
        known = 0 if self.select else len(self.baseline.failing) + len(self.baseline.flaky)
        return known + ENOUGH_REGRESSIONS

    def cut_short(self, report: SuiteReport) -> bool:
        return len(report.failing) >= self.stop_after


def regressions(report: SuiteReport, select: tuple[str, ...], passing: frozenset[str]) -> tuple[str, ...]:
    """What passed on base and was asked for, but does not pass now, or did not run at all; sorted."""
    expected = passing & frozenset(select) if select else passing
    skipped_or_missing = expected - report.passing
    return tuple(sorted(skipped_or_missing))


def _all_pass(report: SuiteReport) -> bool:
    return bool(report.passing) and not report.failing and not report.problem


def _key(state: State) -> str:
    return state.digest
