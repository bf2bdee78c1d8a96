"""Tests of the repository's own that fail at the base commit, as the reproduction of what is to be repaired.

Somebody else's machine saw them fail; whether they fail here, each time, and in the same way, is measured
before anything is tried. A test that passes now and then proves nothing about a patch, and one that fails
because it finds no network here is not repaired by any.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from agent.executor import Bench
from agent.protocols import SourceTree
from agent.reproduction import exception_name, lies_in
from agent.types import Baseline, FailingTests, NamedFailure, Patch, Rerun, State, TestFile
from sandbox.suites.types import CaseResult, SuiteReport, Verdict

MOST = 300  # failing tests that are run again; with more of them something else is wrong
UNREACHED = frozenset(
    {"gaierror", "herror", "URLError", "ConnectionError", "ConnectionRefusedError", "NewConnectionError"}
    | {"MaxRetryError", "NameResolutionError", "ConnectError", "ClientConnectorError", "OperationalError"}
)
"""Raised for want of the network or a service, of which a sandbox has none."""


def rerun(failing: FailingTests, baseline: Baseline, bench: Bench, source: SourceTree) -> tuple[Rerun, ...]:
    """What became of each failing test in ``failing.runs`` runs in fresh sandboxes; empty when there is
    none."""
    wanted = (
        resolve(failing.named, baseline.passing | baseline.failing | baseline.flaky | baseline.skipped)
        if failing.named
        else dict.fromkeys(sorted(baseline.failing | baseline.flaky), "")
    )
    chosen = dict(list(wanted.items())[:MOST])
    if not chosen:
        return ()
    reports = bench.reports(
        [
            bench.run(State(), tuple(chosen), fresh=True, attempt=attempt, label="failing tests, again")
            for attempt in range(failing.runs)
        ]
    )
    ran = (
        judged(test, exception, reports, baseline, there=source.read(_file(test)))
        for test, exception in chosen.items()
    )
    if failing.began is None:
        return tuple(ran)
    earlier = bench.run(State(patch=failing.began), tuple(chosen), fresh=True, label="where the branch began")
    report = bench.reports([earlier])[0]
    return tuple(replace(each, began=_then(report, each.test, failing.began)) for each in ran)


def _then(report: SuiteReport, test: str, began: Patch) -> str:
    """A test that did not run was not there yet if its file was another; else nothing can be told."""
    case = _case(report, test)
    if case is None or case.verdict is Verdict.SKIPPED:
        there = began.overlay.get(_file(test), b"")
        return "absent" if there is None or (there and report.cases) else ""
    return "failed" if case.failing else "passed"


def resolve(named: Iterable[NamedFailure], known: Collection[str]) -> dict[str, str]:
    """The suite's own ids of tests that were named elsewhere, each with the exception that it raised there.

    There a run may have begun in another directory, or under another runner, which gives tests dotted names.
    A name that fits several tests of different files fits none.
    """
    by_id = frozenset(known)
    plain: dict[str, list[str]] = defaultdict(list)
    by_tail: dict[str, list[str]] = defaultdict(list)
    for case in sorted(known):
        plain[case.partition("[")[0]].append(case)
        by_tail[_tail(case)].append(case)
        by_tail[_tail(case.partition("[")[0])].append(case)
    found: dict[str, str] = {}
    for failure in named:
        name = failure.test
        if name in by_id:
            fits = [name]
        else:
            bare = name.partition("[")[0]
            fits = plain.get(bare) or _one_file(
                case for case in by_tail.get(_tail(name)) or by_tail.get(_tail(bare), []) if _fit(case, name)
            )
            if not fits and "::" not in name:
                fits = _one_file(case for case in known if _lies(case, name))
        for case in fits:
            found.setdefault(case, failure.exception)
    return found


def judged(
    test: str,
    exception: str,
    reports: Sequence[SuiteReport],
    baseline: Baseline,
    *,
    there: bytes | None,
) -> Rerun:
    """One test's runs, and why its failure counts or does not."""
    cases = [_case(report, test) for report in reports]
    failures = [case for case in cases if case is not None and case.failing]
    return Rerun(
        test=test,
        runs=len(reports),
        failed=len(failures),
        message=failures[-1].message if failures else "",
        aside=_aside(test, exception, cases, failures, baseline, there),
    )


def reproduction(reruns: Iterable[Rerun], source: SourceTree) -> tuple[TestFile, ...]:
    """The tests that fail each time and count, as given tests: one for each file."""
    by_file: dict[str, list[str]] = defaultdict(list)
    for each in reruns:
        if not each.aside:
            by_file[_file(each.test)].append(each.test)
    return tuple(
        TestFile(
            path=path,
            content=(source.read(path) or b"").decode("utf-8"),
            verifies=_verifies(cases),
            # A file that cannot be imported has no cases as yet.
            select=() if path in cases else tuple(cases),
            given=True,
        )
        for path, cases in sorted(by_file.items())
    )


def _verifies(cases: Sequence[str]) -> str:
    names = ", ".join(case.partition("::")[2] or "the whole file" for case in cases[:5])
    more = f" and {len(cases) - 5} more" if len(cases) > 5 else ""
    return f"one of the repository's own test files: {names}{more}"


def _aside(
    test: str,
    exception: str,
    cases: Sequence[CaseResult | None],
    failures: Sequence[CaseResult],
    baseline: Baseline,
    there: bytes | None,
) -> str:
    runs = len(cases)
    if not any(cases):
        return "did not run"
    if not failures:
        if all(case is not None and case.verdict is Verdict.SKIPPED for case in cases):
            return "is skipped here"
        if test in baseline.failing:
            return "fails in a run of the whole suite, and passes by itself: it depends on other tests"
        if test in baseline.flaky:
            return f"is flaky: it failed in one of 2 runs of the whole suite, and in none of {runs} by itself"
        return f"passes here, {runs} times of {runs}"
    if len(failures) < runs:
        return f"is flaky: it failed in {len(failures)} of {runs} runs of the same code"
    raised = exception_name(failures[-1])
    if exception and raised and not _same(exception, raised):
        return f"fails here with {raised}, where it was seen to fail with {exception}"
    if raised in UNREACHED and not exception:
        return f"needs a network or a service, which there is none of here ({raised})"
    if there is None:
        return "is not a test in a file of the repository"
    try:
        there.decode("utf-8")
    except UnicodeDecodeError:
        return "is in a file that is not UTF-8"
    return ""


def _same(there: str, here: str) -> bool:
    """A summary line may be cut, and names the class with or without its module."""
    there, here = there.rpartition(".")[2], here.rpartition(".")[2]
    if {there, here} <= {"assert", "AssertionError", "Failed"}:
        return True
    # An import that fails shows itself as either, by the runner's version.
    return there == here or {there, here} <= {"ImportError", "ModuleNotFoundError"}


def _case(report: SuiteReport, test: str) -> CaseResult | None:
    by_id: Mapping[str, CaseResult] = report.by_id
    if test in by_id or "::" in test:
        return by_id.get(test)
    inside = [case for case in report.cases if lies_in(case.id, test)]
    return next((case for case in inside if case.failing), inside[0] if inside else None)


def _file(test: str) -> str:
    return test.partition("::")[0]


# --- Names from elsewhere -----------------------------------------------------------------------------------

_PYTHON = re.compile(r"\.py(?=$|::)")


def _dotted(name: str) -> str:
    """ "a/b/test_x.py::Case::test" and "a.b.test_x.Case.test" are both the latter."""
    head, bracket, parameters = name.partition("[")
    head = _PYTHON.sub("", head.replace("\\", "/")).replace("::", ".").replace("/", ".")
    return head.strip(".") + bracket + parameters


def _tail(name: str) -> str:
    """The last two parts of a name, by which it is looked up."""
    head, bracket, parameters = _dotted(name).partition("[")
    return ".".join(head.split(".")[-2:]) + bracket + parameters


def _fit(case: str, name: str) -> bool:
    """Whether one of the two ends with the other, in whole parts."""
    here, there = _dotted(case), _dotted(name)
    if "[" not in there:
        here = here.partition("[")[0]
    elif "[" not in here:
        there = there.partition("[")[0]
    return here == there or here.endswith(f".{there}") or there.endswith(f".{here}")


def _lies(case: str, name: str) -> bool:
    """Whether a case is in the file or class that was named."""
    here, there = f".{_dotted(case)}.", f".{_dotted(name)}."
    return there in here or f".{_dotted(_file(case))}." == there


def _one_file(cases: Iterable[str]) -> list[str]:
    fits = list(cases)
    return fits if len({_file(case) for case in fits}) == 1 else []
