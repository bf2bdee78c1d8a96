"""What the scripted model may answer: a closed union of values. Most tests need ``Says`` only.

A plain ``str`` counts as ``Says(text)``, a plain ``dict`` or ``list`` as ``Says`` of its JSON.
``billed`` says of a misbehaviour whether the answer was made, and is owed for, before it got lost.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Says:
    """An answer. It is cut off at the request's token limit, unless the server is told to ignore limits.

    ``logprob`` is that of every token, or one for each token from the first on (the last one repeats).
    ``finish`` and ``usage`` replace what would be right; ``usage=None`` leaves it out.
    """

    text: str
    logprob: float | tuple[float, ...] = -0.1
    finish: str = "stop"
    model: str = ""  # the name that the answer gives; empty: as asked
    usage: Mapping[str, Any] | str | None = "counted"


@dataclass(frozen=True, slots=True)
class Refuses:
    """The model declines (``message.refusal``)."""

    text: str = "I can't help with that."


@dataclass(frozen=True, slots=True)
class CutOff:
    """The answer ends in the middle (``finish_reason: length``)."""

    text: str = '{"half": "an ans'


@dataclass(frozen=True, slots=True)
class Filtered:
    """A content filter withheld the answer: after it was made, or as a refused request."""

    as_status: bool = False


@dataclass(frozen=True, slots=True)
class Empty:
    """No choices, or one without content."""

    choices: bool = False


@dataclass(frozen=True, slots=True)
class CallsTool:
    """Tool-call noise instead of an answer. ``text`` comes along as content when it is set."""

    name: str = "run_shell"
    arguments: str = '{"command": "true"}'
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """An error of the API in its usual form; ``body`` replaces that."""

    status: int
    message: str = "an error"
    code: str | None = None
    param: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    billed: bool = False


def rate_limited(retry_after: float | str | None = None) -> Status:
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return Status(429, "Rate limit reached", code="rate_limit_exceeded", headers=headers)


def too_long() -> Status:
    """The prompt does not fit."""
    message = "This model's maximum context length is 8192 tokens. However, your messages resulted in more."
    return Status(400, message, code="context_length_exceeded", param="messages")


@dataclass(frozen=True, slots=True)
class Reset:
    """The connection is reset: before anything happened, or when the answer (``says``) was made."""

    billed: bool = False
    says: str = "lost"


@dataclass(frozen=True, slots=True)
class Hang:
    """No answer until the server is stopped, or until ``seconds`` are over. With ``drip`` bytes of an answer
    keep coming, so that no read ever times out."""

    billed: bool = True
    seconds: float = 3600.0
    drip: bool = False
    says: str = "lost"


@dataclass(frozen=True, slots=True)
class Gigantic:
    """An answer of so many bytes, sent in pieces; ``declared`` says its length first, ``packed`` sends it
    compressed."""

    size: int = 1 << 30
    declared: bool = False
    packed: bool = False


@dataclass(frozen=True, slots=True)
class Raw:
    """Any bytes under status 200; billed like an answer of as many bytes."""

    body: bytes
    content_type: str = "application/json"


Reply = Says | Refuses | CutOff | Filtered | Empty | CallsTool | Status | Reset | Hang | Gigantic | Raw
Loose = Reply | str | Mapping[str, Any] | Sequence[Any]


def as_reply(reply: Loose) -> Reply:
    match reply:
        case str():
            return Says(reply)
        case Mapping() | Sequence():
            return Says(json.dumps(reply))
    return reply
