"""The folded picture of the search for a pull request."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog

from agent.errors import JournalCorrupt
from agent.show.mermaid import mermaid_tree
from agent.show.read import read_run
from bot.render.parts import details

NODES: Final = 40
SIZE: Final = 12_000  # of the 65,536 characters that a pull request may have

log = structlog.get_logger(__name__)


def search_tree(journal: Path, redact: Callable[[str], str] | None = None) -> str:
    """The way to the solution and what was tried next to it, from the run's journal; nothing where there is
    nothing to draw. The same journal gives the same text, so a resumed run writes the same body.
    """
    try:
        run = read_run(journal)
    except (JournalCorrupt, OSError) as error:  # a pull request is worth more than its picture
        log.warning("the search tree cannot be drawn", journal=journal.name, error=str(error))
        return ""
    if len(run.nodes) < 2:
        return ""
    flowchart = mermaid_tree(run, nodes=NODES, size=SIZE, redact=redact)
    summary = f"How the search went: {len(run.nodes)} states, the way to this patch drawn thick"
    return details(summary, f"```mermaid\n{flowchart}```")
