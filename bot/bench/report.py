"""The report of one or several directories of results: a table, a JSON file, two plots."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from agent.types import StopReason
from bot.bench.metrics import DEFINITIONS, Iteration, Mean, Source, Summary, summarize
from bot.bench.rows import ROW, Label, Row, Setup, read_row, read_setup
from bot.bench.svg import Bar, bars, curves
from bot.errors import ConfigError

ROUNDS = 10  # iterations that are shown
FILES = ("report.md", "report.json", "scores.svg", "cost.svg")
HEAD = (
    "what", "problems × runs", "PassRatio", "pass@1", "ExactMatch", "valid tests", "killed", "$", "tokens",
    "seconds", "iterations", "ended by",
)  # fmt: skip


def gather(out: Path, expected: int | None = None) -> tuple[Source, ...]:
    """What a directory holds, one source per label. ``expected``: rows of each when nothing is missing.
    Raises ConfigError when it holds no results."""
    setup = read_setup(out)
    if setup is None:
        raise ConfigError(f"{out} holds no results of codeagent bench.")
    found = []
    for label in Label:
        places = sorted((out / label.name.lower()).glob(f"run-*/*/{ROW}"))
        rows = tuple(row for row in (read_row(place.parent) for place in places) if row is not None)
        if rows:
            found.append(Source(setup=setup, label=label, rows=rows, expected=expected or _full(rows)))
    if not found:
        raise ConfigError(f"{out} holds no finished run yet.")
    return tuple(found)


def write_report(out: Path, sources: Sequence[Source]) -> str:
    """Write the files into ``out`` and answer the markdown. Raises ConfigError when the sources are of
    different problems: their figures must not stand side by side."""
    _comparable(sources)
    summaries = [summarize(source) for source in sources]
    text = markdown(sources[0].setup, summaries)
    values = {"setup": _setup_facts(sources[0].setup), "definitions": DEFINITIONS,
              "rows": [asdict(summary) for summary in summaries]}  # fmt: skip
    contents = (text, json.dumps(values, indent=1) + "\n", _scores(summaries), _cost(sources, summaries))
    out.mkdir(parents=True, exist_ok=True)
    for name, content in zip(FILES, contents, strict=True):
        (out / name).write_text(content, encoding="utf-8")
    return text


def markdown(setup: Setup, summaries: Sequence[Summary]) -> str:
    lines = [f"# {_title(setup)}", "", _line(HEAD), _line(("---",) * len(HEAD))]
    lines += [_line(_cells(summary)) for summary in summaries]
    lines += ["", *(f"- {each}" for each in DEFINITIONS), f"- {_model_line(summaries)}"]
    lines += [
        f"- Not complete: {summary.name}. Its figures are of the rows that there are."
        for summary in summaries
        if not summary.complete
    ]
    lines += [
        f"- {count} runs of {summary.name} ended because the model was unusable; they count as they are, and "
        "--retry-unusable measures them again."
        for summary in summaries
        for stop, count in summary.stops
        if stop == StopReason.MODEL.value
    ]
    for summary in summaries:
        lines += ["", *_rounds(summary)] if summary.rounds else []
    return "\n".join(lines) + "\n"


def _title(setup: Setup) -> str:
    chosen = ""
    if setup.sample is not None:
        held_out = ", the held-out ones" if setup.held_out else ""
        chosen = f", a sample of {setup.sample} by seed {setup.seed}{held_out}"
    split = f", split {setup.split}" if setup.split else ""
    return f"{setup.benchmark}, {setup.language}{split}{chosen}"


def _model_line(summaries: Sequence[Summary]) -> str:
    used = {summary.models for summary in summaries}
    if len(used) == 1:
        return f"Models: {', '.join(summaries[0].models)}."
    each = [f"{summary.name}: {', '.join(summary.models)}" for summary in summaries]
    return f"Models: {'; '.join(each)}."


def _cells(summary: Summary) -> tuple[str, ...]:
    return (
        summary.name,
        f"{summary.problems} × {summary.runs}",
        _percent(summary.pass_ratio),
        _percent(summary.pass_at_1),
        "no reference" if summary.exact_match is None else _percent(summary.exact_match),
        _validity(summary),
        "none" if summary.killed is None else f"{100 * summary.killed:.1f}% of {summary.mutants}",
        f"{summary.money:.4f}",
        f"{summary.tokens:.0f}",
        f"{summary.seconds:.1f}",
        f"{summary.iterations:.1f}",
        ", ".join(f"{name} {count}" for name, count in summary.stops),
    )


def _percent(mean: Mean) -> str:
    spread = "" if mean.sd is None else f" ± {100 * mean.sd:.2f}"
    return f"{100 * mean.mean:.2f}{spread}"


def _validity(summary: Summary) -> str:
    if summary.valid is None:
        return "none made"
    gating = "none" if summary.gating_valid is None else f"{100 * summary.gating_valid:.1f}%"
    return f"{100 * summary.valid:.1f}% of {summary.tests} ({gating} of {summary.gating})"


def _rounds(summary: Summary) -> list[str]:
    head = ("iteration", "runs that had it", "tests added", "failures found", "best score after it")
    more = " (the first ten)" if len(summary.rounds) > ROUNDS else ""
    return [
        f"Iterations of: {summary.name}{more}",
        "",
        _line(head),
        _line(("---",) * len(head)),
        *(_line(_round(each)) for each in summary.rounds[:ROUNDS]),
    ]


def _round(each: Iteration) -> tuple[str, ...]:
    return (
        str(each.number),
        str(each.runs),
        f"{each.tests:.2f}",
        f"{each.failures:.2f}",
        f"{each.best:.2f}",
    )


def _scores(summaries: Sequence[Summary]) -> str:
    series = [
        (summary.name, [_bar(summary.pass_ratio), _bar(summary.pass_at_1), _bar(summary.exact_match)])
        for summary in summaries
    ]
    return bars("Scores (whiskers: one standard deviation)", ("PassRatio", "pass@1", "ExactMatch"), series)


def _bar(mean: Mean | None) -> Bar | None:
    return None if mean is None else Bar(value=mean.mean, spread=mean.sd or 0.0)


def _cost(sources: Sequence[Source], summaries: Sequence[Summary]) -> str:
    """Solved runs (pass@1) within so many tokens; within so many seconds where no model was asked."""
    tokens = any(row.tokens for source in sources for row in source.rows)
    series = [
        (
            summary.name,
            [float(row.tokens) if tokens else row.seconds for row in source.rows if row.solved],
        )
        for source, summary in zip(sources, summaries, strict=True)
    ]
    across = "tokens of the run" if tokens else "seconds of the run"
    return curves(f"Problems solved within so many {across}", across, series, [len(s.rows) for s in sources])


def _full(rows: Sequence[Row]) -> int:
    return len({row.problem for row in rows}) * len({row.run for row in rows})


def _comparable(sources: Sequence[Source]) -> None:
    first = sources[0]
    for source in sources[1:]:
        if _problems(source) != _problems(first) or source.setup.benchmark != first.setup.benchmark:
            raise ConfigError(
                "The directories hold results of different problems; compare those of one benchmark, sample "
                "and seed, when all of them are complete."
            )


def _problems(source: Source) -> frozenset[str]:
    return frozenset(row.problem for row in source.rows)


def _setup_facts(setup: Setup) -> dict[str, object]:
    names = ("benchmark", "language", "data", "seed", "split", "sample", "held_out")
    return {name: getattr(setup, name) for name in names} | {"models": list(setup.models)}


def _line(cells: Sequence[str]) -> str:
    clean = (cell.replace("|", "\\|").replace("\n", " ") for cell in cells)
    return f"| {' | '.join(clean)} |"
