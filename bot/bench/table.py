"""The table of a bench run, for the terminal's end and for docs/benchmarks.md. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from bot.bench.repo_cases import Mode, Row


def markdown(rows: Sequence[Row]) -> str:
    """A row per case and mode, and the sums. A patch that passes everything the engine had and fails the
    fix's own tests counts as wrong, apart from those that are right."""
    head = ("case", "given", "reproduced", "fixed", "right", "time", "sandbox runs", "why not")
    lines = [_line(head), _line(("---",) * len(head)), *(_line(_cells(row)) for row in rows)]
    sums = [_sum(mode, [row for row in rows if row.mode is mode]) for mode in Mode]
    return "\n".join([*lines, "", *(line for line in sums if line)]) + "\n"


def _cells(row: Row) -> tuple[str, ...]:
    right = {True: "yes", False: "**wrong**", None: "-"}[row.right]
    return (
        row.case,
        row.mode.value,
        "yes" if row.reproduced else "no",
        "yes" if row.fixed else "no",
        right,
        f"{row.seconds:.0f} s",
        str(row.sandbox_runs),
        row.reason,
    )


def _sum(mode: Mode, rows: Sequence[Row]) -> str:
    if not rows:
        return ""
    right = sum(row.right is True for row in rows)
    wrong = sum(row.right is False for row in rows)
    return (
        f"- {mode.value}: {len(rows)} cases, {sum(row.reproduced for row in rows)} reproduced, "
        f"{sum(row.fixed for row in rows)} with a patch that passed every gate, of these {right} right and "
        f"{wrong} wrong."
    )


def _line(cells: Sequence[str]) -> str:
    clean = (cell.replace("|", "\\|").replace("\n", " ") for cell in cells)
    return f"| {' | '.join(clean)} |"
