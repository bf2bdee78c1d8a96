"""Sends requests to GitHub patiently and not too fast; how they are sent is known to one file only."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar, assert_never

from bot.errors import ForgeRefused, ForgeUnavailable
from bot.github.pacing import (
    SAFE,
    Answered,
    GiveUp,
    LookFirst,
    Lost,
    Pace,
    Pacer,
    Patience,
    Retry,
    decide,
    moment,
    rate_limit_wait,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """What tests replace: time, and how long to wait for what."""

    clock: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    pace: Pace = field(default_factory=Pace)
    patience: Patience = field(default_factory=Patience)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """``what`` completes "GitHub refused to …"; ``send`` takes the client that a Connection holds.

    ``paced`` False: a token is made or ended, which is no change that GitHub wants spaced. ``raw``: ``parse``
    takes the answer itself, unread, and not its JSON.
    """

    what: str
    method: str
    send: Callable[[Any], Any]
    parse: Callable[[Any], Any]
    paced: bool = True
    raw: bool = False


@dataclass(frozen=True, slots=True)
class Done:
    value: Any


class Connection(Protocol):
    """One credential and its open connections."""

    def outcome(self, request: Request) -> Done | Answered | Lost: ...

    def close(self) -> None: ...


class Unclear(ForgeUnavailable):
    """A change may or may not have been carried out: look before it is sent again."""


class Line:
    """What is said for one installation, or by the App itself."""

    def __init__(self, pacer: Pacer, habits: Habits, clean: Callable[[str], str]) -> None:
        self._pacer = pacer
        self._habits = habits
        self._clean = clean

    def ask(self, connection: Connection, request: Request, token_age: float | None = None) -> Any:
        """The parsed answer. Raises ForgeRefused, ForgeUnavailable, and Unclear for a change."""
        attempt = 0
        while True:
            self._wait_turn(request)
            match outcome := connection.outcome(request):
                case Done(value):
                    return value
                case Answered() | Lost():
                    self._habits.sleep(self._pause(request, outcome, attempt, token_age))
                case _:
                    assert_never(outcome)
            attempt += 1

    def settle(self, step: Callable[[], T]) -> T:
        """Repeat a step that looks first until its outcome is clear."""
        pauses = iter(self._habits.patience.pauses)
        while True:
            try:
                return step()
            except Unclear:
                pause = next(pauses, None)
                if pause is None:
                    raise
                self._habits.sleep(pause)

    def _pause(
        self, request: Request, outcome: Answered | Lost, attempt: int, token_age: float | None
    ) -> float:
        """Before the same request is sent again, when that is right; raises when it is not."""
        now, patience = self._habits.clock(), self._habits.patience
        if isinstance(outcome, Answered):  # a rate limit is everybody's: others of this installation wait too
            self._pacer.hold(rate_limit_wait(outcome, attempt, now) or 0.0)
        decision = decide(request.method, outcome, attempt, now, token_age=token_age, patience=patience)
        match decision:
            case Retry(after):
                return after
            case LookFirst(after):
                raise Unclear(self._said(request, outcome), retry_after=after)
            case GiveUp(temporary=True, retry_after=retry_after):
                raise ForgeUnavailable(self._said(request, outcome), retry_after=retry_after)
            case GiveUp():
                answered = outcome if isinstance(outcome, Answered) else None
                raise ForgeRefused(
                    self._said(request, outcome),
                    status=answered.status if answered else 0,
                    needed=answered.headers.get("x-accepted-github-permissions", "") if answered else "",
                )
            case _:
                assert_never(decision)

    def _wait_turn(self, request: Request) -> None:
        wait = self._pacer.turn(mutates=request.paced and request.method not in SAFE)
        if wait > self._habits.patience.longest_wait:
            until = moment(self._habits.clock() + wait)
            raise ForgeUnavailable(
                f"Could not {request.what} now: GitHub's rate limit lasts until {until}.", retry_after=wait
            )
        if wait > 0:
            self._habits.sleep(wait)

    def _said(self, request: Request, outcome: Answered | Lost) -> str:
        match outcome:
            case Lost(reason=reason):
                text = f"GitHub did not answer the request to {request.what}: {reason}."
            case Answered(status=status, message=message):
                text = f"GitHub refused to {request.what}: {status} {message}. {_remedy(outcome)}"
            case _:
                assert_never(outcome)
        return self._clean(text.strip())


def _remedy(answer: Answered) -> str:
    match answer.status:
        case 401:
            return "Check the App's id and private key, and this machine's clock."
        case 403:
            needed = answer.headers.get("x-accepted-github-permissions", "")
            hint = f" It needs {needed}." if needed else ""
            return f"Check the App's permissions, and that its installation is not suspended.{hint}"
        case 404 | 410:
            return "It is not there, or the App is not installed on the repository."
        case _:
            return ""
