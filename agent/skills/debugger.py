"""Debugger: line-addressed edits after a failure; it names the bug's class first (B4, U26)."""

from __future__ import annotations

from dataclasses import dataclass

from agent.llm.prompts import joined, line, system
from agent.llm.replies import Form
from agent.skills import sections
from agent.skills.lines import LineEdit, fitted
from agent.skills.shared import Files, Made, Situation, Unusable, encodable, prose, step
from agent.types import Location, MarkTestWrong, Step

MOST_EDITS = 20
MOST_TEXT = 100_000  # characters of all edits together


@dataclass(frozen=True, slots=True, kw_only=True)
class DebuggerInput:
    """``aim`` is the action, or the feedback that became one; the situation holds at least one failure."""

    aim: str
    target: Location | None
    situation: Situation


class LinesReply(Form):
    """Lines ``first`` to ``last``, as they were shown, by new ones."""

    reasoning: str | None = None
    path: str
    first: int
    last: int
    expected: str
    replacement: str


class WrongTest(Form):
    """A made test that contradicts the issue, and which of its words (U21)."""

    path: str
    reason: str


class RepairReply(Form):
    """What a Debugger answers."""

    bug_class: str
    explanation: str | None = None
    edits: list[LinesReply]
    wrong_test: WrongTest | None = None
    expectation: str | None = None


def prompt(given: DebuggerInput) -> str:
    return joined(
        sections.aim(given.aim, given.target),
        *sections.situation(given.situation),
        "Name the class of the bug, explain it, and write the edits.",
    )


def system_prompt(reasoning: str) -> str:
    return system("debugger", reasoning)


def made(reply: RepairReply, files: Files) -> Made | Unusable:
    """The edits with the lines that they mean now, or the mark of a wrong test."""
    named = line(reply.bug_class, 60)
    if not named:
        return Unusable(reason="the answer names no class of bug")
    why = f"Bug class: {named}. {prose(reply.explanation)}".strip()
    if reply.wrong_test is not None and not reply.edits:
        return _marked(reply.wrong_test, why)
    if not reply.edits:
        return Unusable(reason=f"the answer holds no edit ({why})")
    if len(reply.edits) > MOST_EDITS:
        return Unusable(reason=f"{len(reply.edits)} edits are too many; at most {MOST_EDITS} are taken")
    if sum(len(edit.expected) + len(edit.replacement) for edit in reply.edits) > MOST_TEXT:
        return Unusable(reason=f"the edits hold more than {MOST_TEXT} characters")
    return _edited(reply, why, files)


def _edited(reply: RepairReply, why: str, files: Files) -> Made | Unusable:
    texts = [text for edit in reply.edits for text in (edit.path, edit.expected, edit.replacement)]
    if not all(map(encodable, texts)):
        return Unusable(reason="an edit holds characters that no source file can hold")
    wanted = [
        LineEdit(
            path=edit.path,
            first=edit.first,
            last=edit.last,
            expected=edit.expected,
            replacement=edit.replacement,
            reasoning=edit.reasoning or "",
        )
        for edit in reply.edits
    ]
    found = fitted(wanted, files.read)
    if isinstance(found, str):
        return Unusable(reason=found)
    steps: list[Step] = []
    for number, (edit, operation) in enumerate(found):
        place = f"Change line {operation.first} of {line(operation.path, 200)}."
        reasoning = prose(edit.reasoning, place)
        steps.append(Step(reasoning=f"{why} {reasoning}" if number == 0 else reasoning, operation=operation))
    return Made(steps=tuple(steps), expectation=prose(reply.expectation))


def _marked(wrong: WrongTest, why: str) -> Made | Unusable:
    reason = prose(wrong.reason)
    if not reason:
        return Unusable(reason="a test is called wrong without the words of the issue that it contradicts")
    mark = MarkTestWrong(path=line(wrong.path, 300), reason=reason)
    return Made(steps=(step(why, mark, otherwise=reason),))
