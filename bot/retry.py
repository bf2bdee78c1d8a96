"""Whether a job that broke is tried again: a pure function of the error and the attempt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from agent.errors import AgentError, JournalBusy, JournalCorrupt, JournalDiverged
from bot.errors import CheckoutError, ForgeRefused, ForgeUnavailable
from bot.queue import QueueUnavailable
from sandbox.errors import SandboxUnavailable

LONGEST: Final = 900.0  # seconds; a primary rate limit resets within an hour, four waits cover it


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """Try again after so many seconds. ``afresh``: with a new journal, because this one cannot be used."""

    seconds: float
    afresh: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveUp:
    pass


def decide(error: Exception, attempt: int) -> Again | GiveUp:
    """``attempt`` counts from 1."""
    match error:
        case ForgeUnavailable(retry_after=after) if attempt < 8:
            return Again(seconds=min(LONGEST, after if after is not None else 5.0 * 2**attempt))
        case ForgeRefused() | ForgeUnavailable():
            return GiveUp()
        case QueueUnavailable() if attempt < 6:  # the database is restarted, or fails over
            return Again(seconds=5.0 * attempt)
        case JournalBusy() if attempt < 30:  # an interrupted run of the same job is still winding down
            return Again(seconds=2.0)
        case JournalDiverged() | JournalCorrupt() if attempt < 3:  # made by another version of this program
            return Again(seconds=0.0, afresh=True)
        case CheckoutError() | SandboxUnavailable() if attempt < 4:
            return Again(seconds=20.0 * attempt)
        case AgentError():
            return GiveUp()
        case _ if attempt < 3:
            return Again(seconds=5.0 * attempt)
        case _:
            return GiveUp()
