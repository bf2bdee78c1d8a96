"""Where a check failed, and whether somebody wants that looked at. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from bot.forge import PullRequest
from bot.names import OWN_BRANCHES
from bot.queue import TaskRequest

PER_DAY = 5  # runs for one branch that nobody asked for


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """``sha`` is the newest commit there. ``fork`` is "owner/name" of the repository that the branch lies in,
    or "a deleted repository", when it is another one than that of the check."""

    branch: str
    sha: str
    base: str = ""  # of the pull request
    pull: int = 0
    fork: str = ""
    labels: tuple[str, ...] = ()

    @property
    def ours(self) -> bool:
        return not self.fork and self.branch.startswith(OWN_BRANCHES)


def of_pull(pull: PullRequest, repository: str) -> Place:
    head = pull.head_repository
    return Place(
        branch=pull.head,
        sha=pull.head_sha,
        base=pull.base,
        pull=pull.number,
        fork="" if head.casefold() == repository.casefold() else head or "a deleted repository",
        labels=pull.labels,
    )


def asked_for(request: TaskRequest) -> bool:
    """Whether a person asked for just this, by a label, a command or a button."""
    return bool(request.comment or request.label or request.again)


def turned_away(request: TaskRequest, place: Place) -> str:
    """Why nobody's request is enough there: the App never goes round in circles over its own work, and
    nothing of a fork runs unless somebody who may write asks for it."""
    if asked_for(request):
        return ""
    if place.ours:
        return "my own pull requests are looked at only when somebody asks"
    if place.fork:
        return "a fork's code is run only when somebody asks who may write here"
    return ""
