"""The standard library's unittest, with a runner of our own inside (``inside/codeagent_unittest.py``)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from sandbox import ENVIRONMENT, Command, Completed, Limits
from sandbox.suites.inside_files import case_seconds, inside, request, with_path
from sandbox.suites.records import COVERAGE, REPORT, coverage_of, read_records, report_of, unreported
from sandbox.suites.types import Coverage, SuiteReport


@dataclass(frozen=True, slots=True, kw_only=True)
class UnittestSuite:
    """``starts`` are the directories that discovery starts in, each with its top level directory."""

    starts: tuple[tuple[str, str], ...] = ((".", "."),)
    env: tuple[tuple[str, str], ...] = ()
    preload: tuple[str, ...] = ()
    generated: Mapping[str, bytes] = field(default_factory=dict)
    case_seconds: float = 60.0
    deselected: tuple[str, ...] = ()
    name: str = "unittest"

    @property
    def overlay(self) -> Mapping[str, bytes]:
        return {**self.generated, **inside("codeagent_record.py", "codeagent_unittest.py")}

    def without(self, files: Iterable[str] = (), cases: Iterable[str] = ()) -> UnittestSuite:
        """The same suite, less files that cannot be imported and cases that cannot be run."""
        return replace(self, deselected=tuple(sorted({*self.deselected, *files, *cases})))

    def command(
        self,
        select: tuple[str, ...] = (),
        *,
        coverage: bool = False,
        stop_after: int = 0,
        limits: Limits | None = None,
    ) -> Command:
        return Command(
            argv=(f"{ENVIRONMENT}/bin/python", "-m", "codeagent_unittest"),
            env=with_path(self.env),
            stdin=request(
                {
                    "starts": self.starts,
                    "select": select,
                    "deselect": self.deselected,
                    "coverage": coverage,
                    "stop_after": stop_after,
                    "case_seconds": case_seconds(self.case_seconds, limits, coverage=coverage),
                }
            ),
            collect=(REPORT, COVERAGE),
            preload=self.preload,
            limits=limits,
        )

    def report(self, completed: Completed) -> SuiteReport:
        records = read_records(completed)
        return (
            unreported(completed, self.name) if records is None else report_of(completed, records, self.name)
        )

    def coverage(self, completed: Completed) -> Coverage:
        return coverage_of(completed)
