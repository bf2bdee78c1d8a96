"""The suite on the base commit, run twice: what passes, what fails, what cannot decide."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from sandbox import Command, Completed, LimitName, Limits, Overlay
from sandbox.suites.types import CaseResult, Coverage, Suite, SuiteReport, Verdict

Run = Callable[[Command, Overlay], Completed]

_MAX_CRASHES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Classes:
    """Case ids by what two runs said of them."""

    passing: frozenset[str] = frozenset()
    failing: frozenset[str] = frozenset()
    flaky: frozenset[str] = frozenset()
    skipped: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineRuns:
    """``suite`` is the one to go on with: without the files and cases that spoil every run (``left_out``)."""

    first: SuiteReport
    second: SuiteReport
    classes: Classes
    suite: Suite
    left_out: tuple[str, ...] = ()
    coverage: Coverage = field(default_factory=Coverage)
    seconds: float = 0.0  # of the run without coverage
    problem: str = ""


def classify(first: SuiteReport, second: SuiteReport) -> Classes:
    """What both runs agree on; everything else is flaky, a case that only one of them reported too."""
    one, two = first.by_id, second.by_id
    kinds: dict[str, set[str]] = {"passing": set(), "failing": set(), "flaky": set(), "skipped": set()}
    for name in one.keys() | two.keys():
        verdicts = {
            _kind(one[name].verdict) if name in one else "",
            _kind(two[name].verdict) if name in two else "",
        }
        kinds[verdicts.pop() if len(verdicts) == 1 else "flaky"].add(name)
    return Classes(**{kind: frozenset(names) for kind, names in kinds.items()})


def _kind(verdict: Verdict) -> str:
    match verdict:
        case Verdict.PASSED:
            return "passing"
        case Verdict.FAILED | Verdict.ERROR:
            return "failing"
        case Verdict.SKIPPED:
            return "skipped"


def baseline(run: Run, suite: Suite, *, limits: Limits | None = None) -> BaselineRuns:
    """Run the suite with coverage, then without. A file that cannot be collected and a case that ends the
    whole run would spoil every later run the same way: they count as failing and are left out from then on.
    Where the time is too short for coverage, both runs do without.

    The runs are made through ``run`` alone, in an order that depends on their results alone.
    """
    spoilt: dict[str, CaseResult] = {}
    completed, first, suite = _whole(run, suite, limits, spoilt)
    coverage = suite.coverage(completed)
    if completed.stopped_by is LimitName.TIME:
        first = suite.report(run(suite.command(limits=limits), suite.overlay))
    second = suite.report(run(suite.command(limits=limits), suite.overlay))
    first, second = (replace(each, cases=(*spoilt.values(), *each.cases)) for each in (first, second))
    return BaselineRuns(
        first=first,
        second=second,
        classes=classify(first, second),
        suite=suite,
        left_out=tuple(spoilt),
        coverage=coverage,
        seconds=second.seconds,
        problem=first.problem or second.problem,
    )


def _whole(
    run: Run, suite: Suite, limits: Limits | None, spoilt: dict[str, CaseResult]
) -> tuple[Completed, SuiteReport, Suite]:
    """Run until nothing spoils the run any more, or it was tried often enough."""
    for _attempt in range(_MAX_CRASHES):
        completed = run(suite.command(coverage=True, limits=limits), suite.overlay)
        report = suite.report(completed)
        files, cases = spoilers(report, by_time=completed.stopped_by is LimitName.TIME)
        narrower = suite.without(files, cases)
        if not (files or cases) or narrower == suite:
            break
        spoilt.update((name, report.by_id[name]) for name in (*files, *cases))
        suite = narrower
    return completed, report, suite


def spoilers(report: SuiteReport, *, by_time: bool) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(files that could not be collected, cases that ended the run). A case's id has ``::``, a file's has
    none. When the time was over, the case that happened to run is to blame only if it took a good part of
    it."""
    if not report.problem:
        return (), ()
    errors = [case for case in report.cases if case.verdict is Verdict.ERROR]
    files = tuple(case.id for case in errors if "::" not in case.id)
    ended = [case for case in errors if "::" in case.id and f" in {case.id}" in report.problem]
    share = 0.3 * report.seconds if by_time else 0.0
    return files, tuple(case.id for case in ended if case.seconds >= share)
