"""What a failing test says: kind of failure, exception, message, expected and actual value, frames.

The details are a runner's prose (pytest's or unittest's); what cannot be read stays empty.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum

from agent.localize.traceback import Frame, frames
from sandbox.suites.types import CaseResult

MAX_VALUE = 4000
EXCEPTION_LINE = re.compile(r"^(?:E\s{3,})?(?P<name>(?:[A-Za-z_]\w*\.)*[A-Z]\w*)(?:: (?P<message>.*))?$")
ENDINGS = ("Error", "Exception", "Warning", "Exit", "Interrupt", "Iteration", "Failed", "Fault")
NOT_RAISED = re.compile(
    r"DID NOT RAISE (?:any of )?\(?<class '(?P<pytest>[\w.]{1,200})'>"
    r"|AssertionError: (?P<unittest>[\w.]{1,200}) not raised"
)
WHERE = re.compile(
    r"^(?:E )?[ \t]{0,40}\+[ \t]{1,40}where (?P<value>.{1,2000}?) = (?P<call>.{1,1000})$", re.MULTILINE
)
ASSERTED = re.compile(r"^(?:E[ \t]{1,40})?(?:AssertionError: )?assert (?P<expression>.+)$", re.MULTILINE)
UNEQUAL = re.compile(r"AssertionError: (?P<left>.{1,2000}?) != (?P<right>.{1,2000})")
TRUTH = re.compile(r"AssertionError: (?P<value>.{1,2000}?) is not (?P<expected>true|false|None)\b")
UNEXPECTED_NONE = re.compile(r"AssertionError: unexpectedly None\b")


class FailureKind(StrEnum):
    """What sort of failure it is; the priors of the repair operators are conditioned on it."""

    NONE_USED = "None used as a value"
    NO_ATTRIBUTE = "no such attribute"
    NO_NAME = "no such name"
    ARGUMENTS = "wrong arguments"
    TYPE = "wrong type"
    ZERO_DIVISION = "division by zero"
    INDEX = "index out of range"
    KEY = "no such key"
    STOP = "iterator exhausted"
    UNPACK = "wrong number of values to unpack"
    CONVERSION = "conversion failed"
    RECURSION = "endless recursion"
    RAISED = "exception"
    NOT_RAISED = "exception not raised"
    WRONG_BOOL = "wrong truth value"
    WRONG_NUMBER = "wrong number"
    WRONG_TEXT = "wrong text"
    WRONG_COLLECTION = "wrong collection"
    WRONG_NONE = "None instead of a value, or the reverse"
    WRONG_VALUE = "wrong value"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One failing test, read. ``actual`` and ``expected`` are the texts of Python literals, or empty."""

    test: str
    kind: FailureKind = FailureKind.UNKNOWN
    exception: str = ""  # class name without module; for NOT_RAISED the one that was to be raised
    message: str = ""
    actual: str = ""
    expected: str = ""
    call: str = ""  # the call that gave the actual value, when the runner tells
    frames: tuple[Frame, ...] = ()  # of repository files, outermost first
    test_frames: tuple[Frame, ...] = ()  # of test files

    @property
    def crashed(self) -> bool:
        """An exception came out of the code under test (not a failed assertion)."""
        return self.kind not in VALUE_KINDS


VALUE_KINDS = frozenset(
    {
        FailureKind.NOT_RAISED,
        FailureKind.WRONG_BOOL,
        FailureKind.WRONG_NUMBER,
        FailureKind.WRONG_TEXT,
        FailureKind.WRONG_COLLECTION,
        FailureKind.WRONG_NONE,
        FailureKind.WRONG_VALUE,
        FailureKind.UNKNOWN,
    }
)

SIMPLE_KINDS = {
    "NameError": FailureKind.NO_NAME,
    "UnboundLocalError": FailureKind.NO_NAME,
    "AttributeError": FailureKind.NO_ATTRIBUTE,
    "ZeroDivisionError": FailureKind.ZERO_DIVISION,
    "IndexError": FailureKind.INDEX,
    "KeyError": FailureKind.KEY,
    "StopIteration": FailureKind.STOP,
    "OverflowError": FailureKind.CONVERSION,
    "InvalidOperation": FailureKind.CONVERSION,
    "UnicodeDecodeError": FailureKind.CONVERSION,
    "UnicodeEncodeError": FailureKind.CONVERSION,
    "RecursionError": FailureKind.RECURSION,
}
CONVERSION_MESSAGES = (
    "invalid literal",
    "could not convert",
    "cannot convert",
    "invalid value",
    "Invalid isoformat",
)
EMPTY_MESSAGES = ("empty sequence", "empty iterable", "is an empty")
ARGUMENT_MESSAGES = ("positional argument", "keyword argument", "required argument", "takes no arguments")


def read_failure(case: CaseResult, paths: Collection[str], test_paths: Collection[str] = ()) -> Failure:
    """Read one failing case. Frames in ``test_paths`` are left out."""
    text = f"{case.message}\n{case.details}"
    tests = frozenset(test_paths)
    printed = frames(case.details, paths)
    trace = tuple(frame for frame in printed if frame.path not in tests)
    in_tests = tuple(frame for frame in printed if frame.path in tests)
    missed = NOT_RAISED.search(text)
    if missed:
        name = (missed["pytest"] or missed["unittest"]).rpartition(".")[2]
        return Failure(
            test=case.id,
            kind=FailureKind.NOT_RAISED,
            exception=name,
            message=missed[0],
            frames=trace,
            test_frames=in_tests,
        )
    name, message = _exception(case)
    if name == "RuntimeError" and "raised StopIteration" in message:
        name = "StopIteration"  # as it was before it left a generator (PEP 479)
    actual, expected = _values(text)
    call = WHERE.search(case.details)
    return Failure(
        test=case.id,
        kind=_kind(name, message, actual, expected),
        exception=name,
        message=message,
        actual=actual,
        expected=expected,
        call=call["call"][:300] if call else "",
        frames=trace,
        test_frames=in_tests,
    )


def _exception(case: CaseResult) -> tuple[str, str]:
    """Class and message: from the one-line message, else the last such line of the details."""
    lines = [case.message.split("\n", 1)[0], *reversed(case.details[-20_000:].splitlines())]
    for line in lines:
        match = EXCEPTION_LINE.match(line.strip() if not line.startswith("E ") else line)
        if match:
            name = match["name"].rpartition(".")[2]
            if name.endswith(ENDINGS):
                return name, (match["message"] or "").strip()
    asserted = lines[0].startswith("assert ")
    return ("AssertionError" if asserted else ""), lines[0]


def _kind(name: str, message: str, actual: str, expected: str) -> FailureKind:
    if name in ("AssertionError", "Failed", ""):
        return _value_kind(actual, expected)
    if "NoneType" in message and name in ("TypeError", "AttributeError"):
        return FailureKind.NONE_USED
    if name in SIMPLE_KINDS:
        return SIMPLE_KINDS[name]
    if name in ("ValueError", "TypeError"):
        if "unpack" in message:
            return FailureKind.UNPACK
        if any(part in message for part in EMPTY_MESSAGES):
            return FailureKind.INDEX
        if any(part in message for part in CONVERSION_MESSAGES):
            return FailureKind.CONVERSION
        if any(part in message for part in ARGUMENT_MESSAGES):
            return FailureKind.ARGUMENTS
    return FailureKind.TYPE if name == "TypeError" else FailureKind.RAISED


def _value_kind(actual: str, expected: str) -> FailureKind:
    if not actual or not expected:
        return FailureKind.WRONG_VALUE if actual or expected else FailureKind.UNKNOWN
    mine, wanted = literal(actual), literal(expected)
    if (mine is None) != (wanted is None):
        return FailureKind.WRONG_NONE
    if isinstance(mine, bool) or isinstance(wanted, bool):
        return FailureKind.WRONG_BOOL
    if isinstance(mine, int | float | complex) and isinstance(wanted, int | float | complex):
        return FailureKind.WRONG_NUMBER
    if isinstance(mine, str | bytes) and isinstance(wanted, str | bytes):
        return FailureKind.WRONG_TEXT
    containers = (list, tuple, set, dict)
    if isinstance(mine, containers) or isinstance(wanted, containers):
        return FailureKind.WRONG_COLLECTION
    return FailureKind.WRONG_VALUE


def literal(text: str) -> object:
    """The value of a literal's text; Ellipsis when it is none (never evaluates anything else)."""
    if not text or len(text) > MAX_VALUE:
        return ...
    try:
        return ast.literal_eval(text)
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError):
        return ...


def is_literal(text: str) -> bool:
    return literal(text) is not ...


def _values(text: str) -> tuple[str, str]:
    """(actual, expected). A value that a call gave is the actual one; else the left one is."""
    for left, right in _pairs(text):
        if is_literal(left) and is_literal(right):
            where = WHERE.search(text)
            swapped = where is not None and where["value"].strip() == right and right != left
            return (right, left) if swapped else (left, right)
    return "", ""


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    for match in ASSERTED.finditer(text[: MAX_VALUE * 10]):
        yield from _asserted_pair(match["expression"].strip())
    for match in UNEQUAL.finditer(text):
        yield match["left"].strip(), match["right"].split(" : ")[0].strip()
    for match in TRUTH.finditer(text):
        yield match["value"].strip(), {"true": "True", "false": "False"}.get(match["expected"], "None")


def _asserted_pair(expression: str) -> Iterator[tuple[str, str]]:
    if len(expression) > MAX_VALUE:
        return
    try:
        node = ast.parse(expression, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    match node:
        case ast.Compare(left=left, ops=[ast.Eq() | ast.Is()], comparators=[right]):
            yield ast.unparse(left), ast.unparse(right)
        case ast.UnaryOp(op=ast.Not(), operand=ast.Constant(value=bool() as value)):
            yield repr(value), repr(not value)
        case ast.Constant(value=False | None as value):
            yield repr(value), "True"
