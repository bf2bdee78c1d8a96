"""Each operator family as pairs of texts: the after is among its ideas for the before."""

from __future__ import annotations

import ast
import random
import textwrap
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.builtin.candidates import Ground
from agent.builtin.edits import applied, operations, program
from agent.builtin.hints import Hints
from agent.builtin.operators import FAMILIES, Idea
from agent.builtin.planner import WHY
from agent.builtin.ranking import GIVEN, USUAL
from agent.builtin.vocabulary import vocabulary_of
from agent.localize.failure import Failure, FailureKind
from agent.localize.files import CodeBase
from agent.localize.source import PythonFile, blocks_of, read_python
from agent.localize.traceback import Frame
from agent.operations import apply_operation
from agent.types import State


@dataclass(frozen=True)
class Tree:
    files: dict[str, bytes]

    def paths(self) -> tuple[str, ...]:
        return tuple(self.files)

    def read(self, path: str) -> bytes | None:
        return self.files.get(path)


def parsed(text: str | bytes) -> PythonFile:
    raw = text if isinstance(text, bytes) else text.encode()
    file = read_python("m.py", raw)
    assert isinstance(file, PythonFile), file
    return file


def ideas_of(file: PythonFile, family: str, hints: Hints, crash: Failure | None = None) -> list[Idea]:
    ground = Ground(
        code=CodeBase(Tree({"m.py": file.encode(file.text)}), State()),
        hints=hints,
        vocabulary=vocabulary_of([file]),
    )
    (chosen,) = (each for each in FAMILIES if family == each.NAME)
    return [idea for block in blocks_of(file.tree) for idea in chosen.ideas(ground.site(file, block, crash))]


def crash(kind: FailureKind, exception: str, message: str, line: int) -> Failure:
    return Failure(
        test="t", kind=kind, exception=exception, message=message, frames=(Frame(path="m.py", line=line),)
    )


NONE = crash(FailureKind.NONE_USED, "AttributeError", "'NoneType' object has no attribute 'upper'", 2)
EMPTY = crash(FailureKind.INDEX, "IndexError", "list index out of range", 2)
KEY = crash(FailureKind.KEY, "KeyError", "'k'", 2)
CONVERSION = crash(FailureKind.CONVERSION, "ValueError", "invalid literal for int() with base 10: 'x'", 3)
OVERFLOW = crash(FailureKind.CONVERSION, "OverflowError", "cannot convert float infinity to integer", 3)
ATTRIBUTE = crash(
    FailureKind.NO_ATTRIBUTE, "AttributeError", "'set' object has no attribute 'issupserset'", 2
)
NO_ITEMS = crash(FailureKind.NO_ATTRIBUTE, "AttributeError", "'str' object has no attribute 'items'", 3)
SILENT = Failure(test="t", kind=FailureKind.NOT_RAISED, exception="ValueError")
FALSE = Failure(test="t", kind=FailureKind.WRONG_BOOL, actual="False", expected="True")

# family, body of def f(a, b, items=None), the statement after, failure
ROWS = [
    ("comparison", "return a < b", "return a <= b", None),
    ("comparison", "return a == b", "return a is b or a == b", None),
    ("comparison", "return a is not b", "return a is b", None),
    ("comparison", "return a not  in b", "return a in b", None),
    ("arithmetic", "return a + b * 2", "return a - b * 2", None),
    ("arithmetic", "return a / b", "return a // b", None),
    ("arithmetic", "return (a - b) * 2", "return (b - a) * 2", None),
    ("arithmetic", "a += b", "a -= b", None),
    ("arithmetic", "return -a", "return a", None),
    ("boundary", "return range(a, b)", "return range(a, b + 1)", None),
    ("boundary", "return items[a:b]", "return items[a:b - 1]", None),
    ("boundary", "return items[a + 1]", "return items[a]", None),
    ("names", "return a + a", "return a + b", None),
    ("names", "return a.issupserset(b)", "return a.issuperset(b)", ATTRIBUTE),
    ("arguments", "return g(a, b)", "return g(b, a)", None),
    ("arguments", "return g(a)", "return g(a, items=items)", None),
    ("arguments", "return g(a, b)", "return g(a)", None),
    ("guards", "return a.upper()", "if a is None:\n    return None\nreturn a.upper()", NONE),
    ("guards", "return items[0]", "if not items:\n    return None\nreturn items[0]", EMPTY),
    ("guards", "return a", "if a < 0:\n    raise ValueError('a must be at least 0')\nreturn a", SILENT),
    ("conditions", "if a:\n    return b", "if a and b:\n    return b", None),
    ("conditions", "if a and b:\n    return b", "if a or b:\n    return b", None),
    ("conditions", "if a or b:\n    return b", "if a:\n    return b", None),
    ("conditions", "return a and b and items", "return a and (b or items)", None),
    (
        "conditions",
        "if a in b:\n    a = int(b[a])\nreturn a",
        "if a in b and b[a].isdigit():\n    a = int(b[a])\nreturn a",
        CONVERSION,
    ),
    ("truthiness", "if not a:\n    a = 1", "if a is None:\n    a = 1", None),
    ("truthiness", "return a or b", "return b if a is None else a", None),
    ("truthiness", "if a is not None:\n    a = 1", "if a:\n    a = 1", None),
    ("negation", "if a.ok():\n    return b", "if not a.ok():\n    return b", None),
    ("negation", "if not a:\n    return b", "if a:\n    return b", None),
    ("constants", "return a + 10", "return a + 11", None),
    ("constants", "return True", "return False", None),
    ("constants", "return 'lower' + 'lowr'", "return 'lower' + 'lower'", None),
    ("returns", "return [a]", "return b", None),
    ("returns", "a = 1\nb.sort()", "a = 1\nb.sort()\nreturn a", None),
    ("returns", "b.find(a)", "return b.find(a)", None),
    (
        "exceptions",
        "try:\n    return int(a)\nexcept (TypeError, KeyError):\n    return b",
        "try:\n    return int(a)\nexcept (TypeError, KeyError, OverflowError):\n    return b",
        OVERFLOW,
    ),
    (
        "exceptions",
        "items = a\nreturn int(a)",
        "items = a\ntry:\n    return int(a)\nexcept ValueError:\n    return None",
        CONVERSION,
    ),
    ("exceptions", "raise KeyError(a)", "raise IndexError(a)", None),
    ("calls", "return [a]", "return list(a)", None),
    ("calls", "return min(a, b)", "return max(a, b)", None),
    ("calls", "return str(a)", "return a", None),
    ("calls", "return a", "return list(a)", None),
    ("slices", "return a[0]", "return a[-1]", None),
    ("slices", "return a[1:]", "return a[:1]", None),
    ("slices", "return items[a]", "return items.get(a)", KEY),
    ("strings", "return f'{a:.1f}'", "return f'{a:.2f}'", None),
    ("strings", "return a.split()", "return a.split(' ')", None),
    ("clamps", "return a - b", "return max(a - b, 0)", None),
    ("statements", "a = 1\nb = 2\nreturn a", "b = 2\na = 1\nreturn a", None),
    ("statements", "a = 1\nb = 2\nreturn a", "a = 1\nreturn a", None),
    ("statements", "for a in b:\n    a = 1\n    return a", "for a in b:\n    a = 1\nreturn a", None),
    ("statements", "while a:\n    break", "while a:\n    continue", None),
]


def function(body: str) -> str:
    return (
        "def f(a, b, items=None):\n"
        + textwrap.indent(body, "    ")
        + "\n\n\ndef g(a, b=0, items=None):\n    return a\n"
    )


@pytest.mark.parametrize(("family", "before", "after", "failure"), ROWS)
def test_after_is_among_the_ideas(family: str, before: str, after: str, failure: Failure | None) -> None:
    file = parsed(function(before))
    hints = Hints(failures=(failure,) if failure else (FALSE,))
    found = [applied(file.text, idea.edits) for idea in ideas_of(file, family, hints, failure)]
    wanted = ast.dump(ast.parse(function(after)))
    assert wanted in [ast.dump(ast.parse(text)) for text in found if text is not None and parses(text)]


def parses(text: str) -> bool:
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True


def test_default_that_calls_share_is_made_anew() -> None:
    file = parsed("def f(a, found=[]):\n    found.append(a)\n    return found\n")
    texts = [applied(file.text, idea.edits) for idea in ideas_of(file, "defaults", Hints())]
    top = "def f(a, found=None):\n    if found is None:\n        found = []\n"
    wanted = f"{top}    found.append(a)\n    return found\n"
    assert wanted in texts


def test_comparison_with_anything_gets_a_type_guard() -> None:
    body = "        return dict(self.items()) == dict(other.items())\n"
    text = f"class C(dict):\n    def __eq__(self, other):\n{body}"
    file = parsed(text)
    texts = [
        applied(file.text, i.edits) for i in ideas_of(file, "guards", Hints(failures=(NO_ITEMS,)), NO_ITEMS)
    ]
    guard = "        if not isinstance(other, dict):\n            return NotImplemented\n"
    assert text.replace("        return dict", f"{guard}        return dict") in texts


LAYOUTS = [
    b"def f(a, b):\r\n\tif a < b:\r\n\t\treturn a  # first\r\n\treturn b\r\n",
    "# -*- coding: latin-1 -*-\ndef f(a, b):\n    é = 'ü'\n    return a < b  # ñ\n".encode("latin-1"),
    b"\xef\xbb\xbfdef f(a, b):\n    return a < b",
    "def f(a, b):\n    text = '\u2028 \x0c'\n    return a < b, 'ünï', a + b\n".encode(),
    b"def f(a,\n      b):\n  return (a <\\\n    b)\n\x0c\ndef g(): return f(1,2); x = 3\n",
    b"def f(a, b):\r    return a < b\r",
]


@pytest.mark.parametrize("raw", LAYOUTS)
def test_bytes_outside_the_edit_survive(raw: bytes) -> None:
    """Whatever the encoding, line ends or indentation: what stands around the edit is as before."""
    file = parsed(raw)
    count = 0
    for family in FAMILIES:
        for idea in ideas_of(file, family.NAME, Hints(failures=(FALSE,))):
            result = program(file, idea.edits)
            if isinstance(result, str):
                continue
            count += 1
            after = written(file, raw, idea, result.text)
            assert after == bytes_of(raw, file, result.text)
            first = min(edit.start for edit in idea.edits)
            last = max(edit.end for edit in idea.edits)
            assert after.startswith(bytes_of(raw, file, file.text[:first]))
            assert after.endswith(file.text[last:].encode(file.encoding.removesuffix("-sig")))
    assert count > 3


def written(file: PythonFile, raw: bytes, idea: Idea, text: str) -> bytes:
    state = State()
    for operation in operations(file, idea.edits, text):
        state = apply_operation(state, operation, Tree({"m.py": raw}))
    return state.overlay["m.py"] or b""


def bytes_of(raw: bytes, file: PythonFile, text: str) -> bytes:
    assert file.encode(file.text) == raw
    return file.encode(text)


# --- whatever the code, what comes out parses and is different ----------------------------------------------

NAMES = st.sampled_from(["a", "b", "items", "self.x", "other.y", "d['k']", "items[0]", "f(a)", "len(items)"])
LITERALS = st.sampled_from(
    ["0", "1", "-1", "None", "True", "'s'", "1.5", "[]", "{}", "(a, b)", "f'{a}B {b!r:>4}'"]
)


def combined(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    binary = st.sampled_from(
        [
            "{} + {}",
            "{} < {}",
            "{} and {}",
            "{} or {}",
            "{} in {}",
            "{} if {} else a",
            "max({}, {})",
            "{} ** {}",
        ]
    )
    unary = st.sampled_from(
        ["not {}", "-{}", "({})", "list({})", "[x for x in {} if x]", "{}[1:]", "lambda: {}"]
    )
    two = st.tuples(binary, inner, inner).map(lambda t: t[0].format(f"({t[1]})", f"({t[2]})"))
    plain = st.tuples(binary, inner, inner).map(lambda t: t[0].format(t[1], t[2]))
    one = st.tuples(unary, inner).map(lambda t: t[0].format(t[1]))
    return two | plain | one


EXPRESSIONS = st.recursive(NAMES | LITERALS, combined, max_leaves=6).filter(
    lambda text: parses(f"x = ({text})")
)
SIMPLE = st.tuples(
    st.sampled_from(
        [
            "return {}",
            "a = {}",
            "b += {}",
            "yield {}",
            "raise ValueError({})",
            "g({}, b)",
            "assert {}",
            "del d",
            "pass",
        ]
    ),
    EXPRESSIONS,
).map(lambda t: t[0].format(t[1]))


def nested(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    heads = st.sampled_from(
        [
            "if {}:",
            "while {}:",
            "for i in [{}]:",
            "with open({}) as h:",
            "try:  # {}",
            "def inner(a):  # {}",
            "if {}: pass\nelse:",
        ]
    )
    block = st.lists(inner, min_size=1, max_size=3).map("\n".join)

    def build(parts: tuple[str, str, str]) -> str:
        head, test, body = parts
        tail = "\nexcept (ValueError, KeyError):\n    pass" if head.startswith("try") else ""
        return head.format(test) + "\n" + textwrap.indent(body, "    ") + tail

    return st.tuples(heads, EXPRESSIONS, block).map(build)


BODIES = st.lists(st.recursive(SIMPLE, nested, max_leaves=5), min_size=1, max_size=4).map("\n".join)
FAILURES = st.sampled_from(list(FailureKind))
MESSAGES = st.sampled_from(
    ["'NoneType' object has no attribute 'y'", "'str' object has no attribute 'y'", "", "0"]
)


@settings(max_examples=25, deadline=None)
@given(BODIES, FAILURES, MESSAGES, st.booleans(), st.integers(0, 9))
def test_what_is_proposed_parses_and_differs(
    body: str, kind: FailureKind, message: str, tabs: bool, seed: int
) -> None:
    text = f"class C:\n    def f(self, a, b, items=(), d=None):\n{textwrap.indent(body, ' ' * 8)}\n"
    if tabs:
        text = text.replace("    ", "\t").replace("\n", "\r\n")
    if not parses(text):
        return
    file = parsed(text)
    failure = Failure(test="t", kind=kind, exception="KeyError", message=message, actual="1", expected="'x'")
    hints = Hints(
        failures=(failure,), expected=("'x'",), literals=("'x'", "0"), changes={"int": 1.0, "strip": 1.0}
    )
    before = ast.dump(file.tree)
    for family in FAMILIES:
        found = ideas_of(file, family.NAME, hints, failure)
        for idea in random.Random(seed).sample(found, min(len(found), 8)):
            result = program(file, idea.edits)
            if isinstance(result, str):
                continue
            assert ast.dump(ast.parse(result.text)) != before
            assert written(file, text.encode(), idea, result.text) == result.text.encode()


def test_the_answer_of_the_test_is_not_written_into_the_code() -> None:
    """A patch that gives what one test expects, and nothing else, would pass and be wrong."""
    failure = Failure(test="t", kind=FailureKind.WRONG_COLLECTION, actual="()", expected="(0, 2, 4)")
    hints = Hints(failures=(failure,), expected=("(0, 2, 4)", "37"))
    file = parsed(function("return [x for x in b]"))
    texts = [applied(file.text, i.edits) for f in FAMILIES for i in ideas_of(file, f.NAME, hints)]
    assert texts
    assert not any(text and ("return (0, 2, 4)" in text or "return 37" in text) for text in texts)


def test_every_family_says_something_and_has_its_weight() -> None:
    names = [family.NAME for family in FAMILIES]
    assert len(set(names)) == len(names)
    assert set(USUAL) == set(names) == set(WHY)
    assert {name for weights in GIVEN.values() for name in weights} <= set(names)
    assert set(GIVEN) == set(FailureKind)


def test_code_outside_functions_is_no_stumbling_block() -> None:
    file = parsed("LIMIT = 3\nif LIMIT > 2:\n    VALUE = LIMIT + 1\n")
    found = {family.NAME for family in FAMILIES if ideas_of(file, family.NAME, Hints(failures=(FALSE,)))}
    assert {"comparison", "constants", "arithmetic"} <= found
