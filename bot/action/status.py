"""How a step ended: one word for workflows, one exit code, and which words turn the job red. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final, assert_never

from agent.types import Outcome, StopReason
from bot.errors import ConfigError
from bot.queue import Ending


class Status(StrEnum):
    """The output ``status``."""

    SOLVED = "solved"
    ANSWERED = "answered"  # in words: a question about a pull request, or what an issue is about
    NOTHING = "nothing-to-do"  # the event asks for nothing, or what it asks for is done already
    NO_PATCH = "no-patch"
    NOT_REPRODUCED = "not-reproduced"
    OVER_BUDGET = "over-budget"
    UNRUNNABLE = "unrunnable"
    ASKING = "question"
    HELD_BACK = "held-back"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    USAGE = "bad-input"
    NO_SANDBOX = "no-sandbox"
    NO_PERMISSION = "no-permission"
    FAILED = "failed"


CODES: Final = {
    Status.SOLVED: 0,
    Status.ANSWERED: 0,
    Status.NOTHING: 0,
    Status.NO_PATCH: 1,
    Status.USAGE: 2,
    Status.UNRUNNABLE: 3,
    Status.NO_SANDBOX: 4,
    Status.NO_PERMISSION: 5,
    Status.NOT_REPRODUCED: 6,
    Status.OVER_BUDGET: 7,
    Status.ASKING: 8,
    Status.HELD_BACK: 9,
    Status.REFUSED: 10,
    Status.FAILED: 11,
    Status.CANCELLED: 130,
}
"""The exit code of each, where ``fail-on`` names it; 0 otherwise."""

GROUPS: Final = {
    "error": frozenset(
        (Status.USAGE, Status.NO_SANDBOX, Status.NO_PERMISSION, Status.FAILED, Status.CANCELLED)
    ),
    "unsolved": frozenset(
        (Status.NO_PATCH, Status.NOT_REPRODUCED, Status.OVER_BUDGET, Status.UNRUNNABLE, Status.ASKING)
    ),
    "never": frozenset[Status](),
}
"""What ``fail-on`` may say in short."""

_OVER_BUDGET: Final = frozenset(
    (StopReason.ITERATIONS, StopReason.STEPS, StopReason.TIME, StopReason.TOKENS, StopReason.MONEY)
)


def status_of(ending: Ending, outcome: Outcome | None) -> Status:
    """``outcome`` is the engine's, None when it was not asked."""
    match ending:
        case Ending.SOLVED:
            return Status.SOLVED
        case Ending.ANSWERED:
            return Status.ANSWERED
        case Ending.UNRUNNABLE:
            return Status.UNRUNNABLE
        case Ending.REFUSED:
            return Status.REFUSED
        case Ending.HELD_BACK:
            return Status.HELD_BACK
        case Ending.CANCELLED:
            return Status.CANCELLED
        case Ending.ASKING:
            return Status.ASKING
        case Ending.OVER_BUDGET:
            return Status.OVER_BUDGET
        case Ending.UNSOLVED:
            return _unsolved(outcome)
        case never:
            assert_never(never)


def _unsolved(outcome: Outcome | None) -> Status:
    if outcome is None:
        return Status.NO_PATCH
    if outcome.stop is StopReason.NOT_REPRODUCED:
        return Status.NOT_REPRODUCED
    return Status.OVER_BUDGET if outcome.stop in _OVER_BUDGET else Status.NO_PATCH


def exit_code(status: Status, fail_on: frozenset[Status]) -> int:
    return CODES[status] if status in fail_on else 0


def fail_on_of(text: str) -> frozenset[Status]:
    """Words with commas between: statuses, and the groups "error", "unsolved" and "never"."""
    return frozenset().union(*(_named(word) for word in _words(text))) if text.strip() else GROUPS["error"]


def _words(text: str) -> Iterable[str]:
    return (word.strip() for word in text.split(",") if word.strip())


def _named(word: str) -> frozenset[Status]:
    if word in GROUPS:
        return GROUPS[word]
    try:
        return frozenset((Status(word),))
    except ValueError:
        known = ", ".join((*GROUPS, *Status))
        raise ConfigError(f"fail-on: {word[:60]!r} is none of {known}.") from None
