"""Every new or given test that fails on base passes with the patch."""

from __future__ import annotations

from agent.gates.evidence import Evidence, listed, passed, refused
from agent.types import GateResult

NAME = "reproduction-green"


def check(evidence: Evidence) -> GateResult:
    green = evidence.green
    failing = sorted(green.failing)
    missing = sorted(evidence.red.failing - green.passing - green.failing)
    if failing:
        return refused(NAME, f"still failing with the patch: {listed(failing)}")
    if missing:
        return refused(NAME, f"failed on base and did not run with the patch: {listed(missing)}")
    if green.problem:
        return refused(NAME, f"the run with the patch is not whole: {green.problem}")
    which = "given" if evidence.tests and all(test.given for test in evidence.tests) else "new"
    if not green.passing:
        return refused(NAME, f"no {which} test ran with the patch")
    return passed(NAME, f"{len(green.passing)} {which} tests pass with the patch")
