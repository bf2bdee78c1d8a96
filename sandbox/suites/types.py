"""What a test suite is and what a run of it tells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from sandbox import Command, Completed, Limits


class Verdict(StrEnum):
    """What became of one test case. An expected failure counts as skipped, an unexpected pass as failed only
    when the runner says so."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseResult:
    """One test case. ``id`` is the runner's own address of it (pytest: the node id, parameters included)."""

    id: str
    verdict: Verdict
    seconds: float = 0.0
    message: str = ""  # one line: "AssertionError: assert 3 == 2"
    details: str = ""  # traceback and captured output, bounded

    @property
    def failing(self) -> bool:
        return self.verdict in (Verdict.FAILED, Verdict.ERROR)


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteReport:
    """One run of a suite. ``problem`` says in one line why there may be fewer cases than asked for: a
    limit, a crash, a collection error, no report written; empty when the run is whole."""

    cases: tuple[CaseResult, ...] = ()
    problem: str = ""
    output: str = ""  # the tail of what the runner printed, bounded
    seconds: float = 0.0

    @property
    def by_id(self) -> dict[str, CaseResult]:
        return {case.id: case for case in self.cases}

    @property
    def passing(self) -> frozenset[str]:
        return frozenset(case.id for case in self.cases if case.verdict is Verdict.PASSED)

    @property
    def failing(self) -> frozenset[str]:
        return frozenset(case.id for case in self.cases if case.failing)


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """Which test executed which line: path → line number (from 1) → ids of the test cases."""

    lines: Mapping[str, Mapping[int, frozenset[str]]] = field(default_factory=dict)

    def tests_of(self, path: str) -> frozenset[str]:
        """The tests that execute any line of a file."""
        return frozenset().union(*self.lines.get(path, {}).values())


class Suite(Protocol):
    """A runner: pytest or unittest. Pure: it makes commands and reads what they left.

    ``select`` holds case ids or file paths; empty runs everything. ``coverage`` asks for per-test line
    coverage. ``stop_after`` ends the run after so many failures (0: never). ``limits`` bounds the
    command; a runner may also bound one case.
    """

    @property
    def name(self) -> str: ...

    @property
    def overlay(self) -> Mapping[str, bytes]:
        """Files that every run needs besides the tree: the runner's own and those that the build of the
        project generated. A run's overlay is this with the patch's files on top."""
        ...

    def command(
        self,
        select: tuple[str, ...] = (),
        *,
        coverage: bool = False,
        stop_after: int = 0,
        limits: Limits | None = None,
    ) -> Command: ...

    def report(self, completed: Completed) -> SuiteReport: ...

    def coverage(self, completed: Completed) -> Coverage: ...

    def without(self, files: Iterable[str] = (), cases: Iterable[str] = ()) -> Suite:
        """The same suite, less files that cannot be collected and cases that end the whole run: what spoils
        a run on the base commit would spoil every later one."""
        ...
