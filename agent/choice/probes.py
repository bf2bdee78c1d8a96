"""Probes: small generated tests that tell what a candidate gives for an input, whatever is right.

Pure. A probe is a test that always fails; its message says what each asked expression gave. It is made from
a case that candidates disagree on (each assertion is replaced by a look at its subject), or from a few lines
of code that end in an expression. Nothing of it is ever published.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from agent.localize.safe_ast import dotted, own_nodes, parse_module
from agent.source_parts import Function, function_at, place_of
from agent.types import TestFile
from sandbox.suites.types import CaseResult, SuiteReport

MARK = "codeagent-probe "
NOTES = "codeagent_notes"
SHOW = "codeagent_show"
MOST = 3  # expressions of one probe, and parameters
LONGEST_INPUT = 800  # characters
LONGEST_OUTPUT = 120  # so that a message of 1,000 characters, which is what is kept, holds all of them
LONGEST_GIVEN = 60

_HELPER = f"""
def {SHOW}(notes, index, call):
    if len(notes) >= {MOST}:
        return
    try:
        shown = repr(call())
    except Exception as error:
        shown = "raises " + type(error).__name__ + ": " + str(error)
    notes.append([index, shown[:{LONGEST_OUTPUT}]])
"""
_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{4,}")
_PAIRS = frozenset(
    {"assertEqual", "assertNotEqual", "assertIs", "assertIsNot", "assertAlmostEqual", "assertListEqual",
     "assertDictEqual", "assertTupleEqual", "assertSetEqual", "assertSequenceEqual", "assertCountEqual",
     "assertIn", "assertNotIn", "assertGreater", "assertGreaterEqual", "assertLess", "assertLessEqual"}
)  # fmt: skip
_SINGLES = frozenset({"assertTrue", "assertFalse", "assertIsNone", "assertIsNotNone", "assertIsInstance"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """``test`` is run on each candidate; ``select`` says which of its cases. ``inputs`` are the asked
    expressions, each with the lines that lead to it, as code for people."""

    test: TestFile
    select: str
    inputs: tuple[str, ...]


def probe_of_case(test: TestFile, case: str) -> Probe | None:
    """A look at what the assertions of a case are about; None when they cannot be understood."""
    place = place_of(case, test.path)
    function = function_at(test.content, place) if place else None
    if not isinstance(function, ast.FunctionDef) or function.name.startswith("codeagent"):
        return None
    tree = parse_module(test.content)
    assert tree is not None  # the function was found in it
    looked = _Looks()
    body = looked.replaced(function.body)
    if not looked.inputs:
        return None
    target = _same(tree, function)
    target.body = [*_begin(), *body, *_end(function)]
    path = _beside(test.path)
    return Probe(
        test=_test(path, f"{ast.unparse(ast.fix_missing_locations(tree))}\n{_HELPER}"),
        select=_moved(case, test.path, path),
        inputs=tuple(looked.inputs),
    )


def probe_of_code(code: str, beside: str) -> Probe | None:
    """Lines of code that end in an expression, as somebody proposed them: None when they are no such thing.

    ``beside`` is the path of a test whose directory the probe goes into.
    """
    tree = parse_module(code, limit=LONGEST_INPUT)
    if tree is None or not tree.body or not isinstance(tree.body[-1], ast.Expr):
        return None
    if any(isinstance(node, ast.Return | ast.Yield | ast.Await | ast.Global) for node in own_nodes(tree)):
        return None
    *setup, last = tree.body
    assert isinstance(last, ast.Expr)
    path = _beside(beside)
    method = ast.FunctionDef(
        name="test_input",
        args=ast.arguments(
            posonlyargs=[], args=[ast.arg(arg="self")], kwonlyargs=[], kw_defaults=[], defaults=[]
        ),
        body=[*_begin(), *setup, _look(0, last.value), *_end(None)],
        decorator_list=[],
    )
    case = ast.ClassDef(
        name="CodeagentProbe",
        bases=[ast.parse("unittest.TestCase", mode="eval").body],
        keywords=[],
        body=[method],
        decorator_list=[],
    )
    module = ast.Module(body=[*ast.parse("import unittest").body, case], type_ignores=[])
    content = f"{ast.unparse(ast.fix_missing_locations(module))}\n{_HELPER}"
    return Probe(test=_test(path, content), select=path, inputs=(code.strip(),))


def outputs_of(report: SuiteReport, probe: Probe) -> dict[str, str]:
    """Input → what came of it, of one candidate. Empty when the probe did not get that far."""
    found: dict[str, str] = {}
    for case in report.cases:
        said = _said(case)
        if said is None:
            continue
        given, notes = said
        for index, shown in notes:
            if 0 <= index < len(probe.inputs):
                found.setdefault(f"{given}{probe.inputs[index]}"[:LONGEST_INPUT], shown)
    return found


def _said(case: CaseResult) -> tuple[str, list[tuple[int, str]]] | None:
    """What a case's message tells; the candidate could write anything into it."""
    _, mark, text = case.message.partition(MARK)
    if not mark:
        return None
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return None
    match body:
        case {"given": dict(given), "notes": list(notes)}:
            lines = [f"{name} = {_plain(value)}\n" for name, value in given.items()]
            return "".join(lines), [
                (note[0], _plain(note[1]))
                for note in notes
                if isinstance(note, list) and len(note) == 2 and isinstance(note[0], int)
            ]
    return None


def _plain(shown: object) -> str:
    """Without addresses: they differ between runs of the same code."""
    return _ADDRESS.sub("0x…", str(shown))[:LONGEST_OUTPUT]


# --- Writing a probe ----------------------------------------------------------------------------------------


class _Looks:
    """Statements with each assertion replaced by a look at its subject."""

    def __init__(self) -> None:
        self.inputs: list[str] = []
        self._setup: list[str] = []

    def replaced(self, body: Sequence[ast.stmt]) -> list[ast.stmt]:
        new: list[ast.stmt] = []
        for statement in body:
            subject = _subject(statement)
            if subject is not None and len(self.inputs) < MOST:
                new.append(_look(len(self.inputs), subject))
                self.inputs.append("\n".join([*self._setup, ast.unparse(subject)])[-LONGEST_INPUT:])
            elif subject is None:
                new.append(statement)
                if not _is_text(statement):
                    self._setup.append(ast.unparse(statement))
        return new


def _subject(statement: ast.stmt) -> ast.expr | None:
    """What an assertion is about; None for what is no assertion of a known form."""
    match statement:
        case ast.Assert(test=ast.UnaryOp(op=ast.Not(), operand=operand)):
            return operand
        case ast.Assert(test=ast.Compare(left=left, comparators=[right])):
            return _telling(left, right)
        case ast.Assert(test=test):
            return test
        case ast.Expr(value=ast.Call(func=ast.Attribute(attr=name), args=[left, right, *_])) if (
            name in _PAIRS
        ):
            return _telling(left, right)
        case ast.Expr(value=ast.Call(func=ast.Attribute(attr=name), args=[only, *_])) if name in _SINGLES:
            return only
        case ast.Expr(value=ast.Call(func=ast.Attribute(attr="assertRaises"), args=[_, call, *arguments])):
            return ast.Call(func=call, args=arguments, keywords=statement.value.keywords)  # type: ignore[attr-defined]
        case ast.With(items=[ast.withitem(context_expr=ast.Call(func=func))], body=[ast.Expr(value=value)]):
            return value if dotted(func).endswith(("raises", "assertRaises", "assertRaisesRegex")) else None
    return None


def _of_method(name: str, call: ast.Call) -> ast.expr | None:
    """Of one of unittest's assertions."""
    match call.args:
        case [left, right, *_] if name in _PAIRS:
            return _telling(left, right)
        case [only, *_] if name in _SINGLES:
            return only
        case [_, called, *arguments] if name == "assertRaises":
            return ast.Call(func=called, args=arguments, keywords=call.keywords)
    return None


def _telling(left: ast.expr, right: ast.expr) -> ast.expr:
    """The side that calls something."""
    calls = [any(isinstance(node, ast.Call) for node in ast.walk(side)) for side in (left, right)]
    return right if calls == [False, True] else left


def _look(index: int, subject: ast.expr) -> ast.stmt:
    call = ast.Lambda(
        args=ast.arguments(posonlyargs=[], args=[], kwonlyargs=[], kw_defaults=[], defaults=[]), body=subject
    )
    name = ast.Name(id=SHOW, ctx=ast.Load())
    arguments: list[ast.expr] = [ast.Name(id=NOTES, ctx=ast.Load()), ast.Constant(value=index), call]
    return ast.Expr(value=ast.Call(func=name, args=arguments, keywords=[]))


def _begin() -> list[ast.stmt]:
    return ast.parse(f"{NOTES} = []").body


def _end(function: ast.FunctionDef | None) -> list[ast.stmt]:
    arguments = [] if function is None else [*function.args.posonlyargs, *function.args.args]
    names = [each.arg for each in arguments if each.arg not in ("self", "cls")]
    given = ", ".join(f"{name!r}: repr({name})[:{LONGEST_GIVEN}]" for name in names[:MOST])
    return ast.parse(
        f"import json as codeagent_json\n"
        f"raise AssertionError({MARK!r} + codeagent_json.dumps("
        f"{{'given': {{{given}}}, 'notes': {NOTES}}}, ensure_ascii=False))"
    ).body


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _same(tree: ast.Module, function: Function) -> Function:
    """The function in another tree of the same text."""
    return next(
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.lineno, node.col_offset, node.name) == (function.lineno, function.col_offset, function.name)
    )


def _test(path: str, content: str) -> TestFile:
    return TestFile(path=path, content=content, verifies="nothing: it tells what comes out")


def _beside(path: str) -> str:
    whole = PurePosixPath(path)
    return str(whole.with_name(f"{whole.stem}_probe{whole.suffix}"))


def _moved(case: str, old: str, new: str) -> str:
    if case.startswith(f"{old}::"):
        return new + case.removeprefix(old)
    module = old.removesuffix(".py").replace("/", ".")
    return new.removesuffix(".py").replace("/", ".") + case.removeprefix(module)
