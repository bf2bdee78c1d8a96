"""What the gates judge: the whole change, and what was measured of it in fresh sandboxes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PurePosixPath

from agent.protocols import SourceTree
from agent.types import Baseline, FileChange, GateResult, Patch, TestFile
from sandbox.suites.types import SuiteReport


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeCap:
    """How much a pull request may change: files and lines of code, new tests apart."""

    files: int = 8
    lines: int = 200
    test_lines: int = 600


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """``red``, ``green`` and ``after`` come from fresh sandboxes: new tests on base, new tests with the
    patch, the whole suite with both. ``flaky`` are tests that failed on base as well when they were asked
    again. ``links`` are the tree's symbolic links and other entries that are no regular files.
    """

    source: SourceTree
    patch: Patch
    tests: tuple[TestFile, ...]
    baseline: Baseline
    red: SuiteReport
    green: SuiteReport
    after: SuiteReport
    flaky: frozenset[str] = frozenset()
    links: frozenset[str] = frozenset()
    cap: SizeCap = field(default_factory=SizeCap)

    @property
    def made_tests(self) -> tuple[FileChange, ...]:
        """The tests that the run made itself, as file changes; those given with the task are the asker's."""
        return tuple(
            FileChange(path=test.path, content=test.content.encode()) for test in self.tests if not test.given
        )

    @property
    def changes(self) -> tuple[FileChange, ...]:
        """Everything that the pull request would change by the run's own doing."""
        return (*self.patch.changes, *self.made_tests)


def passed(name: str, explanation: str) -> GateResult:
    return GateResult(name=name, passed=True, explanation=explanation)


def refused(name: str, explanation: str) -> GateResult:
    return GateResult(name=name, passed=False, explanation=explanation)


def is_test_path(path: str) -> bool:
    """Whether a file belongs to the tests: by folder, or by the names that pytest and unittest look for."""
    parts = PurePosixPath(path).parts
    name = parts[-1] if parts else ""
    if any(part in ("tests", "test", "testing") for part in parts[:-1]):
        return True
    return (
        name.startswith("test_")
        or name.endswith(("_test.py", "_tests.py"))
        or name in ("tests.py", "test.py")
    )


def listed(items: list[str] | tuple[str, ...], most: int = 8) -> str:
    """A short enumeration for an explanation."""
    shown = ", ".join(items[:most])
    return shown if len(items) <= most else f"{shown} and {len(items) - most} more"
