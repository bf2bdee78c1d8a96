"""What the failures and the issue tell about the repair, gathered once for a state."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from agent.localize.combine import failures_of
from agent.localize.failure import Failure, FailureKind, literal
from agent.localize.files import CodeBase
from agent.localize.text import IssueText, read_issue
from agent.protocols import Context
from agent.types import State

MAX_LITERALS = 24
LITERAL = re.compile(
    r"(?<![\w.])(-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?|'[^'\n]{0,60}'|\"[^\"\n]{0,60}\"|True|False|None|\[\]|\{\}|\(\))(?![\w])"
)
WANTED = re.compile(
    r"(?i)\b(?:expect\w*|should|must|instead of|want\w*|used to|return\w*|count as|give)\b[^\n]{0,120}"
)
EXCEPTION = re.compile(r"\b([A-Z]\w*(?:Error|Exception|Warning|Interrupt|Exit)|StopIteration)\b")

UNMATCHED = re.compile(r"does not match|did not match")
MESSAGE = re.compile(r"(?:match\s*=\s*r?|Regex\(\s*\w+,\s*r?)(['\"])([^'\"\n]{3,200})\1")
REFUSED = re.compile(r"(?:raises|assertRaises|assertRaisesRegex)\(\s*(?:\w+\.)?([A-Z]\w*)")


@dataclass(frozen=True, kw_only=True)
class Hints:
    """``literals`` are source texts, those stated as expected first. ``changes`` maps a way in which the
    expected value follows from the actual one ("int", "strip", "plus one") to how sure that is."""

    failures: tuple[Failure, ...] = ()
    issue: IssueText = field(default_factory=lambda: IssueText(identifiers={}, words=()))
    expected: tuple[str, ...] = ()
    literals: tuple[str, ...] = ()
    exceptions: tuple[str, ...] = ()
    changes: Mapping[str, float] = field(default_factory=dict)
    inputs: tuple[str, ...] = ()  # literals in the lines of the test that lead to the failure
    refusal: str = ""  # the message of the exception that the test wants
    said: str = ""  # issue and failures as one text

    def names(self, name: str) -> bool:
        """Whether issue or failures speak of this name; a single letter may be a word of its own."""
        if len(name) > 1:
            return re.search(rf"\b{re.escape(name)}\b", self.said) is not None
        return (
            re.search(rf"[`'\"(]{re.escape(name)} |`{re.escape(name)}`|\b{re.escape(name)} =", self.said)
            is not None
        )

    @property
    def kinds(self) -> frozenset[FailureKind]:
        return frozenset(failure.kind for failure in self.failures)

    def expects(self, *kinds: FailureKind) -> bool:
        return any(failure.kind in kinds for failure in self.failures)


def hints_of(context: Context, state: State, code: CodeBase) -> Hints:
    failures = _with_refusals(failures_of(state, code), state)
    text = f"{context.task.title}\n{context.task.text}"[:60_000]
    wanted = [value for part in WANTED.findall(text) for value in LITERAL.findall(part)]
    stated = [failure.expected for failure in failures if failure.expected and len(failure.expected) <= 200]
    expected = _distinct([*stated, *wanted])
    tests = "\n".join(test.content for test in state.tests)
    named = [failure.exception for failure in failures if failure.kind is FailureKind.NOT_RAISED]
    return Hints(
        failures=failures,
        issue=read_issue(context.task.title, context.task.text),
        expected=expected,
        literals=_distinct([*expected, *LITERAL.findall(text)]),
        exceptions=_distinct([*named, *EXCEPTION.findall(text), *EXCEPTION.findall(tests[:20_000])]),
        changes=_changes(failures),
        inputs=_distinct(v for f in failures for v in LITERAL.findall(_asserted(f, state))),
        refusal=_refusal(failures, state),
        said="\n".join([text, *(failure.message for failure in failures)]),
    )


def _with_refusals(failures: tuple[Failure, ...], state: State) -> tuple[Failure, ...]:
    """A crash where the test wants another exception, or another message, is a refusal that is missing."""
    found = list(failures)
    for failure in failures:
        wanted = REFUSED.findall(_asserted(failure, state))
        mismatch = failure.exception == "AssertionError" and bool(UNMATCHED.search(failure.message))
        other = bool(wanted) and (mismatch or (failure.crashed and wanted[-1] != failure.exception))
        if other and failure.kind is not FailureKind.NOT_RAISED:
            found.append(replace(failure, kind=FailureKind.NOT_RAISED, exception=wanted[-1]))
    return tuple(found)


def _asserted(failure: Failure, state: State) -> str:
    """The lines of the test around where it failed: a call may begin before, or go on after."""
    frame = failure.test_frames[-1] if failure.test_frames else None
    texts = (test.content for test in state.tests if frame is not None and test.path == frame.path)
    lines = next(texts, "").splitlines()
    return "\n".join(lines[max(0, frame.line - 4) : frame.line + 3]) if frame is not None else ""


def _refusal(failures: tuple[Failure, ...], state: State) -> str:
    """A message that the test states word by word."""
    for failure in failures:
        if failure.kind is FailureKind.NOT_RAISED:
            for quote, text in MESSAGE.findall(_asserted(failure, state)):
                plain = literal(f"{quote}{text}{quote}")
                if isinstance(plain, str) and not re.search(r"[\\^$*+?\[\]{}|]", plain):
                    return plain
    return ""


def _distinct(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))[:MAX_LITERALS]


def _changes(failures: Iterable[Failure]) -> dict[str, float]:
    """Ways that every readable pair agrees on weigh 1, those of some pairs less."""
    pairs = [(literal(f.actual), literal(f.expected)) for f in failures if f.actual and f.expected]
    found: dict[str, float] = {}
    for actual, expected in pairs:
        for name in sorted(changes_between(actual, expected)):
            found[name] = found.get(name, 0.0) + 1 / len(pairs)
    return found


def changes_between(actual: object, expected: object) -> set[str]:
    """Names of simple functions that take ``actual`` to ``expected``."""
    if isinstance(actual, bool) and isinstance(expected, bool):
        return {"not"} if actual != expected else set()
    if isinstance(actual, int | float) and isinstance(expected, int | float):
        return _between_numbers(actual, expected)
    if isinstance(actual, str) and isinstance(expected, str):
        return _between_texts(actual, expected)
    if isinstance(actual, list | tuple) and isinstance(expected, list | tuple):
        return _between_sequences(list(actual), list(expected)) | _conversion(actual, expected)
    return _conversion(actual, expected)


def _between_numbers(actual: float, expected: float) -> set[str]:
    found: set[str] = set()
    tests = {
        "plus one": expected == actual + 1,
        "minus one": expected == actual - 1,
        "negative": expected == -actual,
        "abs": expected == abs(actual),
        "zero": expected == 0,
        "int": _finite(actual) and expected == int(actual) and expected != actual,
        "round": _finite(actual) and any(expected == round(actual, digits) for digits in range(7)),
        "clamp low": expected > actual,
        "clamp high": expected < actual,
    }
    found |= {name for name, holds in tests.items() if holds}
    if type(actual) is not type(expected):
        found.add(type(expected).__name__)
    return found


def _finite(number: float) -> bool:
    return number == number and abs(number) < 1e300


def _between_texts(actual: str, expected: str) -> set[str]:
    tests = {
        "strip": actual.strip() == expected.strip(),
        "case": actual.lower() == expected.lower(),
        "repr": repr(expected) == actual or repr(actual) == expected,
        "space": "".join(actual.split()) == "".join(expected.split()),
        "shorter": len(expected) < len(actual) and expected in actual,
        "longer": len(expected) > len(actual) and actual in expected,
        "same letters": sorted(actual) == sorted(expected),
    }
    found = {name for name, holds in tests.items() if holds}
    number = re.compile(r"-?\d+(?:\.\d+)?")
    mine, wanted = number.findall(actual)[:20], number.findall(expected)[:20]
    if mine != wanted and len(mine) == len(wanted) and number.sub("#", actual) == number.sub("#", expected):
        for left, right in zip(mine, wanted, strict=True):
            if left != right:
                found |= _between_numbers(float(left), float(right)) | {"number in text"}
                found |= {"int"} if "." in left and "." not in right else set()
    return found


def _between_sequences(actual: list[object], expected: list[object]) -> set[str]:
    texts, wanted = [repr(item) for item in actual], [repr(item) for item in expected]
    tests = {
        "reverse": texts[::-1] == wanted,
        "sorted": sorted(texts) == sorted(wanted),
        "unique": set(texts) == set(wanted) and len(wanted) < len(texts),
        "drop last": texts[:-1] == wanted,
        "drop first": texts[1:] == wanted,
        "shorter": len(wanted) < len(texts),
        "longer": len(wanted) > len(texts),
        "unwrap": len(actual) == 1 and actual[0] == expected,
        "wrap": len(expected) == 1 and expected[0] == actual,
        "empty": not expected,
        "filled": not actual,
    }
    found = {name for name, holds in tests.items() if holds}
    if len(actual) == len(expected):  # one level down: [[[1]]] and [[1]]
        inner = [changes_between(a, e) for a, e in zip(actual, expected, strict=True) if a != e]
        found |= set.intersection(*inner) if 0 < len(inner) <= 20 else set()
    return found


def _conversion(actual: object, expected: object) -> set[str]:
    if type(actual) is type(expected) or expected is None or expected is ... or actual is ...:
        return set()
    return {type(expected).__name__}


NEUTRAL = frozenset(
    ["None", "True", "False", "0", "1", "-1", "0.0", "1.0", "''", '""', "b''", "[]", "{}", "()", "set()"]
)


def general(texts: Iterable[str]) -> list[str]:
    """Of expected values those that a function may plainly give; any other would be the test's answer
    written into the code."""
    return [text for text in texts if text in NEUTRAL]


def parse_literal_type(text: str) -> type | None:
    """The type of a literal's text."""
    try:
        return type(ast.literal_eval(text))
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError):
        return None
