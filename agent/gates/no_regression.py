"""No test that passed on base fails, is skipped or is gone with the patch, in the whole suite in a fresh
sandbox."""

from __future__ import annotations

from agent.gates.evidence import Evidence, listed, passed, refused
from agent.types import GateResult

NAME = "no-regression"


def check(evidence: Evidence) -> GateResult:
    before, after = evidence.baseline, evidence.after
    worse = sorted(before.passing - after.passing - evidence.flaky)
    if worse:
        why = f" ({after.problem})" if after.problem else ""
        return refused(NAME, f"{len(worse)} tests passed on base and do not pass now{why}: {listed(worse)}")
    if after.problem and after.problem != before.problem:
        return refused(NAME, f"the whole suite did not run to its end: {after.problem}")
    known = f"; {len(before.failing)} failed before" if before.failing else ""
    return passed(NAME, f"{len(before.passing)} tests that passed on base still pass{known}")
