"""Where a new test goes, what it is called, and in which style the repository writes tests."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import PurePosixPath

from agent.localize.symbols import Symbol, SymbolIndex
from agent.protocols import Context

DEFAULT_DIRECTORY = "tests"
MAX_SLUG = 40
MAX_TITLE_SLUG = 28


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    path: str
    unittest: bool
    double_quotes: bool


def place(context: Context, index: SymbolIndex, symbol: Symbol | None, word: str) -> Place:
    """The place of a test of ``symbol``; ``word`` ends the file's name."""
    tests = tuple(path for path in index.python_files if _is_suite_file(path) and index.is_test(path))
    neighbour = _neighbour(tests, symbol)
    directory = str(PurePosixPath(neighbour).parent) if neighbour else _common(tests)
    return Place(
        path=_free(context, "" if directory == "." else directory + "/", word),
        unittest=_is_unittest(context, index, tests, neighbour),
        double_quotes=_double_quotes(index.text(neighbour or (tests[0] if tests else ""))),
    )


def _is_suite_file(path: str) -> bool:
    name = PurePosixPath(path).name
    return name.startswith("test_") or name.endswith("_test.py")


def _neighbour(tests: tuple[str, ...], symbol: Symbol | None) -> str:
    """The existing test file of the symbol's module."""
    if symbol is None:
        return ""
    stem = PurePosixPath(symbol.path).stem.strip("_")
    found = [
        path for path in tests if stem in PurePosixPath(path).stem.replace("test", "").strip("_").split("__")
    ]
    found = found or [path for path in tests if stem and stem in PurePosixPath(path).stem.split("_")]
    return min(found, key=lambda path: (path.count("/"), len(path), path), default="")


def _common(tests: tuple[str, ...]) -> str:
    """The directory that holds most test files; the shallower of equals."""
    counts = Counter(str(PurePosixPath(path).parent) for path in tests)
    return min(counts, key=lambda one: (-counts[one], one.count("/"), one), default=DEFAULT_DIRECTORY)


def _free(context: Context, directory: str, word: str) -> str:
    number = context.task.number
    about = slug(context.task.title, MAX_TITLE_SLUG) if number is None else str(number)
    named = slug(word)
    stem = "_".join(filter(None, ("test_issue", about, "" if named in about else named)))
    taken = frozenset(context.source.paths())
    path, more = f"{directory}{stem}.py", 2
    while path in taken:
        path, more = f"{directory}{stem}_{more}.py", more + 1
    return path


def slug(text: str, limit: int = MAX_SLUG) -> str:
    """Letters, digits and single underscores: whole words, at most ``limit`` characters."""
    plain = "".join(one if one.isascii() and one.isalnum() else "_" for one in text.lower())
    words: list[str] = []
    for word in plain.split("_"):
        if word and words and len("_".join((*words, word))) > limit:
            break
        words.extend([word] if word else [])
    return "_".join(words)[:limit].strip("_")


def _is_unittest(context: Context, index: SymbolIndex, tests: tuple[str, ...], neighbour: str) -> bool:
    """Whether tests are ``unittest.TestCase`` classes only. pytest runs those too, so configuration for it
    alone does not make them pytest's."""
    if context.baseline.suite == "unittest":
        return True
    if any(b"import pytest" in index.text(path) or b"from pytest" in index.text(path) for path in tests):
        return False
    looked_at = (neighbour,) if neighbour else tests
    classes = any(b"TestCase" in index.text(path) for path in looked_at)
    functions = any(index.text(path).find(b"\ndef test") >= 0 for path in looked_at)
    return classes and not functions


def _double_quotes(text: bytes) -> bool:
    return text.count(b'"') >= text.count(b"'")
