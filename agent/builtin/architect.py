"""The Architect: where the fault may lie and in which order to look, before any code is written (B2)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from agent.localize.combine import MAX_LOCATIONS, failures_of, locate
from agent.localize.failure import Failure, FailureKind
from agent.localize.files import CodeBase
from agent.protocols import Context
from agent.types import Action, Location, Outline, Skill, State, WriteOutline

MAX_STEPS = 5

APPROACH: dict[FailureKind, str] = {
    FailureKind.NONE_USED: "None is used as a value: answer it before, or do not let it come so far.",
    FailureKind.NO_ATTRIBUTE: "The attribute is not there: correct its name, or answer other types before.",
    FailureKind.NO_NAME: "Correct the name, or set it before it is used.",
    FailureKind.ARGUMENTS: "Make the call fit the function's parameters.",
    FailureKind.TYPE: "A value of a type that is not expected: convert it, or answer it before.",
    FailureKind.ZERO_DIVISION: "Answer a zero divisor before dividing.",
    FailureKind.INDEX: "Look at bounds, and at what happens when there is nothing to index.",
    FailureKind.KEY: "Look the key up in a way that allows for its absence, or correct it.",
    FailureKind.STOP: "An iterator ends where a value is expected: answer the empty case.",
    FailureKind.UNPACK: "Fewer or more parts than expected: answer that case.",
    FailureKind.CONVERSION: "A value cannot be converted: ask before, or handle the error as others are.",
    FailureKind.RECURSION: "Find the case in which the recursion does not end.",
    FailureKind.RAISED: "It refuses what it should accept: correct the condition, or handle the exception.",
    FailureKind.NOT_RAISED: "It accepts what it should refuse: correct the check, or add it.",
    FailureKind.WRONG_BOOL: "Correct the condition that the truth value comes from.",
    FailureKind.WRONG_NUMBER: "Correct the computation: operators, bounds, constants, values taken for none.",
    FailureKind.WRONG_TEXT: "Correct how the text is put together: conversions, formats, constants.",
    FailureKind.WRONG_COLLECTION: "Correct how the collection is built: elements, bounds, nesting, order.",
    FailureKind.WRONG_NONE: "A value is missing, or comes where none should: look at what is returned.",
    FailureKind.WRONG_VALUE: "Correct the computation of the value, nearest suspicious line first.",
    FailureKind.UNKNOWN: "Look at the most suspicious lines first.",
}


def actions(context: Context, state: State) -> Sequence[Action]:
    """One outline of the most suspicious places; a second one of the places after them, if there are any."""
    everything = locate(context, state, limit=2 * MAX_LOCATIONS)
    failures = failures_of(state, CodeBase(context.source, state))
    found = []
    for number, start in enumerate((0, MAX_LOCATIONS)):
        targets = everything[start : start + MAX_LOCATIONS]
        if targets:
            found.append(_action(targets, failures, number))
    return found


def _action(targets: tuple[Location, ...], failures: tuple[Failure, ...], number: int) -> Action:
    kinds = tuple(dict.fromkeys(failure.kind for failure in failures)) or (FailureKind.UNKNOWN,)
    outline = Outline(
        targets=targets,
        approach=" ".join(APPROACH[kind] for kind in kinds[:3]),
        steps=_steps(targets),
    )
    places = ", ".join(dict.fromkeys(_place(target) for target in targets[:12]))
    operation = WriteOutline(outline=outline)
    return Action(
        id=hashlib.sha256(repr(operation).encode()).hexdigest()[:20],
        skill=Skill.ARCHITECT,
        kind="outline",
        summary=f"Outline of the solution: look at {places[:300]}",
        score=-float(number),
        operations=(operation,),
        target=targets[0],
    )


def _steps(targets: tuple[Location, ...]) -> tuple[str, ...]:
    """One step for each function, with the reasons of its most suspicious line."""
    first: dict[tuple[str, str], Location] = {}
    for target in targets:
        first.setdefault((target.path, target.symbol), target)
    return tuple(
        f"Look at {_place(target)} in {target.path}, line {target.line}: {target.reason}."
        for target in list(first.values())[:MAX_STEPS]
    )


def _place(target: Location) -> str:
    return f"`{target.symbol}`" if target.symbol else f"`{target.path}`"
