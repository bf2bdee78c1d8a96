"""What lets somebody into the set-up: a one-time secret, then a session, and the ``state`` of each form.

All compared in constant time, all with an end, the secret and each state good for one use (threat 25).
"""

from __future__ import annotations

import hmac
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from bot.setup.manifest import Wish

SECRET_SECONDS: Final = 1800.0
FLOW_SECONDS: Final = 3600.0  # GitHub's own end of the flow
MOST_STATES: Final = 8  # forms that are open at once


def new_ticket() -> str:
    return secrets.token_urlsafe(32)


def same(given: str, kept: str) -> bool:
    """In constant time; also for text that is no ASCII."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), kept.encode())


@dataclass(slots=True, kw_only=True)
class _Ticket:
    value: str = field(default_factory=new_ticket, repr=False)
    ends: float

    def fits(self, given: str, now: float) -> bool:
        return same(given, self.value) and now < self.ends


class Tickets:
    """For one process. ``clock`` only moves forward, in seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._secret: _Ticket | None = _Ticket(ends=clock() + SECRET_SECONDS)
        self._session: _Ticket | None = None
        self._states: list[tuple[_Ticket, Wish]] = []
        self._lock = threading.Lock()
        self.secret = self._secret.value

    def enter(self, secret: str) -> str | None:
        """The session for the right secret; None for a wrong one, and for the right one a second time."""
        with self._lock:
            if self._secret is None or not self._secret.fits(secret, self._clock()):
                return None
            self._secret = None
            self._session = _Ticket(ends=self._clock() + FLOW_SECONDS)
            return self._session.value

    def inside(self, session: str) -> bool:
        with self._lock:
            return self._session is not None and self._session.fits(session, self._clock())

    def new_state(self, wish: Wish) -> str:
        """For a form that asks for this App."""
        with self._lock:
            state = _Ticket(ends=self._clock() + FLOW_SECONDS)
            self._states = [*self._states, (state, wish)][-MOST_STATES:]
            return state.value

    def use_state(self, given: str) -> Wish | None:
        """What the form with this state asked for; the state is used up by that. None: there is no such
        form."""
        with self._lock:
            now = self._clock()
            fitting = [(state, wish) for state, wish in self._states if state.fits(given, now)]
            self._states = [each for each in self._states if each not in fitting]
            return fitting[0][1] if fitting else None
