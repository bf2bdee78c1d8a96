"""Requirement strings and requirement files, cleaned of what a sandbox cannot or must not install."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from sandbox.environments.files import read_text

MAX_REQUIREMENTS = 400
_MAX_INCLUDES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirements:
    """What a file or table asks for. ``extras`` are those of the project itself ("-e .[dev]", "pkg[dev]")."""

    names: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()  # not from a registry: VCS and file references

    def __add__(self, other: Requirements) -> Requirements:
        return Requirements(
            names=unique((*self.names, *other.names))[:MAX_REQUIREMENTS],
            extras=unique((*self.extras, *other.extras)),
            dropped=unique((*self.dropped, *other.dropped)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reader:
    tree: Path
    project: str
    seen: frozenset[str] = field(default_factory=frozenset)


def unique(items: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(items))


def name_of(requirement: str) -> str:
    """The canonical project name of a requirement that was cleaned."""
    return canonicalize_name(Requirement(requirement).name)


def clean(requirement: str, project: str = "") -> Requirements:
    """One requirement string as it may be given to pip. ``project`` is the repository's own name: asking for
    itself with extras means those extras."""
    if not requirement.strip():
        return Requirements()
    try:
        parsed = Requirement(requirement.strip())
    except InvalidRequirement:
        return Requirements(dropped=(requirement.strip()[:200],))
    if project and canonicalize_name(parsed.name) == canonicalize_name(project):
        return Requirements(extras=tuple(sorted(parsed.extras)))
    if parsed.url is not None:
        return Requirements(dropped=(str(parsed)[:200],))
    return Requirements(names=(str(parsed),))


def clean_all(requirements: Iterable[object], project: str = "") -> Requirements:
    total = Requirements()
    for item in requirements:
        if isinstance(item, str):
            total += clean(item, project)
    return total


def read_file(tree: Path, path: str, project: str = "") -> Requirements:
    """A requirement file with what it includes. Hashes are left out: the versions stay pinned, and pip would
    otherwise demand a hash of everything in the same run."""
    return _read(_Reader(tree=tree, project=project), path)


def _read(reader: _Reader, path: str) -> Requirements:
    path = posixpath.normpath(path)
    if path in reader.seen or len(reader.seen) >= _MAX_INCLUDES:
        return Requirements()
    text = read_text(reader.tree, path)
    if text is None:
        return Requirements()
    inner = replace(reader, seen=reader.seen | {path})
    total = Requirements()
    for line in _logical_lines(text):
        total += _line(inner, posixpath.dirname(path), line)
    return total


def _line(reader: _Reader, directory: str, line: str) -> Requirements:
    option, _, value = line.replace("=", " ", 1).partition(" ") if line.startswith("--") else _short(line)
    match option:
        case "-r" | "--requirement":
            return _read(reader, posixpath.join(directory, value.strip()))
        case "-e" | "--editable":
            return _local(value.strip())
        case "":
            return (
                _local(line) if line.startswith((".", "/", "file:")) else clean(_bare(line), reader.project)
            )
        case _:
            return Requirements()  # an index, a constraint, a hash mode: the sandbox's own settings hold


def _short(line: str) -> tuple[str, str, str]:
    return (line[:2], "", line[2:]) if line.startswith("-") else ("", "", line)


def _bare(line: str) -> str:
    """Without per-requirement options ("--hash=…") that only a file may carry."""
    return re.split(r"\s--[a-z]", line, maxsplit=1)[0]


def _local(target: str) -> Requirements:
    """A reference to the tree itself ("." or ".[dev]") names the project's extras; any other is dropped."""
    found = re.fullmatch(r"\.?/?(?:\[([\w\s,.-]+)\])?", target)
    if found is None:
        return Requirements(dropped=(target[:200],))
    return Requirements(extras=tuple(part.strip() for part in (found[1] or "").split(",") if part.strip()))


def _logical_lines(text: str) -> Iterator[str]:
    for line in re.sub(r"\\\r?\n", " ", text).splitlines():
        line = re.sub(r"(^|\s)#.*$", "", line).strip()
        if line:
            yield line
