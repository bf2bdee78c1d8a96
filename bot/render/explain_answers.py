"""What is said of an issue that was to be explained: reproduced or not, by which test, where, and why."""

from __future__ import annotations

from collections.abc import Sequence

from agent.types import Explanation, Location, Unsolved
from bot.deliveries.commands import PREFIX
from bot.forge import Annotation, Level
from bot.render.parts import (
    RunFacts,
    advice,
    cost,
    details,
    known_trouble,
    report,
    run_line,
    sections,
    table,
    tests_made,
)
from bot.sanitize import block, capped, cell, code, one_line, prose

OUTPUT_LIMIT = 8_000
SHOWN = 10


def progress(facts: RunFacts, phase: str, detail: str) -> str:
    more = f" ({code(detail, 120)})" if detail else ""
    return sections(
        "I am looking for what is wrong in this issue; nothing will be changed.",
        f"Now: {prose(one_line(phase, 80), 100)}{more}",
        run_line(facts),
    )


def explained(facts: RunFacts, outcome: Unsolved, seen: Explanation) -> str:
    return capped(
        sections(
            _verdict(outcome, seen),
            _tests(outcome, seen),
            _places(seen.suspects),
            _words(seen.words),
            f"### What would help\n\n{_help(outcome)}",
            known_trouble(outcome.baseline) if outcome.baseline else "",
            cost(outcome.spend),
            run_line(facts),
        )
    )


def ended_early(facts: RunFacts, outcome: Unsolved) -> str:
    """Before there was anything to explain: a cap was reached, or a model gave no answer."""
    return sections(
        f"**I had to stop before I could explain this issue** ({outcome.stop.value}).",
        prose(outcome.summary, 2_000),
        cost(outcome.spend),
        run_line(facts),
    )


def _verdict(outcome: Unsolved, seen: Explanation) -> str:
    if outcome.reproduction:
        return "**I reproduced this issue.** Nothing was changed."
    why = f" {prose(one_line(seen.remark, 400), 500)}" if seen.remark else ""
    return f"**I could not reproduce this issue.** Nothing was changed.{why}"


def _tests(outcome: Unsolved, seen: Explanation) -> str:
    if not seen.tests:
        return "The issue's text gave me nothing to make a test of."
    return sections(
        "### The test that shows it" if outcome.reproduction else "### The test that I tried",
        tests_made(seen.tests),
        *(details(code(test.path, 160), block(test.content, 6_000, "python")) for test in seen.tests[:3]),
        details("Its output", report(seen.report, OUTPUT_LIMIT)) if seen.report else "",
    )


def _places(suspects: Sequence[Location]) -> str:
    if not suspects:
        return ""
    rows = [
        (
            cell(f"{place.path}:{place.line}", 160),
            cell(place.symbol, 100),
            f"{place.suspicion:.0%}",
            prose(one_line(place.reason, 300), 300).replace("|", "\\|"),
        )
        for place in suspects[:SHOWN]
    ]
    return sections("### Where it may lie", table(("place", "in", "suspicion", "why"), rows))


def _words(words: Sequence[str]) -> str:
    lines = [f"- {prose(' '.join(word.split()), 800)}" for word in words[:6]]
    return sections("### What I make of it", "\n".join(lines)) if lines else ""


def _help(outcome: Unsolved) -> str:
    if outcome.reproduction:
        return f"- Comment `{PREFIX} fix`, and I look for a patch that makes this test pass."
    return advice(outcome.advice)


def beside_lines(suspects: Sequence[Location]) -> tuple[Annotation, ...]:
    """Beside the suspicious lines."""
    return tuple(
        Annotation(
            path=place.path,
            start_line=place.line,
            end_line=place.line,
            title=one_line(f"Suspicious: {place.symbol or place.path}", 200),
            message=one_line(place.reason or "It may lie here.", 500),
            level=Level.NOTICE,
        )
        for place in suspects[:SHOWN]
        if place.line > 0
    )
