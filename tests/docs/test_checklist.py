"""Every id of the checklist has a row in docs/method.md, and every row a living target."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.checklist import PAGE, Row, ids, problems, rows, summary, targets, unresolved


def test_every_id_has_living_code_and_a_living_test(capsys: pytest.CaptureFixture[str]) -> None:
    table = rows(PAGE.read_text(encoding="utf-8"))
    assert list(problems(table)) == []
    with capsys.disabled():
        print(f"\ndocs/method.md: {summary(table)}")


def test_the_page_says_how_many_are_not_built() -> None:
    text = PAGE.read_text(encoding="utf-8")
    missing = sum(bool(row.not_built) for row in rows(text))
    assert f"Not built: {missing} of {len(ids())} ids." in text


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "agent").mkdir()
    (tmp_path / "agent" / "x.py").write_text(
        "import os\nCAP: int = 3\nclass Case:\n    field: int\n    ONE = 1\n    async def test_m(self): ...\n"
        "def test_c():\n    def inner(): ...\n"
    )
    (tmp_path / "agent" / "broken.py").write_text("def (")
    (tmp_path / "agent" / "notes.md").write_text("# The method\n\n## What it can't: yet\n")
    return tmp_path


@pytest.mark.parametrize(
    ("target", "problem"),
    [
        ("agent/x.py:Case", ""),
        ("agent/x.py:Case.field", ""),
        ("agent/x.py:Case.ONE", ""),
        ("agent/x.py:CAP", ""),
        ("agent/x.py::test_c", ""),
        ("agent/x.py::Case::test_m", ""),
        ("agent/notes.md", ""),
        ("agent/notes.md#the-method", ""),
        ("agent/notes.md#what-it-cant-yet", ""),
        ("agent/notes.md#gone", "no such heading"),
        ("agent/x.py", "names no name in the file"),
        ("agent/x.py:os", "no such name in the file"),
        ("agent/x.py:inner", "no such name in the file"),
        ("agent/x.py:test_m", "no such name in the file"),
        ("agent/gone.py:Case", "no such file"),
        ("agent", "no such file"),
        ("agent/notes.md:Case", "a name in a file that is no Python"),
        ("agent/x.py:Case or so", "not a target"),
    ],
)
def test_a_target_is_resolved(root: Path, target: str, problem: str) -> None:
    assert unresolved(target, root) == problem


def test_a_file_that_does_not_parse_holds_nothing(root: Path) -> None:
    assert unresolved("agent/broken.py:x", root).startswith("does not parse")


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (("what", "`agent/x.py:CAP`", "`agent/x.py::test_c`"), []),
        (("what", "`agent/x.py:CAP` and `K`", "`agent/x.py::test_c`"), []),
        (("", "`agent/x.py:CAP`", "`agent/x.py::test_c`"), ["B1: says nothing"]),
        (("what", "words", "`agent/x.py::test_c`"), ["B1: names no code"]),
        (("what", "`agent/x.py:CAP`", ""), ["B1: names no test"]),
        (("what", "`agent/x.py:CAP`", "`agent/x.py:Case`"), ["B1: agent/x.py:Case: names no test function"]),
        (
            ("what", "`agent/x.py:NO`", "`agent/x.py::test_c`"),
            ["B1: agent/x.py:NO: no such name in the file"],
        ),
        (("what", "not built: nobody came to it", ""), []),
        (("what", "not built: later", ""), ["B1: not built, without a reason"]),
        (("what", "not built: nobody came to it", "`agent/x.py::test_c`"), ["B1: not built, yet tested"]),
    ],
)
def test_a_row(root: Path, cells: tuple[str, str, str], said: list[str]) -> None:
    what, code, test = cells
    found = list(problems((Row(id="B1", what=what, code=code, test=test),), root))
    assert [each for each in found if not each.endswith("not in the table")] == said


def test_ids_missing_unknown_and_twice_are_named(root: Path) -> None:
    row = Row(id="B1", what="what", code="`agent/x.py:CAP`", test="`agent/x.py::test_c`")
    table = (row, row, Row(id="Z1", what="what", code=row.code, test=row.test))
    said = list(problems(table, root))
    assert "A1: not in the table" in said
    assert "U30: not in the table" in said
    assert "B1: more than one row" in said
    assert "Z1: no such id" in said
    assert len(said) == len(ids()) - 1 + 2


def test_a_row_of_another_width_is_an_error() -> None:
    with pytest.raises(ValueError, match="B1: 3 cells"):
        rows("| B1 | what | `agent/x.py:CAP` |")


def test_what_is_a_target() -> None:
    assert targets("`agent/x.py:CAP`, `K`, agent/y.py and `README.md#the-method`") == (
        "agent/x.py:CAP",
        "README.md#the-method",
    )
