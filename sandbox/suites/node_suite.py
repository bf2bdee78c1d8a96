"""JavaScript: node's own test runner (node 20 or later), with a reporter of our own
(``inside/codeagent_node.mjs``)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from sandbox import Command, Completed, Limits
from sandbox.suites.inside_files import DIRECTORY, case_seconds, inside, request
from sandbox.suites.records import REPORT, read_records, report_of, unreported
from sandbox.suites.types import Coverage, SuiteReport

_REPORTER = "codeagent_node.mjs"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSuite:
    """Runs whole files, each in a process of its own, and reports the cases that were asked for. No
    coverage: a change then asks for the whole suite. ``stop_after`` is not known to node: all cases run."""

    env: tuple[tuple[str, str], ...] = ()
    generated: Mapping[str, bytes] = field(default_factory=dict)
    files: tuple[str, ...] = ()  # empty: those that node takes for tests
    file_seconds: float = 60.0
    name: str = "node"

    @property
    def overlay(self) -> Mapping[str, bytes]:
        return {**self.generated, **inside(_REPORTER)}

    def without(self, files: Iterable[str] = (), cases: Iterable[str] = ()) -> NodeSuite:  # noqa: ARG002
        """Less these files, where the files are known; a file that does not load spoils no other one."""
        return replace(self, files=tuple(file for file in self.files if file not in set(files)))

    def command(
        self,
        select: tuple[str, ...] = (),
        *,
        coverage: bool = False,  # noqa: ARG002
        stop_after: int = 0,  # noqa: ARG002
        limits: Limits | None = None,
    ) -> Command:
        files = tuple(dict.fromkeys(each.partition("::")[0] for each in select)) or self.files
        seconds = case_seconds(self.file_seconds, limits, coverage=False)
        return Command(
            argv=(
                "node", "--test", "--test-concurrency=1", f"--test-timeout={round(seconds * 1000)}",
                f"--test-reporter=./{DIRECTORY}/{_REPORTER}", "--test-reporter-destination=stdout",
                *(f"./{path}" for path in files),
            ),
            env=self.env,
            stdin=request({"select": select}),
            collect=(REPORT,),
            limits=limits,
        )  # fmt: skip

    def report(self, completed: Completed) -> SuiteReport:
        records = read_records(completed)
        return (
            unreported(completed, self.name) if records is None else report_of(completed, records, self.name)
        )

    def coverage(self, completed: Completed) -> Coverage:  # noqa: ARG002
        return Coverage()
