"""What is kept of one run on one problem: a row beside its journal, and what all rows of a place have in
common."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from agent.codec import decode, encode
from agent.method import Driver, Method
from agent.types import Budget
from bot.errors import ConfigError

SETUP = "setup.json"
ROW = "row.json"
JOURNAL = "journal.jsonl"


class Label(StrEnum):
    """The rows of one directory: what was asked for, and beside it the null hypothesis under its budget."""

    MAIN = "main"
    NULL = "null hypothesis"


class Submitted(StrEnum):
    """What was scored (D4)."""

    PROVEN = "proven"
    BEST = "best so far"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One iteration (J12): tests that it added, failures that it found, the best score after it."""

    tests: int
    failures: int
    best: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What was measured: the same for every row in a directory. ``method`` holds every switch of Table 2;
    ``data`` is the digest of the file."""

    benchmark: str
    language: str
    data: str
    method: Method
    budget: Budget
    seed: int
    split: str = ""
    sample: int | None = None
    held_out: bool = False

    @property
    def models(self) -> tuple[str, ...]:
        """The models that were used, by component (G6); one name for all of them where they are the same."""
        if self.method.driver is Driver.BUILT_IN:
            return ("none (built-in)",)
        named = [f"{component}: {name}" for component, name in self.method.models]
        names = {name for _, name in self.method.models}
        return tuple(names) if len(names) == 1 else tuple(named) or ("not named",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One run on one problem. ``passed`` of ``total`` hidden cases; ``exact`` None: no reference.

    ``tests`` are the cases of all tests that the Test Designer made and that were measured, ``valid`` those
    that pass on the reference (A9); the same of those that gated what was submitted. ``mutants`` of what was
    proven were run against its tests, which noticed ``killed`` of them (B8).
    """

    problem: str
    run: int
    label: Label
    stop: str
    submitted: Submitted
    passed: int
    total: int
    exact: bool | None
    iterations: int
    steps: int
    sandbox_runs: int
    model_calls: int
    tokens: int
    cached_tokens: int
    money: float
    seconds: float
    model_seconds: float
    tests: int = 0
    valid: int = 0
    gating: int = 0
    gating_valid: int = 0
    mutants: int = 0
    killed: int = 0
    rounds: tuple[Round, ...] = ()
    remark: str = ""

    @property
    def share(self) -> float:
        return self.passed / self.total

    @property
    def solved(self) -> bool:
        """Strict: every hidden case passes on the one submission (H4)."""
        return self.passed == self.total


def read_row(place: Path) -> Row | None:
    """None: not measured yet. Raises ConfigError for a file that is no row."""
    path = place / ROW
    try:
        return decode(Row, json.loads(path.read_bytes()))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{path} is not a result of this version: {error}; remove it.") from None


def write_row(place: Path, row: Row) -> None:
    _write(place / ROW, encode(row))


def settle(out: Path, setup: Setup) -> None:
    """Bind a directory to its setup. Raises ConfigError when it holds results of another one."""
    kept = read_setup(out)
    if kept is None:
        out.mkdir(parents=True, exist_ok=True)
        _write(out / SETUP, encode(setup))
    elif kept != setup:
        raise ConfigError(
            f"{out} holds results of another setup ({_first_difference(kept, setup)}); give another --out."
        )


def read_setup(out: Path) -> Setup | None:
    try:
        return decode(Setup, json.loads((out / SETUP).read_bytes()))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{out / SETUP} is not of this version: {error}; give another --out.") from None


def _first_difference(kept: Setup, now: Setup) -> str:
    for name in Setup.__dataclass_fields__:
        was, is_now = getattr(kept, name), getattr(now, name)
        if was != is_now:
            return _inside(name, was, is_now)
    return "unknown"


def _inside(name: str, was: object, is_now: object) -> str:
    for field in getattr(was, "__dataclass_fields__", ()):
        old, new = getattr(was, field), getattr(is_now, field)
        if old != new:
            return f"{name}.{field} was {old!r}, is {new!r}"
    return f"{name} was {was!r}, is {is_now!r}"


def _write(path: Path, value: object) -> None:
    """Whole or not at all: a killed run leaves no half row."""
    new = path.with_name(path.name + ".new")
    with new.open("w", encoding="utf-8") as file:
        json.dump(value, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
