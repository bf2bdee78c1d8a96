"""Whether a repository wants to be asked in the way in which it was: a pure table."""

from __future__ import annotations

from typing import assert_never

from bot.config.keys import RepoConfig
from bot.queue import Kind, TaskRequest


def unwanted(config: RepoConfig, request: TaskRequest, *, label: str, default_branch: str) -> str:
    """Which of its keys says no, in words; nothing when none does. ``label`` is the operator's, which counts
    where the repository has chosen none."""
    match request.kind:
        case Kind.ERRAND:  # help, status and stop are always answered
            return ""
        case Kind.REVIEW:
            return "" if config.triggers.review else "triggers.review"
        case Kind.FIX | Kind.EXPLAIN:
            return _asked(config, request, label) or _assigned(config, request)
        case Kind.CHECK:
            return _asked(config, request, label) or _unasked_check(config, request, default_branch)
        case _:
            assert_never(request.kind)


def _asked(config: RepoConfig, request: TaskRequest, label: str) -> str:
    """By a person, with a command or a label."""
    if request.comment:
        return "" if config.triggers.commands else "triggers.commands"
    if not request.label:
        return ""
    if request.label.casefold() != (config.label or label).casefold():
        return "label"
    return "" if config.triggers.label else "triggers.label"


def _assigned(config: RepoConfig, request: TaskRequest) -> str:
    if request.comment or request.label or config.triggers.assignment:
        return ""
    return "triggers.assignment"


def _unasked_check(config: RepoConfig, request: TaskRequest, default_branch: str) -> str:
    if request.comment or request.label:
        return ""
    scope, check = config.triggers.checks, request.check
    if check is not None and check.pull:
        wanted = scope.pull_requests
    else:
        wanted = scope.default_branch and check is not None and check.branch == default_branch
    return "" if wanted else "triggers.checks"
