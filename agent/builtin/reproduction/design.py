"""Claims → test files, in the order of how plausible each reading of the issue is.

One file holds all that the issue states; ``select`` names the cases that must fail on base for the stated
reason, the others guard what works. Later designs are other readings of the same text, or less of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from agent.builtin.reproduction import signs
from agent.builtin.reproduction.claims import Claim, Form, Raises, Text, Value
from agent.builtin.reproduction.placement import Place, place
from agent.builtin.reproduction.reading import Reading
from agent.builtin.reproduction.render import Case, case_of, describe, render
from agent.localize.symbols import Symbol
from agent.protocols import Context
from agent.types import TestFile

MAX_DESIGNS = 12
MAX_CASES = 16
GENERIC_REJECTION = ("ValueError", "TypeError")


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    test: TestFile
    confidence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Claims of one file: ``red`` must fail on base, if ``strict`` with the stated result."""

    red: tuple[Claim, ...]
    green: tuple[Claim, ...] = ()
    strict: bool = True
    confidence: float = 1.0


def designs_of(context: Context, readings: Sequence[Reading]) -> tuple[Design, ...]:
    """All designs, best first, without repetition."""
    found: dict[tuple[str, str], Design] = {}
    for rank, reading in enumerate(readings):
        for selection in selections(reading):
            design = _design(context, reading, selection, 0.6**rank)
            if design is not None:
                found.setdefault((design.test.content, repr((design.test.sign, design.test.select))), design)
    ordered = sorted(found.values(), key=lambda design: -design.confidence)
    return tuple(ordered[:MAX_DESIGNS])


def selections(reading: Reading) -> Iterator[Selection]:
    """What may go into one file, most telling first."""
    claims = reading.claims
    candidates = [claim for claim in claims if not claim.guard and not claim.derived]
    stated = [claim for claim in candidates if _is_complaint(claim)] or candidates
    if stated:
        yield from _around(stated, claims)
    for claim in stated:
        yield Selection(red=(claim,), confidence=0.8 * claim.confidence)
        for other in _other_readings(claim):
            yield Selection(red=(other,), confidence=0.7 * claim.confidence)
        yield Selection(red=(claim,), strict=False, confidence=0.5 * claim.confidence)
    for crashes in _by_exception(reading.crashes):
        yield Selection(red=tuple(crashes), confidence=crashes[0].confidence)
        yield Selection(red=(crashes[0],), confidence=0.9 * crashes[0].confidence)
        yield Selection(red=(crashes[0],), strict=False, confidence=0.7 * crashes[0].confidence)
    for claim in reading.doubtful:
        yield Selection(red=(claim,), strict=False, confidence=0.8 * claim.confidence)


def _is_complaint(claim: Claim) -> bool:
    """Whether the issue says that the claim does not hold: a result that is wrong, or "should fail"."""
    return claim.actual is not None or isinstance(claim.expected, Raises)


def _around(stated: list[Claim], claims: Sequence[Claim]) -> Iterator[Selection]:
    """The claims that fail alike with everything else beside them; the first alone; both less strictly."""
    first = max(stated, key=lambda claim: claim.confidence)
    red = tuple(claim for claim in stated if _kind(claim) == _kind(first))
    weight = first.confidence
    beside = tuple(claim for claim in claims if claim not in red)
    alone = tuple(claim for claim in claims if claim is not first)
    yield Selection(red=red, green=beside, confidence=weight)
    yield Selection(red=(first,), green=alone, confidence=0.92 * weight)
    yield Selection(red=red, confidence=0.85 * weight)
    yield Selection(red=red, green=beside, strict=False, confidence=0.6 * weight)
    yield Selection(red=(first,), green=alone, strict=False, confidence=0.55 * weight)


def _kind(claim: Claim) -> tuple[str, ...]:
    """Claims of one kind fail in one way."""
    match claim.actual, claim.expected:
        case Raises(exceptions=exceptions), _:
            return ("raises", *exceptions[:1])
        case _, Raises():
            return ("accepts",)
        case _:
            return ("differs",)


def _by_exception(claims: Sequence[Claim]) -> list[list[Claim]]:
    groups: dict[tuple[str, ...], list[Claim]] = {}
    for claim in claims:
        groups.setdefault(_kind(claim), []).append(claim)
    return list(groups.values())


def _other_readings(claim: Claim) -> Iterator[Claim]:
    """A value may have been meant as a string's content, and a text as a printed form.

    Only where the wrong result is stated in the same way: the failure must show it so, because a comparison
    of the wrong types fails on base, and with any patch.
    """
    if claim.subject.form is Form.RENDERED:
        return
    match claim.expected, claim.actual:
        case Value(spoken=spoken), Value(spoken=wrong) if spoken and wrong:
            if not {spoken, wrong} & {"True", "False", "None"}:
                yield replace(claim, expected=Text(text=spoken), actual=Text(text=wrong))
        case Text(text=text), (Text() | Value()) as actual:
            wrong = actual.text if isinstance(actual, Text) else actual.spoken
            for via in ("", "str", "repr"):
                if via != claim.expected.via:
                    yield replace(claim, expected=Text(text=text, via=via), actual=Text(text=wrong))
        case _:
            pass


def _design(context: Context, reading: Reading, selection: Selection, weight: float) -> Design | None:
    """A selection as a file; None when one of the cases that must fail cannot be written."""
    index = reading.names.index
    symbol = _symbol(reading, selection.red[0])
    where = place(context, index, symbol, symbol.short if symbol else "")
    cases: list[Case] = []
    written: list[Claim] = []
    taken: set[str] = set()
    for claim in (*selection.red, *selection.green)[:MAX_CASES]:
        case = case_of(claim, reading.names, where.unittest, taken, _rejections(reading, claim))
        if case is not None:
            cases.append(case)
            written.append(claim)
    red = [claim for claim in written if claim in selection.red]
    if len(red) < len(selection.red):
        return None
    rendered = render(cases, where, _heading(context))
    return Design(test=_file(selection, red, where, rendered.content, rendered.ids[: len(red)]),
                  confidence=round(min(weight * selection.confidence, 1.0), 4))  # fmt: skip


def _file(
    selection: Selection, red: list[Claim], where: Place, content: str, ids: tuple[str, ...]
) -> TestFile:
    return TestFile(
        path=where.path,
        content=content,
        verifies="; ".join(describe(claim) for claim in red)[:400],
        source="\n".join(dict.fromkeys(claim.quote for claim in red))[:1000],
        sign=signs.common(red, strict=selection.strict, unittest=where.unittest),
        select=ids,
    )


def _symbol(reading: Reading, claim: Claim) -> Symbol | None:
    for target in claim.subject.targets:
        symbol = reading.names.symbol(target)
        if symbol is not None:
            return symbol
    return None


def _rejections(reading: Reading, claim: Claim) -> tuple[str, ...]:
    """The exceptions by which a function may reject: those named beside it, those that its source raises."""
    named = [
        name
        for other in reading.claims
        if isinstance(other.expected, Raises) and other.subject.targets == claim.subject.targets
        for name in other.expected.exceptions
    ]
    if named:
        return tuple(dict.fromkeys(named))
    raised: dict[str, None] = {}
    for target in claim.subject.targets:
        symbol = reading.names.symbol(target)
        raised.update(dict.fromkeys(reading.names.index.exceptions_of(symbol) if symbol else ()))
    usable = tuple(name for name in raised if name not in ("NotImplementedError", "Exception", "SystemExit"))
    return tuple(sorted(usable)) or GENERIC_REJECTION


def _heading(context: Context) -> str:
    title = context.task.title.strip("# ") or "a reported problem"
    return f"Issue #{context.task.number}: {title}" if context.task.number is not None else f"Issue: {title}"
