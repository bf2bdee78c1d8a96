"""Whatever the text: no crash, valid Python, bounded work."""

from __future__ import annotations

import ast
import sys
from types import FrameType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.builtin.reproduction import designs, explain
from agent.builtin.reproduction.markdown import blocks
from agent.builtin.reproduction.tokens import sentences
from tests.reproduction.support import context_of

FRAGMENTS = [
    "`clamp(11)`",
    "`",
    "```",
    "```python\n",
    "\n```\n",
    ">>> clamp(1)\n",
    "clamp(",
    ")",
    "((((",
    "[[[[",
    "{{{{",
    "}}",
    "should be",
    "returns",
    "instead of",
    "but",
    "not",
    "raises",
    "ValueError: x",
    "Traceback (most recent call last)\n",
    '  File "x", line 1\n',
    "| a | b |\n|---|---|\n",
    "<!--",
    "-->",
    '<th a="1">',
    "{{ x }}",
    "'",
    '"',
    "\\",
    "\n\n",
    "# expected 3",
    "\n# Expected\n",
    "None",
    "`== 3`",
    "`!=`",
    "`a=1`",
    "both",
    "an empty list",
    "with",
    "for",
    ";",
    ":",
    "\x00",
    "\u202e",
    "\ud800",
    "é",
    "1,000",
    "...",
    "lambda: 0",
    "    ",
    "\t",
    "-",
    "1. ",
    "> ",
    "**",
    "``",
    "assert ",
    "= clamp(2)",
    "import toolbox\n",
    "from toolbox import *\n",
    "nan",
    "treated as",
    "`x`",
    "(0)",
    "/",
    "or",
    "and",
]
TEXTS = st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.text(max_size=12)), max_size=60).map(" ".join)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(title=TEXTS, text=TEXTS)
def test_any_text_gives_valid_tests_or_none(title: str, text: str) -> None:
    context = context_of(text, title)
    found = designs(context)
    for test in found:
        tree = ast.parse(test.content)
        names = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert test.select
        assert {one.rpartition("::")[2] for one in test.select} <= names
        assert test.path.startswith("tests/test_issue_7")
    assert explain(context)


@settings(max_examples=100, deadline=None)
@given(text=TEXTS)
def test_blocks_and_sentences_lose_nothing_they_should_not(text: str) -> None:
    assert len(blocks(text)) <= 400
    for sentence in sentences(text):
        assert sentence.tokens
        assert [one.start for one in sentence.tokens] == sorted(one.start for one in sentence.tokens)


def steps(text: str) -> int:
    """Lines of Python executed while an issue is read: the work done, on any machine."""
    count = 0

    def local(_frame: FrameType, _event: str, _arg: object) -> object:
        nonlocal count
        count += 1
        return local

    before = sys.gettrace()
    sys.settrace(local)  # type: ignore[arg-type]
    try:
        designs(context_of(text))
    finally:
        sys.settrace(before)
    return count


UNITS = {
    "words": "so the value is not what it should be and it fails. ",
    "backticks": "`a ``b ```c ",
    "unclosed call": "clamp(1, ",
    "brackets": "([{",
    "quotes": "\"a 'b ",
    "calls": "`clamp(11)` returns 11, should be 10. ",
    "new calls": None,
    "sessions": ">>> clamp(11)\n11\n",
    "fences": "```\nx\n",
    "comments": "<!-- a ",
    "arrows": "- > -> => ",
    "tags": '<th a="b"',
    "templates": "{{ x }} `{{ y }}` ",
    "quotation": "> > > ",
    "dots": "a.b.c.",
    "changes": "`== 3` `!=` `a=1` ",
    "tracebacks": 'Traceback (most recent call last):\n  File "x", line 1\nValueError: x\n\n',
    "tables": "| `clamp(1)` | 2 |\n",
    "imports": "from toolbox import clamp\n",
    "statements": None,
}


def grown(name: str, size: int) -> str:
    unit = UNITS[name]
    if name == "new calls":
        return " ".join(f"`clamp({at})` returns 0, should be 1." for at in range(size // 36))
    if name == "statements":
        return (
            "```python\n"
            + "\n".join(f"x{at} = clamp({at})\nx{at}.y = 1" for at in range(size // 30))
            + "\n```"
        )
    assert unit is not None
    return unit * (size // len(unit))


@pytest.mark.parametrize("name", sorted(UNITS))
def test_work_grows_no_faster_than_the_text(name: str) -> None:
    few, many = steps(grown(name, 2_000)), steps(grown(name, 8_000))
    assert many < 4.6 * few + 20_000


def test_work_is_capped_for_huge_texts() -> None:
    text = grown("calls", 60_000)
    assert steps(text * 4) < 1.2 * steps(text) + 20_000
