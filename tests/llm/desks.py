"""A desk before the scripted model, or before an endpoint in memory, with nothing that waits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal

from pydantic import BaseModel

from agent.journal import MemoryJournal
from agent.llm.client import Endpoint
from agent.llm.desk import ModelDesk, Terms
from agent.llm.exchange import Line
from agent.llm.pricing import Price, Prices
from agent.llm.types import Ask, Component, Prompt
from agent.method import Method
from agent.protocols import Journal
from agent.types import Budget
from tests.scripted_model.server import ScriptedModel

MODEL = "scripted"
GOOD = {"reason": "it holds", "use": True}
PRICE = Price.per_million(Decimal("0.15"), Decimal("0.6"), Decimal("0.075"))


class Verdict(BaseModel):
    reason: str
    use: bool


@dataclass
class Time:
    """A clock that goes only when somebody waits."""

    seconds: float = 0.0
    waits: list[float] = field(default_factory=list)

    def now(self) -> float:
        return self.seconds

    def saw(self, seconds: float) -> None:
        self.seconds = max(self.seconds, seconds)

    def pause(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.seconds += seconds

    @property
    def waited(self) -> float:
        return round(sum(self.waits), 3)


def question(
    turn: str = "Is it so?", *, component: Component = Component.DECISION, attempt: int = 0
) -> Ask[Verdict]:
    prompt = Prompt(system="You judge.", stable="The task.", turn=turn)
    return Ask(component=component, prompt=prompt, reply=Verdict, attempt=attempt)


def method(**changes: object) -> Method:
    return Method(models=((Component.POLICY, MODEL),), **changes)  # type: ignore[arg-type]


def make_desk(
    line: Line | None,
    journal: Journal | None = None,
    *,
    time: Time | None = None,
    budget: Budget | None = None,
    prices: Prices | None = None,
    seconds: float = 10.0,
    cancelled: Callable[[], bool] = lambda: False,
    how: Method | None = None,
) -> ModelDesk:
    time = time or Time()
    terms = Terms(
        prices=Prices(rows={MODEL: PRICE}) if prices is None else prices,
        seconds=seconds,
        cancelled=cancelled,
        pause=time.pause,
    )
    return ModelDesk(journal or MemoryJournal(), line, how or method(), budget or Budget(), time, terms)


@contextmanager
def endpoint(model: ScriptedModel, *, key: str | None = None, max_bytes: int = 1 << 20) -> Iterator[Endpoint]:
    line = Endpoint(model.base_url, model.key if key is None else key, max_bytes=max_bytes)
    try:
        yield line
    finally:
        line.close()
