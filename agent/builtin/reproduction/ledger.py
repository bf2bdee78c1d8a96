"""The book in which readers of prose, sessions, code and tables write what they learn of each subject.

The same call may be spoken of in a title, a code block and three sentences: one entry, the first statement of
each kind kept, every sentence quoted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from agent.builtin.reproduction.claims import (
    Accepts,
    Claim,
    Mode,
    Outcome,
    Raises,
    Subject,
    Text,
    Value,
)

MAX_ENTRIES = 40


@dataclass(eq=False)
class Entry:
    """What is known of one subject so far."""

    subject: Subject
    actual: Outcome | None = None
    expected: Outcome | None = None
    guard: bool = False
    complained: bool = False  # the issue calls what comes of it wrong
    hoped: bool = False  # a "should" was said of it whose value was not understood
    confidence: float = 0.0
    derived: bool = False
    origin: Entry | None = None  # what it is a variation of
    quotes: list[str] = field(default_factory=list)
    weak: Outcome | None = None  # a stated result of which it was not said whether it is right


@dataclass
class Ledger:
    """Entries in the order they were first spoken of; ``last`` are those of the latest statement."""

    entries: dict[str, Entry] = field(default_factory=dict)
    last: list[Entry] = field(default_factory=list)
    orphans: list[tuple[Raises, str]] = field(
        default_factory=list
    )  # exceptions stated of nothing in particular
    dropped: list[str] = field(default_factory=list)  # what looked like a subject and cannot be run, with why

    def entry(self, subject: Subject) -> Entry | None:
        """The entry of a subject, made when it is new; None when there are too many."""
        if subject.key not in self.entries:
            if len(self.entries) >= MAX_ENTRIES:
                return None
            self.entries[subject.key] = Entry(subject=subject)
        return self.entries[subject.key]

    def tell(
        self,
        entries: Sequence[Entry],
        mode: Mode,
        outcome: Outcome,
        quote: str,
        confidence: float = 0.9,
        *,
        guard: bool = False,
    ) -> None:
        """Write an outcome of some subjects down."""
        for entry in entries:
            if quote and quote not in entry.quotes:
                entry.quotes.append(quote)
            if mode is Mode.EXPECTED or guard:
                self._expect(entry, outcome, confidence, guard)
            else:
                self._observe(entry, outcome, confidence)

    def _expect(self, entry: Entry, outcome: Outcome, confidence: float, guard: bool) -> None:
        entry.expected, changed = _refined(entry.expected, outcome)
        if changed:
            entry.confidence = confidence
            entry.guard = guard

    def _observe(self, entry: Entry, outcome: Outcome, confidence: float) -> None:
        if entry.guard and isinstance(entry.expected, Accepts) and isinstance(outcome, Value | Text):
            entry.expected = outcome  # "it works, it returns 2"
            return
        before = entry.actual
        entry.actual, changed = _refined(before, outcome)
        contradicts = (
            not changed and before is not None and _says_more(outcome) and not _same(before, outcome)
        )
        if contradicts and entry.expected is None and not isinstance(outcome, Raises):
            # Two different results of one call: the first is the complaint, the second how it ought to be.
            entry.expected = outcome
            entry.confidence = confidence * 0.7

    def wanted(self, entry: Entry) -> Outcome | None:
        """What ought to come of a subject, as far as it is known."""
        return entry.expected or _other_boolean(entry)

    def claims(self) -> tuple[Claim, ...]:
        """What can be tested, in the order of the issue."""
        return tuple(claim for entry in self.entries.values() if (claim := _claim(entry)) is not None)

    def crashes(self) -> tuple[Claim, ...]:
        """Subjects of which nothing is known but that they must not raise what they raise."""
        found: list[Claim] = []
        orphan = self.orphans[0] if self.orphans else None
        for entry in self.entries.values():
            actual = entry.actual
            if actual is None and orphan is not None and entry.expected is None and entry.weak is None:
                actual = orphan[0]
            if isinstance(actual, Raises) and entry.expected is None and not entry.guard:
                quote = _said(entry) or (orphan[1] if orphan else "")
                found.append(Claim(subject=entry.subject, expected=Accepts(), actual=actual, quote=quote,
                                   confidence=0.45 if entry.actual else 0.3))  # fmt: skip
        return tuple(found)

    def doubtful(self) -> tuple[Claim, ...]:
        """Results stated without saying whether they are right. Read as wishes they fail on base only when
        they are: a result that is what happens passes there, and the test is thrown away."""
        return tuple(
            Claim(subject=entry.subject, expected=entry.weak, actual=None, quote=_said(entry),
                  confidence=0.4)
            for entry in self.entries.values()
            if entry.weak is not None and entry.expected is None and not isinstance(entry.actual, Raises)
        )  # fmt: skip


def _claim(entry: Entry) -> Claim | None:
    expected, confidence = entry.expected, entry.confidence
    if expected is None:
        expected, confidence = _other_boolean(entry), 0.55
    if expected is None:
        return None
    if (
        isinstance(expected, Raises)
        and isinstance(entry.actual, Raises)
        and _vague_same(expected, entry.actual)
    ):
        return None if not entry.guard else _made(entry, expected, confidence)
    return _made(entry, expected, confidence)


def _made(entry: Entry, expected: Outcome, confidence: float) -> Claim:
    return Claim(
        subject=entry.subject,
        expected=expected,
        actual=entry.actual or (entry.weak if entry.weak != expected else None),
        quote=_said(entry),
        confidence=confidence,
        guard=entry.guard,
        derived=entry.derived,
    )


def _said(entry: Entry) -> str:
    """The sentences about a subject, as one text."""
    return " ".join(quote if quote[-1:] in ".!?:" else f"{quote}." for quote in entry.quotes)


def _other_boolean(entry: Entry) -> Outcome | None:
    """A truth value that the issue complains about should be the other one."""
    if not (entry.complained or entry.hoped) or not isinstance(entry.actual, Value):
        return None
    return {"True": Value(source="False"), "False": Value(source="True")}.get(entry.actual.source)


def _refined(before: Outcome | None, outcome: Outcome) -> tuple[Outcome, bool]:
    """The better of two statements, and whether it is the new one."""
    match before, outcome:
        case None, _:
            return outcome, True
        case Raises(exceptions=()), Raises(exceptions=(_, *_)):
            return outcome, True
        case Raises(message="") as old, Raises() as new if new.message and old.exceptions == new.exceptions:
            return new, True
        case Accepts(), Value() | Text():
            return outcome, True
        case _:
            return before, False


def _says_more(outcome: Outcome) -> bool:
    return not isinstance(outcome, Accepts)


def _same(one: Outcome, other: Outcome) -> bool:
    match one, other:
        case Value(source=a), Value(source=b):
            return a == b
        case Raises(), Raises():
            return True
        case _:
            return one == other


def _vague_same(expected: Raises, actual: Raises) -> bool:
    return not expected.exceptions or expected.exceptions == actual.exceptions


def variant(subject: Subject, source: str, imports: tuple[str, ...] = ()) -> Subject:
    """The same subject with another source."""
    return replace(subject, source=source, imports=tuple(sorted({*subject.imports, *imports})))
