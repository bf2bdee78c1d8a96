"""The journals of the runs that made a pull request: what may be read of them, and what they tell."""

from __future__ import annotations

from typing import Final

import structlog

from agent.errors import AgentError
from agent.journal import read_journal
from agent.show.model import RunView
from agent.show.read import read_run
from bot.forge import PullRequest
from bot.review.rounds import runs_of
from bot.review.story import Story, story
from bot.work.parts import JOURNAL, STEPS
from bot.work.review_desk import Desk

CONTEXT: Final = 20_000  # characters of what a model is shown besides the comment

log = structlog.get_logger("bot.review")


def told(desk: Desk, pull: PullRequest) -> Story | None:
    """Why the place that a comment is about is as it is; None when no journal is left that tells."""
    return story(_views(desk, pull), desk.note.path, desk.note.line)


def _views(desk: Desk, pull: PullRequest) -> list[RunView]:
    """The journals of the runs that the description names and that are still here, the oldest first."""
    found = []
    for name in runs_of(pull.body):
        home = desk.run.ports.run_directory(name)
        if name == desk.facts.run_id or not _of_this_repository(desk, name):
            continue
        try:
            found.append(read_run(home / JOURNAL))
        except (AgentError, OSError, ValueError) as error:
            log.info("an old journal cannot be read", run=name, error=str(error))
    return found


def _of_this_repository(desk: Desk, name: str) -> bool:
    """Whoever may edit a description could name somebody else's run: what it tells stays with its own."""
    try:
        records = read_journal(desk.run.ports.run_directory(name) / STEPS)
    except (AgentError, OSError, ValueError):
        return False
    task = records.header.task if records.header is not None else {}
    request = desk.run.request
    mine = (request.installation, request.repository_id)
    return (task.get("installation"), task.get("repository_id")) == mine


def context(desk: Desk, pull: PullRequest) -> str:
    """What a comment refers to: the lines, the issue as it was when it was labelled, what was done why."""
    views = _views(desk, pull)
    known = story(views, desk.note.path, desk.note.line)
    parts = [
        f"The comment stands at {desk.note.path}:{desk.note.line}." if desk.note.path else "",
        desk.note.hunk,
        f"The issue: {views[0].task.title}\n\n{views[0].task.text}" if views else "",
        "\n".join(f"{each.summary} {' '.join(each.reasoning)}" for each in known.did) if known else "",
    ]
    return "\n\n".join(part for part in parts if part)[:CONTEXT]
