"""From the text of an answer to its value. The text is a stranger's: bounded work, no crash. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from agent.llm.types import Misbehaviour

Value = TypeVar("Value", bound=BaseModel)

TRIES = 32  # places at which JSON may begin; a text of braces must not cost a second each
SHOWN = 8  # mistakes that are told
FENCE = re.compile(r"[ \t]*```[A-Za-z0-9_-]*[ \t]*")
THOUGHT = re.compile(r"\A\s*<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsound:
    """Why a text is no answer. ``detail`` is said to the model when it is asked again. ``formless``: the
    text does not even try to have the form, as when an endpoint ignored that one was asked for."""

    kind: Misbehaviour
    detail: str
    formless: bool


def read(text: str, reply: type[Value]) -> Value | Unsound:
    """The value of an answer: all of the text, or the JSON within it (in fences, between words)."""
    first: Unsound | None = None
    for candidate in candidates(text):
        try:
            return reply.model_validate_json(candidate)
        except ValidationError as error:
            unsound = _unsound(error)
            if unsound.kind is Misbehaviour.SCHEMA:
                return unsound
            first = first or unsound
        except RecursionError:
            first = first or _no_json("it is nested too deep")
    return first or _no_json("there is no JSON object in it")


def candidates(text: str) -> Iterator[str]:
    """The parts of a text that may be the JSON, best first."""
    text = THOUGHT.sub("", text, count=1).strip().removeprefix("\ufeff")
    if text.startswith(("{", "[")):
        yield text
    yield from (block for block in _fenced(text) if block.startswith(("{", "[")))
    decoder, at = json.JSONDecoder(), -1
    for _ in range(TRIES):
        at = text.find("{", at + 1)
        if at < 0:
            return
        try:
            _, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            continue
        yield text[at:end]
        at = end - 1


def _fenced(text: str) -> Iterator[str]:
    """What stands between lines of a fence. Line by line: a pattern over all of it could take for ever."""
    block: list[str] | None = None
    for line in text.splitlines():
        if FENCE.fullmatch(line):
            if block:
                yield "\n".join(block).strip()
            block = [] if block is None else None
        elif block is not None:
            block.append(line)


def _no_json(detail: str) -> Unsound:
    return Unsound(kind=Misbehaviour.INVALID_JSON, detail=detail, formless=True)


def _unsound(error: ValidationError) -> Unsound:
    rows = error.errors(include_url=False, include_context=False, include_input=False)
    kinds = {row["type"] for row in rows}
    if "json_invalid" in kinds:
        return _no_json(str(rows[0]["msg"])[:300])
    told = (f"{'.'.join(map(str, row['loc'])) or 'the whole'}: {row['msg']}"[:200] for row in rows[:SHOWN])
    more = [f"and {len(rows) - SHOWN} more"] if len(rows) > SHOWN else []
    return Unsound(
        kind=Misbehaviour.SCHEMA,
        detail="; ".join([*told, *more]),
        formless=any(kind == "missing" or kind.endswith("_type") for kind in kinds),
    )
