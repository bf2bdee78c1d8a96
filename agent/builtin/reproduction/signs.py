"""How a test of a claim must fail on base to fail "for the stated reason"."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from agent.builtin.reproduction.claims import Claim, Form, Outcome, Raises, Text, Value, only_type_differs
from agent.localize.safe_ast import parse_expression
from agent.types import FailureSign

MAX_FRAGMENT = 60
MIN_FRAGMENT = 6
CHANGING = frozenset("'\"`0123456789<>{}()[]…\n\\")
"""What differs between Python versions, inputs and machines in an exception's message."""


def sign(claim: Claim, *, strict: bool, unittest: bool) -> FailureSign:
    """The sign of one claim; ``strict`` asks for the stated wrong result, not only its kind of failure."""
    match claim.actual, claim.expected:
        case Raises(exceptions=()), _:
            return FailureSign()
        case Raises(exceptions=(name, *_), message=message), _:
            return FailureSign(exception=name, fragment=core(message) if strict else "")
        case _, Raises():
            if unittest:
                return FailureSign(exception="AssertionError", fragment="not raised")
            return FailureSign(fragment="DID NOT RAISE")
        case actual, expected:
            shown = ""
            if strict and claim.subject.form is not Form.ASSERTION:
                shown = _shown(claim, actual, unittest) or _kind_shown(expected, unittest)
            return FailureSign(exception="AssertionError", fragment=shown)


def common(claims: Sequence[Claim], *, strict: bool, unittest: bool) -> FailureSign:
    """The sign that several claims share; what they do not share is left open."""
    signs = [sign(claim, strict=strict, unittest=unittest) for claim in claims]
    exceptions = {one.exception for one in signs}
    fragments = {one.fragment for one in signs}
    return FailureSign(
        exception=exceptions.pop() if len(exceptions) == 1 else "",
        fragment=fragments.pop() if len(fragments) == 1 else "",
    )


def core(message: str) -> str:
    """The longest part of a message that holds no value: "object has no attribute"."""
    parts: list[str] = []
    current: list[str] = []
    for one in message.replace("...", "…") + "\n":
        if one in CHANGING:
            parts.append("".join(current).strip(" ,.:;"))
            current = []
        else:
            current.append(one)
    longest = max(parts, key=len, default="")
    return longest[:MAX_FRAGMENT].strip() if len(longest) >= MIN_FRAGMENT else ""


def _lead(unittest: bool) -> str:
    """What stands before the compared result in an assertion's message."""
    return "AssertionError: " if unittest else "assert "


def _kind_shown(expected: Outcome, unittest: bool) -> str:
    """How the message of an assertion begins when the result is at least of the expected kind."""
    lead = _lead(unittest)
    match expected:
        case Text():
            return lead + "'"
        case Value(source=source) if source.startswith("["):
            return f"{lead}Lists differ: [" if unittest else f"{lead}["
        case Value(source=source) if source.startswith("'"):
            return f"{lead}'"
        case _:
            return ""


def _shown(claim: Claim, actual: Outcome | None, unittest: bool) -> str:
    """How an assertion's message begins when the stated wrong result comes; empty where that may be written
    in many ways. A string keeps its quotes: a comparison of the wrong types fails too, with any patch."""
    match actual:
        case Value(source=source):
            text = source
        case Text(text=text):
            cut = text.partition(" at 0x")[0]
            text = f"'{text}'" if cut == text else f"'{cut}"
        case _:
            return ""
    if claim.subject.form is Form.RENDERED and isinstance(actual, Value) and not text.startswith("'"):
        text = f"'{text}'"
    inner = text.strip("'")
    plain = len(text) <= MAX_FRAGMENT and inner.isprintable() and not set(inner) & set("{}\\'\"")
    if not plain or not _is_simple(claim.subject.source) or _compared_otherwise(claim):
        return ""
    lists = (
        text.startswith("[") and isinstance(claim.expected, Value) and claim.expected.source.startswith("[")
    )
    return f"{_lead(unittest)}{'Lists differ: ' if lists and unittest else ''}{text}"


def _compared_otherwise(claim: Claim) -> bool:
    """Whether the assertion does not compare the value itself: not-a-number, and ``1`` against ``1.0``."""
    expected = claim.expected
    return isinstance(expected, Value) and (
        "nan" in expected.source.lower() or only_type_differs(claim.actual, expected)
    )


def _is_simple(source: str) -> bool:
    """Whether pytest shows the value of an expression and not its parts."""
    node = parse_expression(source)
    return isinstance(node, ast.Call | ast.Name | ast.Attribute | ast.Subscript | ast.Await)
