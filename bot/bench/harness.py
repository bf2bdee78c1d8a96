"""Every problem so many times, each run a journal and a row of its own: a second call goes on after them.

One code path with the bot (A6): a problem is a tiny repository that is given to :func:`agent.run.repair`. The
hidden tests are read when its outcome is there (A2).
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from pathlib import Path

from agent.method import Driver, Method
from agent.networks import MakeNetworks
from agent.protocols import Progress
from agent.run import Services, open_journal, repair, silent
from agent.types import Budget, Outcome, Solved, StopReason, Task, Unrunnable
from bot.bench.judge import Judgement, Patience, judge, made_tests, rounds, submission
from bot.bench.problems import Benchmark, Problem
from bot.bench.rows import JOURNAL, ROW, Label, Row, Setup, read_row, write_row
from bot.bench.workplace import Place, lay_out
from bot.errors import BotError
from sandbox import Limits
from sandbox.environments import Environment

BASE = "0" * 40  # a problem has no commits


class NotMeasured(BotError):
    """A problem could not be run at all: the machine or the environment is at fault, not the method."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One run on one problem."""

    problem: Problem
    run: int
    label: Label = Label.MAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Harness:
    """``services`` and ``environment`` serve all runs. ``out`` is settled for this setup
    (bot.bench.rows.settle)."""

    benchmark: Benchmark
    data: Path
    setup: Setup
    services: Services
    environment: Environment
    out: Path
    workers: int = 1
    patience: Patience = field(default_factory=Patience)
    limits: Limits = field(default_factory=lambda: Limits(seconds=60))

    def measure(
        self, problems: Sequence[Problem], runs: int, *, null_hypothesis: bool, progress: Progress
    ) -> tuple[Row, ...]:
        """All rows, run by run, those of earlier calls among them. Raises NotMeasured, SandboxError."""
        labels = (Label.MAIN, Label.NULL) if null_hypothesis else (Label.MAIN,)
        rows: list[Row] = []
        total = len(problems) * runs * len(labels)
        for label in labels:  # the null hypothesis is given the budget that the search has used
            cells = [
                Cell(problem=problem, run=run, label=label)
                for run in range(1, runs + 1)
                for problem in problems
            ]
            for row in self._each(cells):
                rows.append(row)
                progress(f"{len(rows)} of {total}", _line(row), done=len(rows), total=total)
        return tuple(rows)

    def _each(self, cells: Sequence[Cell]) -> Iterator[Row]:
        if self.workers == 1:
            yield from map(self._row, cells)
            return
        with ThreadPoolExecutor(self.workers, thread_name_prefix="bench") as pool:
            futures: list[Future[Row]] = [pool.submit(self._row, cell) for cell in cells]
            try:
                for future in as_completed(futures):
                    yield future.result()
            finally:
                for future in futures:
                    future.cancel()  # what runs comes to its end; its journal would be good anyway

    def _row(self, cell: Cell) -> Row:
        place = self.place(cell)
        row = read_row(place)
        if row is None:
            row = self._measured(cell, place)
            write_row(place, row)
        return row

    def place(self, cell: Cell) -> Path:
        return self.out / cell.label.name.lower() / f"run-{cell.run}" / cell.problem.folder

    def _measured(self, cell: Cell, place: Path) -> Row:
        method, budget = self._terms(cell)
        with tempfile.TemporaryDirectory(prefix="bench-") as work:
            Path(work).chmod(0o755)
            bench = Place(
                tree=lay_out(cell.problem, Path(work) / "tree"),
                language=cell.problem.language,
                environment=self.environment,
                sandboxes=self.services.sandboxes,
                limits=self.limits,
            )
            services = replace(
                self.services,
                method=method,
                networks=self._networks(),
                workers=1,
            )
            outcome = _run(cell, bench, services, budget, place)
            # Not before now: until the outcome is there, nothing of the key is within reach of the run (A2).
            key = self.benchmark.key(self.data, self.setup.language, cell.problem.id)
            made = made_tests(place / JOURNAL)
            judged = judge(bench, cell.problem, key, outcome, made, self.patience)
            return _to_row(cell, outcome, judged, place)

    def _networks(self) -> MakeNetworks:
        """Made anew for each run. Without a model the pipeline, too, asks the built-in ones."""
        networks = self.services.networks
        if self.setup.method.driver is not Driver.BUILT_IN:
            return networks
        return lambda _method, model, packs: networks(self.setup.method, model, packs)

    def _terms(self, cell: Cell) -> tuple[Method, Budget]:
        """The null hypothesis has the caps of the search, and as many proposals as it considered in the same
        run on the same problem."""
        setup = self.setup
        if cell.label is Label.MAIN:
            return setup.method, setup.budget
        row = self._row(replace(cell, label=Label.MAIN))
        return (
            replace(setup.method, driver=Driver.PIPELINE),
            replace(setup.budget, max_steps=max(1, row.steps)),
        )


def forget(out: Path, stop: StopReason) -> int:
    """Set aside the rows and journals that ended so, to be measured again; how many there were."""
    found = 0
    for file in sorted(out.glob(f"*/run-*/*/{ROW}")):
        row = read_row(file.parent)
        if row is not None and row.stop == stop.value:
            number = len(list(file.parent.glob("set-aside-*")))
            aside = file.parent / f"set-aside-{number}"
            aside.mkdir()
            for name in (ROW, JOURNAL):
                if (file.parent / name).exists():
                    (file.parent / name).rename(aside / name)
            found += 1
    return found


def task_of(problem: Problem) -> Task:
    return Task(repository=problem.id, base=BASE, title=problem.title, text=problem.text)


def _run(cell: Cell, bench: Place, services: Services, budget: Budget, place: Path) -> Outcome:
    task = task_of(cell.problem)
    name = f"{cell.problem.folder}-{cell.label.name.lower()}-{cell.run}"
    with open_journal(place / JOURNAL, run=name, task=task) as journal:
        outcome = repair(task, bench.tree, services, journal, budget=budget, progress=silent, workbench=bench)
    if isinstance(outcome, Unrunnable):
        raise NotMeasured(f"{cell.problem.id} could not be run: {outcome.reason}.")
    return outcome


def _to_row(cell: Cell, outcome: Outcome, judged: Judgement, place: Path) -> Row:
    spend = outcome.spend
    submitted, _patch = submission(outcome)
    mutants = outcome.proof.mutants if isinstance(outcome, Solved) else ()
    return Row(
        problem=cell.problem.id,
        run=cell.run,
        label=cell.label,
        stop=outcome.stop.value,
        submitted=submitted,
        passed=judged.passed,
        total=judged.total,
        exact=judged.exact,
        iterations=spend.iterations,
        steps=spend.steps,
        sandbox_runs=spend.sandbox_runs,
        model_calls=spend.model_calls,
        tokens=spend.tokens,
        cached_tokens=spend.cached_tokens,
        money=spend.money,
        seconds=spend.seconds,
        model_seconds=spend.model_seconds,
        tests=judged.tests,
        valid=judged.valid,
        gating=judged.gating,
        gating_valid=judged.gating_valid,
        mutants=len(mutants),
        killed=sum(mutant.killed for mutant in mutants),
        rounds=rounds(place / JOURNAL),
        remark=judged.remark,
    )


def _line(row: Row) -> str:
    return f"{row.problem}, run {row.run}: {row.passed} of {row.total} hidden cases ({row.stop})"
