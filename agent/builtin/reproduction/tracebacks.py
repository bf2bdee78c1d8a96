"""Tracebacks in an issue: what was raised, and the line of the reporter's own code that led to it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from agent.builtin.reproduction.claims import Raises
from agent.builtin.reproduction.vocabulary import exception

MAX_LINES = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """``lines`` are the source lines shown of the frames, outermost first."""

    error: Raises
    lines: tuple[str, ...] = ()


def traceback_of(text: str) -> Trace | None:
    """The last exception of a traceback, or of pytest's "E   " lines; None when the text shows none."""
    lines = text.split("\n")[-MAX_LINES:]
    marked = any(line.strip().startswith("Traceback (most recent call last)") for line in lines)
    errors = [line.strip()[1:] for line in lines if line.startswith("E  ")]
    if not marked and not errors:
        return None
    if not errors:
        errors = [line for line in lines if line[:1].strip()]
    for line in reversed(errors):
        error = exception(line.strip())
        if error is not None:
            return Trace(error=error, lines=_source_lines(lines))
    return None


def _source_lines(lines: list[str]) -> tuple[str, ...]:
    """Lines right below ``File "…", line …`` that are source."""
    found = [line[1:].strip() for line in lines if line.startswith(">  ")]
    for above, line in pairwise(lines):
        if above.strip().startswith('File "') and not line.strip().startswith(('File "', "^", "~")):
            found.append(line.strip())
    return tuple(found)
