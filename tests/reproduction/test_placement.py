"""New tests lie beside the old ones, in their style, under a free name."""

from __future__ import annotations

import ast

import pytest

from agent.builtin.reproduction import designs
from agent.builtin.reproduction.placement import slug
from tests.reproduction.support import FILES, context_of

TEXT = "`clamp(11)` returns 11, should be 10. `clamp(1, 3, 2)` should raise ValueError."
CASES = "import unittest\n\n\nclass TestX(unittest.TestCase):\n    def test_x(self):\n        pass\n"
BARE = {"pkg/__init__.py": "def clamp(x, low=0, high=10):\n    return x\n"}


@pytest.mark.parametrize(
    ("files", "number", "title", "path"),
    [
        (FILES, 7, "x", "tests/test_issue_7_clamp.py"),
        (FILES, None, "Clamp is wrong", "tests/test_issue_clamp_is_wrong.py"),
        (
            FILES,
            None,
            "Values are far too large in every case",
            "tests/test_issue_values_are_far_too_large_in_clamp.py",
        ),
        (FILES, None, "", "tests/test_issue_clamp.py"),
        (FILES | {"tests/test_issue_7_clamp.py": ""}, 7, "x", "tests/test_issue_7_clamp_2.py"),
        (
            FILES | {"tests/unit/test_numbers_more.py": "def test(): pass"},
            7,
            "x",
            "tests/test_issue_7_clamp.py",
        ),
        (BARE, 7, "x", "tests/test_issue_7_clamp.py"),
        (BARE | {"pkg/tests/test_a.py": "", "other/test_b.py": ""}, 7, "x", "other/test_issue_7_clamp.py"),
        (
            BARE | {"pkg/tests/test_a.py": "", "pkg/tests/test_c.py": ""},
            7,
            "x",
            "pkg/tests/test_issue_7_clamp.py",
        ),
        (BARE | {"test_a.py": ""}, 7, "x", "test_issue_7_clamp.py"),
    ],
)
def test_path(files: dict[str, str], number: int | None, title: str, path: str) -> None:
    (first, *_) = designs(context_of(TEXT, title, files=files, number=number))
    assert first.path == path
    assert all(case.startswith(f"{path}::") for case in first.select)


@pytest.mark.parametrize(
    ("files", "suite", "classes"),
    [
        (BARE | {"tests/test_a.py": CASES}, "pytest", True),
        (BARE | {"tests/test_a.py": CASES, "tests/test_b.py": "import pytest\n"}, "pytest", False),
        (BARE | {"tests/test_a.py": CASES + "\n\ndef test_y():\n    pass\n"}, "pytest", False),
        (FILES, "unittest", True),
        (BARE, "pytest", False),
        (BARE, "", False),
    ],
)
def test_style(files: dict[str, str], suite: str, classes: bool) -> None:
    (first, *_) = designs(context_of(TEXT, files=files, suite=suite))
    tree = ast.parse(first.content)
    assert any(isinstance(one, ast.ClassDef) for one in tree.body) is classes
    assert ("pytest" in first.content) is not classes
    assert all(case.count("::") == 1 + classes for case in first.select)
    assert ("self.assertRaises(ValueError)" in first.content) is classes


def test_a_whole_file() -> None:
    (first, *_) = designs(context_of(TEXT, "Clamp"))
    assert (
        first.content
        == '''"""Issue #7: Clamp."""

import pytest
from toolbox import clamp


def test_clamp_11():
    """clamp(11) gives 10.

    The issue says: `clamp(11)` returns 11, should be 10.
    """
    assert clamp(11) == 10


def test_clamp_1_3_2():
    """clamp(1, 3, 2) raises ValueError.

    The issue says: `clamp(1, 3, 2)` should raise ValueError.
    """
    with pytest.raises(ValueError):
        clamp(1, 3, 2)
'''
    )
    assert first.select == ("tests/test_issue_7_clamp.py::test_clamp_11",)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("Hello, World!", "hello_world"), ("__a--b__", "a_b"), ("Ünï", "n"), ("", ""), ("x" * 99, "x" * 40)],
)
def test_slug(text: str, expected: str) -> None:
    assert slug(text) == expected
