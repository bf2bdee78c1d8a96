"""Designs really run: red on base with the sign, green once the library is repaired."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from agent.builtin.reproduction import designs
from agent.types import TestFile
from tests.reproduction.support import FILES, context_of

NUMBERS, TEXT = "src/toolbox/numbers.py", "src/toolbox/text.py"
ROWS = {
    "value": ("`mean([])` raises ZeroDivisionError. It should be `0`.", NUMBERS,
              "sum(values) / len(values)", "sum(values) / len(values) if values else 0"),
    "text": ("`human_size(1.5)` gives `1.5 Bytes`, should be `1 Bytes`.", TEXT,
             "{value} Bytes", "{int(value)} Bytes"),
    "rejects": ("`Ratio(1, -1)` should be rejected. `Ratio(-1, 1)` is rejected as I would expect.", NUMBERS,
                "if top < 0:", "if top < 0 or bottom < 0:"),
    "iterator": ("`split_words('a b', maxsplit=0)` gives `['a', 'b']`, I expect `['a b']`", TEXT,
                 "text.split()", "text.split(None, -1 if maxsplit is None else maxsplit)"),
    "type": ("`divide(4, 2)` returns `2.0`, I expect `2`.", NUMBERS, "return a / b", "return a // b"),
    "comparison": ("`Ratio(1) == None` raises AttributeError. It should be False, and `!=` is True.", NUMBERS,
                   "return self.top * other", "return isinstance(other, Ratio) and self.top * other"),
    "session": ("```\n>>> toolbox.truncate('abc', 3)\n'abc...'\n```\nExpected `'abc'`.",
                TEXT, "text[:limit] + suffix", "text if len(text) <= limit else text[:limit] + suffix"),
    "crash": ("`slugify(None)` crashes with `AttributeError: 'NoneType' object has no attribute 'lower'`.",
              TEXT, "text.lower()", "str(text).lower()"),
}  # fmt: skip


def run(tree: Path, test: TestFile, suite: str, cases: tuple[str, ...]) -> tuple[int, str]:
    (tree / test.path).write_text(test.content, encoding="utf-8")
    names = [case.replace("/", ".").replace(".py::", ".").replace("::", ".") for case in cases]
    arguments = (
        ["unittest", *names] if suite == "unittest" else ["pytest", "-q", "-p", "no:cacheprovider", *cases]
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", *arguments],
        check=False, cwd=tree, capture_output=True, text=True, timeout=60, env={"PYTHONPATH": "src"},
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("row", "suite"),
    [
        *((row, "pytest") for row in sorted(ROWS)),
        *((row, "unittest") for row in ("iterator", "rejects", "text")),
    ],
)
def test_red_on_base_and_green_after_the_repair(row: str, suite: str, tmp_path: Path) -> None:
    text, path, old, new = ROWS[row]
    files = {name: content.replace("import numpy\n", "") for name, content in FILES.items()}
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content, encoding="utf-8")
    (first, *_) = designs(context_of(text, files=files, suite=suite))

    status, said = run(tmp_path, first, suite, first.select)
    assert status == 1, said
    assert first.sign.exception in said
    assert first.sign.fragment in said

    assert old in files[path]
    (tmp_path / path).write_text(files[path].replace(old, new), encoding="utf-8")
    status, said = run(tmp_path, first, suite, (first.path,) if suite == "pytest" else first.select)
    assert status == 0, said
