"""``codeagent export``: training data from the journals of runs."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from agent.show.read import JOURNAL, journal_of
from agent.triplets.choose import By, Choice, Side
from agent.triplets.export import Tally, export
from agent.triplets.schema import VERSION, Form
from bot.errors import ConfigError
from bot.local_secrets import local_redactor
from bot.settings import read_settings


def export_runs(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="Runs, journals, or directories that hold runs.")
    ],
    out: Annotated[Path, typer.Option(help="The JSONL file to write; a manifest is put beside it.")],
    form: Annotated[Form, typer.Option("--format", help="What each line is.")] = Form.TRIPLETS,
    sample: Annotated[int | None, typer.Option(min=1, help="So many problems, drawn by the seed.")] = None,
    seed: Annotated[int, typer.Option(help="Of the sample and of the split.")] = 0,
    split: Annotated[Side | None, typer.Option(help="Only one side of a split.")] = None,
    by: Annotated[By, typer.Option(help="What is never on both sides.")] = By.REPOSITORY,
    eval_share: Annotated[float, typer.Option(min=0, max=1, help="Share of the evaluation side.")] = 0.2,
    disjoint_from: Annotated[
        list[Path] | None,
        typer.Option(help="Manifests that no problem may be shared with; else exit code 2."),
    ] = None,
) -> None:
    """Write executed transitions of runs as training data, solved or not."""
    choice = Choice(sample=sample, seed=seed, side=split, by=by, eval_share=eval_share)
    tally, redact = Tally(), local_redactor(read_settings())
    manifest = out.with_name(f"{out.name}.manifest.json")
    partial = out.with_name(f"{out.name}.partial")
    try:
        with partial.open("w", encoding="ascii") as stream:
            for line in export(list(_journals(runs)), form, choice, tally, redact):
                stream.write(json.dumps(line, allow_nan=False) + "\n")
        body = _manifest(form, choice, tally)
        for other in disjoint_from or ():
            _expect_disjoint(body, other)
        manifest.write_text(json.dumps(body, indent=1) + "\n", encoding="ascii")
        os.replace(partial, out)
    finally:
        partial.unlink(missing_ok=True)
    console = Console(highlight=False, soft_wrap=True)
    console.print(
        f"{tally.lines} lines of {tally.transitions} transitions, {tally.runs} runs, "
        f"{len(tally.tasks)} problems, {len(tally.repositories)} repositories: {escape(str(out))}"
    )
    for reason, count in sorted(tally.left_out.items()):
        console.print(f"left out: {count} {reason}")


def _journals(places: Sequence[Path]) -> Iterator[Path]:
    """Each journal once, in a fixed order."""
    found: dict[Path, None] = {}
    for place in places:
        inside = (
            sorted(place.glob(f"*/{JOURNAL}")) if place.is_dir() and not (place / JOURNAL).exists() else []
        )
        paths = inside or [journal_of(place)]
        for path in paths:
            if not path.is_file():
                raise ConfigError(f"There is no journal at {path}.")
            found[path.resolve()] = None
    yield from found


def _manifest(form: Form, choice: Choice, tally: Tally) -> dict[str, Any]:
    """What the file holds, and the names that a split is proven with."""
    return {
        "format": form.value,
        "version": VERSION,
        "lines": tally.lines,
        "transitions": tally.transitions,
        "runs": tally.runs,
        "sample": choice.sample,
        "seed": choice.seed,
        "split": None if choice.side is None else choice.side.value,
        "by": choice.by.value,
        "eval_share": choice.eval_share,
        "tasks": sorted(tally.tasks),
        "repositories": sorted(tally.repositories),
        "left_out": dict(sorted(tally.left_out.items())),
    }


def _expect_disjoint(body: dict[str, Any], path: Path) -> None:
    """F4: shared problems, and shared repositories where these keep the sides apart."""
    try:
        other = json.loads(path.read_text(encoding="utf-8"))
        tasks, repositories = frozenset(other["tasks"]), frozenset(other["repositories"])
    except (ValueError, KeyError, TypeError):
        raise ConfigError(f"{path} is no manifest of an export.") from None
    shared = tasks & frozenset(body["tasks"])
    if body["by"] == By.REPOSITORY.value:
        shared |= repositories & frozenset(body["repositories"])
    if shared:
        raise ConfigError(
            f"{len(shared)} problems or repositories are in {path} too, among them {min(shared)}; "
            "nothing was written. Export both sides with the same --seed, --by and --eval-share."
        )
