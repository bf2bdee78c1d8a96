"""The gates: what a patch must pass before anything is published. Each is a pure function of the evidence.

All of them run, always: the report names every one, and a patch that fails several shows all of its faults.
"""

from __future__ import annotations

from collections.abc import Callable

from agent.gates import (
    names,
    no_regression,
    no_special_case,
    no_test_weakened,
    parses,
    paths,
    protected_paths,
    reproduction_green,
    reproduction_red,
    secrets,
    size,
)
from agent.gates.evidence import Evidence, SizeCap
from agent.types import GateResult

__all__ = ["BY_RUNS", "BY_TEXT", "GATES", "Evidence", "SizeCap", "check_all"]

Gate = Callable[[Evidence], GateResult]

BY_RUNS: tuple[Gate, ...] = (
    reproduction_red.check,
    reproduction_green.check,
    no_regression.check,
)
"""What is judged by what was measured."""

BY_TEXT: tuple[Gate, ...] = (
    no_test_weakened.check,
    protected_paths.check,
    size.check,
    paths.check,
    secrets.check,
    parses.check,
    names.check,
    no_special_case.check,
)
"""What is judged by the change alone."""

GATES = (*BY_RUNS, *BY_TEXT)


def check_all(evidence: Evidence, gates: tuple[Gate, ...] = GATES) -> tuple[GateResult, ...]:
    return tuple(check(evidence) for check in gates)
