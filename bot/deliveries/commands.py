"""Commands in comments: ``/codeagent fix``. Pure and bounded.

Only the first line that a reader sees counts, and only when it holds nothing but the command: what is quoted,
stands in a code block or in an HTML comment, or comes later in the text commands nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from typing import Final

PREFIX: Final = "/codeagent"
MOST: Final = 65_536  # characters that are looked at; GitHub allows no longer comment
WORD_CAP: Final = 40


class Command(StrEnum):
    FIX = "fix"
    EXPLAIN = "explain"
    RETRY = "retry"
    STOP = "stop"
    STATUS = "status"
    HELP = "help"


MEANINGS: Final = {
    Command.FIX: "work on this issue up to a pull request; on a pull request: repair its failing checks",
    Command.EXPLAIN: "reproduce and localise the problem of this issue without changing anything",
    Command.RETRY: "the same as `fix`, also after a pull request of mine was closed",
    Command.STOP: "stop what I am doing here",
    Command.STATUS: "say how what I am doing here stands",
    Command.HELP: "show this list",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """It is addressed to the bot, but no command. ``word`` is what stands there, one line, bounded;
    ``close`` the command that was probably meant, if one is close."""

    word: str
    close: Command | None = None


_HIDDEN: Final = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_LINE_END: Final = re.compile(r"\r\n?|\n")
_CODE: Final = re.compile(r"(?: {4}| {0,3}\t)")  # CommonMark: indented code


def read_command(text: str) -> Command | Unknown | None:
    """The command that a comment begins with; None when it begins with anything else."""
    line = _first_visible_line(text[:MOST])
    if _CODE.match(line):
        return None
    words = line.split()
    if not words or words[0].casefold() != PREFIX:
        return None
    rest = words[1:]
    if not rest:
        return Command.HELP
    named = rest[0].casefold()
    if len(rest) == 1 and named in set(Command):
        return Command(named)
    close = get_close_matches(named[:WORD_CAP], list(Command), n=1, cutoff=0.6)
    return Unknown(word=" ".join(rest)[:WORD_CAP], close=Command(close[0]) if close else None)


def _first_visible_line(text: str) -> str:
    """With its indentation; the hidden text before it counts for nothing."""
    position = 0
    while True:
        start = position
        while position < len(text) and text[position].isspace():
            position += 1
        hidden = _HIDDEN.match(text, position)
        if hidden is None:
            break
        position = hidden.end()
    indentation = _LINE_END.split(text[start:position])[-1]
    return indentation + _LINE_END.split(text[position:], maxsplit=1)[0]
