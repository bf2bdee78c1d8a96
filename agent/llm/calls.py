"""One ask's calls: reserve, write down the intent, ask, wait and ask again; what comes of it is a Record."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from agent.llm import record
from agent.llm.exchange import Call, Count, Delivered, Exchange, Line, Lost, Rejected
from agent.llm.ledger import Cost, Ledger, OverCap
from agent.llm.pricing import FREE, Price
from agent.llm.record import Intent, Record
from agent.llm.retry import Again, decide
from agent.llm.types import Misbehaviour, Prompt
from agent.llm.worst_case import worst_case
from agent.protocols import Journal, JsonObject
from agent.types import Budget, StopReason

if TYPE_CHECKING:
    from agent.llm.desk import ClockLike, Terms

POLL_SECONDS = 0.2  # how often a wait is checked against the wish to stop


@dataclass(frozen=True, slots=True, kw_only=True)
class Halted:
    """Why no further call may be made."""

    tired: bool = False  # one ask after the other failed
    overrun: bool = False  # the endpoint counts more than the worst case allows


@dataclass(slots=True, kw_only=True)
class _Tally:
    """What the calls of one ask have come to so far. ``announced``: an intent is written down for which no
    answer has been lost yet; a rejected call costs nothing and leaves it standing."""

    lost: Cost = field(default_factory=Cost)
    lost_calls: int = 0
    milliseconds: int = 0
    attempt: int = 0
    announced: bool = False


class Calls:
    """Makes calls. Thread-safe."""

    def __init__(
        self,
        journal: Journal,
        line: Line | None,
        ledger: Ledger,
        budget: Budget,
        clock: ClockLike,
        terms: Terms,
    ) -> None:
        self._line, self._ledger, self._budget, self._clock = line, ledger, budget, clock
        self._terms = terms
        self._intents = _Intents(journal, ledger)

    def made(self, prompt: Prompt, call: Call, halted: Halted) -> Record:
        """Never raises for what an endpoint does."""
        price = self._terms.prices.of(call.model)
        tally = self._intents.left_behind(call.key)
        done = self._done(call, halted, price, tally)
        redact = self._line.redact if self._line is not None else str
        text = redact(done.text)
        return replace(
            done,
            prompt=Prompt(
                system=redact(prompt.system), stable=redact(prompt.stable), turn=redact(prompt.turn)
            ),
            text=text,
            tokens=done.tokens if text == done.text else (),  # the key could be put together from them
            detail=redact(done.detail),
            priced=price is not None,
            lost=tally.lost,
            lost_calls=tally.lost_calls,
            calls=done.calls + tally.lost_calls,
            milliseconds=tally.milliseconds,
            clock=self._clock.now(),
        )

    def _done(self, call: Call, halted: Halted, price: Price | None, tally: _Tally) -> Record:
        line = self._line
        unusable = self._unusable(call, halted, price)
        if line is None or unusable:
            return _ended(unusable=unusable or "no model endpoint is configured")
        count = worst_case(call)
        worst = Cost(tokens=count.prompt + count.completion, money=(price or FREE).at_most(count))
        while True:
            stop = self._announced(call, worst, tally)
            if stop is not None:
                return stop
            exchange = self._exchange(line, call, tally)
            if isinstance(exchange, Delivered):
                return _delivered(exchange, count, price or FREE)
            if isinstance(exchange, Lost):
                tally.lost, tally.lost_calls = tally.lost + worst, tally.lost_calls + 1
                tally.announced = False
            end = self._after(exchange, tally)
            if end is not None:
                return end

    def _after(self, failure: Rejected | Lost, tally: _Tally) -> Record | None:
        """Wait for the next try; None: make it."""
        if self._terms.cancelled():
            return _ended(cancelled=True)
        decision = decide(failure, tally.attempt, self._remaining())
        if isinstance(decision, Again):
            _wait(decision.seconds, self._terms.cancelled, self._terms.pause)
            return _ended(cancelled=True) if self._terms.cancelled() else None
        if isinstance(failure, Rejected) and failure.fatal:
            return _ended(unusable=f"{failure.kind.value}: {failure.detail}", kind=failure.kind)
        return _ended(kind=failure.kind, detail=failure.detail)

    def _unusable(self, call: Call, halted: Halted, price: Price | None) -> str:
        if self._line is None:
            return ""
        if not call.model:
            return "no model is named"
        if price is None and self._budget.max_money:
            return (
                f"no price is known for the model {call.model}, so the cap of ${self._budget.max_money:g} "
                "cannot be kept; set the model's price, or no cap of money"
            )
        if halted.tired:
            return "one answer after the other could not be used"
        if halted.overrun and (self._budget.max_money or self._budget.max_tokens):
            return "the endpoint counts more tokens than the request can have, so no cap can be kept"
        return ""

    def _announced(self, call: Call, worst: Cost, tally: _Tally) -> Record | None:
        """Make sure that the next call is reserved and written down; else what ends the run."""
        if self._remaining() <= 0:
            return _ended(over=StopReason.TIME, detail="the time of the run is over")
        if not tally.announced:
            over = self._intents.announce(call.key, worst)
            if over is not None:
                return _ended(over=over.stop, detail=over.message)
            tally.announced = True
        return None

    def _exchange(self, line: Line, call: Call, tally: _Tally) -> Exchange:
        tally.attempt += 1
        began = time.monotonic()
        try:
            seconds = max(0.001, min(self._terms.seconds, self._remaining()))
            return line.exchange(call, seconds, self._terms.cancelled)
        finally:
            tally.milliseconds += round((time.monotonic() - began) * 1000)

    def _remaining(self) -> float:
        return self._budget.max_seconds - self._clock.now()


class _Intents:
    """Calls that may be owed, in the journal before they are made."""

    def __init__(self, journal: Journal, ledger: Ledger) -> None:
        self._journal, self._ledger = journal, ledger
        self._guard = threading.Lock()
        self._next: int | None = None
        self._open: dict[str, list[Cost]] = {}

    def announce(self, key: str, worst: Cost) -> OverCap | None:
        """Reserve and write down; or say over which cap it may go."""
        with self._guard:  # numbers without a gap: the next process reads as far as there is no gap
            number = self._read()
            over = self._ledger.reserve(key, worst)
            if over is None:
                intent = record.to_json(Intent(of=key, worst=worst))
                self._journal.effect(record.CALL, {"number": number}, lambda: intent)
                self._open.setdefault(key, []).append(worst)
                self._next = number + 1
            return over

    def left_behind(self, key: str) -> _Tally:
        """The calls for an ask that was cut short: their answers are lost."""
        with self._guard:
            self._read()
            left = self._open.pop(key, [])
        return _Tally(lost=sum(left, Cost()), lost_calls=len(left))

    def _read(self) -> int:
        """The next number. The first time, what earlier processes wrote is read: all of it is owed, and stays
        so until the answer to its ask is come to."""
        if self._next is None:
            number = 0
            while (intent := self._written(number)) is not None:
                self._ledger.owe(intent.of, intent.worst)
                self._open.setdefault(intent.of, []).append(intent.worst)
                number += 1
            self._next = number
        return self._next

    def _written(self, number: int) -> Intent | None:
        def nobody() -> JsonObject:
            raise _UnwrittenError

        try:
            return record.intent_of(self._journal.effect(record.CALL, {"number": number}, nobody))
        except _UnwrittenError:
            return None


class _UnwrittenError(Exception):
    """There is no such intent in the journal."""


_NOBODY = Prompt(system="", stable="", turn="")


def _ended(
    *,
    kind: Misbehaviour | None = None,
    detail: str = "",
    over: StopReason | None = None,
    unusable: str = "",
    cancelled: bool = False,
) -> Record:
    return Record(
        prompt=_NOBODY,
        kind=kind,
        detail=detail,
        over=over.value if over else "",
        unusable=unusable,
        cancelled=cancelled,
    )


def _delivered(answer: Delivered, worst: Count, price: Price) -> Record:
    count = answer.count or worst
    return Record(
        prompt=_NOBODY,
        kind=answer.kind,
        detail=answer.detail,
        text=answer.text,
        tokens=tuple((token.text, token.logprob) for token in answer.tokens),
        model=answer.model,
        usage=count,
        counted=answer.count is not None,
        overrun=count.prompt > worst.prompt or count.completion > worst.completion,
        cost=price.of(count),
        calls=1,
        dialect=answer.dialect,
    )


def _wait(seconds: float, cancelled: Callable[[], bool], pause: Callable[[float], None]) -> None:
    """In small steps, to see the wish to stop."""
    left = seconds
    while left > 0 and not cancelled():
        pause(min(POLL_SECONDS, left))
        left -= POLL_SECONDS
