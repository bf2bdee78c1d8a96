"""The step's summary and its annotations: what the pull request or the issue's comment says, on the run's own
page. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, assert_never

from agent.types import Asking, Outcome, Solved, Unrunnable, Unsolved
from bot.action.status import Status
from bot.render import answers
from bot.render.parts import RunFacts, money, sections
from bot.render.pull_request import pull_request_body
from bot.sanitize import prose

HEADINGS = {
    Status.SOLVED: "A proven patch",
    Status.ANSWERED: "Answered",
    Status.NOTHING: "Nothing to do",
    Status.NO_PATCH: "No patch",
    Status.NOT_REPRODUCED: "Could not reproduce",
    Status.OVER_BUDGET: "Over budget",
    Status.UNRUNNABLE: "The tests cannot be run",
    Status.ASKING: "A question is open",
    Status.HELD_BACK: "Held back",
    Status.REFUSED: "Refused",
    Status.CANCELLED: "Cancelled",
    Status.USAGE: "The step's inputs cannot be used",
    Status.NO_SANDBOX: "No sandbox",
    Status.NO_PERMISSION: "A permission is missing",
    Status.FAILED: "Failed",
}
SHOWN = 10
"""Annotations; GitHub shows ten of each kind for a step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """All that the summary is made of. ``reason`` is text of whatever origin, ``advice`` our own Markdown."""

    status: Status
    reason: str = ""
    advice: str = ""
    facts: RunFacts | None = None
    outcome: Outcome | None = None
    pull_request: str = ""
    own_token: bool = False
    tree: str = ""  # bot.render.search_tree
    patch: bool = False


def summary(told: Told) -> str:
    heading = f"## CodeAgent: {HEADINGS[told.status]}"
    return sections(heading, prose(told.reason, 2_000), told.advice, _where(told), _body(told))


def _where(told: Told) -> str:
    if told.pull_request:
        more = (
            "\n\nIt was made with the workflow's `GITHUB_TOKEN`, so **no workflow has been started for it** "
            "(GitHub prevents loops so). Close and reopen it to run its checks, or give an App's token as "
            "`github-token` next time."
            if told.own_token
            else ""
        )
        return f"Pull request: {told.pull_request}{more}"
    return "The patch is `fix.patch` in the run's artifact; apply it with `git apply`." if told.patch else ""


def _body(told: Told) -> str:
    if told.facts is None or told.outcome is None:
        return ""
    match told.outcome:
        case Solved():
            return pull_request_body(told.facts, told.outcome, told.tree)
        case Unsolved():
            return sections(answers.unsolved(told.facts, told.outcome), told.tree)
        case Asking():
            return sections(answers.asking(told.facts, told.outcome), told.tree)
        case Unrunnable():
            return answers.unrunnable(told.facts, told.outcome)
        case never:
            assert_never(never)


def spent(outcome: Outcome | None) -> str:
    """US dollars, for the output ``cost``."""
    return "0" if outcome is None else money(outcome.spend.money).removeprefix("$").replace("less than $", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """An annotation beside lines of a file."""

    path: str
    line: int
    end: int
    message: str


def changed(patch: bytes) -> tuple[Remark, ...]:
    """One for each hunk of a patch, where it changes the base. Paths that git had to quote are left out."""
    found: list[Remark] = []
    path, line, first = "", 0, 0
    for row in patch.decode("utf-8", "replace").splitlines():
        if match := _FILE.fullmatch(row):
            path = match[1]
        elif match := _HUNK.match(row):
            line, first = int(match[1]), 0
        elif not first and path and line and row[:1] in "+-" and not row.startswith(("+++", "---")):
            first = line or 1
            found.append(Remark(path=path, line=first, end=first, message="Changed by the proven patch."))
        elif row[:1] in (" ", "-"):
            line += 1
        if row.startswith("diff "):
            path, line, first = "", 0, 0
    return tuple(found[:SHOWN])


_FILE: Final = re.compile(r"--- a/(.+)")
_HUNK: Final = re.compile(r"@@ -(\d+)")


def unrepaired(outcome: Outcome | None) -> tuple[Remark, ...]:
    """The tests that show a problem which is still there."""
    if not isinstance(outcome, Unsolved):
        return ()
    return tuple(
        Remark(path=test.path, line=1, end=1, message=f"Reproduced and not repaired: {test.verifies}")
        for test in outcome.reproduction[:SHOWN]
    )
