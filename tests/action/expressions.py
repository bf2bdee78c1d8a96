"""The part of GitHub's expression language that action.yml uses. Everything else is an error, so that a file
that needs more than was tested cannot pass for tested."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

TOKEN = re.compile(r"\s*(?:(==|!=|&&|\|\||[!()])|'((?:[^']|'')*)'|([A-Za-z_][A-Za-z0-9_.-]*))")
EMBEDDED = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
STATUS = ("always", "success", "failure", "cancelled")

Contexts = Mapping[str, Any]


class NotEmulated(AssertionError):
    """action.yml uses what this emulation does not have."""


def interpolate(text: str, contexts: Contexts) -> str:
    """A value with ``${{ }}`` in it."""
    return EMBEDDED.sub(lambda match: as_text(evaluate(match[1], contexts)), text)


def condition(text: str | None, contexts: Contexts, status: str) -> bool:
    """An ``if:``; without a status function it also asks for success()."""
    expression = (text or "success()").strip()
    whole = EMBEDDED.fullmatch(expression)
    expression = whole[1] if whole else expression
    if not re.search(rf"\b({'|'.join(STATUS)})\s*\(", expression):
        expression = f"success() && ({expression})"
    return truth(evaluate(expression, {**contexts, "__status": status}))


def evaluate(text: str, contexts: Contexts) -> Any:
    tokens, at = [], 0
    text = text.rstrip()
    while at < len(text):
        match = TOKEN.match(text, at)
        if match is None:
            raise NotEmulated(f"expression {text!r} from {text[at:]!r}")
        tokens.append(match.groups())
        at = match.end()
    parser = _Parser(tokens, contexts)
    value = parser.either()
    if parser.rest:
        raise NotEmulated(f"expression {text!r}: left over {parser.rest}")
    return value


def truth(value: Any) -> bool:
    return value not in (None, False, "", 0)


def as_text(value: Any) -> str:
    if value is None:
        return ""
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


@dataclass
class _Parser:
    rest: Sequence[tuple[str, str, str]]
    contexts: Contexts

    def _next(self, *operators: str) -> str | None:
        if self.rest and self.rest[0][0] in operators:
            found = self.rest[0][0]
            self.rest = self.rest[1:]
            return found
        return None

    def either(self) -> Any:
        left = self.both()
        while self._next("||"):
            right = self.both()
            left = left if truth(left) else right
        return left

    def both(self) -> Any:
        left = self.equality()
        while self._next("&&"):
            right = self.equality()
            left = right if truth(left) else left
        return left

    def equality(self) -> Any:
        left = self.unary()
        while operator := self._next("==", "!="):
            # Strings are compared without regard to case.
            same = as_text(left).casefold() == as_text(self.unary()).casefold()
            left = same if operator == "==" else not same
        return left

    def unary(self) -> Any:
        if self._next("!"):
            return not truth(self.unary())
        if self._next("("):
            value = self.either()
            if not self._next(")"):
                raise NotEmulated("a parenthesis that is not closed")
            return value
        return self._atom()

    def _atom(self) -> Any:
        if not self.rest:
            raise NotEmulated("an expression that ends too soon")
        operator, string, name = self.rest[0]
        self.rest = self.rest[1:]
        if operator:
            raise NotEmulated(f"{operator} where a value is")
        if not name:
            return string.replace("''", "'")
        if self._next("("):
            if not self._next(")"):
                raise NotEmulated(f"{name}() with arguments")
            return _status(name, self.contexts)
        if name in ("true", "false", "null"):
            return {"true": True, "false": False, "null": None}[name]
        return _looked_up(name, self.contexts)


def _status(name: str, contexts: Contexts) -> bool:
    now = contexts.get("__status")
    functions: dict[str, Callable[[], bool]] = {
        "always": lambda: True,
        "success": lambda: now == "success",
        "failure": lambda: now == "failure",
        "cancelled": lambda: now == "cancelled",
    }
    if now is None or name not in functions:
        raise NotEmulated(f"function {name}()")
    return functions[name]()


def _looked_up(name: str, contexts: Contexts) -> Any:
    """A property that is not there is null, as on GitHub; a whole context that is not there is an error."""
    first, *parts = name.split(".")
    if first not in contexts or not parts:
        raise NotEmulated(f"context {name}")
    value = contexts[first]
    for part in parts:
        value = value.get(part) if isinstance(value, Mapping) else None
    return value
