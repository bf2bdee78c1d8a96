"""The repository on one page: its files with what they define, the central and the named ones first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agent.context.quote import one_line
from agent.localize.files import SIDE_FOLDERS
from agent.localize.grammars import is_test
from agent.localize.graph import Definition, FileOutline, Index
from agent.localize.text import IssueText

SYMBOLS = 12  # of one file
MAX_SYMBOLS = 400  # characters


def repository_map(index: Index, issue: IssueText, limit: int) -> str:
    """At most ``limit`` characters: as many files as fit, by rank, written in the order of the tree."""
    order = ranked(index, issue)
    chosen: dict[str, str] = {}
    room = limit - 60  # for the last line
    for path in order:
        line = f"{one_line(path)} ({index.files[path].line_count}): {symbols(index.files[path], issue)}\n"
        if len(line) > room:
            break
        room -= len(line)
        chosen[path] = line
    if not chosen:
        return ""
    left = len(order) - len(chosen)
    more = f"… and {left} more files with code\n" if left else ""
    return "".join(chosen[path] for path in sorted(chosen)) + more


def ranked(index: Index, issue: IssueText) -> list[str]:
    """Files with code, tests last: by what the issue names in them, then by how central they are."""
    named = {path: _named(outline, issue) for path, outline in index.files.items()}
    return sorted(
        index.files,
        key=lambda path: (
            is_test(path) or _aside(path),
            -round(named[path] + _centrality(index.ranks, path), 9),
            path,
        ),
    )


def _centrality(ranks: Mapping[str, float], path: str) -> float:
    return ranks.get(path, 0.0) / max(ranks.values(), default=1.0)


def _aside(path: str) -> bool:
    return any(part.lower() in SIDE_FOLDERS or part.startswith(".") for part in path.split("/")[:-1])


def _named(outline: FileOutline, issue: IssueText) -> float:
    """How plainly the issue speaks of the file or of what it defines."""
    stem = outline.path.rpartition("/")[2].partition(".")[0]
    found = {one.short for one in outline.definitions if one.short in issue.identifiers}
    own = 0.5 * issue.identifiers.get(stem, 0.0)
    return own + sum(sorted(issue.identifiers[name] for name in found)[-3:])


def symbols(outline: FileOutline, issue: IssueText) -> str:
    """The names that a reader would look for: those in the issue, then classes and public functions."""
    names = dict.fromkeys(one.name for one in sorted(outline.definitions, key=lambda one: _rank(one, issue)))
    return one_line(", ".join([*names][:SYMBOLS]) + (", …" if len(names) > SYMBOLS else ""), MAX_SYMBOLS)


def _rank(one: Definition, issue: IssueText) -> tuple[float, bool, int, int]:
    private = any(part.startswith("_") for part in one.name.split("."))
    return -issue.identifiers.get(one.short, 0.0), private, one.name.count("."), one.line


def outline_lines(outline: FileOutline) -> Sequence[int]:
    """The lines on which definitions begin: a file in short."""
    return tuple(dict.fromkeys(one.head for one in outline.definitions))
