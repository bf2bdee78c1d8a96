"""A small repository to report problems of, and what became of a report."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field

from agent.protocols import Context
from agent.types import Baseline, Task, TestFile

FILES = {
    "pyproject.toml": "[project]\nname = 'toolbox'\n[tool.pytest.ini_options]\n",
    "src/toolbox/__init__.py": (
        "from toolbox.numbers import Ratio, clamp, divide, mean, parse_int\n"
        "from toolbox.text import *\n"
        "from .stack import EmptyStack, Stack\n"
        "from .template import Template\n"
        "import numpy\n"
        "VERSION = '1'\n"
    ),
    "src/toolbox/numbers.py": '''
from typing import Optional


def clamp(value, low=0, high=10):
    """Keep a value in range.

    >>> clamp(12)
    10
    """
    _check(low, high)
    return min(max(value, low), high)


def _check(low, high):
    if low > high:
        raise ValueError("low must not exceed high")


def divide(a, b, *, default=None):
    return a / b


def mean(values):
    return sum(values) / len(values)


def parse_int(text, base=10):
    return int(text, base)


def round_to(value: float, digits: int = 0) -> float:
    return round(value, digits)


class Ratio:
    def __init__(self, top, bottom=1):
        if bottom == 0:
            raise ZeroDivisionError("no bottom")
        if top < 0:
            raise ValueError("negative")
        self.top, self.bottom = top, bottom

    def __eq__(self, other):
        return self.top * other.bottom == other.top * self.bottom

    def as_float(self) -> float:
        return self.top / self.bottom
''',
    "src/toolbox/text.py": """
import re

__all__ = ["slugify", "truncate", "split_words", "human_size", "is_blank"]


def slugify(text, separator="-"):
    return re.sub("[^a-z]+", separator, text.lower())


def truncate(text, limit, suffix="..."):
    return text[:limit] + suffix


def split_words(text, maxsplit=None):
    for word in text.split():
        yield word


def human_size(value, gnu=False) -> str:
    return f"{value} Bytes"


def is_blank(text):
    return not text
""",
    "src/toolbox/stack.py": """
class EmptyStack(LookupError):
    pass


class Stack:
    def __init__(self, items=()):
        self.items = list(items)

    def push(self, item):
        self.items.append(item)

    def pop(self):
        if not self.items:
            raise EmptyStack("nothing to pop")
        return self.items.pop(0)

    def __len__(self):
        return len(self.items)
""",
    "src/toolbox/template.py": """
class Template:
    def __init__(self, source):
        self.source = source

    def render(self, **context):
        return self.source
""",
    "src/toolbox/markup.py": """
def to_text(html):
    return html
""",
    "tests/test_markup.py": """
from toolbox.markup import to_text


def test_to_text():
    assert to_text("<b>a</b>") == "a"
    assert to_text("<i>a</i>") == "a"
    assert to_text("<u>a</u>") == "a"
""",
    "tests/test_numbers.py": """
import pytest
from toolbox import clamp as limit


def test_clamp():
    assert limit(3) == 3
""",
    "tests/test_text.py": """
from toolbox.text import slugify


def test_slugify():
    assert slugify("A b") == "a-b"
""",
}


@dataclass(frozen=True)
class FakeTree:
    files: Mapping[str, str] = field(default_factory=lambda: dict(FILES))

    def paths(self) -> tuple[str, ...]:
        return tuple(sorted(self.files))

    def read(self, path: str) -> bytes | None:
        text = self.files.get(path)
        return None if text is None else text.encode()


def context_of(
    text: str,
    title: str = "",
    *,
    files: Mapping[str, str] = FILES,
    number: int | None = 7,
    suite: str = "pytest",
    roots: tuple[str, ...] = ("src", "."),
) -> Context:
    nothing: frozenset[str] = frozenset()
    return Context(
        task=Task(repository="acme/toolbox", base="0" * 40, title=title, text=text, number=number),
        source=FakeTree(files),
        baseline=Baseline(passing=nothing, failing=nothing, flaky=nothing, skipped=nothing, suite=suite),
        import_roots=roots,
    )


def cases_of(test: TestFile) -> list[str]:
    """Each case in one line: red or green, and its statements."""
    found: list[str] = []
    selected = {one.rpartition("::")[2] for one in test.select}
    for node in ast.walk(ast.parse(test.content)):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            body = "; ".join(" ".join(ast.unparse(one).split()) for one in node.body[1:])
            found.append(f"{'red' if node.name in selected else 'green'}: {body}")
    return found
