"""Dual execution agreement: candidates that pass the same generated tests support each other, and the tests.

Pure. Candidates are rows, test cases are columns; a cluster holds the candidates that pass exactly the same
cases. Both rules score clusters by execution results only (A7).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import lgamma, sqrt

Passed = frozenset[str]
"""The ids of the cases that a candidate passes."""

B4_BETA_0 = 1e5
B4_ALPHA_XY = 1e3
"""The priors that the authors of B4 start from: a wrong candidate hardly ever passes a wrong test, and right
candidates and right tests are common (the middle of the ranges in their replication package)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """``members`` are indices of candidates, in their order."""

    members: tuple[int, ...]
    passed: Passed
    score: float = 0.0


def clusters(rows: Sequence[Passed]) -> tuple[Cluster, ...]:
    """Candidates by what they pass, in the order of their first members, without scores."""
    groups: dict[Passed, list[int]] = {}
    for index, passed in enumerate(rows):
        groups.setdefault(passed, []).append(index)
    return tuple(Cluster(members=tuple(members), passed=passed) for passed, members in groups.items())


def codet(rows: Sequence[Passed], *, root: bool = False) -> tuple[Cluster, ...]:
    """CodeT (Chen et al., 2022): score = |candidates of the cluster| x |cases that they pass|.

    ``root`` takes the square root of the number of candidates, as the authors' released program does.
    """
    return tuple(
        Cluster(
            members=each.members,
            passed=each.passed,
            score=(sqrt(len(each.members)) if root else len(each.members)) * len(each.passed),
        )
        for each in clusters(rows)
    )


def b4(
    rows: Sequence[Passed], cases: int, *, beta_0: float = B4_BETA_0, alpha_xy: float = B4_ALPHA_XY
) -> tuple[Cluster, ...]:
    """B4 (Chen et al., ASE 2024, arXiv 2409.08692): the logarithm of a cluster's approximate posterior.

    With N candidates and M cases, x the candidates of the cluster and y the cases that it passes, taken for
    the right ones, B the beta function, and E the results of the *other* candidates:

        log B(|x| + a, N - |x| + 1) + log B(|y| + a, M - |y| + 1)
          + log B(p1 + 1, n1 - p1 + 1)    p1 of n1 results on y are passes
          + log B(p0 + 1, n0 - p0 + b)    p0 of n0 results on the other cases are passes

    with a = ``alpha_xy`` (right ones are common) and b = ``beta_0`` (wrong ones hardly agree by chance).
    Only differences between scores mean anything.
    """
    total = len(rows)
    scored = []
    for each in clusters(rows):
        size, right = len(each.members), len(each.passed)
        others = [row for index, row in enumerate(rows) if index not in each.members]
        on_right = sum(len(row & each.passed) for row in others)
        on_wrong = sum(len(row - each.passed) for row in others)
        score = (
            _log_beta(size + alpha_xy, total - size + 1)
            + _log_beta(right + alpha_xy, cases - right + 1)
            + _log_beta(on_right + 1, len(others) * right - on_right + 1)
            + _log_beta(on_wrong + 1, len(others) * (cases - right) - on_wrong + beta_0)
        )
        scored.append(Cluster(members=each.members, passed=each.passed, score=score))
    return tuple(scored)


def _log_beta(a: float, b: float) -> float:
    return lgamma(a) + lgamma(b) - lgamma(a + b)
