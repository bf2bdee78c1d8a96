"""Runs the engine over cases, from the report's text alone or with the failing test given, and judges the
patches by the fix's own tests, which no search has seen."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import assert_never

from agent.protocols import Progress
from agent.run import Services, open_journal, repair
from agent.types import (
    Asking,
    Budget,
    FailureSign,
    Outcome,
    Solved,
    State,
    Task,
    TestFile,
    Unrunnable,
    Unsolved,
)
from agent.workbench import RepositoryWorkbench
from bot.bench.cases import Case, read_cases, repository_of
from bot.errors import BotError, ConfigError
from bot.git.checkout import Checkout, Checkouts
from bot.issue_text import parse_issue
from sandbox import Limits
from sandbox.environments import Environment
from sandbox.suites.table import NoSuite


class Mode(StrEnum):
    TEXT = "text"  # the report alone
    GIVEN = "given test"  # and the failing test of the fix


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """``right`` None: no patch, or none that could be judged. ``reason`` says why for every miss."""

    case: str
    mode: Mode
    reproduced: bool
    fixed: bool
    right: bool | None
    seconds: float
    sandbox_runs: int
    iterations: int
    stop: str
    reason: str = ""
    changed: tuple[str, ...] = ()


def measure(
    file: Path,
    services: Services,
    budget: Budget,
    *,
    out: Path,
    repositories: Path | None,
    only: frozenset[str],
    progress: Progress,
) -> tuple[Row, ...]:
    """All cases of a file (or ``only`` those) in both modes. Raises ConfigError for a bad file or name."""
    cases = read_cases(file)
    if unknown := only - {case.name for case in cases}:
        raise ConfigError(f"{file} has no case {', '.join(sorted(unknown))}.")
    chosen = tuple(case for case in cases if not only or case.name in only)
    out.mkdir(parents=True, exist_ok=True)
    bench = Bench(services=services, out=out, repositories=repositories, budget=budget)
    return tuple(bench.rows(chosen, tuple(Mode), progress))


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """``out`` keeps a result, a journal and a patch per case and mode; a second call goes on after them."""

    services: Services
    out: Path
    repositories: Path | None
    budget: Budget
    checkouts: Checkouts = field(default_factory=Checkouts)

    def rows(self, cases: tuple[Case, ...], modes: tuple[Mode, ...], progress: Progress) -> Iterator[Row]:
        for number, case in enumerate(cases):
            for mode in modes:
                progress("bench", f"{case.name} ({mode})", done=number, total=len(cases))
                yield self._kept(case, mode) or self._measured(case, mode, progress)

    def _place(self, case: Case, mode: Mode) -> Path:
        return self.out / f"{case.name}.{mode.name.lower()}"

    def _kept(self, case: Case, mode: Mode) -> Row | None:
        try:
            kept = json.loads((self._place(case, mode) / "row.json").read_text())
        except FileNotFoundError:
            return None
        return Row(**{**kept, "mode": Mode(kept["mode"]), "changed": tuple(kept["changed"])})

    def _measured(self, case: Case, mode: Mode, progress: Progress) -> Row:
        place = self._place(case, mode)
        place.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="bench-") as work:
            row = self._run(case, mode, Path(work), place, progress)
        (place / "row.json").write_text(json.dumps(asdict(row), indent=1))
        return row

    def _run(self, case: Case, mode: Mode, work: Path, place: Path, progress: Progress) -> Row:
        work.chmod(0o755)  # sandboxes run under another user id
        try:
            checkout = self.checkouts.open_local(
                repository_of(case, self.repositories), case.parent_commit, work / "git"
            )
            self.checkouts.export(checkout, work / "tree")
            judges = self._judges(case, work)
        except BotError as error:
            return _failed(case, mode, str(error))
        task = _task(case, checkout, judges if mode is Mode.GIVEN else ())
        started = time.monotonic()
        with open_journal(place / "journal.jsonl", run=f"{case.name}-{mode.name}", task=task) as journal:
            outcome = repair(
                task, work / "tree", self.services, journal, budget=self.budget, progress=progress
            )
        row = _row(case, mode, outcome, time.monotonic() - started)
        if not isinstance(outcome, Solved):
            return row
        (place / "patch.json").write_text(
            json.dumps(
                {
                    path: text and text.decode("utf-8", "replace")
                    for path, text in outcome.patch.overlay.items()
                }
            )
        )
        right, why = self._judge(case, outcome, judges, work / "tree")
        return replace(row, right=right, reason=why)

    def _judges(self, case: Case, work: Path) -> tuple[TestFile, ...]:
        """The fix's own tests, read from the fix's commit into a directory that no sandbox sees."""
        fixed = self.checkouts.open_local(
            repository_of(case, self.repositories), case.fix_commit, work / "fix-git"
        )
        self.checkouts.export(fixed, work / "fix-tree")
        return tuple(
            TestFile(
                path=path,
                content=(work / "fix-tree" / path).read_text(encoding="utf-8"),
                verifies="what the fix's own tests verify",
                sign=FailureSign(),
                select=tuple(name for name in case.fail_to_pass if name.partition("::")[0] == path),
                given=True,
            )
            for path in case.test_paths
        )

    def _judge(
        self, case: Case, solved: Solved, judges: tuple[TestFile, ...], tree: Path
    ) -> tuple[bool | None, str]:
        """Run the fix's tests over the patch in a sandbox of their own."""
        bench = RepositoryWorkbench(
            tree,
            self.services.sandboxes,
            self.services.cache,
            limits=self.services.suite_limits,
            repository=case.repo,
        )
        environment = bench.prepare(lambda *_args, **_more: None)
        if not isinstance(environment, Environment):
            return None, "the environment could not be built again to judge the patch"
        suite = bench.suite(environment)
        if isinstance(suite, NoSuite):
            return None, suite.reason
        state = State(patch=solved.patch, tests=judges)
        command = suite.command(case.fail_to_pass, limits=Limits(seconds=300))
        with bench.open(environment) as sandbox:
            report = suite.report(sandbox.run(command, {**suite.overlay, **state.overlay}))
        missed = [name for name in case.fail_to_pass if name not in report.passing]
        if not missed:
            return True, ""
        first = report.by_id.get(missed[0])
        said = first.message if first is not None else report.problem or "it did not run"
        return False, f"{missed[0]}: {said}"[:300]


def _task(case: Case, checkout: Checkout, given: tuple[TestFile, ...]) -> Task:
    issue = parse_issue(case.issue)
    return Task(
        repository=case.repo, base=checkout.commit, title=issue.title, text=issue.body, given_tests=given
    )


def _row(case: Case, mode: Mode, outcome: Outcome, seconds: float) -> Row:
    row = Row(
        case=case.name,
        mode=mode,
        reproduced=False,
        fixed=False,
        right=None,
        seconds=round(seconds, 1),
        sandbox_runs=outcome.spend.sandbox_runs,
        iterations=outcome.spend.iterations,
        stop=outcome.stop.value,
    )
    match outcome:
        case Solved():
            return replace(row, reproduced=True, fixed=True, changed=outcome.patch.paths)
        case Unsolved():
            return replace(row, reproduced=bool(outcome.reproduction), reason=outcome.summary)
        case Asking():
            return replace(row, reproduced=True, reason=f"asked: {outcome.question.text}")
        case Unrunnable():
            return replace(row, reason=outcome.reason)
        case _:
            assert_never(outcome)


def _failed(case: Case, mode: Mode, reason: str) -> Row:
    return Row(
        case=case.name,
        mode=mode,
        reproduced=False,
        fixed=False,
        right=None,
        seconds=0.0,
        sandbox_runs=0,
        iterations=0,
        stop="not run",
        reason=reason,
    )
