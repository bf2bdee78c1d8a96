"""What the App may do and what it hears, each with its reason: the least that the features need.

The manifest, the token of every job, ``codeagent doctor`` and the tables of docs/security.md come from here
or are compared with it. Pure. ``workflows`` is not among them and never will be: without it GitHub itself
refuses a push that changes a workflow (threat 14).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

Level = Literal["read", "write"]
RANK: Final[Mapping[str, int]] = {"read": 1, "write": 2, "admin": 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """``name`` is GitHub's in its API, ``title`` the one on its pages."""

    name: str
    title: str
    level: Level
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    name: str
    title: str
    why: str


TABLE: Final = (
    Permission(
        name="actions",
        title="Actions",
        level="read",
        why="read which jobs of a failed workflow run failed, and the end of their logs",
    ),
    Permission(
        name="checks",
        title="Checks",
        level="write",
        why="keep one check run with progress and buttons; read the checks that failed",
    ),
    Permission(
        name="contents",
        title="Contents",
        level="write",
        why="fetch the base commit, make one branch `codeagent/...` with the commit",
    ),
    Permission(
        name="issues",
        title="Issues",
        level="write",
        why="read the issue and its labels, keep one comment",
    ),
    Permission(
        name="metadata",
        title="Metadata",
        level="read",
        why="always there; tells which role somebody has in the repository",
    ),
    Permission(
        name="pull_requests",
        title="Pull requests",
        level="write",
        why="open or update one pull request, answer in review threads",
    ),
)

HEARD: Final = (
    Event(
        name="issues", title="Issues", why="a label or an assignment asks for work; a closed issue ends it"
    ),
    Event(name="issue_comment", title="Issue comment", why="commands and answers to questions"),
    Event(
        name="pull_request",
        title="Pull request",
        why="a label asks for a check to be repaired; closing ends it",
    ),
    Event(
        name="pull_request_review",
        title="Pull request review",
        why="changes requested on a pull request of the bot",
    ),
    Event(
        name="pull_request_review_comment",
        title="Pull request review comment",
        why="a comment on a line of a pull request of the bot",
    ),
    Event(name="check_run", title="Check run", why="a check that failed; the buttons of the bot's own one"),
    Event(name="check_suite", title="Check suite", why="checks that failed together; Re-run all"),
    Event(name="workflow_run", title="Workflow run", why="a workflow of GitHub Actions that failed"),
)

PERMISSIONS: Final[Mapping[str, str]] = {each.name: each.level for each in TABLE}
EVENTS: Final = tuple(each.name for each in HEARD)


def missing(granted: Mapping[str, str]) -> tuple[Permission, ...]:
    """What is needed and was not granted, or not far enough."""
    return tuple(each for each in TABLE if RANK.get(granted.get(each.name, ""), 0) < RANK[each.level])


def too_much(granted: Mapping[str, str]) -> tuple[str, ...]:
    """What was granted beyond the table, as ``name: level``."""
    return tuple(
        f"{name}: {level}"
        for name, level in sorted(granted.items())
        if RANK.get(level, 0) > RANK.get(PERMISSIONS.get(name, ""), 0)
    )


def unheard(events: tuple[str, ...] | list[str]) -> tuple[Event, ...]:
    return tuple(each for each in HEARD if each.name not in events)


def permission_table() -> str:
    """Markdown for docs/security.md."""
    words = {"read": "read", "write": "read and write"}
    rows = (f"| {each.title}: {words[each.level]} | {each.why} |" for each in TABLE)
    return "\n".join(("| permission | why |", "|---|---|", *rows)) + "\n"


def event_table() -> str:
    """Markdown for docs/security.md."""
    rows = (f"| {each.title} (`{each.name}`) | {each.why} |" for each in HEARD)
    return "\n".join(("| event | why |", "|---|---|", *rows)) + "\n"


if __name__ == "__main__":
    print(permission_table(), event_table(), sep="\n", end="")
