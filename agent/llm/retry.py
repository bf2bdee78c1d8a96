"""Whether a call is made again: a pure function of what came of it and of the attempt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from agent.llm.exchange import Lost, Rejected
from agent.llm.types import Misbehaviour

LONGEST: Final = 60.0  # seconds; no Retry-After is honoured beyond that
ATTEMPTS: Final = {
    Misbehaviour.RATE_LIMITED: 6,
    Misbehaviour.SERVER: 4,
    Misbehaviour.CONNECTION: 4,
    Misbehaviour.TIMEOUT: 2,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """Ask again after so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveUp:
    pass


def decide(failure: Rejected | Lost, attempt: int, remaining: float) -> Again | GiveUp:
    """``attempt`` counts from 1; ``remaining`` are the seconds to the run's deadline, beyond which nothing is
    asked again."""
    if isinstance(failure, Rejected) and failure.fatal:
        return GiveUp()
    if attempt >= ATTEMPTS.get(failure.kind, 1):
        return GiveUp()
    backoff = 0.5 * 2**attempt
    wait = min(LONGEST, backoff if failure.after is None else failure.after)
    return Again(seconds=wait) if wait < remaining else GiveUp()
