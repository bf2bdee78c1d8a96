"""HumanEval in other languages, in MultiPL-E's form: what stands in for XCodeEval here (H1).

A language is a row of ``LANGUAGES``: how its problems are read. What cannot be run is refused with what is
missing; nothing is scored without a run (H5).
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from bot.bench import js_problems, python_problems
from bot.bench.problems import Key, Problem, data_file, distinct, one_of, read_rows
from bot.errors import ConfigError

NAME = "multipl-e"
ITERATIONS = 4  # G5: the paper's cap for XCodeEval


class Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    task_id: str = Field(min_length=1, max_length=200)
    prompt: str
    test: str
    canonical_solution: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    problem: Callable[[Row], Problem]
    key: Callable[[Row], Key]


def _python_problem(row: Row) -> Problem:
    return python_problems.problem(row.task_id, _python_entry(row), row.prompt)


def _python_key(row: Row) -> Key:
    solution = row.canonical_solution
    return Key(
        hidden=python_problems.from_check(row.test, _python_entry(row), row.task_id),
        reference=None if solution is None else row.prompt + solution,
    )


def _python_entry(row: Row) -> str:
    """The last function that the text declares."""
    module = python_problems.parsed(f"{row.prompt.rstrip()}\n    pass\n", row.task_id)
    names = [node.name for node in module.body if isinstance(node, ast.FunctionDef)]
    if not names:
        raise ConfigError(f"{row.task_id}: its text declares no function.")
    return names[-1]


LANGUAGES: Mapping[str, Adapter] = {
    "python": Adapter(problem=_python_problem, key=_python_key),
    "js": Adapter(
        problem=lambda row: js_problems.problem(row.task_id, row.prompt),
        key=lambda row: js_problems.key(row.task_id, row.prompt, row.test),
    ),
}
MISSING: Mapping[str, str] = {
    "ts": "a TypeScript compiler in the sandbox",
    "java": "a JDK and the javatuples library in the sandbox, and a suite that reports each assert",
    "cs": "a .NET SDK in the sandbox, and a suite that reports each assert",
}


def problems(data: Path, language: str) -> tuple[Problem, ...]:
    adapter, path = _adapter(language), _path(data, language)
    return distinct([adapter.problem(row) for row in read_rows(path, Row)], path)


def key(data: Path, language: str, problem: str) -> Key:
    adapter, path = _adapter(language), _path(data, language)
    return adapter.key(one_of({row.task_id: row for row in read_rows(path, Row)}, problem, path))


def _adapter(language: str) -> Adapter:
    if language in LANGUAGES:
        return LANGUAGES[language]
    if language in MISSING:
        raise ConfigError(f"{language} cannot be measured yet: it needs {MISSING[language]}.")
    raise ConfigError(f"There is no language {language!r}; known are {', '.join(LANGUAGES)}.")


def _path(data: Path, language: str) -> Path:
    return data_file(data, f"humaneval-{language}.jsonl")
