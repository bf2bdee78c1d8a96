"""Each run's calls are its own: another run that asks the same must not be given the stored answers.

A call's key is what makes an endpoint answer it once, however often it is sent: it follows from the question
alone, so that a resumed run does not pay twice. A second run on the same issue, or a repetition of a
benchmark, would share it.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace

from agent.llm.exchange import Call, Dialect, Exchange, Line
from agent.protocols import Journal


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


def own_line(line: Line | None, journal: Journal) -> Line | None:
    """The line of a run: the same after a kill, another one for any other journal."""
    if line is None:
        return None
    answer = journal.effect("nonce", {}, lambda: {"nonce": secrets.token_hex(16)})
    return OwnLine(inner=line, nonce=str(answer["nonce"]))
