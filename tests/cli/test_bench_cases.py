"""The files of known bugs, and the table of what came of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bot.bench.cases import Case, read_cases, repository_of
from bot.bench.repo_cases import Mode, Row
from bot.bench.table import markdown
from bot.errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]
GOOD: dict[str, Any] = {
    "name": "a-bug",
    "repo": "https://example.org/owner/project",
    "parent_commit": "a" * 40,
    "fix_commit": "b" * 40,
    "issue": "# It breaks",
    "fail_to_pass": [
        "tests/test_a.py::test_one",
        "tests/test_b.py::test_two",
        "tests/test_a.py::test_three[x::y]",
    ],
}


def case(**changed: Any) -> Case:
    return Case.model_validate(GOOD | changed)


def test_the_cases_of_this_project_can_be_read() -> None:
    cases = read_cases(ROOT / "benchmarks" / "repo-cases-more.json")
    assert len(cases) == 5
    assert all(case.test_paths for case in cases)


def test_test_paths_are_the_files_of_the_judging_tests() -> None:
    assert case().test_paths == ("tests/test_a.py", "tests/test_b.py")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[", "no file of cases"),
        (json.dumps([GOOD, GOOD]).encode(), "two cases of one name"),
        (json.dumps([GOOD | {"name": "../x"}]).encode(), "0.name"),
        (json.dumps([GOOD | {"repo": "ext::sh -c id"}]).encode(), "0.repo"),
        (json.dumps([GOOD | {"parent_commit": "--upload-pack=x"}]).encode(), "0.parent_commit"),
        (json.dumps([GOOD | {"fail_to_pass": []}]).encode(), "0.fail_to_pass"),
    ],
)
def test_a_bad_file_is_refused_by_name(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "cases.json"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=said):
        read_cases(path)


@pytest.mark.parametrize(
    "place", ["owner+project/repo", "owner+project", "owner/project", "project", "project.git"]
)
def test_a_copy_is_taken_before_the_url(tmp_path: Path, place: str) -> None:
    (tmp_path / place).mkdir(parents=True)
    assert repository_of(case(), tmp_path) == str(tmp_path / place)


def test_without_a_copy_it_is_the_url(tmp_path: Path) -> None:
    assert repository_of(case(), tmp_path) == repository_of(case(), None) == GOOD["repo"]


def row(name: str, **changed: Any) -> Row:
    facts: dict[str, Any] = {
        "mode": Mode.TEXT,
        "reproduced": True,
        "fixed": True,
        "right": True,
        "seconds": 12.3,
        "sandbox_runs": 7,
        "iterations": 2,
        "stop": "solved",
    }
    return Row(case=name, **(facts | changed))


def test_wrong_patches_are_counted_apart() -> None:
    rows = [
        row("one"),
        row("two", right=False, reason="tests/t.py::x: assert 1 == 2 | odd\nlines"),
        row("three", reproduced=False, fixed=False, right=None, reason="could not"),
        row("one", mode=Mode.GIVEN),
    ]
    text = markdown(rows)
    assert (
        "| two | text | yes | yes | **wrong** | 12 s | 7 | tests/t.py::x: assert 1 == 2 \\| odd lines |"
        in text
    )
    assert (
        "- text: 3 cases, 2 reproduced, 2 with a patch that passed every gate, of these 1 right and 1 wrong."
        in text
    )
    assert "- given test: 1 cases, 1 reproduced" in text
