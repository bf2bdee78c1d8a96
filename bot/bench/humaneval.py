"""HumanEval (openai/human-eval): 164 Python functions; ``check(candidate)`` is hidden."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from bot.bench import python_problems
from bot.bench.problems import Key, Problem, data_file, distinct, one_of, read_rows

NAME = "humaneval"
ITERATIONS = 5  # G5


class Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    task_id: str = Field(min_length=1, max_length=200)
    prompt: str
    entry_point: str = Field(pattern=r"^[A-Za-z_]\w*$")
    canonical_solution: str
    test: str


def problems(data: Path, language: str) -> tuple[Problem, ...]:  # noqa: ARG001 - all are Python
    path = _path(data)
    return distinct(
        [python_problems.problem(row.task_id, row.entry_point, row.prompt) for row in read_rows(path, Row)],
        path,
    )


def key(data: Path, language: str, problem: str) -> Key:  # noqa: ARG001
    path = _path(data)
    row = one_of({row.task_id: row for row in read_rows(path, Row)}, problem, path)
    return Key(
        hidden=python_problems.from_check(row.test, row.entry_point, row.task_id),
        reference=row.prompt + row.canonical_solution,
    )


def _path(data: Path) -> Path:
    return data_file(data, "HumanEval.jsonl.gz", "HumanEval.jsonl")
