"""A model call as the journal holds it.

``{"effect": "model", "request": {…}, "answer": {…}}`` is one ask, whatever became of it. The request holds
component, model, the prompt's digest, form (name and digest of the schema), temperature, max_tokens and
attempt: what is not in it may change without the answer being asked for again. The answer is a
:class:`Record`, with the whole prompt.

``{"effect": "model call", "request": {"number": n}, "answer": {…}}`` stands before each call that may be
owed and holds an :class:`Intent`. One without an answer to its ask was cut short by a kill.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from agent.codec import decode, encode_fields
from agent.journal import key_of
from agent.llm.exchange import Call, Count, Dialect
from agent.llm.ledger import Cost
from agent.llm.types import Ask, Misbehaviour, Prompt
from agent.protocols import JsonObject, Reply

ASK = "model"
CALL = "model call"


@dataclass(frozen=True, kw_only=True)
class Intent:
    """A call that is about to be made. ``of`` is the key of its ask, ``worst`` the most that it may cost."""

    of: str
    worst: Cost


@dataclass(frozen=True, kw_only=True)
class Record:
    """What an ask came to; money in picodollars. ``kind`` None: ``text`` is the answer, as it was given.

    ``usage`` and ``cost`` are those of the answer, ``lost`` those of ``lost_calls`` whose answers never came,
    at their worst case. ``over``, ``unusable`` and ``cancelled`` ended the run.
    """

    prompt: Prompt
    kind: Misbehaviour | None = None
    detail: str = ""
    text: str = ""
    tokens: tuple[tuple[str, float], ...] = ()  # with log-probabilities
    model: str = ""  # that answered, in the endpoint's words
    usage: Count = field(default_factory=Count)
    counted: bool = True  # False: the endpoint did not say, the worst case is booked
    priced: bool = True  # False: no price is known, money is counted as none
    overrun: bool = False  # the endpoint counted more than the worst case allows
    cost: int = 0
    lost: Cost = field(default_factory=Cost)
    lost_calls: int = 0
    calls: int = 0  # that are owed or may be
    milliseconds: int = 0  # of waiting for the endpoint
    clock: float = 0.0  # seconds of the run
    dialect: Dialect | None = None
    over: str = ""  # a StopReason
    unusable: str = ""
    cancelled: bool = False

    @property
    def total(self) -> Cost:
        return self.lost + Cost(tokens=self.usage.prompt + self.usage.completion, money=self.cost)


def request_of(ask: Ask[Reply], call: Call) -> JsonObject:
    prompt = ask.prompt
    parts = json.dumps(
        [prompt.system, prompt.stable, prompt.turn]
    )  # ASCII: lone surrogates have a digest too
    return {
        "component": ask.component.value,
        "model": call.model,
        "prompt": hashlib.sha256(parts.encode()).hexdigest(),
        "form": [call.form.name, call.form.digest],
        "temperature": call.temperature,
        "max_tokens": call.max_tokens,
        "attempt": ask.attempt,
    }


def key(request: JsonObject) -> str:
    return key_of(ASK, request)


def to_json(value: Record | Intent) -> JsonObject:
    return encode_fields(value)


def record_of(answer: JsonObject) -> Record:
    return decode(Record, answer)


def intent_of(answer: JsonObject) -> Intent:
    return decode(Intent, answer)


def recorded_asks(records: Iterable[JsonObject]) -> Iterator[tuple[JsonObject, Record]]:
    """The asks of a journal (agent.journal.read_journal) in their order: request and what it came to."""
    for record in records:
        request, answer = record.get("request"), record.get("answer")
        if record.get("effect") == ASK and isinstance(request, dict) and isinstance(answer, dict):
            yield request, record_of(answer)
