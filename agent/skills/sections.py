"""The parts of a prompt that come from a state: bounded, and as data between marks."""

from __future__ import annotations

from collections.abc import Sequence

from agent.llm.prompts import line, section, untrusted
from agent.skills.shared import Failure, Situation
from agent.types import FeedbackNote, Location, Outline

CODE = 60_000  # characters; the window that is asked for is smaller
TEST = 6_000
DETAILS = 4_000
MESSAGE = 600
NOTE = 1_500
MOST_FAILURES = 5
MOST_TESTS = 5
MOST_OBSERVATIONS = 12
ITEM = 500


def situation(given: Situation) -> tuple[str, ...]:
    """All sections of a state, in a fixed order."""
    return (
        code(given.code),
        tests(given.tests),
        failures(given.failures),
        feedback(given.notes),
        observations(given.observations),
    )


def code(window: str) -> str:
    return section(
        "Code in its current state, lines numbered", untrusted("code", window, CODE) if window else ""
    )


def tests(found: Sequence[tuple[str, str]]) -> str:
    shown = [untrusted("made test", f"{path}\n\n{content}", TEST) for path, content in found[:MOST_TESTS]]
    return section("Tests made from the issue, which must pass", *shown)


def failures(found: Sequence[Failure]) -> str:
    shown = [
        untrusted("failing test", f"{number}. {line(each.test, 300)}\n{_said(each)}", DETAILS + MESSAGE + 400)
        for number, each in enumerate(found[:MOST_FAILURES], start=1)
    ]
    more = [f"{len(found) - MOST_FAILURES} more tests fail."] if len(found) > MOST_FAILURES else []
    return section("Failing tests", *shown, *more)


def _said(failure: Failure) -> str:
    details = failure.details[-DETAILS:]
    return "\n".join(each for each in (failure.message[:MESSAGE], details) if each)


def feedback(notes: Sequence[FeedbackNote]) -> str:
    shown = [f"- {line(note.test, 200)}: {line(note.text, NOTE)}" for note in notes[:MOST_FAILURES]]
    return section(
        "Feedback on the failing tests", untrusted("feedback", "\n".join(shown), 10_000) if shown else ""
    )


def observations(found: Sequence[str]) -> str:
    shown = "\n".join(f"- {line(each, ITEM)}" for each in found[-MOST_OBSERVATIONS:])
    return section("What was done and tried before", untrusted("observations", shown, 8_000) if shown else "")


def outline(found: Outline | None) -> str:
    if found is None:
        return ""
    places = [f"- {place(target)}: {line(target.reason, 300)}" for target in found.targets[:12]]
    steps = [f"{number}. {line(each, ITEM)}" for number, each in enumerate(found.steps[:12], start=1)]
    text = "\n".join([f"Approach: {line(found.approach, 1_500)}", "Places:", *places, "Steps:", *steps])
    return section("Outline", untrusted("outline", text, 12_000))


def aim(summary: str, target: Location | None = None) -> str:
    where = f"\nPlace: {place(target)}" if target is not None else ""
    return section(
        "The action to work out",
        untrusted("action", f"{line(summary, ITEM)}{where}", 1_500) if summary else "",
    )


def place(target: Location) -> str:
    inside = f", {line(target.symbol, 200)}" if target.symbol else ""
    return f"{line(target.path, 300)}:{target.line}{inside}"
