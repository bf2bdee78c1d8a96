"""What decides between candidates that agree."""

from __future__ import annotations

import pytest

from agent.choice.tie_breaks import size, static
from agent.types import Patch
from tests.choice.support import Files

BASE = "def f(x):\n    if x:\n        return 1\n    return y\n"

ROWS = [
    (BASE.replace("1", "2"), (0, 0, 0), 2),
    (BASE + "def g(): return f(z)\n", (0, 1, 0), 1),
    (BASE + "def g(x):\n    return 1 if x and f(x) else 2\n", (0, 0, 2), 2),
    ("def f(\n", (1, 0, 0), 5),
    (None, (0, 0, 0), 4),
]


@pytest.mark.parametrize(("content", "found", "lines"), ROWS)
def test_new_faults_only(content: str | None, found: tuple[int, int, int], lines: int) -> None:
    source = Files({"f.py": BASE})
    patch = Patch().with_file("f.py", None if content is None else content.encode())
    assert static(patch, source) == found
    assert size(patch, source) == lines


def test_what_is_no_python_counts_by_its_size_alone() -> None:
    patch = Patch().with_file("data.json", b"{").with_file("old.py", b"print 'x'")
    assert static(patch, Files({"old.py": "print 'y'"})) == (0, 0, 0)
