"""How a test of a claim must fail on base to fail "for the stated reason"."""

from __future__ import annotations

from collections.abc import Sequence

from agent.builtin.reproduction.claims import Claim, Form, Outcome, Raises, Text, Value
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
                shown = _shown(actual, unittest) or _kind_shown(expected, unittest)
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


def _shown(actual: Outcome | None, unittest: bool) -> str:
    """The stated wrong result as an assertion shows it; empty where that may be written in many ways."""
    match actual:
        case Value(source=source) if source[:1] == "'" and not set(source[1:-1]) & set("\\'\""):
            return source if len(source) <= MAX_FRAGMENT and source.isprintable() else ""
        case Value(source=source):
            text = source
        case Text(text=quoted, via="quoted"):
            text = f"{_lead(unittest)}'{quoted}'"
            plain = quoted.isprintable() and not set(quoted) & set("\\'")
            return text if plain and len(text) <= MAX_FRAGMENT else ""
        case Text(text=text):
            text = text.partition(" at 0x")[0]
        case _:
            return ""
    plain = len(text) <= MAX_FRAGMENT and text.isprintable() and not set(text) & set("{}\\'\"")
    return text if plain else ""
