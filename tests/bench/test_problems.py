"""How problems are read: what the search is told, what judges it, samples, ExactMatch."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.bench import humaneval, js_problems, mbpp, multipl_e, python_problems
from bot.bench.exact_match import exact_match
from bot.bench.problems import Problem, data_digest, sample
from bot.errors import ConfigError
from tests.bench.support import CANARY, CLAMP, INITIALS, write_humaneval

DOUBLE: dict[str, Any] = {
    "task_id": 12,
    "text": 'Write a function to double a "number" by \\ or """.',
    "code": "def helper(a):\r\n  return a\r\ndef double(n, by = 2):\r\n  return helper(n) * by",
    "test_list": ["assert double(2) == 4", "assert double(limit(3)) == 6", "assert double(1, 3) == 3"],
    "test_setup_code": "def limit(n): return n",
}
JS: dict[str, Any] = {
    "task_id": "HumanEval_x_clamp",
    "prompt": "//Keep x below high.\n// >>> clamp(5, 3)\n// 3\nfunction clamp(x, high){\n",
    "test": "const assert = require('node:assert');\n\n\nfunction test() {\n  let candidate = clamp;\n"
    "  assert.deepEqual(candidate(5, 3),3);\n  assert.deepEqual(candidate(\n  1, 3),1);\n}\n\ntest();\n",
}
PYTHON = {
    "task_id": "Python/0",
    "prompt": CLAMP["prompt"],
    "canonical_solution": CLAMP["canonical_solution"],
    "test": CLAMP["test"].replace("candidate", "clamp") + "\ncheck(clamp)\n",
}


def write(path: Path, *rows: Mapping[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) + "\n")
    return path


def test_humaneval_tells_the_declaration_and_keeps_the_check(tmp_path: Path) -> None:
    write_humaneval(tmp_path / "HumanEval.jsonl.gz")
    problems = humaneval.problems(tmp_path, "python")
    assert [problem.id for problem in problems] == ["Own/0", "Own/1"]
    clamp = problems[0]
    assert clamp.folder == "Own-0"
    assert ">>> clamp(5, 0, 3)" in clamp.text
    stub = dict(clamp.files)["solution.py"]
    assert stub.endswith('"""\n    raise NotImplementedError\n')
    ast.parse(stub)
    assert CANARY not in repr(problems)
    assert "return max" not in repr(problems)


def test_each_assert_is_a_case_with_what_it_needs(tmp_path: Path) -> None:
    key = humaneval.key(write_humaneval(tmp_path / "x.jsonl"), "python", "Own/0")
    ((path, content),) = key.hidden.files
    assert key.hidden.cases == tuple(f"{path}::test_hidden_{number:03}" for number in (1, 2, 3, 4))
    functions = {node.name: ast.unparse(node) for node in ast.parse(content).body if hasattr(node, "name")}
    assert "HELPER = 4" in content
    assert "top = HELPER + 3" in functions["test_hidden_002"]
    assert "top =" not in functions["test_hidden_001"]
    assert "for x in range(4)" in functions["test_hidden_004"]  # a loop counts once
    assert key.reference == CLAMP["prompt"] + CLAMP["canonical_solution"]


def test_mbpp_tells_name_and_parameters_and_hides_the_asserts(tmp_path: Path) -> None:
    """U6."""
    data = write(tmp_path / "mbpp.jsonl", DOUBLE)
    (problem,) = mbpp.problems(tmp_path, "python")
    assert (problem.id, problem.entry) == ("MBPP/12", "double")
    assert "def double(n, by=None):" in problem.text
    assert "assert" not in repr(problem.text)
    assert "* by" not in repr(problem)
    key = mbpp.key(data, "python", "MBPP/12")
    assert len(key.hidden.cases) == 3
    assert "def limit(n)" in key.hidden.files[0][1]
    assert mbpp.split_of("MBPP/12") == "test"
    assert [mbpp.split_of(f"MBPP/{n}") for n in (1, 10, 11, 510, 511, 600, 601, 974, 9999)] == [
        "prompt", "prompt", "test", "test", "validation", "validation", "train", "train", "other",
    ]  # fmt: skip


def test_multipl_e_reads_python_and_javascript(tmp_path: Path) -> None:
    write(tmp_path / "humaneval-python.jsonl", PYTHON)
    write(tmp_path / "humaneval-js.jsonl", JS)
    (python,), (js,) = multipl_e.problems(tmp_path, "python"), multipl_e.problems(tmp_path, "js")
    assert (python.entry, js.entry) == ("clamp", "clamp")
    assert len(multipl_e.key(tmp_path, "python", "Python/0").hidden.cases) == 4
    assert "clamp = _submitted.clamp" in multipl_e.key(tmp_path, "python", "Python/0").hidden.files[0][1]
    key = multipl_e.key(tmp_path, "js", js.id)
    assert key.reference is None
    assert key.hidden.cases == ("tests/hidden_001.test.js::hidden", "tests/hidden_002.test.js::hidden")
    assert "module.exports = { clamp }" in dict(js.files)["solution.js"]


@pytest.mark.parametrize("language", ["java", "cs", "ts", "cobol"])
def test_a_language_that_cannot_be_run_is_refused_with_what_is_missing(tmp_path: Path, language: str) -> None:
    """H5: no score without a run."""
    with pytest.raises(ConfigError, match=r"needs|no language"):
        multipl_e.problems(tmp_path, language)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"task_id": ""}, "line 1: task_id"),
        ({"entry_point": "clamp()"}, "entry_point"),
        ({"entry_point": "other"}, "declares no function other"),
        ({"prompt": "def clamp(:"}, "cannot be parsed"),
    ],
)
def test_a_bad_problem_is_named(tmp_path: Path, row: Mapping[str, Any], said: str) -> None:
    path = write(tmp_path / "data.jsonl", CLAMP | row)
    with pytest.raises(ConfigError, match=said):
        humaneval.problems(path, "python")


@pytest.mark.parametrize(
    ("test", "said"),
    [("x = 1", "no function check"), ("def check(candidate):\n    pass", "no hidden test"), ("(", "parsed")],
)
def test_a_bad_check_is_named(test: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        python_problems.from_check(test, "f", "Own/9")


def test_a_bad_javascript_test_is_named() -> None:
    with pytest.raises(ConfigError, match="not of the form"):
        js_problems.key("x", JS["prompt"], "assert(1)")
    with pytest.raises(ConfigError, match="open function"):
        js_problems.problem("x", "const f = (x) => {")


def test_two_problems_do_not_share_a_place(tmp_path: Path) -> None:
    path = write(tmp_path / "data.jsonl", CLAMP, CLAMP | {"task_id": "Own:0"})
    with pytest.raises(ConfigError, match="twice"):
        humaneval.problems(path, "python")


@pytest.mark.parametrize("content", [b"", b"\n\n", b"{", b"\xff\xfe", b"null\n"])
def test_what_is_no_data_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "data.jsonl"
    path.write_bytes(content)
    with pytest.raises(ConfigError):
        humaneval.problems(path, "python")


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "torn.gz").write_bytes(b"\x1f\x8b\x08torn")
    for path in (tmp_path / "none.jsonl", tmp_path / "torn.gz", tmp_path):
        with pytest.raises(ConfigError):
            humaneval.problems(path, "python")
    with pytest.raises(ConfigError):
        data_digest(tmp_path / "none.jsonl")


# --- Samples (F4, J14) --------------------------------------------------------------------------------------


def some(count: int) -> list[Problem]:
    return [
        Problem(id=f"P/{n}", language="python", entry="f", title="", text="", files=(), solution="s.py")
        for n in range(count)
    ]


@given(count=st.integers(0, 60), size=st.integers(1, 40), seed=st.integers())
def test_a_sample_and_the_held_out_ones_share_nothing(count: int, size: int, seed: int) -> None:
    problems = some(count)
    drawn = sample(problems, seed=seed, size=size)
    other = sample(problems, seed=seed, size=size, held_out=True)
    assert not {each.id for each in drawn} & {each.id for each in other}
    assert len(drawn) == min(size, count)
    assert len(other) == max(0, min(size, count - size))
    assert [each for each in problems if each in drawn] == list(drawn)
    assert sample(list(reversed(problems)), seed=seed, size=size) == tuple(reversed(drawn))


def test_the_seed_chooses() -> None:
    assert len({sample(some(30), seed=seed, size=5) for seed in range(20)}) > 15
    assert sample(some(5), seed=1, size=None) == tuple(some(5))


# --- ExactMatch (H3) ----------------------------------------------------------------------------------------

REFERENCE = '''import math
import os
from typing import List
def area(rs: List[float]) -> float:
    """Sum of circles."""
    total: float = 0.0
    for r in rs:  # each
        total += math.pi * r ** 2
    return total
'''


@pytest.mark.parametrize(
    ("submitted", "same"),
    [
        (REFERENCE, True),
        # other names, layout, no annotation, no docstring, no unused import
        ("import math\ndef area(x):\n  s = 0.0\n  for y in x: s += (math.pi*y**2)\n  return s\n", True),
        (REFERENCE.replace("total", "r2").replace("rs", "values"), True),
        (REFERENCE.replace("area", "surface"), False),  # the name that is asked for
        (REFERENCE.replace("** 2", "** 3"), False),
        (REFERENCE.replace("math.pi * r ** 2", "r ** 2 * math.pi"), False),  # the same value, another text
        (REFERENCE.replace("return total", "return r"), False),
        (REFERENCE.replace("import math", "import cmath as math"), False),
        ("def area(:", False),
        ("\0", False),
        ("x = " + "(" * 5000, False),
    ],
)
def test_exact_match_is_of_syntax_trees(submitted: str, same: bool) -> None:
    assert exact_match(submitted, REFERENCE) is same


def test_exact_match_sees_names_that_are_not_the_functions_own() -> None:
    assert not exact_match("def f(x):\n    return g(x)\n", "def f(x):\n    return h(x)\n")
    assert not exact_match("def f():\n    global a\n    a = 1\n", "def f():\n    global b\n    b = 1\n")
    assert exact_match("def f(a, b):\n    return b\n", "def f(b, a):\n    return a\n")
    assert not exact_match("def f(a, b):\n    return b\n", "def f(a, b):\n    return a\n")
    assert not exact_match("(", "(")


def test_own_reference_matches_itself() -> None:
    for row in (CLAMP, INITIALS):
        assert exact_match(
            row["prompt"] + row["canonical_solution"], row["prompt"] + row["canonical_solution"]
        )
