"""From the bytes of a chat completion to what it says. Pure; the bytes are a stranger's."""

from __future__ import annotations

import math
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from agent.llm.dialect import Complaint
from agent.llm.exchange import Call, Count, Delivered, Dialect, Lost, Rejected
from agent.llm.rejection import DETAIL, complaint, judged
from agent.llm.types import Misbehaviour, Token

MAX_TOKENS = 1 << 40  # no count of an endpoint is believed beyond it
LONGEST_TOKEN = 128  # characters; the longest of the vocabularies in use are rows of blanks


def _text(content: Any) -> Any:
    """Some endpoints answer in parts."""
    if isinstance(content, list):
        return "".join(str(part.get("text") or "") for part in content if isinstance(part, dict))
    return content


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)


class _Message(_Part):
    content: Annotated[str | None, BeforeValidator(_text)] = None
    refusal: str | None = None
    tool_calls: list[Any] | None = None
    function_call: Any = None


class _Choice(_Part):
    message: _Message
    finish_reason: str | None = None
    logprobs: Any = None


class _Details(_Part):
    cached_tokens: int | None = Field(default=None, ge=0, le=MAX_TOKENS)


class _Usage(_Part):
    prompt_tokens: int = Field(ge=0, le=MAX_TOKENS)
    completion_tokens: int = Field(default=0, ge=0, le=MAX_TOKENS)
    prompt_tokens_details: _Details | None = None


class _Body(_Part):
    choices: list[_Choice] | None = None
    model: str | None = None
    usage: Any = None
    error: Any = None


def delivered(body: bytes, call: Call, dialect: Dialect) -> Delivered | Rejected | Lost:
    """What the body of a 200 says. Lost when it is no completion: who knows whether it is owed."""
    try:
        whole = _Body.model_validate_json(body)
    except ValidationError as error:
        reason = error.errors(include_url=False, include_input=False)[0]["msg"]
        return Lost(kind=Misbehaviour.SERVER, detail=f"HTTP 200 without a completion: {reason}"[:DETAIL])
    if whole.error and not whole.choices:
        return _error_under_200(whole.error)
    said = Delivered(model=(whole.model or call.model)[:200], count=_count(whole.usage), dialect=dialect)
    return _with_choice(said, whole.choices[0] if whole.choices else None, call.max_tokens)


def _with_choice(said: Delivered, choice: _Choice | None, limit: int) -> Delivered:
    if choice is None:
        return _failed(said, Misbehaviour.EMPTY, "no choices")
    message, finish = choice.message, choice.finish_reason
    text = message.content or ""
    if message.refusal:
        return _failed(said, Misbehaviour.REFUSED, message.refusal)
    if finish == "content_filter":
        return _failed(said, Misbehaviour.FILTERED, text)
    if finish == "length":
        return _failed(said, Misbehaviour.TRUNCATED, text)
    if not text.strip() and (message.tool_calls or message.function_call):
        return _failed(said, Misbehaviour.TOOL_CALL, str(message.tool_calls or message.function_call))
    if not text.strip():
        return _failed(said, Misbehaviour.EMPTY, f"no content, finish_reason {finish}")
    if len(text) > limit * LONGEST_TOKEN:
        return _failed(said, Misbehaviour.TOO_LARGE, f"{len(text)} characters for {limit} tokens")
    return Delivered(
        model=said.model, text=text, tokens=_tokens(choice.logprobs), count=said.count, dialect=said.dialect
    )


def _failed(said: Delivered, kind: Misbehaviour, detail: str) -> Delivered:
    return Delivered(
        model=said.model, kind=kind, detail=detail[:DETAIL], count=said.count, dialect=said.dialect
    )


def _error_under_200(error: Any) -> Rejected | Lost:
    """OpenRouter and others: an error in the body of a success."""
    said: Complaint = complaint(error)
    status = int(said.code) if said.code.isdigit() and 400 <= int(said.code[:4]) < 600 else 500
    failure = judged(status, said, None)
    return Lost(kind=failure.kind, detail=failure.detail) if not getattr(failure, "fatal", False) else failure


def _count(usage: Any) -> Count | None:
    try:
        checked = _Usage.model_validate(usage)
    except ValidationError:
        return None
    details = checked.prompt_tokens_details
    cached = (details.cached_tokens or 0) if details else 0
    return Count(
        prompt=checked.prompt_tokens,
        cached=min(cached, checked.prompt_tokens),
        completion=checked.completion_tokens,
    )


def _tokens(logprobs: Any) -> tuple[Token, ...]:
    """All tokens with their log-probabilities, or none: a part of them would be scored as the whole."""
    rows = logprobs.get("content") if isinstance(logprobs, dict) else None
    if not isinstance(rows, list):
        return ()
    tokens = []
    for row in rows:
        text, logprob = (row.get("token"), row.get("logprob")) if isinstance(row, dict) else (None, None)
        if not isinstance(text, str) or not isinstance(logprob, int | float) or not math.isfinite(logprob):
            return ()
        tokens.append(Token(text=text, logprob=float(logprob)))
    return tuple(tokens)
