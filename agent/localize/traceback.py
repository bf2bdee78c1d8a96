"""Frames of stack traces, as Python and pytest print them, that lie in the repository."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache

from sandbox import WORKSPACE

MAX_TEXT = 200_000
PYTHON_FRAME = re.compile(
    r'^\s*File "(?P<path>[^"\n]{1,500})", line (?P<line>\d{1,7})(?:, in (?P<name>[^\n]{1,200}))?'
)
PYTEST_FRAME = re.compile(
    r"^(?P<path>[^\s:][^:\n]{0,500}\.py):(?P<line>\d{1,7}):(?: in (?P<name>\S{1,200}))?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One frame; ``path`` as the repository names it."""

    path: str
    line: int
    name: str = ""


def frames(text: str, paths: Collection[str]) -> tuple[Frame, ...]:
    """The frames whose file is in the repository, in the order printed (the deepest last). A frame that
    pytest prints twice in a row is one."""
    found: list[Frame] = []
    for line in text[:MAX_TEXT].splitlines():
        match = PYTHON_FRAME.match(line) or PYTEST_FRAME.match(line)
        path = repository_path(match["path"], frozenset(paths)) if match else None
        if match and path:
            frame = Frame(path=path, line=int(match["line"]), name=(match["name"] or "").strip())
            if not found or (found[-1].path, found[-1].line) != (frame.path, frame.line):
                found.append(frame)
    return tuple(found)


@lru_cache(maxsize=4096)
def _suffixes(path: str) -> tuple[str, ...]:
    parts = path.split("/")
    return tuple("/".join(parts[index:]) for index in range(len(parts)))


def repository_path(printed: str, paths: frozenset[str]) -> str | None:
    """The repository's file that a printed path means: absolute in the sandbox, relative, or on a user's own
    machine (then the longest ending that the repository knows, of two parts at least)."""
    printed = printed.replace("\\", "/").removeprefix("./")
    inside = printed.removeprefix(f"{WORKSPACE}/")
    if inside in paths:
        return inside
    if "site-packages/" in printed:
        return None
    return next((s for s in _suffixes(inside) if "/" in s and s in paths), None)
