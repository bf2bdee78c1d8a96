"""The roles of made tests, given by what a run on base shows and never by whoever made them (U22).

Only what fails on base for the stated reason may gate. A file of which some cases do so is taken apart: those
stay, the rest becomes a witness beside it, which votes on candidates and is never published. A file that does
not reproduce at all becomes a witness as soon as something else reproduces.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from agent.reproduction import cases_of, fails_as_stated
from agent.source_parts import Place, place_of, without
from agent.types import AddTests, Plan, TestFile, TestRole
from sandbox.suites.types import CaseResult, SuiteReport, Verdict

MODEL = "model"  # Action.origin


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    """What of a test file gates, and what only votes. ``reproduces``: the gating part does its work."""

    gates: TestFile | None
    votes: TestFile | None = None
    reproduces: bool = False


def separable(plan: Plan) -> Plan:
    """A model's plan with its tests marked so: their roles are still to be measured, whatever it says."""
    if plan.action.origin != MODEL:
        return plan
    steps = tuple(
        replace(step, operation=AddTests(tests=tuple(map(_unsettled, step.operation.tests))))
        if isinstance(step.operation, AddTests)
        else step
        for step in plan.steps
    )
    return replace(plan, steps=steps)


def _unsettled(test: TestFile) -> TestFile:
    return replace(test, separable=True, given=False, role=TestRole.REPRODUCTION, select=(), reason="")


def unsettled(tests: Sequence[TestFile]) -> bool:
    """Whether any of these tests might get another role by a run on base."""
    return any(test.separable and test.role is TestRole.REPRODUCTION for test in tests)


def settle(
    tests: Sequence[TestFile], report: SuiteReport, taken: Callable[[str], bool]
) -> tuple[TestFile, ...]:
    """The same tests with the roles that this run of them on base gives them.

    Only separable ones change, and only when something reproduces. ``taken`` says whether a path is a file of
    the repository.
    """
    gating = [test for test in tests if test.role is TestRole.REPRODUCTION]
    used = {test.path for test in tests}

    def free(path: str) -> bool:
        return path not in used and not taken(path)

    found = {test.path: _parts(test, report, alone=len(gating) == 1, free=free) for test in gating}
    if not any(parts.reproduces for parts in found.values()):
        return tuple(tests)
    new: list[TestFile] = []
    for test in tests:
        parts = found.get(test.path)
        if parts is None or test not in gating:
            new.append(test)
        else:
            new += (part for part in (parts.gates, parts.votes) if part is not None)
    return tuple(new)


def _parts(test: TestFile, report: SuiteReport, *, alone: bool, free: Callable[[str], bool]) -> _Parts:
    cases = cases_of(report, test, alone=alone)
    ran = [case for case in cases if case.verdict is not Verdict.SKIPPED]
    as_stated = [case for case in ran if fails_as_stated(case, test)]
    if ran and len(as_stated) == len(ran):
        return _Parts(gates=test, reproduces=True)
    if not test.separable:
        return _Parts(gates=test, reproduces=test.given and any(case.failing for case in ran))
    if not as_stated:
        return _Parts(gates=None, votes=replace(test, role=TestRole.WITNESS))
    return _taken_apart(test, cases, as_stated, free)


def _taken_apart(
    test: TestFile, cases: Sequence[CaseResult], as_stated: Sequence[CaseResult], free: Callable[[str], bool]
) -> _Parts:
    """By function. One with parameters of which only some reproduce votes, unless there is no other: then it
    gates, if on base its other parameters pass: no patch may break those."""
    stated = {place_of(case.id, test.path) for case in as_stated}
    other = {place_of(case.id, test.path) for case in cases if case not in as_stated}
    pure = stated - other
    path = next((path for path in _paths_beside(test.path) if free(path)), None)
    if path is None or not pure:
        rest_passes = all(not case.failing for case in cases if case not in as_stated)
        chosen = tuple(case.id for case in as_stated)
        if rest_passes and other <= stated:
            return _Parts(gates=replace(test, select=chosen), reproduces=True)
        return _Parts(gates=test)
    gates, votes = without(test.content, _real(other)), without(test.content, _real(pure))
    if gates is None or votes is None:
        return _Parts(gates=test)
    return _Parts(
        gates=replace(test, content=gates),
        votes=replace(test, path=path, content=votes, role=TestRole.WITNESS),
        reproduces=True,
    )


def _real(found: set[Place]) -> frozenset[Place]:
    return frozenset(place for place in found if place)


def _paths_beside(path: str) -> tuple[str, ...]:
    whole = PurePosixPath(path)
    return tuple(
        str(whole.with_name(f"{whole.stem}_witness{number}{whole.suffix}")) for number in ("", "2", "3", "4")
    )
