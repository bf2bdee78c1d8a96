"""What an HTTP status and its error body mean. Pure; the body is a stranger's."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from agent.llm.dialect import Complaint
from agent.llm.exchange import Lost, Rejected
from agent.llm.types import Misbehaviour

DETAIL = 500  # characters of what an endpoint says
GATEWAYS = frozenset({408, 502, 504, 520, 521, 522, 523, 524})
"""What stands before the model gave up waiting: the answer may have been made, and be owed."""

_CONTEXT = re.compile(
    r"context.?(length|window|size|limit)|maximum (context|prompt|input)|too many (input )?tokens"
    r"|(prompt|input|request) is too (long|large)|exceeds? the (max|available|model)",
    re.IGNORECASE,
)
_FILTER = re.compile(r"content.?(filter|policy|management)|moderation|flagged", re.IGNORECASE)
_NO_MODEL = re.compile(
    r"\bmodel\b.{0,200}?(not (be )?found|does not exist|doesn't exist|not exist|decommissioned)"
    r"|(no such|unknown|invalid) model|not a valid model",
    re.IGNORECASE | re.DOTALL,
)
_NO_MODEL_CODES = frozenset({"model_not_found", "model_decommissioned", "invalid_model"})
_QUOTA = re.compile(r"insufficient.?(quota|credit|balance|funds)|exceeded your current quota", re.IGNORECASE)


def complaint(body: object) -> Complaint:
    """What an error body says, in any of the forms that are about: OpenAI's, FastAPI's, plain text."""
    error = body.get("error", body) if isinstance(body, Mapping) else body
    if isinstance(error, Mapping):
        message = error.get("message") or error.get("detail") or error.get("type") or ""
        param, code = error.get("param") or "", error.get("code") or ""
        return Complaint(message=_text(message), param=_text(param), code=_text(code))
    return Complaint(message=_text(error or ""))


def judged(status: int, said: Complaint, after: float | None) -> Rejected | Lost:
    """``fatal`` are refusals of whatever is asked."""
    detail = f"HTTP {status}: {said.message}"[:DETAIL]
    code, text = said.code, f"{said.code} {said.message}"
    kind, fatal = Misbehaviour.BAD_REQUEST, False
    match status:
        case 401 | 402:
            kind, fatal = Misbehaviour.UNAUTHORIZED, True
        case 403:
            flagged = bool(_FILTER.search(text))
            kind, fatal = (Misbehaviour.FILTERED if flagged else Misbehaviour.UNAUTHORIZED), not flagged
        case 429 if _QUOTA.search(text):
            kind, fatal = Misbehaviour.UNAUTHORIZED, True
        case 429:
            kind = Misbehaviour.RATE_LIMITED
        case 413:
            kind = Misbehaviour.CONTEXT
        case 409:  # the same Idempotency-Key is being worked on
            kind = Misbehaviour.SERVER
        case 400 | 404 | 422 if code in ("context_length_exceeded", "string_above_max_length"):
            kind = Misbehaviour.CONTEXT
        case 400 | 404 | 422 if code in _NO_MODEL_CODES or _NO_MODEL.search(text):
            kind, fatal = Misbehaviour.NO_SUCH_MODEL, True
        case 400 | 422 if _CONTEXT.search(text):
            kind = Misbehaviour.CONTEXT
        case 400 | 422 if _FILTER.search(text):
            kind = Misbehaviour.FILTERED
        case _ if status in GATEWAYS:
            return Lost(kind=Misbehaviour.SERVER, detail=detail, after=after)
        case _ if status >= 500:
            kind = Misbehaviour.SERVER
        case _ if status < 400:
            detail = f"HTTP {status}: it redirects; set the address that it redirects to"
    return Rejected(kind=kind, detail=detail, after=after, fatal=fatal)


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds: ``retry-after-ms``, or Retry-After as a number or a date (RFC 9110, 10.2.3)."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) * unit
        except ValueError:
            continue
        if math.isfinite(seconds):
            return max(0.0, seconds)
    try:
        at = parsedate_to_datetime(headers.get("retry-after", ""))
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - (now or datetime.now(UTC))).total_seconds())


def _text(value: object) -> str:
    return str(value)[: 4 * DETAIL]
