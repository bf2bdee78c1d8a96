"""Differing lines, and the tests that can see a change."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.affected import WHOLE, affected_tests
from agent.diff import added_lines, changed_line_count, hunks
from agent.types import Baseline, FileChange, Patch
from sandbox.suites.types import Coverage

TEXTS = st.lists(st.sampled_from(["a", "b", "c", ""]), max_size=12).map(
    lambda lines: "\n".join(lines).encode()
)


@given(TEXTS, TEXTS)
def test_hunks_rebuild_the_new_text(old: bytes, new: bytes) -> None:
    before, after = old.splitlines(), new.splitlines()
    built, at = [], 0
    for hunk in hunks(old, new):
        built += before[at : hunk.old.start - 1] + after[hunk.new.start - 1 : hunk.new.stop - 1]
        at = hunk.old.stop - 1
    assert built + before[at:] == after
    removed = sum(len(hunk.old) for hunk in hunks(old, new))
    assert removed + len(added_lines(old, new)) == changed_line_count(old, new)


def test_sizes_are_bounded_in_time() -> None:
    old, new = b"a\n" * 20_000, b"b\nc\n" * 20_000
    assert changed_line_count(old, new) == 60_000
    assert changed_line_count(None, new) == 40_000
    assert changed_line_count(old, None) == 20_000


CODE = """import os

LIMIT = 3


def first(x):
    y = x
    return y


class Thing:
    def second(self):
        return 2

    def third(self):
        def inner():
            return 3

        return inner()
"""
COVERED = {
    **dict.fromkeys((1, 3, 6, 11, 12, 15), frozenset({"t1", "t2", "t3", "t4", "t5", "t6", "t7", "t8", "t9"})),
    7: frozenset({"t1"}),
    8: frozenset({"t1", "t9"}),
    13: frozenset({"t2"}),
    16: frozenset({"t3"}),
    17: frozenset({"t4"}),
    19: frozenset({"t3"}),
}


@dataclass
class Files:
    files: dict[str, bytes]

    def paths(self) -> tuple[str, ...]:
        return tuple(self.files)

    def read(self, path: str) -> bytes | None:
        return self.files.get(path)


SOURCE = Files({"m.py": CODE.encode(), "data.txt": b"x\n", "unseen.py": b"x = 1\n"})
BASELINE = Baseline(
    passing=frozenset(f"t{n}" for n in range(1, 9)),
    failing=frozenset({"t9"}),
    flaky=frozenset(),
    skipped=frozenset(),
    coverage=Coverage(lines={"m.py": COVERED}),
)


def change(old: str, new: str) -> dict[str, bytes | None]:
    assert old in CODE
    return {"m.py": CODE.replace(old, new).encode()}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (change("y = x\n", "y = x + 1\n"), ("t1",)),  # its function; t9 fails on base and is not asked
        (change("return 2", "return 4"), ("t2",)),
        (change("return 3", "return 4"), ("t4",)),  # the innermost function
        (change("return inner()", "return 5"), ("t3", "t4")),
        (change("        return 2\n", ""), ("t2",)),
        (change("    y = x\n", "    y = x\n    y = y\n"), ("t1",)),  # an insertion inside
        (change("    return y\n", "    return y\n    # end\n"), WHOLE),  # a comment after the end is nobody's
        (change("def first(x):", "def first(x, z=1):"), ("t1",)),  # a signature: who calls, runs the body
        (change("LIMIT = 3", "LIMIT = 4"), WHOLE),  # module level: everything that imports it
        (change("class Thing:\n", "class Thing:\n    def second_b(self):\n        return 1\n\n"), WHOLE),
        ({"new.py": b"x = 1\n"}, WHOLE),
        ({"unseen.py": b"x = 2\n"}, WHOLE),
        ({"data.txt": b"y\n"}, WHOLE),
        ({"m.py": None}, WHOLE),
        ({"m.py": b"not python ("}, WHOLE),
        ({**change("return 2", "return 4"), "data.txt": b"y\n"}, WHOLE),
    ],
)
def test_who_can_see_it(changes: dict[str, bytes | None], expected: tuple[str, ...]) -> None:
    patch = Patch.of(FileChange(path=path, content=content) for path, content in changes.items())
    assert affected_tests(patch, BASELINE, SOURCE) == expected


def test_nobody_sees_it() -> None:
    nobody = Baseline(
        passing=frozenset({"t5"}),
        failing=frozenset(),
        flaky=frozenset(),
        skipped=frozenset(),
        coverage=BASELINE.coverage,
    )
    patch = Patch.of([FileChange(path="m.py", content=CODE.replace("return 2", "return 4").encode())])
    assert affected_tests(patch, nobody, SOURCE) is None
