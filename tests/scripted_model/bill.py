"""The server's own count: tokens, its prefix cache, money. Independent of what the client counts."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Any

TOKEN = re.compile(r"\w{1,4}|\s{1,4}|[^\w\s]")
PER_MESSAGE = 3  # as OpenAI counts the frame of a message
PER_REPLY = 3


def tokens_of(text: str) -> list[str]:
    """Never more than the text has UTF-8 bytes."""
    return TOKEN.findall(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """Picodollars per token: a price of 0.15 dollars per million tokens is 150,000."""

    input: int = 0
    cached_input: int = 0
    output: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """What the server has delivered. ``money`` in picodollars."""

    calls: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    money: int = 0

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens

    def plus(self, prompt: int, cached: int, completion: int, price: Price) -> Bill:
        money = (prompt - cached) * price.input + cached * price.cached_input + completion * price.output
        return Bill(
            calls=self.calls + 1,
            prompt_tokens=self.prompt_tokens + prompt,
            cached_tokens=self.cached_tokens + cached,
            completion_tokens=self.completion_tokens + completion,
            money=self.money + money,
        )


class PrefixCache:
    """Which beginnings of prompts were seen: from ``smallest`` tokens on, in steps of ``block``."""

    def __init__(self, *, smallest: int = 1024, block: int = 128) -> None:
        self._smallest, self._block = smallest, block
        self._seen: set[bytes] = set()

    def take(self, tokens: list[str]) -> int:
        """How many of these tokens were cached; from now on all are."""
        cached, going_on, whole = 0, True, hashlib.sha256()
        for end in range(self._block, len(tokens) + 1, self._block):
            whole.update("\0".join(tokens[end - self._block : end]).encode("utf-8", "surrogatepass"))
            going_on = going_on and whole.digest() in self._seen
            cached = end if going_on else cached
            self._seen.add(whole.digest())
        return cached if cached >= self._smallest else 0


def prompt_tokens(messages: list[dict[str, Any]], schema: str) -> list[str]:
    """The tokens of a prompt in their order, the frame of each message included; the schema counts too."""
    tokens: list[str] = tokens_of(schema)
    for message in messages:
        tokens += ["<frame>"] * PER_MESSAGE + tokens_of(_text(message.get("content")))
    return tokens + ["<frame>"] * PER_REPLY


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content)
    return content or ""
