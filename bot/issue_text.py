"""An issue as it is given on the command line: a file, standard input or the text itself."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from bot.errors import BotError

LARGEST = 1 << 20  # bytes; GitHub's own limit for a body is 65,536 characters
LONGEST_TITLE = 256


class BadIssue(BotError):
    """The issue text cannot be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueText:
    title: str
    body: str


def read_issue(given: str, stdin: BinaryIO) -> IssueText:
    """``given``: "-" for standard input, the name of a file, or the text. Raises BadIssue."""
    if given == "-":
        return parse_issue(_text(stdin.read(LARGEST + 1), "standard input"))
    path = Path(given) if 0 < len(given) < 1000 and "\n" not in given and "\0" not in given else None
    try:
        if path is not None and path.is_file():
            with path.open("rb") as file:
                return parse_issue(_text(file.read(LARGEST + 1), given))
        if path is not None and path.is_dir():
            raise BadIssue(f"{given} is a directory; give a file, '-' for standard input, or the text.")
    except OSError as error:
        raise BadIssue(f"{given} cannot be read: {error.strerror}.") from error
    if re.fullmatch(r"\S+\.(md|txt|rst|markdown)", given):
        raise BadIssue(f"There is no file {given}; give an existing file, '-', or the text of the issue.")
    return parse_issue(given)


def parse_issue(text: str) -> IssueText:
    """The first non-empty line, without heading marks, is the title; what follows it is the body."""
    lines = text.strip().splitlines()
    if not lines:
        raise BadIssue("The issue is empty; say in it what to call, what comes out and what should.")
    title = lines[0].lstrip("#").strip()[:LONGEST_TITLE] or "Issue"
    body = "\n".join(lines[1:]).strip()
    return IssueText(title=title, body=body)


def _text(content: bytes, name: str) -> str:
    if len(content) > LARGEST:
        raise BadIssue(f"{name} is larger than {LARGEST >> 20} MiB; an issue is text: shorten it.")
    if b"\0" in content:
        raise BadIssue(f"{name} is not text.")
    return content.decode("utf-8", "replace")
