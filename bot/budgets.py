"""What may be spent in a day and in a month, and what a job does when that is used up. Pure.

The operator caps each installation of the App and the runs of one issue; a repository caps itself, in its
configuration. Days and months are calendar ones in UTC. Runs are counted when they begin, tokens and money
while they are spent: jobs that run at once see what the others have used so far, and are each held to what
was left when they began.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Protocol

from bot.queue import TaskRequest


class Scope(StrEnum):
    """Whose runs are counted together."""

    PLACE = "issue"  # one issue or pull request, or one branch with a failing check
    REPOSITORY = "repository"
    INSTALLATION = "installation"


class Period(StrEnum):
    DAY = "day"
    MONTH = "month"

    def begins(self, now: float) -> float:
        """Seconds since 1970, as everywhere here."""
        day = datetime.fromtimestamp(now, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        return (day if self is Period.DAY else day.replace(day=1)).timestamp()

    def ends(self, now: float) -> float:
        begun = datetime.fromtimestamp(self.begins(now), UTC)
        if self is Period.DAY:
            return (begun + timedelta(days=1)).timestamp()
        return (begun + timedelta(days=32)).replace(day=1).timestamp()


class What(StrEnum):
    RUNS = "runs"
    TOKENS = "tokens"
    MONEY = "money"  # US dollars


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """Of a run, or of several together."""

    runs: int = 0
    tokens: int = 0
    money: float = 0.0

    def of(self, what: What) -> float:
        match what:
            case What.RUNS:
                return self.runs
            case What.TOKENS:
                return self.tokens
            case What.MONEY:
                return self.money


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
    scope: Scope
    period: Period
    what: What
    most: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OverBudget:
    """A cap that is reached. ``resets`` is when its period ends."""

    cap: Cap
    used: float
    resets: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What a run that begins may use at most; None: no cap says so."""

    tokens: int | None = None
    money: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Whose purse a run is paid from. ``run`` is the run's own name, unique for each journal: what a run has
    used is told as a sum, and a run that begins anew has a sum of its own."""

    run: str
    installation: int
    repository: int
    place: str

    @classmethod
    def of(cls, run: str, request: TaskRequest) -> Account:
        place = f"{request.repository_id}/{request.issue}" if request.issue else request.subject
        return cls(
            run=run, installation=request.installation, repository=request.repository_id, place=place[:200]
        )


class Purse(Protocol):
    """Keeps the accounts, durably and for all processes together."""

    def admit(self, account: Account, job: str, caps: Sequence[Cap]) -> Left | OverBudget:
        """Count the run of a job that begins, unless a cap is reached. A job that begins again, after a kill,
        is counted once."""
        ...

    def book(self, account: Account, used: Used) -> None:
        """So many tokens, and so much money, has this run used up to now, all in all."""
        ...


class NoPurse:
    """Where nothing is shared, as on a laptop: every run has its own caps only."""

    def admit(self, account: Account, job: str, caps: Sequence[Cap]) -> Left | OverBudget:  # noqa: ARG002
        return Left()

    def book(self, account: Account, used: Used) -> None:
        """Nobody asks later."""


class Capped(Protocol):
    """What settings and repository configuration have in common: None or 0 is no cap, but 0 runs are none
    where a repository says so."""

    @property
    def runs(self) -> int | None: ...
    @property
    def tokens(self) -> int | None: ...
    @property
    def money(self) -> float | None: ...


def caps_of(scope: Scope, period: Period, capped: Capped, *, zero_is_none: bool) -> tuple[Cap, ...]:
    """``zero_is_none``: 0 stands for no cap."""
    amounts: Mapping[What, float | None] = {
        What.RUNS: capped.runs,
        What.TOKENS: capped.tokens,
        What.MONEY: capped.money,
    }
    return tuple(
        Cap(scope=scope, period=period, what=what, most=most)
        for what, most in amounts.items()
        if most is not None and (most or not zero_is_none)
    )


UsedBy = Callable[[Scope, Period], Used]


def judge(caps: Iterable[Cap], used: UsedBy, now: float) -> Left | OverBudget:
    """The cap that lasts longest of those that are reached, or what is left under all of them."""
    left: dict[What, float] = {}
    reached: list[OverBudget] = []
    for cap in caps:
        amount = used(cap.scope, cap.period).of(cap.what)
        if amount >= cap.most:
            reached.append(OverBudget(cap=cap, used=amount, resets=cap.period.ends(now)))
        left[cap.what] = min(left.get(cap.what, cap.most), cap.most - amount)
    if reached:
        return max(reached, key=lambda over: over.resets)
    tokens = left.get(What.TOKENS)
    return Left(tokens=None if tokens is None else int(tokens), money=left.get(What.MONEY))
