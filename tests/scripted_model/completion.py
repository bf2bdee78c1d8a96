"""The JSON of a completion, in the real API's form, with the tokens that it counts. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, assert_never

from tests.scripted_model.bill import tokens_of
from tests.scripted_model.replies import (
    CallsTool,
    CutOff,
    Empty,
    Filtered,
    Gigantic,
    Hang,
    Raw,
    Refuses,
    Reply,
    Reset,
    Says,
    Status,
)

CREATED = 1_760_000_000
BYTES_PER_TOKEN = 4  # of what is no text


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A completion that was made and counted, and how it is to be delivered (``how``)."""

    payload: dict[str, Any]
    tokens: int
    how: Reply

    @property
    def plain(self) -> Made:
        """The same, delivered well: what is kept for an Idempotency-Key."""
        return replace(self, how=Says("")) if isinstance(self.how, Reset | Hang | Status) else self


def completion(
    reply: Reply, *, number: int, model: str, prompt: int, cached: int, limit: int | None, logprobs: bool
) -> Made:
    says, message, finish = _said(reply)
    tokens = tokens_of(says.text)
    if limit is not None and len(tokens) > limit:
        tokens, finish = tokens[:limit], "length"
        says = replace(says, text="".join(tokens))
        message = {**message, "content": says.text}
    size = _size(reply, tokens, limit)
    usage = {
        "prompt_tokens": prompt,
        "completion_tokens": size,
        "total_tokens": prompt + size,
        "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0},
    }
    choice = {
        "index": 0,
        "message": {"role": "assistant", "refusal": None, **message},
        "logprobs": _logprobs(tokens, says.logprob) if logprobs and message.get("content") else None,
        "finish_reason": finish,
    }
    payload: dict[str, Any] = {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "created": CREATED,
        "model": says.model or model,
        "choices": [choice],
        "usage": usage,
        "system_fingerprint": "fp_scripted",
    }
    if isinstance(reply, Empty) and not reply.choices:
        payload["choices"] = []
    if says.usage is None:
        del payload["usage"]
    elif says.usage != "counted":
        payload["usage"] = says.usage
    return Made(payload=payload, tokens=size, how=reply)


def _said(reply: Reply) -> tuple[Says, dict[str, Any], str]:
    """The text, the message and the finish reason."""
    match reply:
        case Says(text=text, finish=finish):
            return reply, {"content": text}, finish
        case Refuses(text=text):
            return Says(text), {"content": None, "refusal": text}, "stop"
        case CutOff(text=text):
            return Says(text), {"content": text}, "length"
        case Filtered():
            return Says("withheld"), {"content": ""}, "content_filter"
        case Empty():
            return Says(""), {"content": None}, "stop"
        case CallsTool(name=name, arguments=arguments, text=text):
            call = {"id": "call_1", "type": "function", "function": {"name": name, "arguments": arguments}}
            return Says(arguments), {"content": text, "tool_calls": [call]}, "tool_calls"
        case Reset(says=text) | Hang(says=text):
            return Says(text), {"content": text}, "stop"
        case Status() | Gigantic() | Raw():
            return Says(""), {"content": ""}, "stop"
        case _:
            assert_never(reply)


def _size(reply: Reply, tokens: Sequence[str], limit: int | None) -> int:
    match reply:
        case Gigantic(size=size):
            counted = size // BYTES_PER_TOKEN
        case Raw(body=body):
            counted = len(body) // BYTES_PER_TOKEN
        case _:
            counted = len(tokens)
    return counted if limit is None else min(counted, limit)


def _logprobs(tokens: Sequence[str], logprob: float | tuple[float, ...]) -> dict[str, Any]:
    each = (logprob,) if isinstance(logprob, float | int) else logprob
    rows = [
        {
            "token": token,
            "logprob": each[min(at, len(each) - 1)],
            "bytes": list(token.encode("utf-8", "surrogatepass")),
            "top_logprobs": [],
        }
        for at, token in enumerate(tokens)
    ]
    return {"content": rows, "refusal": None}
