"""The one comment on the issue, in every state that a run can be in."""

from __future__ import annotations

from agent.types import Asking, Solved, StopReason, Unrunnable, Unsolved
from bot.deliveries.commands import PREFIX, Command
from bot.render.parts import (
    RunFacts,
    advice,
    attempts,
    cost,
    details,
    known_trouble,
    report,
    run_line,
    sections,
    tests_made,
)
from bot.sanitize import block, capped, code, one_line, prose

OUTPUT_LIMIT = 8_000
QUESTION = "**I have a question before I go on.**"
"""Begins the comment that waits for an answer."""

_STOPS = {
    StopReason.NOT_REPRODUCED: "I could not reproduce this issue.",
    StopReason.EXHAUSTED: "I reproduced this issue, tried everything I can do, and found no patch.",
    StopReason.GATES: "I found patches that pass the tests, but none that I may publish.",
    StopReason.CANCELLED: "I was asked to stop.",
}


def started(facts: RunFacts) -> str:
    return progress(facts, "starting", "")


def progress(facts: RunFacts, phase: str, detail: str) -> str:
    now = one_line(phase, 80)
    more = f" ({code(detail, 120)})" if detail else ""
    return sections(
        f"I am working on this issue, {_why(facts)}.",
        f"Now: {prose(now, 100)}{more}",
        run_line(facts),
    )


def _why(facts: RunFacts) -> str:
    if facts.label:
        return f"because of the label {code(facts.label)}"
    return f"because {code(facts.sender, 60)} asked me to"


def solved(facts: RunFacts, outcome: Solved, url: str) -> str:
    return capped(
        sections(
            f"I reproduced this issue and opened a pull request with a patch and its proof: {url}",
            details("What was wrong", sections(*(prose(each, 1_500) for each in outcome.rationale[:4]))),
            cost(outcome.spend),
            run_line(facts),
        )
    )


def asking(facts: RunFacts, outcome: Asking) -> str:
    """The one question: the concrete input, and what could be right."""
    question = outcome.question
    return capped(
        sections(
            f"{QUESTION} {prose(question.text, 1_500)}",
            block(question.input),
            "What could be right:",
            *(block(each) for each in question.outputs[:5]),
            _how_to_answer(facts),
            cost(outcome.spend),
            run_line(facts),
        )
    )


def _how_to_answer(facts: RunFacts) -> str:
    if not facts.sender:
        return "Give the same command once more with `--answer TEXT`: it goes on where it was."
    return (
        "Whoever may write to this repository can answer in a comment below; quoting one of the outputs is "
        "enough. I then go on where I was."
    )


def unsolved(facts: RunFacts, outcome: Unsolved) -> str:
    """What was reproduced, what was tried, what it cost, what would help."""
    stopped = _STOPS.get(outcome.stop, f"I found no patch before I had to stop ({outcome.stop.value}).")
    return capped(
        sections(
            f"**{stopped}** No pull request was opened.",
            prose(outcome.summary, 2_000),
            _reproduction(outcome),
            f"### What I tried\n\n{attempts(outcome.attempts)}" if outcome.attempts else "",
            f"### What would help\n\n{advice(outcome.advice)}" if outcome.advice else "",
            _again(facts),
            known_trouble(outcome.baseline) if outcome.baseline else "",
            cost(outcome.spend),
            run_line(facts),
        )
    )


def _reproduction(outcome: Unsolved) -> str:
    if not outcome.reproduction:
        return ""
    shown = outcome.reproduction[:3]
    return sections(
        "### Tests that show the problem",
        tests_made(outcome.reproduction),
        *(details(code(test.path, 160), block(test.content, 6_000, "python")) for test in shown),
        details("Their output", report(outcome.red, OUTPUT_LIMIT)) if outcome.red else "",
    )


def unrunnable(facts: RunFacts, outcome: Unrunnable) -> str:
    return capped(
        sections(
            "**I could not run this repository's tests,** so I could prove nothing and changed nothing.",
            prose(outcome.reason, 2_000),
            block(outcome.output, OUTPUT_LIMIT) if outcome.output.strip() else "",
            f"### What would help\n\n{advice(outcome.advice)}" if outcome.advice else "",
            _again(facts),
            run_line(facts),
        )
    )


def refused(facts: RunFacts, role: str) -> str:
    how = f"the label {code(facts.label)}" if facts.label else "a command"
    return sections(
        f"I do what somebody asks who may write to this repository, with {how}. The role of "
        f"{code(facts.sender, 60)} here is {code(role, 30)}.",
        run_line(facts),
    )


def held_back(facts: RunFacts, reason: str) -> str:
    return sections("**I did not go on,** so as not to undo somebody's work.", reason, run_line(facts))


def disabled(facts: RunFacts) -> str:
    return sections(
        "This repository has switched me off (`enabled: false` in `.github/codeagent.yml`).", run_line(facts)
    )


def switched_off(facts: RunFacts, key: str) -> str:
    return sections(
        f"This repository does not want to be asked in this way ({code(key, 60)} in `.github/codeagent.yml`, "
        "or the defaults of its owner).",
        run_line(facts),
    )


def bad_config(facts: RunFacts, message: str) -> str:
    return sections(
        "**I could not read this repository's configuration** and did nothing.",
        block(message, 4_000),
        _again(facts),
        run_line(facts),
    )


def cancelled(facts: RunFacts) -> str:
    return sections("**Stopped,** because somebody asked me to.", _again(facts), run_line(facts))


def failed(facts: RunFacts, reason: str) -> str:
    """One line; a stack trace would help nobody here and may say too much."""
    return sections(
        f"**I could not go on** and gave up: {code(reason, 400)}",
        f"The operator finds more in the log, under run {code(facts.run_id, 64)}.",
        _again(facts),
        run_line(facts),
    )


def _again(facts: RunFacts) -> str:
    if not facts.sender or not facts.issue:
        return ""
    label = f", or take the label {code(facts.label)} off and set it again" if facts.label else ""
    return f"To have me try again, comment `{PREFIX} {Command.RETRY}`{label}."
