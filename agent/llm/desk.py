"""The Model of every run: budget before the call, journal around it, one more ask after an unsound answer.

An ask is an effect of the journal (agent.llm.record): answered once, it is never paid for again, and a
replay needs no endpoint. Its worst case is reserved before each call. A call whose answer does not come (a
hang, a reset, a kill in the middle) is booked at its worst case, so that what was spent is never more than
what is counted. Whatever ends a run (a cap, a refused key) is recorded as an answer too: a resumed or
replayed run stops at the same place.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

from agent.errors import BudgetSpent, Cancelled, ModelUnusable
from agent.llm import record
from agent.llm.asking import call_of, shown_again
from agent.llm.calls import Calls, Halted
from agent.llm.dialect import without_format
from agent.llm.exchange import Call, Line
from agent.llm.ledger import Ledger
from agent.llm.pricing import Prices, dollars, picodollars
from agent.llm.reading import Unsound, read
from agent.llm.record import Record
from agent.llm.types import Answer, Ask, Failed, Misbehaviour, Token, Usage
from agent.method import Method
from agent.protocols import Journal, Reply
from agent.types import Budget, Spend, StopReason

UNSOUND_IN_A_ROW = 8  # failed asks after which the model counts as unusable
SHOWN_AGAIN = frozenset({Misbehaviour.INVALID_JSON, Misbehaviour.SCHEMA})


class ClockLike(Protocol):
    """Seconds of the run (agent.effects.Clock)."""

    def now(self) -> float: ...

    def saw(self, seconds: float) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How calls are made. ``seconds`` caps one call; ``pause`` waits between two, no longer than until
    ``cancelled``."""

    prices: Prices = field(default_factory=Prices)
    seconds: float = 180.0
    cancelled: Callable[[], bool] = lambda: False
    pause: Callable[[float], None] = time.sleep


class ModelDesk:
    """Implements agent.protocols.Model. Without an endpoint it answers from the journal alone.

    ``budget`` gives the caps of tokens, money (US dollars) and seconds; 0 tokens or money: no such cap.
    """

    def __init__(
        self,
        journal: Journal,
        line: Line | None,
        method: Method,
        budget: Budget,
        clock: ClockLike,
        terms: Terms | None = None,
    ) -> None:
        self._journal, self._line, self._method, self._clock = journal, line, method, clock
        self._ledger = Ledger(max_tokens=budget.max_tokens, max_money=picodollars(budget.max_money))
        self._calls = Calls(journal, line, self._ledger, budget, clock, terms or Terms())
        self._guard = threading.Lock()
        self._counted: dict[str, Record] = {}
        self._failed_in_a_row = 0

    # -- what was used --------------------------------------------------------------------------------------

    @property
    def spend(self) -> Spend:
        """From the recorded answers that this run has come to, and so the same in every replay."""
        with self._guard:
            records = tuple(self._counted.values())
        return Spend(
            model_calls=sum(each.calls for each in records),
            tokens=sum(each.total.tokens for each in records),
            cached_tokens=sum(each.usage.cached for each in records),
            money=dollars(sum(each.total.money for each in records)),
            model_seconds=sum(each.milliseconds for each in records) / 1000,
        )

    @property
    def remarks(self) -> tuple[str, ...]:
        """What somebody who reads the spend should know; sorted."""
        with self._guard:
            records = tuple(self._counted.values())
        lost = sum(each.lost_calls for each in records)
        uncounted = sum(not each.counted for each in records)
        said = {
            f"no price is known for {each.model}: it is counted as $0"
            for each in records
            if each.model and not each.priced
        }
        if lost:
            said.add(f"{lost} calls got no answer and are counted at their worst case")
        if uncounted:
            said.add(f"{uncounted} answers came without a count of tokens and are counted at the worst case")
        return tuple(sorted(said))

    # -- asking ---------------------------------------------------------------------------------------------

    def ask(self, ask: Ask[Reply]) -> Answer[Reply] | Failed:
        """As agent.protocols.Model says. An answer of the wrong form is asked for once more, with its
        mistakes shown."""
        answer, text = self._ask(ask)
        if isinstance(answer, Failed) and answer.kind in SHOWN_AGAIN:
            answer, _ = self._ask(shown_again(ask, answer, text))
        with self._guard:
            self._failed_in_a_row = self._failed_in_a_row + 1 if isinstance(answer, Failed) else 0
        return answer

    def _ask(self, ask: Ask[Reply]) -> tuple[Answer[Reply] | Failed, str]:
        call = call_of(ask, self._method)
        request = record.request_of(ask, call)
        key = record.key(request)
        call = replace(call, key=key)
        answer = self._journal.effect(record.ASK, request, lambda: record.to_json(self._perform(ask, call)))
        recorded = record.record_of(answer)
        self._take(key, call, recorded)
        return self._outcome(ask, call, recorded), recorded.text

    def _perform(self, ask: Ask[Reply], call: Call) -> Record:
        with self._guard:
            tired = self._failed_in_a_row >= UNSOUND_IN_A_ROW
            overrun = any(each.overrun for each in self._counted.values())
        return self._calls.made(ask.prompt, call, Halted(tired=tired, overrun=overrun))

    def _take(self, key: str, call: Call, recorded: Record) -> None:
        """Count an answer once, and remember what it taught."""
        self._ledger.book(key, recorded.total)
        with self._guard:
            first_time = key not in self._counted
            self._counted[key] = recorded
        if first_time:  # an old answer that is used again says nothing of the time
            self._clock.saw(recorded.clock)
        if self._line is not None and recorded.dialect is not None:
            self._line.learn(call.model, recorded.dialect)

    def _outcome(self, ask: Ask[Reply], call: Call, recorded: Record) -> Answer[Reply] | Failed:
        """Raises what ends the run."""
        if recorded.cancelled:
            raise Cancelled("asked to stop")
        if recorded.over:
            raise BudgetSpent(StopReason(recorded.over), recorded.detail)
        if recorded.unusable:
            raise ModelUnusable(recorded.unusable)
        usage = Usage(
            prompt_tokens=recorded.usage.prompt,
            cached_tokens=recorded.usage.cached,
            completion_tokens=recorded.usage.completion,
            money=dollars(recorded.cost),
        )
        if recorded.kind is not None:
            return Failed(kind=recorded.kind, detail=recorded.detail, usage=usage)
        value = read(recorded.text, ask.reply)
        if isinstance(value, Unsound):
            if self._line is not None and recorded.dialect is not None and value.formless:
                self._line.learn(call.model, without_format(recorded.dialect))
            return Failed(kind=value.kind, detail=value.detail, usage=usage)
        tokens = tuple(Token(text=text, logprob=logprob) for text, logprob in recorded.tokens)
        return Answer(value=value, text=recorded.text, model=recorded.model, usage=usage, tokens=tokens)
