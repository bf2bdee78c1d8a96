"""The harness for real: bubblewrap, pytest and node inside, hidden tests looked for in whatever goes in."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from agent.journal import read_journal
from agent.protocols import View
from agent.run import silent
from agent.types import Action, ReplacePassage, Skill, TestFile
from bot.bench import humaneval, multipl_e
from bot.bench.judge import Patience
from bot.bench.problems import Problem
from bot.bench.rows import JOURNAL, Row
from bot.bench.workplace import prepare
from bot.errors import ConfigError
from sandbox import Limits, Overlay
from sandbox.bubblewrap import BubblewrapSandboxes
from sandbox.environments import Environment
from tests.agent.offline import make_environment
from tests.bench.support import (
    CANARY,
    CLAMP,
    Programmer,
    Recording,
    adds,
    harness,
    proposal,
    write_humaneval,
)
from tests.bench.test_problems import JS, write

pytestmark = [pytest.mark.bubblewrap, pytest.mark.slow]

LOOPS = """def clamp(x, low, high):
    def for_ever():
        while True:
            pass

    def deaf():  # C code: no signal handler runs, so only the limit of the whole run ends it
        return sum(iter(int, 1))

    return max(low, min(x, high, {1000: for_ever, 2000: deaf}.get(x, int)() + high))
"""
HIDDEN = """def check(candidate):
    assert candidate(5, 0, 3) == 3, "CANARY-5f3a"
    assert candidate(1000, 0, 3) == 3
    assert candidate(2000, 0, 3) == 3
    assert candidate(-5, 0, 3) == 0
"""
JS_TEST = """const test = require('node:test');
const assert = require('node:assert');
const { clamp } = require('../solution.js');

test('low stays', () => { assert.equal(clamp(1, 3), 1); });
test('high is cut', () => { assert.equal(clamp(9, 3), 3); });
"""


def test_a_python_problem_from_its_text_to_its_row(tmp_path: Path) -> None:
    """A2, A6: the canary is in no tree, overlay, command or journal before the outcome is there."""
    environment = make_environment(tmp_path / "env")
    data = write_humaneval(tmp_path / "data.jsonl", [CLAMP | {"test": HIDDEN}])
    given: list[tuple[str, Overlay]] = []
    sandboxes = Recording(BubblewrapSandboxes(), lambda command, overlay: given.append((command, overlay)))
    bench = harness(
        tmp_path / "out",
        data,
        sandboxes,
        lambda: Programmer(sources={"clamp": (LOOPS,)}),
        environment=Environment(directory=environment, key="offline", tools=("pytest", "coverage")),
    )
    bench = replace(bench, patience=Patience(case_seconds=1, run_seconds=5))
    (row,) = bench.measure(humaneval.problems(data, "python"), 1, null_hypothesis=False, progress=silent)
    assert (row.stop, row.submitted) == ("solved", "proven")
    assert (row.passed, row.total) == (2, 4)  # those that loop for ever lose no other
    assert row.mutants >= row.killed > 0
    assert (row.tests, row.valid) == (2, 2)
    hidden = [number for number, (command, overlay) in enumerate(given) if CANARY in f"{command}{overlay}"]
    assert len(hidden) == 2  # the whole, and the case behind the deaf one
    runs = sum(
        r.get("effect") == "run" for r in read_journal(next((tmp_path / "out").rglob(JOURNAL))).records
    )
    assert hidden[0] >= runs
    assert not any(CANARY.encode() in path.read_bytes() for path in (tmp_path / "out").rglob("*.*"))


class JsProgrammer(Programmer):
    """Writes JavaScript: first a wrong body, then the right one."""

    def _tests(self, entry: str) -> list[Action]:
        return [adds("t", TestFile(path="tests/made.test.js", content=JS_TEST, verifies=f"{entry} cuts."))]

    def _edits(self, entry: str) -> list[Action]:
        return [
            proposal(
                f"e{number}",
                Skill.IMPLEMENTER,
                ReplacePassage(
                    path="solution.js",
                    passage="    throw new Error('not implemented');",
                    replacement=f"  {body}",
                ),
                -number,
            )
            for number, body in enumerate(("return high;", f"return Math.min(x, high); // {entry}"))
        ]

    def propose(self, view: View, k: int) -> Sequence[Action]:
        results = view.state.results
        if view.state.patch.changes:
            return ()
        actions = self._edits("clamp") if results and results.reproduced else self._tests("clamp")
        return [action for action in actions if action.id not in view.proposed][:k]


def js_row(tmp_path: Path, problems: tuple[Problem, ...], environment: Environment) -> Row:
    bench = harness(
        tmp_path / "out",
        tmp_path,
        BubblewrapSandboxes(),
        JsProgrammer,
        benchmark=multipl_e,
        environment=environment,
        language="js",
    )
    (row,) = bench.measure(problems, 1, null_hypothesis=False, progress=silent)
    return row


def test_a_javascript_problem_goes_the_same_way(tmp_path: Path) -> None:
    """I8: another language is another row of the tables, on the same path."""
    write(tmp_path / "humaneval-js.jsonl", JS)
    limits, sandboxes = Limits(seconds=60), BubblewrapSandboxes()
    if shutil.which("node", path="/usr/local/bin:/usr/bin:/bin") is None:
        with pytest.raises(ConfigError, match="need node 20"):
            prepare("js", sandboxes, tmp_path / "cache", limits=limits, progress=silent)
        return
    environment = prepare("js", sandboxes, tmp_path / "cache", limits=limits, progress=silent)
    row = js_row(tmp_path, multipl_e.problems(tmp_path, "js"), environment)
    assert (row.stop, row.submitted) == ("solved", "proven")
    assert (row.passed, row.total, row.exact) == (2, 2, None)
