"""What a run may spend, and what it has spent: asked before it begins, written down while it goes on."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import structlog

from agent.codec import decode, encode_fields
from agent.llm.record import ASK, record_of
from agent.protocols import Journal, JsonObject
from bot.budgets import Account, Cap, Left, OverBudget, Period, Scope, Used, caps_of
from bot.forge import Conclusion
from bot.queue import Ending, JobResult, QueueUnavailable
from bot.render.budget_answers import over_budget
from bot.render.check import check_run
from bot.repo_config import RepoConfig
from bot.run import Run

BOOKED_EVERY: Final = 10.0  # seconds; what a kill loses of it comes again from the journal
_PICODOLLARS: Final = 10**12

log = structlog.get_logger("bot.budget")


def within_budget(run: Run, config: RepoConfig) -> RepoConfig | JobResult:
    """The configuration with what is left for this run, or how the job ends because nothing is."""

    def ask() -> JsonObject:
        caps = (*run.ports.caps, *_own(config))
        verdict = run.ports.purse.admit(_account(run, ""), run.facts.run_id, caps)
        return {"over" if isinstance(verdict, OverBudget) else "left": encode_fields(verdict)}

    answer = run.effect("budget", {"job": run.facts.run_id}, ask)
    if "over" in answer:
        return _tell(run, decode(OverBudget, answer["over"]))
    return _tightened(config, decode(Left, answer["left"]))


def _own(config: RepoConfig) -> tuple[Cap, ...]:
    budget = config.budget
    return (
        *caps_of(Scope.REPOSITORY, Period.DAY, budget.day, zero_is_none=False),
        *caps_of(Scope.REPOSITORY, Period.MONTH, budget.month, zero_is_none=False),
    )


def _tightened(config: RepoConfig, left: Left) -> RepoConfig:
    budget = config.budget
    tighter = {
        "tokens": _least(budget.tokens, left.tokens),
        "money": _least(budget.money, left.money),
    }
    return config.model_copy(update={"budget": budget.model_copy(update=tighter)})


def _least(*caps: float | None) -> float | None:
    return min((cap for cap in caps if cap is not None), default=None)


def _tell(run: Run, over: OverBudget) -> JobResult:
    answer = over_budget(run.facts, over)
    if run.request.issue:
        run.comment(answer)
    if run.facts.base_sha:
        run.check(check_run(run.facts, run.names, "Over budget", answer, Conclusion.NEUTRAL))
    cap = over.cap
    whose = f"{cap.what.value} of this {cap.scope.value} in this {cap.period.value}"
    return run.ended(Ending.OVER_BUDGET, f"{whose}: {over.used:g} of {cap.most:g}")


def _account(run: Run, journal: str) -> Account:
    """Each journal tells a sum of its own; one that is begun anew has another account."""
    name = run.ask("budget.account", {"journal": journal}, lambda: secrets.token_hex(16))
    return Account.of(name, run.request)


# --- While it goes on ---------------------------------------------------------------------------------------


class Accounted:
    """A journal whose effects are counted: each model answer once, however often it is read again.

    ``observe`` is told of each effect that is new, for the metrics; neither it nor a database that is away
    stands in the run's way.
    """

    def __init__(
        self, journal: Journal, book: Callable[[Used], None], observe: Callable[[str, JsonObject], None]
    ) -> None:
        self._journal = journal
        self._book = book
        self._observe = observe
        self._asks: dict[str, Used] = {}
        self._booked = 0
        self._last = float("-inf")

    def effect(self, kind: str, request: JsonObject, perform: Callable[[], JsonObject]) -> JsonObject:
        def performed() -> JsonObject:
            answer = perform()
            self._observe(kind, answer)
            return answer

        answer = self._journal.effect(kind, request, performed)
        if kind == ASK:
            cost = record_of(answer).total
            self._asks[repr(sorted(request.items()))] = Used(
                tokens=cost.tokens, money=cost.money / _PICODOLLARS
            )
            if time.monotonic() - self._last > BOOKED_EVERY:
                self.book()
        return answer

    def note(self, kind: str, body: JsonObject) -> None:
        self._journal.note(kind, body)

    def book(self) -> None:
        asks = tuple(self._asks.values())
        if len(asks) == self._booked:
            return
        self._last = time.monotonic()
        try:
            self._book(Used(tokens=sum(ask.tokens for ask in asks), money=sum(ask.money for ask in asks)))
            self._booked = len(asks)
        except QueueUnavailable as error:
            log.warning("what a run has spent could not be written down yet", error=str(error))


@contextmanager
def accounted(run: Run, journal: Journal, name: str) -> Iterator[Journal]:
    """What the engine spends through this journal is booked; ``name`` is the journal's within the run."""
    account = _account(run, name)
    counted = Accounted(journal, lambda used: run.ports.purse.book(account, used), run.ports.observe)
    try:
        yield counted
    finally:
        counted.book()
