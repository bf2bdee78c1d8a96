"""docs/security.md names tests; they are there."""

from __future__ import annotations

import re

import pytest

from tests.docs.checklist import ROOT, targets, unresolved

PAGE = ROOT / "docs" / "security.md"


def rows(text: str) -> list[tuple[str, str, tuple[str, ...]]]:
    """Number (empty: none), threat, and what shows that it is met."""
    table = text.partition("## Threats, controls, tests")[2].partition("\n## ")[0]
    lines = [line.strip("|").split("|") for line in table.splitlines() if line.startswith("|")][2:]
    return [(cells[0].strip(), cells[1].strip(), targets(cells[-1])) for cells in lines]


ROWS = rows(PAGE.read_text(encoding="utf-8"))


def test_the_first_twelve_threats_are_there_in_order() -> None:
    assert [number for number, _, _ in ROWS if number] == [str(number) for number in range(1, 13)]


@pytest.mark.parametrize(("number", "threat", "tests"), ROWS, ids=[threat[:40] for _, threat, _ in ROWS])
def test_every_threat_has_its_tests(number: str, threat: str, tests: tuple[str, ...]) -> None:
    assert tests, threat
    for each in tests:
        if number:
            assert re.search(r"::test_\w+$", each), f"{each} names no test"
        if "::" in each:
            assert unresolved(each) == ""
        else:
            assert (ROOT / each).is_file()


def test_a_test_that_is_gone_is_noticed() -> None:
    assert unresolved("tests/setup/test_security_page.py::test_nowhere")
    page = (
        "## Threats, controls, tests\n| | a | b | c |\n|---|---|---|---|\n| 1 | t | c | `a/b.py::test_x` |\n"
    )
    assert rows(page) == [("1", "t", ("a/b.py::test_x",))]
