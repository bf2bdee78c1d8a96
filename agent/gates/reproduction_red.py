"""The new tests fail on the base commit, for the stated reason."""

from __future__ import annotations

from agent.gates.evidence import Evidence, passed, refused
from agent.reproduction import judge
from agent.types import GateResult

NAME = "reproduction-red-on-base"


def check(evidence: Evidence) -> GateResult:
    red, remark = judge(evidence.red, evidence.tests)
    return passed(NAME, remark) if red else refused(NAME, remark)
