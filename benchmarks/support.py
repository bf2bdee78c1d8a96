"""What every measurement here shares: facts about the machine, medians and ranges, tables, result files.

Nothing is asserted and no number is compared with one of another day: every table gives ratios between things
that were measured in one run, one after the other and again and again.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

console = Console()


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Where and when something was measured. ``load`` is the one-minute average before it began: a number
    above ``cores`` says that others used the machine, too, and that absolute times are worth little."""

    cores: int
    memory_gib: float
    python: str
    kernel: str
    load: float
    when: str
    commit: str

    @classmethod
    def here(cls) -> Machine:
        pages, page = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
        return cls(
            cores=len(os.sched_getaffinity(0)),
            memory_gib=round(pages * page / (1 << 30), 1),
            python=platform.python_version(),
            kernel=platform.release(),
            load=round(os.getloadavg()[0], 1),
            when=time.strftime("%Y-%m-%d %H:%M", time.gmtime()),
            commit=_commit(),
        )

    def __str__(self) -> str:
        return (
            f"{self.cores} cores, {self.memory_gib} GiB, Python {self.python}, Linux {self.kernel}, "
            f"load {self.load} before the run, {self.when} UTC, commit {self.commit}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Several measurements of one thing, in seconds."""

    median: float
    low: float
    high: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(median=statistics.median(values), low=min(values), high=max(values), count=len(values))

    def __str__(self) -> str:
        return f"{seconds(self.median)} ({seconds(self.low)} to {seconds(self.high)})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A table, as the terminal and as Markdown shows it. The first column is text, the others are numbers."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""

    def show(self) -> None:
        table = Table(title=self.title, caption=self.note or None)
        for number, column in enumerate(self.columns):
            table.add_column(column, justify="left" if number == 0 else "right")
        for row in self.rows:
            table.add_row(*row)
        console.print(table)

    def markdown(self) -> str:
        ruler = ("---", *("---:" for _ in self.columns[1:]))
        lines = [f"| {' | '.join(cells)} |" for cells in (self.columns, ruler, *self.rows)]
        return "\n".join((f"**{self.title}**", "", *lines, *(("", self.note) if self.note else ()), ""))


def seconds(value: float) -> str:
    """Three digits that matter: 2.31 s, 14.2 ms, 870 µs."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if abs(value) >= size or unit == "µs":
            amount = value / size
            digits = 0 if abs(amount) >= 100 else 1 if abs(amount) >= 10 else 2
            return f"{amount:.{digits}f} {unit}"
    raise AssertionError("unreachable")


def ratio(value: float, baseline: float) -> str:
    return f"{value / baseline:.2f}×" if baseline else "–"


def parser(program: str, description: str | None, *, repetitions: int) -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog=f"python -m benchmarks.{program}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument(
        "--repetitions", type=int, default=repetitions, metavar="N", help="default: %(default)s"
    )
    made.add_argument(
        "--out",
        type=Path,
        default=Path("bench-results"),
        help=f"directory for {program}.json and {program}.md; default: %(default)s",
    )
    return made


def publish(out: Path, name: str, machine: Machine, grids: Sequence[Grid], details: Any) -> None:
    """Show the tables, and write them with everything that they were made from."""
    command = f"python -m benchmarks.{' '.join((name, *sys.argv[1:]))}"
    for grid in grids:
        grid.show()
    console.print(f"[dim]{machine}[/]", highlight=False)
    out.mkdir(parents=True, exist_ok=True)
    result = {"command": command, "machine": asdict(machine), "details": details}
    (out / f"{name}.json").write_text(json.dumps(result, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    text = "\n".join((f"    {command}", "", f"{machine}.", "", *(grid.markdown() for grid in grids)))
    (out / f"{name}.md").write_text(text, encoding="utf-8")
    console.print(f"[dim]{out / name}.json and .md[/]", highlight=False)


def _commit() -> str:
    asked = subprocess.run(
        ("git", "-C", str(Path(__file__).parent), "rev-parse", "--short", "HEAD"),
        capture_output=True,
        text=True,
        check=False,
    )
    return asked.stdout.strip() or "unknown"
