"""pytest, with a plugin of our own for an exact report (``inside/codeagent_pytest.py``)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from sandbox import ENVIRONMENT, WORKSPACE, Command, Completed, Limits
from sandbox.suites.inside_files import DIRECTORY, case_seconds, inside, request, with_path
from sandbox.suites.junit import NotJUnit, read_junit
from sandbox.suites.records import (
    COVERAGE,
    REPORT,
    coverage_of,
    output_of,
    read_records,
    report_of,
    unreported,
)
from sandbox.suites.types import Coverage, SuiteReport

_JUNIT = f"{DIRECTORY}/junit.xml"
_MAX_ARGUMENTS = 60_000  # characters of paths; beyond, everything is collected and the plugin selects


@dataclass(frozen=True, slots=True, kw_only=True)
class PytestSuite:
    """The repository's own configuration holds; the plugin takes back what a measured run cannot have.

    ``flags`` and ``paths`` come from a test command given by the user. ``ignored`` are files that cannot be
    collected on the base commit, ``deselected`` cases that end the whole run there (see ``baseline``).
    """

    env: tuple[tuple[str, str], ...] = ()
    preload: tuple[str, ...] = ()
    generated: Mapping[str, bytes] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    junit: bool = True
    case_seconds: float = 60.0
    ignored: tuple[str, ...] = ()
    deselected: tuple[str, ...] = ()
    name: str = "pytest"

    @property
    def overlay(self) -> Mapping[str, bytes]:
        return {**self.generated, **inside("codeagent_record.py", "codeagent_pytest.py")}

    def without(self, files: Iterable[str] = (), cases: Iterable[str] = ()) -> PytestSuite:
        """The same suite, less files that cannot be collected and cases that cannot be run."""
        return replace(
            self,
            ignored=tuple(sorted({*self.ignored, *files})),
            deselected=tuple(sorted({*self.deselected, *cases})),
        )

    def command(
        self,
        select: tuple[str, ...] = (),
        *,
        coverage: bool = False,
        stop_after: int = 0,
        limits: Limits | None = None,
    ) -> Command:
        report = (f"--junitxml={_JUNIT}", "-o", "junit_family=xunit1") if self.junit else ()
        return Command(
            argv=(
                f"{ENVIRONMENT}/bin/python", "-m", "pytest", "-p", "codeagent_pytest", *self.flags,
                f"--rootdir={WORKSPACE}", "--tb=short", "-o", "console_output_style=classic", *report,
                f"--ignore={DIRECTORY}", *(f"--ignore={path}" for path in self.ignored),
                *self._arguments(select),
            ),
            env=with_path(self.env),
            stdin=request(
                {
                    "select": select,
                    "deselect": self.deselected,
                    "coverage": coverage,
                    "stop_after": stop_after,
                    "case_seconds": case_seconds(self.case_seconds, limits, coverage=coverage),
                }
            ),
            collect=(REPORT, _JUNIT, COVERAGE),
            preload=self.preload,
            limits=limits,
        )  # fmt: skip

    def _arguments(self, select: tuple[str, ...]) -> tuple[str, ...]:
        """Files to collect. The plugin picks the cases: an id that is gone is then reported and not a usage
        error."""
        if not select:
            return self.paths
        files = dict.fromkeys(each.partition("::")[0] for each in select)
        if sum(map(len, files)) > _MAX_ARGUMENTS:
            return self.paths
        return tuple(f"./{path}" if path.startswith("-") else path for path in files)

    def report(self, completed: Completed) -> SuiteReport:
        records = read_records(completed)
        if records is None:
            return self._by_junit(completed)
        return report_of(completed, records, self.name)

    def _by_junit(self, completed: Completed) -> SuiteReport:
        """Without the plugin's report, the general one: written at the end only, its ids a guess."""
        try:
            cases = read_junit(completed.collected.get(_JUNIT, b""))
        except NotJUnit:
            return unreported(completed, self.name)
        if not cases or completed.stopped_by is not None:
            return unreported(completed, self.name)
        return SuiteReport(cases=cases, output=output_of(completed), seconds=completed.seconds)

    def coverage(self, completed: Completed) -> Coverage:
        return coverage_of(completed)
