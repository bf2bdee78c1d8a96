"""A build is stopped as a whole: by its time, and by the wish to stop."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.errors import Cancelled
from agent.run import open_journal, repair
from agent.types import StopReason, Task, Unsolved
from agent.workbench import RepositoryWorkbench
from bot.engine import services
from bot.settings import Settings
from sandbox import Limits
from sandbox.bubblewrap import BubblewrapSandboxes
from sandbox.environments import BuildFailed

pytestmark = pytest.mark.bubblewrap


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Making its virtual environment alone takes longer than these tests wait."""
    tree = tmp_path / "tree"
    (tree / "tests").mkdir(parents=True)
    (tree / "m.py").write_text("x = 1\n")
    (tree / "tests" / "test_m.py").write_text("import m\n\n\ndef test_x():\n    assert m.x == 1\n")
    return tree


def workbench(tree: Path, cache: Path, seconds: float, cancelled: Callable[[], bool]) -> RepositoryWorkbench:
    return RepositoryWorkbench(
        tree, BubblewrapSandboxes(), cache, limits=Limits(), build_seconds=seconds, cancelled=cancelled
    )


def test_a_build_that_takes_too_long_says_so_and_leaves_nothing(tree: Path, tmp_path: Path) -> None:
    bench = workbench(tree, tmp_path / "cache", 0.3, lambda: False)
    failed = bench.prepare(lambda *_args, **_more: None)
    assert isinstance(failed, BuildFailed)
    assert "not built within" in failed.reason
    assert failed.advice
    assert not list((tmp_path / "cache").rglob("python*"))


def test_a_build_is_cancelled(tree: Path, tmp_path: Path) -> None:
    begun = time.monotonic()
    bench = workbench(tree, tmp_path / "cache", 900, lambda: time.monotonic() > begun + 0.3)
    with pytest.raises(Cancelled):
        bench.prepare(lambda *_args, **_more: None)


def test_a_run_that_is_cancelled_while_it_builds_is_cancelled_in_every_replay(
    tree: Path, tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    task = Task(repository="r", base="c", title="t", text="t")
    begun = time.monotonic()
    for stop in (lambda: time.monotonic() > begun + 0.3, lambda: False):
        with open_journal(tmp_path / "journal.jsonl", run="r", task=task) as journal:
            outcome = repair(task, tree, services(settings, BubblewrapSandboxes()), journal, cancelled=stop)
        assert isinstance(outcome, Unsolved)
        assert outcome.stop is StopReason.CANCELLED
