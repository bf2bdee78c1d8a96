"""Files read so that they can be written back unchanged, and nodes found where they stand."""

from __future__ import annotations

import ast

import pytest

from agent.localize.files import is_product_path, is_test_path
from agent.localize.source import PythonFile, Unreadable, read_python

UNREADABLE = [
    (b"def f(:\n", "does not parse"),
    (b"x = '\xff'\n", "cannot be decoded"),
    (b"# coding: no-such-thing\n", "cannot be decoded"),
    (b"x = '\0'\n", "does not parse"),
    (b"x = " + b"-" * 400 + b"1\n", "nested too deeply"),
    (b"x = 1\n" * 400_000, "larger than"),
]


@pytest.mark.parametrize(("raw", "reason"), UNREADABLE, ids=range(len(UNREADABLE)))
def test_what_cannot_be_read_says_why(raw: bytes, reason: str) -> None:
    found = read_python("m.py", raw)
    assert isinstance(found, Unreadable)
    assert reason in found.reason


READABLE = [
    b"def f(a):\r\n\treturn a\r\n",
    b"\xef\xbb\xbfx = 1\n",
    "# coding: latin-1\nx = 'é'; y = x\n".encode("latin-1"),
    "x = 'ü\u2028'; y = x\n".encode(),
    b"x = 1\x0c\ny = x",
    b"",
]


@pytest.mark.parametrize("raw", READABLE)
def test_bytes_are_the_same_again(raw: bytes) -> None:
    file = read_python("m.py", raw)
    assert isinstance(file, PythonFile)
    assert file.encode(file.text) == raw
    assert "".join(file.line_text(line) for line in range(1, file.line_count + 1)) == file.text
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Name):
            assert file.segment(node) == node.id


def test_expressions_inside_f_strings_stand_where_they_stand() -> None:
    """Before Python 3.12 the syntax tree gives both of two equal expressions the place of the first."""
    text = 'x = f\'{a}B {a!r:>{3}} {{a}} { b["k"] } {a==2}\' f"{a}"\n'
    file = read_python("m.py", text.encode())
    assert isinstance(file, PythonFile)
    names = [n for n in ast.walk(file.tree) if isinstance(n, ast.Name) and n.id == "a"]
    spans = [span for name in names if (span := file.span(name))]
    assert len(set(spans)) == 4
    assert all(file.text[start:end] == "a" for start, end in spans)
    (subscript,) = (n for n in ast.walk(file.tree) if isinstance(n, ast.Subscript))
    assert file.segment(subscript) == 'b["k"]'


def test_symbols_and_blocks() -> None:
    text = (
        "class A:\n    @staticmethod\n    def f(x):\n        if x:\n            return 1\n        return 2\n"
    )
    file = read_python("m.py", text.encode())
    assert isinstance(file, PythonFile)
    (function,) = file.functions
    assert (function.symbol, function.lines, function.parameters) == ("A.f", range(2, 7), ("x",))
    assert [type(file.blocks[line]).__name__ for line in range(3, 7)] == [
        "FunctionDef",
        "If",
        "Return",
        "Return",
    ]


@pytest.mark.parametrize(
    ("path", "test", "product"),
    [
        ("src/a.py", False, True),
        ("tests/a.py", True, False),
        ("a/tests/helpers.py", True, False),
        ("a/testing.py", False, True),
        ("a/test_x.py", True, False),
        ("conftest.py", True, False),
        ("docs/conf.py", False, False),
        ("setup.py", False, False),
        ("a.txt", False, False),
    ],
)
def test_tests_and_products(path: str, test: bool, product: bool) -> None:
    assert (is_test_path(path), is_product_path(path)) == (test, product)
