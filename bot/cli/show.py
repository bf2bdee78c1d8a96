"""``codeagent show``: looking at a run. Only its journal is read, and nothing is run."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from agent.show.changes import changes
from agent.show.mermaid import mermaid_tree
from agent.show.model import RunView
from agent.show.read import journal_of, read_run
from bot.errors import ConfigError
from bot.local_secrets import local_redactor
from bot.render.tree_text import TerminalTree
from bot.settings import read_settings
from sandbox.redact import Redactor

VERSION = 1  # of what --json writes
PIPED = 400  # columns where there is no terminal


def show(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run's directory, or its journal.jsonl.")],
    html: Annotated[Path | None, typer.Option(help="Write a page that needs nothing else.")] = None,
    mermaid: Annotated[Path | None, typer.Option(help="Write the tree as a Mermaid flowchart.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Draw every state of a large tree.")] = False,
) -> None:
    """Show a run's search as a tree: also one that was killed, still goes on, or found nothing."""
    redact = local_redactor(read_settings())
    journal = existing_journal(run)
    seen = read_run(journal)
    if html is not None:
        from bot.render.tree_page import told_nodes, tree_page

        differences = changes(journal, seen, told_nodes(seen))
        html.write_text(tree_page(seen, redact, differences), encoding="utf-8", errors="backslashreplace")
    if mermaid is not None:
        mermaid.write_text(mermaid_tree(seen, redact=redact), encoding="utf-8", errors="backslashreplace")
    for written in (html, mermaid):
        if written is not None:
            sys.stdout.write(f"{written}\n")
    if as_json:
        sys.stdout.write(run_json(seen, redact) + "\n")
    elif html is None and mermaid is None:
        console = Console(highlight=False, width=None if sys.stdout.isatty() else PIPED)
        console.print(TerminalTree(seen, everything=everything, redact=redact))


def run_json(run: RunView, redact: Redactor | None = None) -> str:
    """Everything that is known of a run; ASCII only, so that no terminal acts on it."""
    body: dict[str, Any] = {"version": VERSION, **dataclasses.asdict(run)}
    body["nodes"] = list(body["nodes"].values())
    return json.dumps(_redacted(body, redact or Redactor()), allow_nan=False)


def existing_journal(place: Path) -> Path:
    path = journal_of(place)
    if not path.is_file():
        raise ConfigError(f"There is no journal at {path}.")
    return path


def _redacted(value: Any, redact: Redactor) -> Any:
    match value:
        case str():
            return redact(value)
        case dict():
            return {redact(str(name)): _redacted(item, redact) for name, item in value.items()}
        case list() | tuple():
            return [_redacted(item, redact) for item in value]
        case _:
            return value
