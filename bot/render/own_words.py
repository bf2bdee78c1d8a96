"""Titles and opening texts of pull requests in a repository's own words (``title`` and ``body`` in its
configuration). What stands for a placeholder is inert here, as everywhere."""

from __future__ import annotations

from collections.abc import Mapping

from agent.types import Solved
from bot.config.templates import filled
from bot.render.parts import RunFacts
from bot.repo_config import RepoConfig
from bot.sanitize import one_line, plain, prose

TITLE_LIMIT = 200


def own_title(config: RepoConfig, facts: RunFacts, solved: Solved, otherwise: str) -> str:
    """The repository's title with its placeholders filled; ``otherwise`` when it has none, or when nothing
    would be left of it."""
    if config.title is None:
        return otherwise
    values = {name: plain(value, 150) for name, value in _values(facts, solved).items()}
    return one_line(filled(config.title, values), TITLE_LIMIT) or otherwise


def own_lead(config: RepoConfig, facts: RunFacts, solved: Solved) -> str:
    """What opens the description; empty when the repository says nothing."""
    if config.body is None:
        return ""
    values = {name: prose(value, 1_500) for name, value in _values(facts, solved).items()}
    return filled(config.body, values)


def _values(facts: RunFacts, solved: Solved) -> Mapping[str, str]:
    return {
        "issue": str(facts.issue or ""),
        "title": facts.title,
        "summary": solved.rationale[0] if solved.rationale else "",
        "repository": facts.repository,
        "base": facts.base_branch,
        "sender": facts.sender,
    }
