"""Operations: exact, pure, and an observation when they do not fit (B3, B4, C7, U21)."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import EditDoesNotApply
from agent.operations import apply_operation, current
from agent.types import (
    AddTests,
    MarkTestWrong,
    Operation,
    Patch,
    ReplacePassage,
    RewriteSymbol,
    State,
    TestFile,
    TestRole,
)


class Files:
    """A SourceTree of a few texts."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.files = files

    def paths(self) -> tuple[str, ...]:
        return tuple(sorted(self.files))

    def read(self, path: str) -> bytes | None:
        return self.files.get(path)


def applied(before: str | bytes, operation: Operation) -> str:
    content = before if isinstance(before, bytes) else before.encode()
    source = Files({"f.py": content})
    after = current(apply_operation(State(), operation, source), "f.py", source)
    assert after is not None
    return after.decode()


def rewrite(symbol: str, source: str) -> RewriteSymbol:
    return RewriteSymbol(path="f.py", symbol=symbol, source=source)


MODULE = '''import os


@decorated(
    1,
)
def first(x):
    """Text.

  not indented
    """
    return x  # one


class Box:
    size = 1

    @property
    def width(self):
        return 2

    class Inner:
        def deep(self):
            return 3

    async def later(self): return 4

last = first
'''


def test_a_function_is_replaced_with_its_decorators_and_nothing_else() -> None:
    after = applied(MODULE, rewrite("first", "def first(x):\n    return x + 1\n"))
    assert after == MODULE.replace(
        MODULE[MODULE.index("@decorated") : MODULE.index("# one\n") + 6], "def first(x):\n    return x + 1\n"
    )


METHODS = [
    ("Box.width", "@property\ndef width(self):\n    return 5\n"),
    ("Box.width", "    @property\n    def width(self):\n        return 5\n"),
    ("Box.width", "\n\n        @property\n        def width(self):\n            return 5"),
]


@pytest.mark.parametrize(("symbol", "source"), METHODS)
def test_a_method_is_moved_to_where_it_stands(symbol: str, source: str) -> None:
    assert applied(MODULE, rewrite(symbol, source)) == MODULE.replace("return 2", "return 5")


def test_nested_classes_and_one_liners() -> None:
    assert applied(MODULE, rewrite("Box.Inner.deep", "def deep(self):\n    return 6")) == MODULE.replace(
        "return 3", "return 6"
    )
    after = applied(MODULE, rewrite("Box.later", "async def later(self):\n    return 7\n"))
    assert after == MODULE.replace(
        "    async def later(self): return 4\n", "    async def later(self):\n        return 7\n"
    )


def test_what_stands_in_a_string_is_not_moved() -> None:
    source = 'def width(self):\n    return """a\n  b\nc"""\n'
    after = applied(MODULE, rewrite("Box.width", source))
    assert '        return """a\n  b\nc"""\n' in after
    ast.parse(after)


def test_a_class_is_replaced_whole() -> None:
    after = applied(MODULE, rewrite("Box", "class Box:\n    pass\n"))
    assert after.endswith("class Box:\n    pass\n\nlast = first\n")


def test_line_ends_are_those_of_the_file() -> None:
    before = MODULE.replace("\n", "\r\n")
    after = applied(before, rewrite("Box.width", "@property\ndef width(self):\n    return 5\n"))
    assert after == before.replace("return 2", "return 5")
    assert "\n" not in after.replace("\r\n", "")


def test_a_definition_under_a_condition_is_found() -> None:
    before = "try:\n    import fast\nexcept ImportError:\n    def go():\n        return 1\n"
    assert applied(before, rewrite("go", "def go():\n    return 2\n")) == before.replace("1", "2")


def test_a_file_without_a_last_line_end() -> None:
    assert applied("def f():\n    return 1", rewrite("f", "def f(): return 2")) == "def f(): return 2\n"


REFUSED_REWRITES = [
    ("nothing", "def nothing(): pass", "no nothing"),
    ("Box.nothing", "def nothing(): pass", "no nothing"),
    ("twice", "def twice(): pass", "2 definitions"),
    ("first", "return 1", "no definition"),
    ("first", "x = 1", "no definition"),
    ("first", "def first(:", "cannot be parsed"),
    ("first", "", "no definition"),
    ("first", "def first():\n    return '\x00'\n", "cannot be parsed"),
    ("", "def first(): pass", "no "),
    ("first", "def other():\n    pass\n", "no definition of first"),
]


@pytest.mark.parametrize(("symbol", "source", "why"), REFUSED_REWRITES)
def test_a_rewrite_that_does_not_fit_is_refused(symbol: str, source: str, why: str) -> None:
    before = MODULE + "\ndef twice(): pass\ndef twice(): pass\n"
    with pytest.raises(EditDoesNotApply, match=why):
        applied(before, rewrite(symbol, source))


def test_a_file_that_is_no_python_is_refused() -> None:
    with pytest.raises(EditDoesNotApply, match="cannot be parsed"):
        applied("def (", rewrite("f", "def f(): pass"))
    with pytest.raises(EditDoesNotApply, match="cannot be parsed"):
        applied(b"\xff\xfe", rewrite("f", "def f(): pass"))
    with pytest.raises(EditDoesNotApply, match="no file"):
        apply_operation(State(), rewrite("f", "def f(): pass"), Files({}))


def test_text_that_cannot_be_encoded_is_refused() -> None:
    for operation in (
        rewrite("first", "def first():\n    return '\udc80'\n"),
        ReplacePassage(path="f.py", passage="import os", replacement="import \udc80"),
        ReplacePassage(path="f.py", passage="\udc80", replacement="x"),
        ReplacePassage(path="new.py", passage="", replacement="\udc80"),
        AddTests(tests=(TestFile(path="tests/test_a.py", content="\udc80", verifies="v"),)),
    ):
        with pytest.raises(EditDoesNotApply):
            applied(MODULE, operation)


def test_a_file_in_another_encoding_keeps_its_bytes() -> None:
    before = '# -*- coding: latin-1 -*-\nx = "é"\n\n\ndef f():\n    return 1\n'.encode("latin-1")
    source = Files({"f.py": before})
    state = apply_operation(State(), rewrite("f", "def f():\n    return 2\n"), source)
    assert current(state, "f.py", source) == before.replace(b"1\n", b"2\n")


def test_helpers_may_come_with_a_function() -> None:
    after = applied(
        MODULE, rewrite("Box.width", "def width(self):\n    return _two()\n\ndef _two(): return 2")
    )
    ast.parse(after)
    assert "    def _two(): return 2\n" in after


# --- Passages -----------------------------------------------------------------------------------------------


def passage(before: str, after: str, path: str = "f.py") -> ReplacePassage:
    return ReplacePassage(path=path, passage=before, replacement=after)


def test_a_passage_is_replaced_byte_for_byte() -> None:
    assert applied(MODULE, passage("return 2", "return 5")) == MODULE.replace("return 2", "return 5")
    assert applied("a\r\nb\r\n", passage("a\nb", "c\nd")) == "c\r\nd\r\n"
    assert applied("ab", passage("a", "")) == "b"


@pytest.mark.parametrize(
    ("before", "operation", "why"),
    [
        ("a a", passage("a", "b"), "more than once"),
        ("aaa", passage("aa", "b"), "more than once"),
        ("a", passage("b", "c"), "does not occur"),
        ("a", passage("", "c"), "does not occur"),
        ("a", passage("a", "c", "missing.py"), "no file"),
    ],
)
def test_a_passage_must_occur_exactly_once(before: str, operation: ReplacePassage, why: str) -> None:
    with pytest.raises(EditDoesNotApply, match=why):
        applied(before, operation)


def test_an_empty_passage_makes_a_new_file() -> None:
    state = apply_operation(State(), passage("", "x = 1\n", "new.py"), Files({}))
    assert state.patch.overlay == {"new.py": b"x = 1\n"}


@given(
    st.text(alphabet="ab\n", max_size=20), st.text(alphabet="ab\n", min_size=1, max_size=4), st.text("c\n")
)
def test_a_passage_changes_only_itself(text: str, old: str, new: str) -> None:
    source = Files({"f.py": text.encode()})
    try:
        state = apply_operation(State(), passage(old, new), source)
    except EditDoesNotApply:
        places = [at for at in range(len(text)) if text.startswith(old, at)]
        assert len(places) != 1
    else:
        assert current(state, "f.py", source) == text.replace(old, new).encode()


# --- Tests --------------------------------------------------------------------------------------------------

ONE = TestFile(path="tests/test_one.py", content="one", verifies="one")
TWO = TestFile(path="tests/test_two.py", content="two", verifies="two")


def test_a_wrong_test_is_kept_with_the_reason_and_gates_no_more() -> None:
    mark = MarkTestWrong(path=ONE.path, reason="the issue says otherwise")
    state = apply_operation(State(tests=(ONE, TWO)), mark, Files({}))
    assert state.reproduction == (TWO,)
    assert state.tests[0] == replace(ONE, role=TestRole.WRONG, reason="the issue says otherwise")
    assert ONE.path not in state.overlay


@pytest.mark.parametrize(
    ("tests", "path", "why"),
    [
        ((ONE,), ONE.path, "only test"),
        ((ONE, replace(TWO, role=TestRole.WITNESS)), ONE.path, "only test"),
        ((ONE, TWO), "tests/test_three.py", "no test"),
        ((replace(ONE, given=True), TWO), ONE.path, "handed in"),
    ],
)
def test_what_may_not_be_marked_wrong(tests: tuple[TestFile, ...], path: str, why: str) -> None:
    with pytest.raises(EditDoesNotApply, match=why):
        apply_operation(State(tests=tests), MarkTestWrong(path=path, reason="r"), Files({}))


def test_a_witness_may_be_marked_wrong_beside_one_reproduction() -> None:
    tests = (ONE, replace(TWO, role=TestRole.WITNESS))
    state = apply_operation(State(tests=tests), MarkTestWrong(path=TWO.path, reason="r"), Files({}))
    assert state.witnesses == ()
    assert state.reproduction == (ONE,)


def test_a_new_test_never_replaces_a_file_of_the_repository_or_of_the_patch() -> None:
    add = AddTests(tests=(ONE,))
    with pytest.raises(EditDoesNotApply, match="exists already"):
        apply_operation(State(), add, Files({ONE.path: b""}))
    patched = State(patch=Patch().with_file(ONE.path, b"x"))
    with pytest.raises(EditDoesNotApply, match="exists already"):
        apply_operation(patched, add, Files({}))
