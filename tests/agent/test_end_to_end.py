"""The engine for real: bubblewrap, pytest inside, the built-in networks, a planted bug, the issue's text
alone."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from agent.replay import NoSandboxes, replay
from agent.run import Services, open_journal, repair
from agent.types import Solved, StopReason, Task, Unsolved
from sandbox import Limits, Sandboxes
from sandbox.bubblewrap import BubblewrapSandboxes
from tests.agent.offline import OfflineWorkbench, make_environment
from tests.agent.support import CALC, TASK, TEST_CALC, ZERO

pytestmark = [pytest.mark.bubblewrap, pytest.mark.slow]

ISSUE = """`sign` is wrong for zero.

```python
>>> from calc import sign
>>> sign(0)
1
```

It should be `0`.

```python
>>> sign(0)
0
```
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_environment(tmp_path_factory.mktemp("environment") / "env")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    (root / "tests").mkdir(parents=True)
    (root / "calc.py").write_text(CALC)
    (root / "tests" / "test_calc.py").write_text(TEST_CALC)
    (root / "pyproject.toml").write_text('[tool.pytest.ini_options]\npythonpath = ["."]\n')
    return root


def services(sandboxes: Sandboxes) -> Services:
    return Services(
        sandboxes=sandboxes,
        cache=Path("/nonexistent"),
        workers=os.cpu_count() or 1,
        limits=Limits(seconds=60),
    )


def solve(task: Task, tree: Path, environment: Path, journal_path: Path):
    sandboxes = BubblewrapSandboxes()
    with open_journal(journal_path, run="r", task=task) as journal:
        return repair(
            task,
            tree,
            services(sandboxes),
            journal,
            workbench=OfflineWorkbench(tree, environment, sandboxes),
        )


@pytest.mark.parametrize("given", [False, True], ids=["from the issue", "with a given test"])
def test_a_planted_bug_is_repaired_and_the_run_replayed(
    tree: Path, environment: Path, tmp_path: Path, given: bool
) -> None:
    tests = (replace(ZERO, given=True),) if given else ()
    task = replace(TASK, title="sign(0) should be 0", text=ISSUE, given_tests=tests)
    outcome = solve(task, tree, environment, tmp_path / "journal")
    assert isinstance(outcome, Solved), outcome
    assert outcome.patch.paths == ("calc.py",)
    fixed: dict[str, object] = {}
    exec(outcome.patch.changes[0].content or b"", fixed)
    sign = fixed["sign"]
    assert callable(sign)
    assert [sign(-2), sign(0), sign(2)] == [-1, 0, 1]
    assert all(gate.passed for gate in outcome.proof.gates)
    assert outcome.proof.red.failing
    assert not outcome.proof.green.failing
    shutil.rmtree(tree)
    assert replay(tmp_path / "journal", services(NoSandboxes())) == outcome


def test_an_issue_that_is_not_so_cannot_be_reproduced(tree: Path, environment: Path, tmp_path: Path) -> None:
    task = replace(
        TASK, title="double", text="```python\n>>> from calc import double\n>>> double(2)\n4\n```\n"
    )
    outcome = solve(task, tree, environment, tmp_path / "journal")
    assert isinstance(outcome, Unsolved)
    assert outcome.stop is StopReason.NOT_REPRODUCED
