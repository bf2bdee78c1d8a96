"""What is sent to an endpoint and what one exchange with it comes to: values, and the door as a Protocol."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from agent.llm.schema import Form
from agent.llm.types import Misbehaviour, Token


class Format(StrEnum):
    """How an endpoint is told the form of the answer, best first."""

    SCHEMA = "json_schema"  # the endpoint makes sure of it
    OBJECT = "json_object"  # the endpoint makes sure of JSON; the prompt says the schema
    TEXT = "text"  # the prompt says it all


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """What an endpoint understands, as far as it is known. ``limit`` is how it calls the token limit.

    ``max_tokens`` comes first: an endpoint that does not know ``max_completion_tokens`` may ignore it and
    answer without any limit, one that no longer takes ``max_tokens`` says so.
    """

    format: Format = Format.SCHEMA
    limit: str = "max_tokens"
    log_probabilities: bool = True
    temperature: bool = True
    top_k: bool = True
    system: bool = True


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request. ``key`` is the same whenever the same call is made again."""

    model: str
    system: str
    user: str
    form: Form
    temperature: float
    max_tokens: int
    top_k: int | None = None
    log_probabilities: bool = True
    key: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """Tokens, as an endpoint counted them; never negative, cached ones no more than those of the prompt."""

    prompt: int = 0
    cached: int = 0
    completion: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """A completion came: it is owed. ``kind`` None: ``text`` is the answer. ``count`` None: unsaid."""

    model: str
    text: str = ""
    kind: Misbehaviour | None = None
    detail: str = ""
    tokens: tuple[Token, ...] = ()
    count: Count | None = None
    dialect: Dialect = field(default_factory=Dialect)  # that it was asked in


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """The endpoint said no, or was never reached: nothing is owed. ``after`` is its Retry-After in seconds;
    ``fatal``: it will say the same to whatever is asked."""

    kind: Misbehaviour
    detail: str = ""
    after: float | None = None
    fatal: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """A request went out and no answer came that could be read: it may be owed."""

    kind: Misbehaviour
    detail: str = ""
    after: float | None = None


Exchange = Delivered | Rejected | Lost


class Line(Protocol):
    """An endpoint. Thread-safe."""

    def exchange(self, call: Call, seconds: float, stopped: Callable[[], bool]) -> Exchange:
        """Ask, and wait no longer than ``seconds``, or until ``stopped``. Never raises for what an endpoint
        does."""
        ...

    def learn(self, model: str, dialect: Dialect) -> None:
        """Do not speak above this dialect with this model again."""
        ...

    def redact(self, text: str) -> str:
        """A text without the endpoint's key, whichever way it is written in it; the rest unchanged."""
        ...
