"""What models cost. Exact: whole picodollars (a millionth of a millionth of a US dollar) inside.

There are no built-in prices: a table in a program is out of date before it is read. The operator sets the
prices of the models in use (docs/configuration.md); ``*`` stands for every model without a row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_FLOOR, Decimal

from agent.llm.exchange import Count

PICO = 10**12
PER_MILLION = 10**6  # a dollar per million tokens is so many picodollars per token
ANY = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """Picodollars per token."""

    input: int
    cached_input: int
    output: int

    @classmethod
    def per_million(cls, input: Decimal, output: Decimal, cached_input: Decimal | None = None) -> Price:
        """From US dollars per million tokens. ValueError when negative or finer than a picodollar."""
        cached = input if cached_input is None else cached_input
        return cls(input=_whole(input), cached_input=_whole(cached), output=_whole(output))

    def of(self, count: Count) -> int:
        """What an answer costs, in picodollars."""
        fresh = count.prompt - count.cached
        return fresh * self.input + count.cached * self.cached_input + count.completion * self.output

    def at_most(self, count: Count) -> int:
        """The same when nobody knows how much of the prompt will be cached."""
        dearer = max(self.input, self.cached_input)
        return count.prompt * dearer + count.completion * self.output


FREE = Price(input=0, cached_input=0, output=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """The price table."""

    rows: Mapping[str, Price] = field(default_factory=dict)

    def of(self, model: str) -> Price | None:
        """None: unknown."""
        return self.rows.get(model) or self.rows.get(ANY)


def picodollars(dollars: float) -> int:
    """A cap; what is finer is cut off."""
    return int((Decimal(repr(dollars)) * PICO).to_integral_value(ROUND_FLOOR))


def dollars(picodollars: int) -> float:
    return picodollars / PICO


def _whole(price: Decimal) -> int:
    scaled = price * PER_MILLION
    if not scaled.is_finite() or scaled < 0 or scaled != scaled.to_integral_value():
        raise ValueError(f"{price} dollars per million tokens is no price; it has at most six decimals")
    return int(scaled)
