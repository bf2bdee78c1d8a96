"""From a refused request to one that the endpoint may understand. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from agent.llm.exchange import Call, Dialect, Format

LIMITS = ("max_tokens", "max_completion_tokens")
_FORMATS = tuple(Format)
_ABOUT_FORMAT = re.compile(
    r"response.?format|json.?(schema|object|mode)|schema|structured|guided", re.IGNORECASE
)
_ABOUT_LOGPROBS = re.compile(r"log.?prob", re.IGNORECASE)
_ABOUT_SYSTEM = re.compile(r"\bsystem\b|roles? must alternate", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """What an endpoint said of a request that it did not take."""

    message: str = ""
    param: str = ""
    code: str = ""

    @property
    def text(self) -> str:
        return f"{self.param} {self.message}"


def simpler(dialect: Dialect, complaint: Complaint, call: Call) -> Dialect | None:
    """The next dialect to try: without what the complaint names; else without what is least common. None
    when the request is as simple as it gets."""
    named = next(_named(dialect, complaint, call), None)
    return named or next(_steps(dialect, call), None)


def lower(one: Dialect, other: Dialect) -> Dialect:
    """What both understand."""
    return Dialect(
        format=max(one.format, other.format, key=_FORMATS.index),
        limit=one.limit if other.limit == Dialect().limit else other.limit,
        log_probabilities=one.log_probabilities and other.log_probabilities,
        temperature=one.temperature and other.temperature,
        top_k=one.top_k and other.top_k,
        system=one.system and other.system,
    )


def without_format(dialect: Dialect) -> Dialect:
    """For an endpoint that took a schema and did not keep to it: from now on the prompt says it as well."""
    return _next_format(dialect) if dialect.format is Format.SCHEMA else dialect


def _named(dialect: Dialect, complaint: Complaint, call: Call) -> Iterator[Dialect]:
    text = complaint.text
    if dialect.limit == LIMITS[0] and LIMITS[0] in text:  # it may name the other as well: "use … instead"
        yield replace(dialect, limit=LIMITS[1])
    if "temperature" in text and dialect.temperature:
        yield replace(dialect, temperature=False)
    if "top_k" in text and dialect.top_k and call.top_k is not None:
        yield replace(dialect, top_k=False)
    if _ABOUT_LOGPROBS.search(text) and dialect.log_probabilities and call.log_probabilities:
        yield replace(dialect, log_probabilities=False)
    if _ABOUT_FORMAT.search(text) and dialect.format is not Format.TEXT:
        yield _next_format(dialect)
    if _ABOUT_SYSTEM.search(text) and dialect.system:
        yield replace(dialect, system=False)


def _steps(dialect: Dialect, call: Call) -> Iterator[Dialect]:
    if dialect.top_k and call.top_k is not None:
        yield replace(dialect, top_k=False)
    if dialect.format is not Format.TEXT:
        yield _next_format(dialect)
    if dialect.log_probabilities and call.log_probabilities:
        yield replace(dialect, log_probabilities=False)
    if dialect.limit == LIMITS[0]:
        yield replace(dialect, limit=LIMITS[1])
    if dialect.temperature:
        yield replace(dialect, temperature=False)
    if dialect.system:
        yield replace(dialect, system=False)


def _next_format(dialect: Dialect) -> Dialect:
    return replace(dialect, format=_FORMATS[_FORMATS.index(dialect.format) + 1])
