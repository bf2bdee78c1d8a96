"""A Test Designer's cases as test files: placed, styled and checked as the repository's own are. Pure."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Collection, Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import lru_cache

from agent.builtin.reproduction.hygiene import objection
from agent.builtin.reproduction.placement import place, slug
from agent.builtin.reproduction.reading import trusted
from agent.llm.prompts import line
from agent.localize.safe_ast import parse_module
from agent.localize.symbols import Symbol, SymbolIndex
from agent.protocols import Context
from agent.skills.shared import encodable
from agent.types import FailureSign, Location, TestFile, TestRole

HYPOTHESIS = "hypothesis"
REQUIREMENTS = re.compile(
    r"(?:.*/)?(?:pyproject\.toml|setup\.(?:cfg|py)|tox\.ini|Pipfile|[\w.-]*require[\w.-]*\.txt)"
)
MOST_FILES = 4
MOST_CODE = 20_000  # characters of one case
QUOTE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One case as it was answered. ``red``: it is said to fail on base, with ``fails_with`` if that is
    known."""

    name: str
    kind: str
    verifies: str
    code: str
    quote: str = ""
    red: bool = False
    fails_with: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How the repository writes tests, and whether it has hypothesis."""

    unittest: bool
    hypothesis: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Suitable:
    """What became of the cases. ``refused`` says of each that was not taken, why not."""

    files: tuple[TestFile, ...]
    cases: tuple[Case, ...]
    refused: tuple[str, ...]

    @property
    def red(self) -> bool:
        return any(case.red for case in self.cases)


def style_of(context: Context, target: Location | None = None) -> Style:
    index, known = _read(_Run(context, id(context)))
    return Style(
        unittest=place(context, index, _symbol(index, target), "").unittest,
        hypothesis=_has_hypothesis(context, known),
    )


@dataclass(frozen=True, slots=True)
class _Run:
    """A context, which never changes, compared by identity."""

    context: Context = field(compare=False)
    run: int


@lru_cache(maxsize=4)
def _read(of: _Run) -> tuple[SymbolIndex, frozenset[str]]:
    """The symbols of base and the modules that tests may import: read once in a run, not for each design."""
    index = SymbolIndex.of(of.context)
    return index, trusted(index)


def files_of(
    preamble: str,
    cases: Sequence[Case],
    context: Context,
    target: Location | None,
    *,
    taken: AbstractSet[str],
) -> Suitable:
    """The cases that can be taken, in files of one way of failing each: a file has one sign."""
    index, known = _read(_Run(context, id(context)))
    hypothesis = _has_hypothesis(context, known)
    symbol = _symbol(index, target)
    where = place(context, index, symbol, "")
    allowed = known | {HYPOTHESIS} if hypothesis else known - {HYPOTHESIS}
    fine: dict[str, Case] = {}
    refused: list[str] = []
    for case in cases:
        fault = _fault(preamble, case, allowed, where.unittest)
        fault = fault or ("its name is used twice" if case.name in fine else "")
        if fault:
            refused.append(f"{line(case.name, 80)}: {fault}")
        else:
            fine[case.name] = case
    files: list[TestFile] = []
    used = set(taken)
    for group in _grouped(fine.values()):
        path = _free(place(context, index, symbol, _word(group)).path, used)
        used.add(path)
        files.append(_file(path, preamble, group, context, unittest=where.unittest))
    return Suitable(files=tuple(files), cases=tuple(fine.values()), refused=tuple(refused))


def _grouped(cases: Collection[Case]) -> list[list[Case]]:
    """A file for each case that fails now, so that each can be marked wrong by itself (U21); with many of
    them those that fail alike share one. What passes now stands with the first: what gates is measured."""
    groups: list[list[Case]] = []
    for case in cases:
        alike = [group for group in groups if _sign(group[0]) == _sign(case)]
        if case.red and alike and len(groups) >= MOST_FILES:
            alike[-1].append(case)
        elif case.red:
            groups.append([case])
    green = [case for case in cases if not case.red]
    if groups:
        groups[0] += green
    return groups or ([green] if green else [])


def _file(path: str, preamble: str, cases: Sequence[Case], context: Context, *, unittest: bool) -> TestFile:
    red = [case for case in cases if case.red]
    return TestFile(
        path=path,
        content=_content(preamble, cases, unittest=unittest),
        verifies=" ".join(case.verifies for case in cases)[:1_000],
        source=next((quote for case in (*red, *cases) if (quote := _quoted(case, context))), ""),
        sign=_sign(red[0]) if red else FailureSign(),
        role=TestRole.REPRODUCTION if red else TestRole.WITNESS,
    )


def _content(preamble: str, cases: Sequence[Case], *, unittest: bool) -> str:
    bodies = [textwrap.dedent(case.code.replace("\r\n", "\n")).strip() for case in cases]
    head = preamble.replace("\r\n", "\n").strip()
    if any("pytest." in body for body in bodies) and not re.search(r"^import pytest\b", head, re.MULTILINE):
        head = _with_import("pytest", head)
    if not unittest:
        return "\n\n\n".join(filter(None, (head, *bodies))) + "\n"
    if not re.search(r"^import unittest$", head, re.MULTILINE):
        head = _with_import("unittest", head)
    name = "".join(word.capitalize() for word in _word(cases).split("_")) or "Issue"
    methods = "\n\n".join(textwrap.indent(body, "    ") for body in bodies)
    return f"{head.strip()}\n\n\nclass {name}Test(unittest.TestCase):\n{methods}\n"


def _with_import(module: str, head: str) -> str:
    """Before the others, unless something has to stand first."""
    first = head.startswith(("from __future__", '"', "'", "#"))
    return f"{head}\nimport {module}" if first else f"import {module}\n{head}".strip()


def _fault(preamble: str, case: Case, allowed: frozenset[str], unittest: bool) -> str:
    """Why a case cannot be taken; empty when it can."""
    if not (case.name.isidentifier() and case.name.isascii() and case.name.startswith("test")):
        return "the name is not that of a test function"
    if not encodable(preamble) or not encodable(case.code) or len(case.code) > MOST_CODE:
        return "its code is too long or holds characters that no source file can hold"
    head = parse_module(preamble.replace("\r\n", "\n").strip())
    body = parse_module(textwrap.dedent(case.code.replace("\r\n", "\n")).strip())
    if head is None or body is None:
        return "its code, or the preamble, does not parse"
    found = [node for node in body.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    own = next((node for node in found if node.name == case.name), None)
    if own is None or len(found) != len(body.body):
        return f"its code is not the function {case.name} alone"
    if isinstance(own, ast.AsyncFunctionDef):  # fails with and without a patch where no plugin runs it
        return "it is a coroutine; call asyncio.run in a plain function"
    if any(node.name.startswith("test") for node in found if node is not own):
        return "its code holds more than one test"
    if (bool(own.args.args) and own.args.args[0].arg == "self") != unittest:
        return "tests here are methods, with self" if unittest else "tests here are functions, without self"
    if unittest and _multiline_string(body):
        return "a string over several lines cannot be moved into a class"
    if any(isinstance(node, ast.FunctionDef) and node.name.startswith("test") for node in head.body):
        return "the preamble holds a test"
    return objection(head, allowed) or objection(body, allowed)


def _multiline_string(tree: ast.AST) -> bool:
    return any(
        isinstance(node, ast.Constant | ast.JoinedStr) and node.end_lineno != node.lineno
        for node in ast.walk(tree)
    )


def _sign(case: Case) -> FailureSign:
    """How it must fail on base. That a rejection is missing is reported in each runner's own words, and a
    property fails in hypothesis's: there any failure of the test counts."""
    name = case.fails_with.strip().rpartition(".")[2]
    vague = name == "AssertionError" and re.search(r"raises|warns|assertRaises|assertWarns", case.code)
    if not name.isidentifier() or len(name) > 100 or vague or case.kind == "property":
        return FailureSign()
    return FailureSign(exception=name)


def _quoted(case: Case, context: Context) -> str:
    """The quotation, if the issue really says so."""
    quote = " ".join(case.quote.split())[:QUOTE]
    said = " ".join(f"{context.task.title} {context.task.text}".split())
    return quote if quote and quote in said else ""


def _word(cases: Iterable[Case]) -> str:
    first = next(iter(cases), None)
    return slug(first.name.removeprefix("test")) if first is not None else ""


def _free(path: str, used: AbstractSet[str]) -> str:
    stem, number = path.removesuffix(".py"), 2
    while path in used:
        path, number = f"{stem}_{number}.py", number + 1
    return path


def _symbol(index: SymbolIndex, target: Location | None) -> Symbol | None:
    if target is None:
        return None
    named = [one for one in index.symbols(target.path) if one.name == target.symbol]
    return named[0] if named else index.enclosing(target.path, target.line)


def _has_hypothesis(context: Context, known: frozenset[str]) -> bool:
    """As the environment says; where that is not known: some file imports it, or a file of requirements names
    it."""
    sure = context.packages.importable(HYPOTHESIS)
    if sure is not None:
        return sure
    if HYPOTHESIS in known:
        return True
    paths = [path for path in context.source.paths() if REQUIREMENTS.fullmatch(path)]
    texts = (context.source.read(path) or b"" for path in paths[:50])
    return any(re.search(rb"(?im)^[^#\n]*\bhypothesis\b", text) for text in texts)
