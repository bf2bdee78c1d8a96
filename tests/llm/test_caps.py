"""The cap: 1,000 randomised runs (prices, caps, usages, retries, faults, kills, threads). It is never
exceeded, and what was spent is what the server counted; more only where an answer was lost."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from agent.errors import BudgetSpent, ModelUnusable
from agent.journal import MemoryJournal
from agent.llm.client import arguments
from agent.llm.desk import ModelDesk
from agent.llm.exchange import Call, Count, Delivered, Dialect, Exchange, Line, Lost, Rejected
from agent.llm.pricing import PICO, Price, Prices
from agent.llm.types import Misbehaviour
from agent.protocols import JsonObject
from agent.types import Budget
from tests.llm.desks import MODEL, Time, endpoint, make_desk, method, question
from tests.scripted_model import bill as server
from tests.scripted_model.replies import CutOff, Empty, Hang, Raw, Refuses, Reset, Says, Status, rate_limited
from tests.scripted_model.server import Asked, Bill, ScriptedModel

IN_MEMORY, OVER_HTTP, BATCH = 880, 120, 40
ALPHABET = "abc xyz\n\t{}\"'\\0123é漢字🙂\u200b\ud800"


@dataclass(frozen=True, kw_only=True)
class Case:
    """One run, drawn from its seed."""

    price: Price
    max_tokens: int
    budget: Budget
    texts: tuple[str, ...]
    fault: float  # share of calls that go wrong
    killed_at: float  # records after which the process dies; at a half after one more; -1: never
    threads: int
    idempotent: bool


def draw(seed: int) -> Case:
    rng = random.Random(seed)
    unit = rng.choice([0, 1, 999, 150_000, 2_500_000])
    price = Price(input=unit, cached_input=rng.randint(0, unit * 2), output=rng.randint(0, 4) * unit + 1)
    money = rng.choice([0.0, 0.0, 0.001, 0.02, 1.0]) * rng.random()
    tokens = rng.choice([0, 0, 3_000, 8_000, 20_000, 100_000])
    return Case(
        price=price,
        max_tokens=rng.choice([1, 40, 300, 4_096]),
        budget=Budget(max_tokens=tokens, max_money=round(money, 9), max_seconds=1e9),
        texts=tuple(
            "".join(rng.choices(ALPHABET, k=rng.choice([1, 20, 600]))) + str(number)
            for number in range(rng.randint(1, 9))
        ),
        fault=rng.choice([0.0, 0.0, 0.3, 0.8]),
        killed_at=rng.choice([-1, -1, rng.randint(0, 24) / 2]),
        threads=rng.choice([1, 1, 3]),
        idempotent=rng.random() < 0.5,
    )


class Killed(BaseException):
    pass


class Dying(MemoryJournal):
    """Its records outlive it. It dies before or after it has written one of them."""

    def __init__(self, records: list[JsonObject], killed_at: float) -> None:
        super().__init__(records)
        self.records, self._killed_at = records, killed_at

    def _append(self, record: JsonObject, *, durable: bool) -> None:
        super()._append(record, durable=durable)
        if len(self.records) >= self._killed_at >= 0:
            raise Killed
        self.records.append(record)
        if len(self.records) - 0.5 == self._killed_at:
            raise Killed


def run(case: Case, line: Line, billed: Callable[[], Bill], lossy: Callable[[], bool]) -> None:
    records: list[JsonObject] = []
    dead = False
    desk = start(case, line, Dying(records, case.killed_at))
    try:
        desk_asks(desk, case)
    except Killed:
        dead = True
        check(case, desk, billed(), lossy=True, settled=False)
        desk = start(case, line, Dying(records, -1))
        desk_asks(desk, case)
    check(case, desk, billed(), lossy=dead or lossy(), settled=True)
    again = start(case, None, Dying(list(records), -1))
    desk_asks(again, case)
    assert again.spend == desk.spend


def start(case: Case, line: Line | None, journal: MemoryJournal) -> ModelDesk:
    how = method(max_tokens=case.max_tokens, edit_tokens=case.max_tokens)
    return make_desk(
        line,
        journal,
        time=Time(),
        budget=case.budget,
        prices=Prices(rows={MODEL: case.price}),
        seconds=0.2,
        how=how,
    )


def desk_asks(desk: ModelDesk, case: Case) -> None:
    """Each thread takes every so-manieth question; raises Killed when one of them died."""
    deaths: list[Killed] = []

    def ask(first: int) -> None:
        try:
            for text in case.texts[first :: case.threads]:
                desk.ask(question(text))
        except (BudgetSpent, ModelUnusable):
            return  # the end of a run is what is looked at
        except Killed as death:
            deaths.append(death)

    if case.threads == 1:
        ask(0)
    else:
        workers = [threading.Thread(target=ask, args=(first,)) for first in range(case.threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    if deaths:
        raise deaths[0]


def check(case: Case, desk: ModelDesk, bill: Bill, *, lossy: bool, settled: bool) -> None:
    cap_tokens, cap_money = case.budget.max_tokens, round(case.budget.max_money * PICO)
    spend = desk.spend
    money = round(spend.money * PICO)
    for tokens, pico in ((bill.tokens, bill.money), (spend.tokens, money)):
        assert not cap_tokens or tokens <= cap_tokens
        assert not cap_money or pico <= cap_money
    if settled:
        assert spend.tokens >= bill.tokens
        assert money >= bill.money
    if not lossy:
        assert (spend.tokens, money) == (bill.tokens, bill.money)
        assert (spend.model_calls, spend.cached_tokens) == (bill.calls, bill.cached_tokens)


# -- in memory ------------------------------------------------------------------------------------------


@dataclass
class InMemory:
    """A Line that counts as the scripted model does, without a wire."""

    case: Case
    rng: random.Random
    bill: Bill = field(default_factory=Bill)
    lossy: bool = False
    cache: server.PrefixCache = field(default_factory=lambda: server.PrefixCache(smallest=64, block=16))
    stored: dict[str, Delivered] = field(default_factory=dict)
    guard: threading.Lock = field(default_factory=threading.Lock)

    def exchange(self, call: Call, seconds: float, stopped: Callable[[], bool]) -> Exchange:  # noqa: ARG002
        with self.guard:
            if call.key in self.stored:
                return self.stored[call.key]
            wrong = self.rng.random() < self.case.fault
            how = (
                self.rng.choice(["no", "lost", "lost but made", "refused", "uncounted"]) if wrong else "well"
            )
            match how:
                case "no":
                    return Rejected(kind=Misbehaviour.RATE_LIMITED, after=self.rng.random())
                case "lost":
                    self.lossy = True
                    return Lost(kind=Misbehaviour.CONNECTION)
            made = self._made(call, how)
            if self.case.idempotent:
                self.stored[call.key] = made
            if how == "lost but made":
                self.lossy = True
                return Lost(kind=Misbehaviour.TIMEOUT)
            return made

    def _made(self, call: Call, how: str) -> Delivered:
        prompt = server.prompt_tokens(arguments(call, Dialect())["messages"], call.form.text)
        cached = self.cache.take(prompt)
        size = self.rng.randint(0, call.max_tokens)
        price = self.case.price
        rate = server.Price(input=price.input, cached_input=price.cached_input, output=price.output)
        self.bill = self.bill.plus(len(prompt), cached, size, rate)
        self.lossy = self.lossy or how == "uncounted"
        return Delivered(
            model=MODEL,
            text=self.rng.choice(['{"reason": "r", "use": true}', "no JSON"]) if how != "refused" else "",
            kind=Misbehaviour.REFUSED if how == "refused" else None,
            count=None if how == "uncounted" else Count(prompt=len(prompt), cached=cached, completion=size),
        )

    def learn(self, model: str, dialect: Dialect) -> None:
        """It knows everything."""

    def redact(self, text: str) -> str:
        return text


@pytest.mark.parametrize("batch", range(IN_MEMORY // BATCH))
def test_in_memory(batch: int) -> None:
    for seed in range(batch * BATCH, (batch + 1) * BATCH):
        case = draw(seed)
        line = InMemory(case, random.Random(-seed - 1))
        run(case, line, lambda line=line: line.bill, lambda line=line: line.lossy)


# -- over HTTP ------------------------------------------------------------------------------------------


class Script:
    """A handler that misbehaves at random, and knows whether an answer was lost by it."""

    def __init__(self, case: Case, rng: random.Random) -> None:
        self._case, self._rng = case, rng
        self._guard = threading.Lock()
        self.lossy = False

    def __call__(self, _asked: Asked) -> Any:
        with self._guard:
            reply = self._reply()
            lost = isinstance(reply, Reset | Hang | Raw) or getattr(reply, "status", 0) in (502, 504)
            self.lossy = self.lossy or lost or getattr(reply, "usage", "") is None
            return reply

    def _reply(self) -> Any:
        rng = self._rng
        if rng.random() >= self._case.fault:
            return rng.choice([{"reason": "word " * rng.randint(0, 40), "use": True}, "no JSON at all"])
        faults = [
            *(rate_limited(0.5), Status(500), Status(400), CutOff("{" * 30), Refuses(), Empty()),
            *(Status(504, billed=True), Status(502), Reset(), Reset(billed=True), Raw(b"<html>" * 20)),
            Says('{"reason": "r", "use": true}', usage=None),
        ]
        return rng.choice(faults) if rng.random() < 0.95 else Hang(billed=rng.random() < 0.5)


@dataclass
class Watched:
    """A line that knows whether an answer was lost on it: on a busy machine even one sent in time."""

    line: Line
    lossy: bool = False

    def exchange(self, call: Call, seconds: float, stopped: Callable[[], bool]) -> Exchange:
        answer = self.line.exchange(call, seconds, stopped)
        self.lossy = self.lossy or isinstance(answer, Lost)
        return answer

    def learn(self, model: str, dialect: Dialect) -> None:
        self.line.learn(model, dialect)

    def redact(self, text: str) -> str:
        return self.line.redact(text)


@pytest.mark.parametrize("batch", range(OVER_HTTP // BATCH))
def test_over_http(batch: int) -> None:
    for seed in range(10_000 + batch * BATCH, 10_000 + (batch + 1) * BATCH):
        case = draw(seed)
        script = Script(case, random.Random(-seed - 1))
        rate = server.Price(
            input=case.price.input, cached_input=case.price.cached_input, output=case.price.output
        )
        with (
            ScriptedModel(
                script, prices={MODEL: rate}, idempotent=case.idempotent, cache_from=64, cache_block=16
            ) as model,
            endpoint(model) as line,
        ):
            watched = Watched(line)
            run(
                case,
                watched,
                lambda model=model: model.billed,
                lambda script=script, watched=watched: script.lossy or watched.lossy,
            )
