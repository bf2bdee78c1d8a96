"""Any test command: run as it is, judged by its exit status as one case, or by the JUnit report that it
names."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from sandbox import Command, Completed, Limits
from sandbox.suites.junit import NotJUnit, read_junit
from sandbox.suites.records import output_of
from sandbox.suites.types import CaseResult, Coverage, SuiteReport, Verdict

CASE = "command"
_REPORT_FLAGS = ("--junitxml", "--junit-xml", "--junit", "--xml-output", "--output-junit", "--junit-output")


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandSuite:
    """Cannot select, measure coverage or stop early: each run is the whole command."""

    argv: tuple[str, ...]
    env: tuple[tuple[str, str], ...] = ()
    generated: Mapping[str, bytes] = field(default_factory=dict)
    name: str = "command"

    @property
    def overlay(self) -> Mapping[str, bytes]:
        return self.generated

    def without(self, files: Iterable[str] = (), cases: Iterable[str] = ()) -> CommandSuite:  # noqa: ARG002
        return self

    @property
    def junit(self) -> str:
        """Where the command says that it writes a JUnit report; empty when it does not."""
        words = (*self.argv, "")
        for word, following in pairwise(words):
            flag, equals, value = word.partition("=")
            path = posixpath.normpath(value if equals else following)
            if flag in _REPORT_FLAGS and path != "." and not path.startswith(("/", "..")):
                return path
        return ""

    def command(
        self,
        select: tuple[str, ...] = (),  # noqa: ARG002
        *,
        coverage: bool = False,  # noqa: ARG002
        stop_after: int = 0,  # noqa: ARG002
        limits: Limits | None = None,
    ) -> Command:
        return Command(
            argv=self.argv, env=self.env, collect=(self.junit,) if self.junit else (), limits=limits
        )

    def report(self, completed: Completed) -> SuiteReport:
        output = output_of(completed)
        try:
            cases = read_junit(completed.collected.get(self.junit, b""))
        except NotJUnit:
            cases = ()
        if completed.stopped_by is not None:
            problem = f"stopped by the {completed.stopped_by} limit"
        elif completed.exit_status == 127:
            problem = f"{self.argv[0]} was not found in the sandbox"
        else:
            problem = ""
        whole = CaseResult(
            id=CASE,
            verdict=Verdict.PASSED if completed.ok else Verdict.FAILED,
            seconds=completed.seconds,
            message="" if completed.ok else problem or f"ended with status {completed.exit_status}",
            details="" if completed.ok else output,
        )
        return SuiteReport(cases=cases or (whole,), problem=problem, output=output, seconds=completed.seconds)

    def coverage(self, completed: Completed) -> Coverage:  # noqa: ARG002
        return Coverage()
