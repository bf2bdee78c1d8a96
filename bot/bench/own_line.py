"""Each run's calls are its own: repetitions ask the same questions, and must not be given the stored answers.

A call's key is what makes an endpoint answer it once, however often it is sent: it follows from the question
alone, so that a resumed run does not pay twice. Two runs of a benchmark that ask the same would share it.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from agent.llm.exchange import Call, Dialect, Exchange, Line

NONCE = "nonce"


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnLine:
    """A :class:`agent.llm.exchange.Line` over another one, with keys that no other run has."""

    inner: Line
    nonce: str

    def exchange(self, call: Call, seconds: float, stopped: Callable[[], bool]) -> Exchange:
        key = hashlib.sha256(f"{self.nonce}\0{call.key}".encode()).hexdigest()
        return self.inner.exchange(replace(call, key=key), seconds, stopped)

    def learn(self, model: str, dialect: Dialect) -> None:
        self.inner.learn(model, dialect)

    def redact(self, text: str) -> str:
        return self.inner.redact(text)


def own_line(line: Line | None, place: Path) -> Line | None:
    """The line of the run at ``place``: the same after a kill, another one in any other place."""
    if line is None:
        return None
    place.mkdir(parents=True, exist_ok=True)
    path = place / NONCE
    if not path.exists() or not path.stat().st_size:
        path.write_text(secrets.token_hex(16), encoding="ascii")
    return OwnLine(inner=line, nonce=path.read_text(encoding="ascii"))
