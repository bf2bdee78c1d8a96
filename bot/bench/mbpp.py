"""MBPP (google-research): short descriptions, each with asserts. The asserts are hidden (U6).

The function's name is that which the asserts call; its parameters are those of the reference, without which
no description says what to call. A few problems cannot be solved from their text alone (their asserts use a
class that only the reference has): they count as they are.
"""

from __future__ import annotations

import ast
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from bot.bench import python_problems
from bot.bench.problems import Key, Problem, data_file, distinct, one_of, read_rows
from bot.errors import ConfigError

NAME = "mbpp"
ITERATIONS = 5  # G5
SPLITS = {
    "prompt": range(1, 11),
    "test": range(11, 511),
    "validation": range(511, 601),
    "train": range(601, 975),
}


class Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    task_id: int = Field(ge=0)
    text: str = Field(min_length=1)
    code: str = Field(min_length=1)
    test_list: tuple[str, ...] = Field(min_length=1)
    test_setup_code: str = ""

    @property
    def id(self) -> str:
        return f"MBPP/{self.task_id}"


def problems(data: Path, language: str) -> tuple[Problem, ...]:  # noqa: ARG001 - all are Python
    path = data_file(data, "mbpp.jsonl")
    return distinct([_problem(row) for row in read_rows(path, Row)], path)


def split_of(problem: str) -> str:
    """Which of the benchmark's own splits a problem belongs to."""
    number = int(problem.rpartition("/")[2])
    return next((name for name, numbers in SPLITS.items() if number in numbers), "other")


def key(data: Path, language: str, problem: str) -> Key:  # noqa: ARG001
    path = data_file(data, "mbpp.jsonl")
    row = one_of({row.id: row for row in read_rows(path, Row)}, problem, path)
    return Key(
        hidden=python_problems.from_asserts(row.test_list, row.test_setup_code, row.id),
        reference=row.code.replace("\r\n", "\n"),
    )


def _problem(row: Row) -> Problem:
    function = _asked_for(row)
    signature = f"def {function.name}({_parameters(function)}):"
    quoted = row.text.strip().replace("\\", "\\\\").replace('"""', "'''")
    return python_problems.problem(row.id, function.name, f'{signature}\n    """{quoted}\n    """\n')


def _asked_for(row: Row) -> ast.FunctionDef:
    """The reference's function that the asserts call."""
    called = {
        node.func.id
        for text in row.test_list
        for node in ast.walk(python_problems.parsed(text, row.id))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    body = python_problems.parsed(row.code, row.id).body
    found = [node for node in body if isinstance(node, ast.FunctionDef) and node.name in called]
    if not found:
        raise ConfigError(f"{row.id}: its tests call no function of its code.")
    return found[-1]


def _parameters(function: ast.FunctionDef) -> str:
    """Names only: defaults and annotations may need what only the reference has."""
    given = function.args
    names = [each.arg for each in (*given.posonlyargs, *given.args)]
    optional = len(given.defaults)
    shown = names[: len(names) - optional] + [f"{name}=None" for name in names[len(names) - optional :]]
    shown += [f"*{given.vararg.arg}"] if given.vararg else ["*"] if given.kwonlyargs else []
    shown += [f"{each.arg}=None" for each in given.kwonlyargs]
    return ", ".join(shown + ([f"**{given.kwarg.arg}"] if given.kwarg else []))
