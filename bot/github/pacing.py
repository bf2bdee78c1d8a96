"""When to ask GitHub again, and when to ask at all: decided without I/O (threats 22 and 23).

GitHub asks for a second between requests that change something, at most 80 such requests a minute and 500
an hour for each installation, and for silence until a rate limit ends. A request that may have been carried
out is never simply repeated: whoever made it has to look first.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, assert_never

SAFE: Final = frozenset(("GET", "HEAD"))
LONGEST_LIMIT: Final = 3600.0
UNSAID_LIMIT: Final = 60.0  # GitHub: without a hint wait a minute, then longer each time
_LIMIT_WORDS: Final = ("rate limit", "abuse detection")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """GitHub said something other than yes. Header names in lower case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """No answer that can be understood. ``sent`` False: the request cannot have arrived."""

    sent: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Retry:
    """Send the same request again."""

    after: float


@dataclass(frozen=True, slots=True)
class LookFirst:
    """It may have been carried out: read what is there before sending it again."""

    after: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveUp:
    """``temporary``: another time may do, not before ``retry_after`` seconds when that is known."""

    temporary: bool
    retry_after: float | None = None


Decision = Retry | LookFirst | GiveUp


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """``longest_wait``: what a thread may sleep; a longer wait is the durable layer's.

    ``token_lag``: GitHub answers 401 or 403 to a token that its replicas have not seen yet
    (octokit/auth-app.js waits 1, 2 and 4 s for the same reason).
    """

    pauses: tuple[float, ...] = (1.0, 2.0, 4.0)
    longest_wait: float = 20.0
    token_lag: float = 15.0


def decide(
    method: str,
    event: Answered | Lost,
    attempt: int,
    now: float,
    *,
    token_age: float | None = None,
    patience: Patience,
) -> Decision:
    """What to do after a request failed for the ``attempt``-th time (from 0). ``now``: seconds since 1970."""
    more = attempt < len(patience.pauses)
    pause = patience.pauses[attempt] if more else 0.0
    match event:
        case Lost(sent=sent):
            return _uncertain(method in SAFE or not sent, more, pause)
        case Answered(status=status):
            if (wait := rate_limit_wait(event, attempt, now)) is not None:
                # It was not carried out, so repeating is right for every method.
                fits = more and wait <= patience.longest_wait
                return Retry(wait) if fits else GiveUp(temporary=True, retry_after=wait)
            if status >= 500 or status == 408:
                return _uncertain(method in SAFE, more, pause)
            young = token_age is not None and token_age < patience.token_lag
            return Retry(pause) if status in (401, 403) and young and more else GiveUp(temporary=False)
        case _:
            assert_never(event)


def _uncertain(repeatable: bool, more: bool, pause: float) -> Decision:
    if not repeatable:
        return LookFirst(pause)
    return Retry(pause) if more else GiveUp(temporary=True)


def rate_limit_wait(answer: Answered, attempt: int, now: float) -> float | None:
    """Seconds to be silent for; None when the answer is not about a rate limit."""
    headers = answer.headers
    said = any(words in answer.message.lower() for words in _LIMIT_WORDS)
    none_left = headers.get("x-ratelimit-remaining", "").strip() == "0"
    if answer.status != 429 and not (
        answer.status == 403 and ("retry-after" in headers or none_left or said)
    ):
        return None
    wait = _retry_after(headers.get("retry-after", ""), now)
    if wait is None and none_left:
        wait = _until(headers.get("x-ratelimit-reset", ""), now)
    if wait is None:
        wait = UNSAID_LIMIT * 2 ** min(attempt, 6)
    return min(max(wait, 0.0), LONGEST_LIMIT)


def _retry_after(text: str, now: float) -> float | None:
    """Seconds, or a date."""
    if text.strip().isascii() and text.strip().isdigit():
        return float(text.strip()[:9])
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now


def _until(text: str, now: float) -> float | None:
    text = text.strip()
    return float(text[:15]) - now if text.isascii() and text.isdigit() else None


# --- Spacing ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What GitHub asks of requests that change something, for each installation."""

    between: float = 1.0
    per_minute: int = 80
    per_hour: int = 500


def mutation_wait(recent: Sequence[float], now: float, pace: Pace) -> float:
    """Seconds until the next change may be sent. ``recent``: when others were or will be, oldest first."""
    wait = 0.0
    for count, window in ((1, pace.between), (pace.per_minute, 60.0), (pace.per_hour, 3600.0)):
        if len(recent) >= count:
            wait = max(wait, recent[-count] + window - now)
    return wait


class Pacer:
    """The turns of one installation, shared by all that talk for it in this process."""

    def __init__(self, pace: Pace, clock: Callable[[], float], longest_wait: float) -> None:
        self._pace = pace
        self._clock = clock
        self._longest_wait = longest_wait
        self._recent: deque[float] = deque(maxlen=max(pace.per_hour, pace.per_minute, 1))
        self._held_until = 0.0
        self._lock = threading.Lock()

    def turn(self, *, mutates: bool) -> float:
        """Seconds to wait before sending. The turn is taken unless that is over ``longest_wait``."""
        with self._lock:
            now = self._clock()
            wait = max(min(self._held_until - now, LONGEST_LIMIT), 0.0)
            if mutates:
                if self._recent and self._recent[-1] > now + self._longest_wait:
                    self._recent.clear()  # no turn is taken that far ahead: the clock was set back
                wait = max(wait, mutation_wait(self._recent, now, self._pace))
                if wait <= self._longest_wait:
                    self._recent.append(now + wait)
            return wait

    def hold(self, seconds: float) -> None:
        """A rate limit was met: nobody of this installation sends anything before it ends."""
        with self._lock:
            self._held_until = max(self._held_until, self._clock() + seconds)


def moment(seconds: float) -> str:
    """For messages: 14:03:59 UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%H:%M:%S UTC")
