"""Mutants of the patched lines: near misses of the patch, run under the new tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.effects import Clock, JournaledRunner, SandboxPool
from agent.executor import Bench
from agent.journal import MemoryJournal
from agent.protocols import Context
from agent.source import HostTree
from agent.strength import MOST, measure, mutants
from agent.types import Baseline, Mutant, Patch, State, TestFile
from sandbox import Limits
from sandbox.suites.pytest_suite import PytestSuite
from sandbox.suites.types import SuiteReport
from tests.agent.support import TASK, ToySandboxes, ToyWorkbench

BASE = b"def grade(points):\n    if points > 90:\n        return 1\n    return 2\n"
FIXED = BASE.replace(b"points > 90", b"points >= 90")
STRONG = (
    "from m import grade\n\n\ndef test_edge():\n    assert [grade(x) for x in (89, 90, 91)] == [2, 1, 1]\n"
)
WEAK = "from m import grade\n\n\ndef test_edge():\n    assert grade(90) == 1\n"
STRONG = WEAK + "    assert (grade(89), grade(91)) == (2, 1)\n"


def measured(tree: Path, files: dict[str, bytes], tests: str, seconds: float = 0.1) -> tuple[Mutant, ...]:
    (tree / "m.py").write_bytes(BASE)
    sandboxes = ToySandboxes()
    workbench = ToyWorkbench(tree, sandboxes)
    environment = workbench.prepare(None)
    state, context = state_of(tree, files, tests)
    with SandboxPool(lambda: workbench.open(environment), workers=2, cancelled=lambda: False) as pool:
        runner = JournaledRunner(MemoryJournal(), pool, Clock(), identity={})
        bench = Bench(runner=runner, suite=PytestSuite(), limits=Limits(), suite_limits=Limits())
        return measure(state, context, bench, SuiteReport(seconds=seconds))


def state_of(tree: Path, files: dict[str, bytes], tests: str = STRONG) -> tuple[State, Context]:
    nothing: frozenset[str] = frozenset()
    baseline = Baseline(passing=nothing, failing=nothing, flaky=nothing, skipped=nothing)
    patch = Patch()
    for path, content in files.items():
        patch = patch.with_file(path, content)
    test = TestFile(path="tests/test_new.py", content=tests, verifies="the edge")
    return State(patch=patch, tests=(test,)), Context(task=TASK, source=HostTree(tree), baseline=baseline)


def test_a_strong_test_notices_them_all(tmp_path: Path) -> None:
    found = measured(tmp_path, {"m.py": FIXED}, STRONG)
    assert found
    assert all(mutant.killed for mutant in found)
    assert {(mutant.path, mutant.line) for mutant in found} == {("m.py", 2)}


def test_a_weak_test_misses_some_and_they_are_named(tmp_path: Path) -> None:
    found = measured(tmp_path, {"m.py": FIXED}, WEAK)
    missed = [mutant.summary for mutant in found if not mutant.killed]
    assert missed
    assert any(mutant.killed for mutant in found)


def test_only_patched_lines_are_mutated_and_none_twice(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_bytes(BASE)
    state, context = state_of(tmp_path, {"m.py": FIXED})
    made = list(mutants(context, state))
    assert len({patch.digest for _, patch in made}) == len(made)
    for _, patch in made:
        content = patch.changes[0].content
        assert content is not None
        changed = [
            n for n, (a, b) in enumerate(zip(FIXED.split(b"\n"), content.split(b"\n"), strict=True)) if a != b
        ]
        assert changed == [1]


def test_each_part_of_a_patch_is_taken_back(tmp_path: Path) -> None:
    base = b"A = 1\nB = 2\nC = 3\nD = 4\n"
    (tmp_path / "m.py").write_bytes(base)
    state, context = state_of(tmp_path, {"m.py": b"A = 7\nB = 2\nC = 3\nD = 8\n"})
    back = [
        patch.changes[0].content
        for mutant, patch in mutants(context, state)
        if "taken back" in mutant.summary
    ]
    assert back == [b"A = 1\nB = 2\nC = 3\nD = 8\n", b"A = 7\nB = 2\nC = 3\nD = 4\n"]


@pytest.mark.parametrize(
    "files",
    [{"m.py": b"def grade(:\n"}, {"m.py": b"\xff\xfe"}, {"notes.txt": b"x"}, {}],
    ids=["broken", "no text", "no python", "nothing"],
)
def test_what_cannot_be_mutated_has_no_mutants(tmp_path: Path, files: dict[str, bytes]) -> None:
    assert measured(tmp_path, files, STRONG) == ()


def test_slow_tests_get_fewer_mutants(tmp_path: Path) -> None:
    files = {"m.py": b"def grade(points):\n    return 1 if points + 0 >= 90 and points != 7 else 2 * 3 - 4\n"}
    assert len(measured(tmp_path, files, STRONG)) == MOST
    assert len(measured(tmp_path, files, STRONG, seconds=10.0)) == 3
    assert len(measured(tmp_path, files, STRONG, seconds=500.0)) == 1
