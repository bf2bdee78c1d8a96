"""What people see in a terminal: progress while it works, findings and outcomes when it is done."""

from __future__ import annotations

import time
from collections.abc import Iterable
from types import TracebackType
from typing import Self, assert_never

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from agent.types import Asking, Outcome, Solved, Unrunnable, Unsolved
from bot.doctor import Finding


class TerminalProgress:
    """The Progress of a run: a bar that moves on a terminal, a line per phase anywhere else."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            TimeElapsedColumn(),
            TextColumn("[dim]{task.fields[detail]}"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task: TaskID | None = None
        self._phase = ""
        self._started = time.monotonic()

    def __call__(self, phase: str, detail: str = "", *, done: int = 0, total: int = 0) -> None:
        if self._task is None:
            self._task = self._bar.add_task(phase, total=None, detail="")
        if phase != self._phase:
            self._phase = phase
            if not self._console.is_terminal:
                seconds = time.monotonic() - self._started
                self._console.print(f"{seconds:7.1f} s  {escape(phase)}: {escape(detail)}", highlight=False)
        self._bar.update(
            self._task,
            description=escape(phase),
            detail=escape(detail[:100]),
            total=total or None,
            completed=done,
        )

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()


def findings(console: Console, rows: Iterable[Finding]) -> None:
    """Print the table of a check-up."""
    table = Table(box=None, pad_edge=False)
    for heading in ("", "check", "found", "what to do"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        colour = {"ok": "green", "warn": "yellow", "fail": "red"}[row.level.value]
        table.add_row(
            f"[{colour}]{row.level.value}[/]",
            escape(row.name),
            escape(row.detail),
            "" if row.ok else escape(row.remedy),
        )
    console.print(table)


def outcome_line(console: Console, outcome: Outcome) -> None:
    spend = outcome.spend
    match outcome:
        case Solved():
            console.print(f"[green]Solved[/]: {escape(', '.join(outcome.patch.paths))}")
        case Unsolved():
            console.print(f"[yellow]No patch[/]: {escape(outcome.summary)}")
        case Asking():
            console.print(f"[yellow]A question is open[/]: {escape(outcome.question.text)}")
        case Unrunnable():
            console.print(f"[red]Could not run[/]: {escape(outcome.reason)}")
        case _:
            assert_never(outcome)
    console.print(
        f"{spend.sandbox_runs} sandbox runs, {spend.seconds:.0f} s, {spend.iterations} iterations, "
        f"{spend.model_calls} model calls, ${spend.money:.2f}",
        highlight=False,
    )
