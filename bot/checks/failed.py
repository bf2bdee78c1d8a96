"""A test that a log calls failed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

LONGEST_NAME: Final = 500
_EXCEPTION = re.compile(r"(?:[A-Za-z_]\w{0,100}\.){0,8}([A-Za-z_]\w{0,100})(?=:|\s*$)")
_ENDINGS = ("Error", "Exception", "Warning", "Exit", "Interrupt", "Iteration", "Failed", "Fault", "Timeout")


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """``test`` is its name as it was printed; ``exception`` the class name of what it raised, empty if that
    is not told, or was cut."""

    test: str
    exception: str = ""
    message: str = ""


def exception_of(message: str) -> str:
    """The class name at the start of a failure's message; pytest cuts the message to the terminal's width."""
    message = message.strip()[:1_000]
    if message.startswith("assert "):
        return "AssertionError"
    match = _EXCEPTION.match(message)
    if match is None:
        return ""
    name, told = match[1], message[match.end() :]
    return name if name.endswith(_ENDINGS) or (told and name[:1].isupper()) else ""
