"""A programming problem as the search may see it; what judges it is a Key, read apart and afterwards (A2)."""

from __future__ import annotations

import gzip
import hashlib
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from pydantic import BaseModel, ValidationError

from bot.errors import ConfigError

LARGEST = 64 << 20  # bytes of a data file, unpacked

Row = TypeVar("Row", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A tiny repository: ``files`` (path → content) with a stub at ``solution`` that is not implemented."""

    id: str
    language: str
    entry: str  # the function's name
    title: str
    text: str
    files: tuple[tuple[str, str], ...]
    solution: str

    @property
    def folder(self) -> str:
        """The id as a directory's name."""
        return re.sub(r"[^A-Za-z0-9_-]+", "-", self.id)[:100]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hidden:
    """The hidden tests as files (path → content) for the problem's runner, and the ids of their cases: each
    counts once."""

    files: tuple[tuple[str, str], ...]
    cases: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """What judges a submission. ``reference`` is the whole solution file; None: the benchmark has none."""

    hidden: Hidden
    reference: str | None


class Benchmark(Protocol):
    """One file per benchmark satisfies this as a module. All raise ConfigError for a bad data file."""

    @property
    def NAME(self) -> str: ...

    @property
    def ITERATIONS(self) -> int:
        """The paper's cap (G5)."""
        ...

    def problems(self, data: Path, language: str) -> tuple[Problem, ...]:
        """Everything that the search is told, in the order of the file."""
        ...

    def key(self, data: Path, language: str, problem: str) -> Key:
        """Read again from the file, when the outcome is there."""
        ...


def read_rows(path: Path, form: type[Row]) -> tuple[Row, ...]:
    """The rows of a JSON-lines file, packed by gzip or not. Raises ConfigError that names the bad line."""
    rows = []
    for number, line in enumerate(_lines(path), start=1):
        if not line.strip():
            continue
        try:
            rows.append(form.model_validate_json(line))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"])) or "the line"
            raise ConfigError(f"{path}, line {number}: {where}: {first['msg']}.") from None
    if not rows:
        raise ConfigError(f"{path} holds no problem.")
    return tuple(rows)


def _lines(path: Path) -> list[bytes]:
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise ConfigError(f"{path} cannot be read: {error}.") from error
    if len(data) > LARGEST:
        raise ConfigError(f"{path} is larger than {LARGEST >> 20} MiB.")
    return data.split(b"\n")


def data_digest(data: Path) -> str:
    """Which data it was, for the record: of the file, or of the files in the directory."""
    files = sorted(data.glob("*.jsonl*")) if data.is_dir() else [data]
    try:
        whole = [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]
    except OSError as error:
        raise ConfigError(f"{data} cannot be read: {error}.") from error
    return whole[0] if len(whole) == 1 else hashlib.sha256("".join(whole).encode()).hexdigest()


def data_file(data: Path, *names: str) -> Path:
    """The file itself, or the first of these names in a directory."""
    if not data.is_dir():
        return data
    for name in names:
        if (data / name).is_file():
            return data / name
    raise ConfigError(f"{data} has no {' or '.join(names)}; give the file with --data.")


def one_of(rows: Mapping[str, Row], problem: str, path: Path) -> Row:
    try:
        return rows[problem]
    except KeyError:
        raise ConfigError(f"{path} has no problem {problem} any more.") from None


def distinct(problems: Sequence[Problem], path: Path) -> tuple[Problem, ...]:
    """Raises ConfigError when two problems would share a place for their results."""
    folders = [problem.folder for problem in problems]
    twice = sorted({folder for folder in folders if folders.count(folder) > 1})
    if twice:
        raise ConfigError(f"{path} has the problem {twice[0]} twice.")
    return tuple(problems)


def sample(
    problems: Sequence[Problem], *, seed: int, size: int | None, held_out: bool = False
) -> tuple[Problem, ...]:
    """``size`` problems by chance (F4), in the file's order; None takes all.

    ``held_out`` takes as many others (J14): the two never share a problem, whatever else is in the file.
    Which problems are drawn depends on the seed and on their ids only.
    """
    if size is None:
        return tuple(problems)
    drawn = sorted(problems, key=lambda problem: hashlib.sha256(f"{seed}\0{problem.id}".encode()).digest())
    chosen = {problem.id for problem in (drawn[size : 2 * size] if held_out else drawn[:size])}
    return tuple(problem for problem in problems if problem.id in chosen)


def stub_text(entry: str, solution: str, declaration: str, *, language: str, says: str) -> str:
    """The text of the "issue": where the function is declared, what is missing, and its specification."""
    fence = "`" * max(3, 1 + max(_runs_of_backticks(declaration), default=0))
    return (
        f"`{entry}` in `{solution}` is declared but not implemented: every call {says}. Implement it so that "
        "it does what its description says, for every input that fits it. Keep its name and its parameters."
        f"\n\n{fence}{language}\n{declaration.rstrip()}\n{fence}\n"
    )


def _runs_of_backticks(text: str) -> Iterator[int]:
    return (len(run) for run in re.findall("`+", text))
