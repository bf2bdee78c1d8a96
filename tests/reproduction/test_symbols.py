"""The symbol index: definitions, re-exports, inheritance, and files that are no Python."""

from __future__ import annotations

import pytest

from agent.localize.symbols import Example, Kind, SymbolIndex
from tests.reproduction.support import FILES, FakeTree

LIBRARY = {
    "src/lib/__init__.py": """
from .core import one as uno, Base
from lib.more import *
alias = uno
LIMIT = 3
""",
    "src/lib/core.py": '''
import contextlib
from typing import Iterator

def one(a, b=1, *rest, key, **more) -> Iterator[int]:
    """First.

    >>> one(1)
    2
    """
    raise helper(a)

def helper(a):
    if a:
        raise ValueError("a")
    check(a)

def check(a):
    raise KeyError

@contextlib.contextmanager
def managed():
    yield 1

async def stream():
    yield 1

class Base:
    def __init__(self, size: int = 0):
        if size < 0:
            raise OverflowError
    def method(self, x):
        def inner():
            yield 1
        return inner
    @staticmethod
    def static(x): return map(str, x)
    @property
    def prop(self): return (i for i in self)

class Child(Base):
    pass
''',
    "src/lib/more.py": "from lib.core import Child\n\ndef _hidden(): pass\ndef shown(): yield\n",
    "src/lib/cycle.py": "from lib.cycle import missing\n",
    "tests/test_lib.py": "def shown(): pass\n",
    "setup.py": "def shown(): pass\n",
}


def index_of(files: dict[str, str]) -> SymbolIndex:
    return SymbolIndex(FakeTree(files), ("src", "."))


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("lib.uno", "lib.core.one"),
        ("lib.alias", "lib.core.one"),
        ("lib.core.one", "lib.core.one"),
        ("lib.shown", "lib.more.shown"),
        ("lib.Child", "lib.core.Child"),
        ("lib.Child.method", "lib.core.Base.method"),
        ("lib.Base.method", "lib.core.Base.method"),
        ("lib._hidden", None),
        ("lib.cycle.missing", None),
        ("lib.nothing", None),
        ("nowhere.at.all", None),
        ("", None),
    ],
)
def test_dotted_names_lead_through_re_exports(name: str, found: str | None) -> None:
    symbol = index_of(LIBRARY).resolve(name)
    assert (symbol.dotted if symbol else None) == found


def test_packages_are_what_the_repository_is_there_for() -> None:
    index = index_of(LIBRARY)
    assert index.packages == ("lib",)
    assert index.modules["lib.core"] == "src/lib/core.py"
    assert index.module_name("src/not-a-module/x.py") == ""
    assert index.has("lib.LIMIT")
    assert not index.has("lib.NOTHING")


def test_a_function_is_described() -> None:
    one = index_of(LIBRARY).resolve("lib.core.one")
    assert one is not None
    assert one.signature == "one(a, b, *rest, key, **more)"
    assert [(p.name, p.required, p.keyword_only) for p in one.parameters if not p.star] == [
        ("a", True, False),
        ("b", False, False),
        ("key", True, True),
    ]
    assert (one.kind, one.returns, one.lazy, one.line) == (Kind.FUNCTION, "Iterator[int]", True, 5)
    assert one.examples == (Example(source="one(1)\n", want="2\n"),)
    assert one.takes("anything")


@pytest.mark.parametrize(
    ("name", "lazy"),
    [
        ("lib.core.managed", False),
        ("lib.core.stream", False),
        ("lib.more.shown", True),
        ("lib.core.Base.method", False),
        ("lib.core.Base.static", True),
        ("lib.core.Base.prop", True),
    ],
)
def test_what_gives_an_iterator_is_known(name: str, lazy: bool) -> None:
    symbol = index_of(LIBRARY).resolve(name)
    assert symbol is not None
    assert symbol.lazy is lazy


def test_exceptions_are_followed_into_helpers() -> None:
    index = index_of(LIBRARY)
    helper, base = index.resolve("lib.core.helper"), index.resolve("lib.Base")
    assert helper is not None
    assert base is not None
    assert index.exceptions_of(helper) == ("ValueError", "KeyError")
    assert index.exceptions_of(base) == ("OverflowError",)
    assert [one.name for one in base.parameters] == ["size"]


def test_users_import_the_shortest_public_name() -> None:
    index = index_of(LIBRARY)
    for name, path in (
        ("lib.core.Base", "lib.Base"),
        ("lib.core.Child", "lib.Child"),
        ("lib.core.check", "lib.core.check"),
    ):
        symbol = index.resolve(name)
        assert symbol is not None
        assert index.import_path(symbol) == path


def test_a_bare_name_finds_definitions_outside_tests_best_first() -> None:
    assert [one.dotted for one in index_of(LIBRARY).named("shown")] == ["lib.more.shown", "setup.shown"]


def test_the_innermost_definition_encloses_a_line() -> None:
    index = SymbolIndex(FakeTree(FILES), ("src",))
    line = FILES["src/toolbox/stack.py"].split("\n").index("        self.items.append(item)") + 1
    symbol = index.enclosing("src/toolbox/stack.py", line)
    assert symbol is not None
    assert symbol.name == "Stack.push"
    assert index.enclosing("src/toolbox/stack.py", 999) is None


@pytest.mark.parametrize(
    "content",
    [
        b"def f(:",
        b"\x00",
        b"\xff\xfe broken",
        b"# coding: nonsense\n",
        b"x = " + b"(" * 500 + b")" * 500,
        b"x = " + b"-" * 5000 + b"1",
        b"x = " + b"+1" * 20000,
        b"x = " + b"9" * 5000,
        b"'\\d'\n1or 2\n",
        b"",
    ],
)
def test_hostile_files_are_no_modules_or_empty_ones(content: bytes) -> None:
    class Tree:
        def paths(self) -> tuple[str, ...]:
            return ("bad.py",)

        def read(self, path: str) -> bytes | None:
            return content if path == "bad.py" else None

    index = SymbolIndex(Tree())
    assert index.symbols("bad.py") == ()
    assert index.named("f") == ()
    assert index.resolve("bad.f") is None
