"""What can go wrong on the way, planned by tests: one row says which requests it hits, how, and how often.

gh.faults.add("POST", r"/pulls$", Status(502), times=2)
gh.faults.add("POST", r"/comments$", ResetAfter())  # the comment exists, the answer is lost
"""

from __future__ import annotations

import random
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.double.web import Answer, RefusedError

MESSAGES = {
    401: "Bad credentials",
    403: "Resource not accessible by integration",
    404: "Not Found",
    409: "Conflict",
    422: "Validation Failed",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Server Error",
    503: "Service Unavailable",
}


@dataclass(frozen=True, slots=True)
class Status:
    """Refused before anything was done."""

    status: int
    message: str | None = None


@dataclass(frozen=True, slots=True)
class PrimaryRateLimit:
    """Nothing left until ``reset`` seconds from now."""

    reset: float = 60.0
    status: int = 403


@dataclass(frozen=True, slots=True)
class SecondaryRateLimit:
    retry_after: int = 60
    status: int = 403


@dataclass(frozen=True, slots=True)
class Slow:
    """The right answer, late."""

    seconds: float


@dataclass(frozen=True, slots=True)
class ResetBefore:
    """The connection breaks and nothing was done."""


@dataclass(frozen=True, slots=True)
class ResetAfter:
    """It was done, and the connection breaks before the answer."""


@dataclass(frozen=True, slots=True)
class StatusAfter:
    """It was done, and the answer says that it was not."""

    status: int = 502


@dataclass(frozen=True, slots=True)
class Garbage:
    """It was done; status and headers are right, the body is no JSON."""

    body: bytes = b"<html><body>Unicorn!</body></html>"


@dataclass(frozen=True, slots=True)
class Meanwhile:
    """No fault of the network: somebody else does something just before the request is served."""

    do: Callable[[], object]


Fault = (
    Meanwhile
    | Status
    | PrimaryRateLimit
    | SecondaryRateLimit
    | Slow
    | ResetBefore
    | ResetAfter
    | StatusAfter
    | Garbage
)


@dataclass(slots=True, kw_only=True)
class Planned:
    """``left`` None: for ever. ``skip``: let so many matching requests through first."""

    method: str
    path: re.Pattern[str]
    fault: Fault
    left: int | None
    skip: int = 0
    hits: int = 0


@dataclass(slots=True)
class Faults:
    rows: list[Planned] = field(default_factory=list)
    chance: tuple[random.Random, float, tuple[Fault, ...]] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(
        self, method: str, path_regex: str, fault: Fault, times: int | None = 1, skip: int = 0
    ) -> Planned:
        """``method`` "*" is any; the expression is searched in the path below /api/v3, or in
        /owner/name.git/…"""
        row = Planned(method=method, path=re.compile(path_regex), fault=fault, left=times, skip=skip)
        with self._lock:
            self.rows.append(row)
        return row

    def at_random(self, share: float, seed: int, *kinds: Fault) -> None:
        """That share of all further requests meets one of these, whichever requests they are."""
        self.chance = (random.Random(seed), share, kinds)

    def clear(self) -> None:
        with self._lock:
            self.rows.clear()
            self.chance = None

    def take(self, method: str, path: str) -> Fault | None:
        """The first row that fits, used up by one."""
        with self._lock:
            for row in self.rows:
                if row.method not in {"*", method} or row.left == 0 or not row.path.search(path):
                    continue
                if row.skip > 0:
                    row.skip -= 1
                    continue
                row.hits += 1
                row.left = None if row.left is None else row.left - 1
                return row.fault
            if self.chance is not None:
                source, share, kinds = self.chance
                if source.random() < share:
                    return source.choice(kinds)
        return None


LOSSY: tuple[Fault, ...] = (Status(502), ResetBefore(), ResetAfter(), StatusAfter(502))
"""What a bad day at GitHub is made of: half of the requests that fail were carried out."""


def refusal(
    fault: Status | PrimaryRateLimit | SecondaryRateLimit | StatusAfter, now: Callable[[], float]
) -> Answer:
    match fault:
        case Status(status, message):
            return RefusedError(status, message or MESSAGES.get(status, "Error")).answer()
        case StatusAfter(status):
            return RefusedError(status, MESSAGES.get(status, "Error")).answer()
        case PrimaryRateLimit(reset, status):
            headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(now() + reset))}
            message = "API rate limit exceeded for installation."
            return RefusedError(status, message, headers=headers).answer()
        case SecondaryRateLimit(retry_after, status):
            message = (
                "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
            )
            return RefusedError(status, message, headers={"retry-after": str(retry_after)}).answer()
