"""Whether tests reproduce the issue: they fail on base, each time, and for the stated reason."""

from __future__ import annotations

import re
from collections.abc import Sequence

from agent.types import FailureSign, TestFile
from sandbox.suites.types import CaseResult, SuiteReport, Verdict

OWN_FAULTS = frozenset(
    {"ImportError", "ModuleNotFoundError", "NameError", "SyntaxError", "IndentationError", "TabError"}
)
"""What a test that is itself wrong raises; when it is the issue's point, the sign says so."""

_FRAME = re.compile(
    r"""^(?:\s*File "(?P<quoted>[^"\n]{1,500})", line \d+|(?P<plain>[^\s:"][^:\n]{0,500}):\d+: )""", re.M
)


def judge(report: SuiteReport, tests: Sequence[TestFile]) -> tuple[bool, str]:
    """Whether a run on base reproduces the issue, and a sentence that says why or why not."""
    if not tests:
        return False, "there is no test"
    remarks = []
    for test in tests:
        fault = _fault(report, test, alone=len(tests) == 1)
        if fault:
            return False, f"{test.path} {fault}"
        remarks.append(test.path)
    return True, f"fails on base for the stated reason: {', '.join(remarks)}"


def disagreement(first: SuiteReport, second: SuiteReport) -> str:
    """Why two runs of the same tests on base prove nothing; empty when they agree case by case.

    A run that was stopped is not a test that changes its mind; and a case that fails in one run and is
    stopped in the other has not failed twice.
    """
    if same_verdicts(first, second) and bool(first.problem) is bool(second.problem):
        return ""
    stopped = next((report.problem for report in (first, second) if report.problem), "")
    if stopped:
        return f"a run of the test on base did not come to its end: {stopped}"
    return "the test does not give the same result twice on base"


def same_verdicts(first: SuiteReport, second: SuiteReport) -> bool:
    """Whether two runs of the same tests agree case by case."""
    return {case.id: case.failing for case in first.cases} == {case.id: case.failing for case in second.cases}


def cases_of(report: SuiteReport, test: TestFile, *, alone: bool = False) -> tuple[CaseResult, ...]:
    """The cases of one test file: by its selection, else by its path or module name; all, if it ran alone."""
    if test.select:
        chosen = frozenset(test.select)
        return tuple(case for case in report.cases if case.id in chosen or case.id.split("[")[0] in chosen)
    found = tuple(case for case in report.cases if lies_in(case.id, test.path))
    return found or (report.cases if alone else ())


def lies_in(case: str, path: str) -> bool:
    """Whether a case id is one of this file: "tests/test_x.py::test_a" or "tests.test_x.Case.test_a"."""
    module = path.removesuffix(".py").replace("/", ".")
    return case in (path, module) or case.startswith((f"{path}::", f"{module}."))


def _fault(report: SuiteReport, test: TestFile, *, alone: bool) -> str:
    """What is wrong with one test file's run; empty when it reproduces."""
    cases = cases_of(report, test, alone=alone)
    ran = [case for case in cases if case.verdict is not Verdict.SKIPPED]
    if not ran:
        return f"did not run: {report.problem or 'no case was collected'}"
    if test.given:
        # Handed in with the task: whoever gave it says that it is right, so any failure counts.
        return "" if any(case.failing for case in ran) else "passes on base"
    for case in ran:
        if not case.failing:
            return f"passes on base ({case.id})"
        mismatch = _mismatch(case, test)
        if mismatch:
            return f"fails on base, but not for the stated reason: {mismatch}"
    return ""


def fails_as_stated(case: CaseResult, test: TestFile) -> bool:
    """Whether one case fails, and as the test says that it must."""
    return case.failing and not _mismatch(case, test)


def _mismatch(case: CaseResult, test: TestFile) -> str:
    sign, raised = test.sign, exception_name(case)
    said = f"{case.message}\n{case.details}"
    if sign.exception and not _same_exception(sign, raised, said):
        return f"expected {sign.exception}, got {case.message.strip()[:200] or 'another failure'}"
    if sign.fragment and _squeezed(sign.fragment) not in _squeezed(said):
        return f"{sign.fragment[:100]!r} does not occur in the failure"
    if not sign.exception:
        if case.verdict is Verdict.ERROR:
            return f"an error outside the test itself: {case.message.strip()[:200]}"
        if raised in OWN_FAULTS and _raised_in(case, test.path):
            return f"the test itself is wrong: {case.message.strip()[:200]}"
    return ""


def exception_name(case: CaseResult) -> str:
    """The class name, without module, that the failure's message starts with."""
    match = re.match(r"\s*([A-Za-z_][\w.]{0,200})(?=:|\s*$)", case.message.split("\n", 1)[0])
    return match.group(1).rpartition(".")[2] if match else ""


def _same_exception(sign: FailureSign, raised: str, said: str) -> bool:
    wanted = sign.exception.rpartition(".")[2]
    if raised == wanted:
        return True
    if wanted == "AssertionError":
        return raised in ("", "assert") or said.lstrip().startswith("assert")
    # A message that does not begin with the class ("Failed: …", a wrapped one): the traceback's own line
    # counts.
    return re.search(rf"^(?:E\s+)?(?:[\w.]+\.)?{re.escape(wanted)}(?::|\s*$)", said, re.MULTILINE) is not None


def _raised_in(case: CaseResult, path: str) -> bool:
    """Whether the innermost frame of the traceback lies in this file; so when there is no traceback at
    all."""
    frames = [match["quoted"] or match["plain"] for match in _FRAME.finditer(case.details[-20_000:])]
    return not frames or frames[-1].endswith(path)


def _squeezed(text: str) -> str:
    return " ".join(text.split())
