"""What an issue claims about the code: subjects (something to run) and outcomes (what comes of them)."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from enum import StrEnum


class Mode(StrEnum):
    """Whether a statement tells what happens or what ought to happen."""

    ACTUAL = "actual"
    EXPECTED = "expected"


class Form(StrEnum):
    """How a subject is run and compared."""

    VALUE = "value"  # an expression with a value
    PRINTED = "printed"  # an expression whose printed form is spoken of
    RENDERED = "rendered"  # an expression that yields text; every expected value is text too
    ASSERTION = "assertion"  # the issue's own ``assert`` statement
    STATEMENT = "statement"  # statements without a value


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A Python expression; ``spoken`` is how the issue wrote it, which may be meant as text or repr."""

    source: str
    spoken: str = ""
    rounded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Text that is no Python literal: a string's content or, ``via`` "repr" or "str", what was printed."""

    text: str
    via: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Empty:
    """ "an empty list", "nothing": ``kind`` is a constructor's name, or "result" when it was not said."""

    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Raises:
    """``exceptions`` is empty when the issue says only that it fails."""

    exceptions: tuple[str, ...] = ()
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepts:
    """It runs to its end; with what result is not said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlike:
    """Anything but this value."""

    value: Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Like:
    """The same as another expression gives."""

    source: str
    imports: tuple[str, ...] = ()


Outcome = Value | Text | Empty | Raises | Accepts | Unlike | Like


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Something to run: ``source`` works after ``imports`` and ``setup``. ``targets`` are the dotted names of
    the repository's symbols that it calls.
    """

    source: str
    imports: tuple[str, ...] = ()
    setup: tuple[str, ...] = ()
    form: Form = Form.VALUE
    targets: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return "\n".join((*self.setup, self.source))


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One subject, what should come of it, and what came when the issue was written.

    ``guard`` marks what works already and must go on working; ``quote`` is the sentence of the issue.
    """

    subject: Subject
    expected: Outcome
    actual: Outcome | None
    quote: str
    confidence: float
    guard: bool = False
    derived: bool = False  # the issue says in words how it follows from another claim


def only_type_differs(actual: Outcome | None, expected: Value) -> bool:
    """``1`` against ``1.0`` or ``True``: equal to Python, not to the reporter."""
    if not isinstance(actual, Value) or actual.source == expected.source:
        return False
    try:
        one, other = ast.literal_eval(actual.source), ast.literal_eval(expected.source)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return False
    return bool(one == other)
