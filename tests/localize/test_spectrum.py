"""Counts of passing and failing tests per line become suspicion."""

from __future__ import annotations

import pytest

from agent.localize.spectrum import Formula, suspicion
from sandbox.suites.types import Coverage


def covered(**lines: str) -> Coverage:
    return Coverage(lines={"m.py": {int(line[1:]): frozenset(ids.split()) for line, ids in lines.items()}})


OWN = covered(l1="bad good", l2="bad", l3="good", l4="bad worse")
SUITE = covered(l1="a b c", l4="a")


@pytest.mark.parametrize(
    ("formula", "order"),
    [(Formula.OCHIAI, [4, 2, 1]), (Formula.DSTAR, [4, 2, 1]), (Formula.TARANTULA, [2, 4, 1])],
)
def test_lines_of_failing_tests_in_order(formula: Formula, order: list[int]) -> None:
    found = suspicion(
        OWN, frozenset({"bad", "worse"}), frozenset({"good"}), SUITE, frozenset({"a", "b", "c"}), formula
    )["m.py"]
    assert sorted(found, key=lambda line: -found[line]) == order
    assert max(found.values()) == 1.0
    assert all(0 < value <= 1 for value in found.values())


def test_nothing_fails_nothing_is_suspicious() -> None:
    assert suspicion(OWN, frozenset(), frozenset({"good"})) == {}
    assert suspicion(Coverage(), frozenset({"bad"}), frozenset()) == {}
