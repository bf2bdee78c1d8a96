"""Spectrum-based localisation: lines that failing tests execute and passing tests do not are suspicious."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from enum import StrEnum

from sandbox.suites.types import Coverage


class Formula(StrEnum):
    """How counts become suspicion. Ochiai is the default: the steadiest in the comparative studies."""

    OCHIAI = "ochiai"
    DSTAR = "dstar"
    TARANTULA = "tarantula"


def ochiai(failed: int, passed: int, all_failed: int, all_passed: int) -> float:  # noqa: ARG001  one shape
    return failed / math.sqrt(all_failed * (failed + passed)) if failed else 0.0


def dstar(failed: int, passed: int, all_failed: int, all_passed: int) -> float:  # noqa: ARG001  one shape
    """D* with the usual exponent 2; a line that all failing tests and no passing test execute would be
    infinite: it gets the value of a denominator of one half."""
    return failed**2 / max(passed + all_failed - failed, 0.5) if failed else 0.0


def tarantula(failed: int, passed: int, all_failed: int, all_passed: int) -> float:
    if not failed:
        return 0.0
    failing = failed / all_failed
    return failing / (failing + (passed / all_passed if all_passed else 0.0))


FORMULAS: dict[Formula, Callable[[int, int, int, int], float]] = {
    Formula.OCHIAI: ochiai,
    Formula.DSTAR: dstar,
    Formula.TARANTULA: tarantula,
}

Suspicion = dict[str, dict[int, float]]


def suspicion(
    coverage: Coverage,
    failing: frozenset[str],
    passing: frozenset[str],
    baseline: Coverage | None = None,
    baseline_passing: frozenset[str] = frozenset(),
    formula: Formula = Formula.OCHIAI,
) -> Suspicion:
    """Path → line → suspicion, 1 for the most suspicious line; only lines that a failing test executes.

    ``coverage`` is of the state's own tests, ``baseline`` of the repository's suite.
    """
    if not failing:
        return {}
    score = FORMULAS[formula]
    all_passed = len(passing) + len(baseline_passing)
    found: Suspicion = {}
    for path in sorted(coverage.lines):
        others = baseline.lines.get(path, {}) if baseline else {}
        for line, tests in sorted(coverage.lines[path].items()):
            failed = len(tests & failing)
            if failed:
                passed = len(tests & passing) + len(others.get(line, frozenset()) & baseline_passing)
                found.setdefault(path, {})[line] = score(failed, passed, len(failing), all_passed)
    return normalised(found)


def normalised(found: Mapping[str, Mapping[int, float]]) -> Suspicion:
    """The same with 1 as the largest value."""
    top = max((value for lines in found.values() for value in lines.values()), default=0.0)
    if top <= 0:
        return {}
    return {path: {line: value / top for line, value in lines.items()} for path, lines in found.items()}
