"""The caps, kept before anything is spent: a call is reserved at its worst case until its cost is known."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from agent.types import StopReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Tokens of prompt and answer together; money in picodollars."""

    tokens: int = 0
    money: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(tokens=self.tokens + other.tokens, money=self.money + other.money)


@dataclass(frozen=True, slots=True, kw_only=True)
class OverCap:
    """A call that may go over a cap: it is not made."""

    stop: StopReason
    message: str


class Ledger:
    """What is booked and what is reserved, by the key of the ask. Thread-safe. A cap of 0 is none."""

    def __init__(self, *, max_tokens: int, max_money: int) -> None:
        self._max_tokens, self._max_money = max_tokens, max_money
        self._booked: dict[str, Cost] = {}
        self._reserved: dict[str, Cost] = {}
        self._guard = threading.Lock()

    def reserve(self, key: str, worst: Cost) -> OverCap | None:
        """Set aside the worst case of one more call for this ask. What it had reserved before (calls whose
        answers were lost) stays reserved."""
        with self._guard:
            over = self._over(worst)
            if over is None:
                self._reserved[key] = self._reserved.get(key, Cost()) + worst
            return over

    def owe(self, key: str, worst: Cost) -> None:
        """A call of an earlier process whose answer is not known: reserved whatever the caps say."""
        with self._guard:
            if key not in self._booked:
                self._reserved[key] = self._reserved.get(key, Cost()) + worst

    def book(self, key: str, cost: Cost) -> None:
        """What an ask came to, in place of what was reserved for it. May be said again."""
        with self._guard:
            self._reserved.pop(key, None)
            self._booked[key] = cost

    @property
    def total(self) -> Cost:
        with self._guard:
            return self._total()

    def _total(self) -> Cost:
        return sum((*self._booked.values(), *self._reserved.values()), Cost())

    def _over(self, worst: Cost) -> OverCap | None:
        now = self._total()
        then = now + worst
        if self._max_tokens and then.tokens > self._max_tokens:
            said = f"{now.tokens} tokens are used or reserved, the next call may take {worst.tokens}"
            return OverCap(stop=StopReason.TOKENS, message=f"{said}, the cap is {self._max_tokens}")
        if self._max_money and then.money > self._max_money:
            used, next_call, cap = map(_dollars, (now.money, worst.money, self._max_money))
            said = f"${used} are used or reserved, the next call may cost ${next_call}, the cap is ${cap}"
            return OverCap(stop=StopReason.MONEY, message=said)
        return None


def _dollars(picodollars: int) -> str:
    return f"{picodollars / 10**12:.6f}".rstrip("0").rstrip(".")
