"""Implementer: an outline into code (B3, U26): whole symbols, exact passages, new files, several at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import WithJsonSchema

from agent.llm.prompts import joined, line, system
from agent.llm.replies import Form
from agent.skills import sections
from agent.skills.lines import unnumbered
from agent.skills.shared import Files, Made, Situation, Unusable, encodable, prose, step
from agent.types import Edit, Outline, ReplacePassage, RewriteSymbol, Step, WriteFile

MOST_EDITS = 20
MOST_TEXT = 200_000  # characters of all edits together
KINDS = ("rewrite", "replace", "new file")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImplementerInput:
    """Always from an outline: the Architect's, or the action itself where there is no Architect."""

    aim: str
    outline: Outline
    situation: Situation


class CodeEdit(Form):
    """One edit. ``symbol`` is for a rewrite, ``passage`` for a replacement; ``text`` is the new code."""

    reasoning: str | None = None
    kind: Annotated[str, WithJsonSchema({"type": "string", "enum": list(KINDS)})]
    path: str
    symbol: str | None = None
    passage: str | None = None
    text: str


class EditsReply(Form):
    """What an Implementer answers."""

    edits: list[CodeEdit]
    expectation: str | None = None


def prompt(given: ImplementerInput) -> str:
    return joined(
        sections.outline(given.outline),
        sections.aim(given.aim),
        *sections.situation(given.situation),
        "Write the edits that carry out the outline.",
    )


def system_prompt(reasoning: str) -> str:
    return system("implementer", reasoning)


def made(reply: EditsReply, files: Files) -> Made | Unusable:
    """The edits in an order in which they apply; what a path may be is the decision model's to say."""
    if not reply.edits:
        return Unusable(reason="the answer holds no edit")
    if len(reply.edits) > MOST_EDITS:
        return Unusable(reason=f"{len(reply.edits)} edits are too many; at most {MOST_EDITS} are taken")
    if sum(len(edit.text) + len(edit.passage or "") for edit in reply.edits) > MOST_TEXT:
        return Unusable(reason=f"the edits hold more than {MOST_TEXT} characters")
    steps: list[Step] = []
    for edit in reply.edits:
        operation = _operation(edit, files)
        if isinstance(operation, Unusable):
            return operation
        why = f"The outline asks for a change of {_where(edit)}."
        steps.append(step(edit.reasoning, operation, otherwise=why))
    return Made(steps=tuple(steps), expectation=prose(reply.expectation))


def _operation(edit: CodeEdit, files: Files) -> Edit | Unusable:
    where = _where(edit)
    if not all(map(encodable, (edit.path, edit.symbol or "", edit.passage or "", edit.text))):
        return Unusable(reason=f"the edit of {where} holds characters that no source file can hold")
    match edit.kind:
        case "rewrite" if edit.symbol and edit.text.strip():
            return RewriteSymbol(path=edit.path, symbol=edit.symbol, source=edit.text)
        case "rewrite":
            return Unusable(reason=f"the rewrite of {where} lacks a symbol or its source")
        case "replace" if edit.passage:
            passage = unnumbered(edit.passage)
            new = edit.text if passage is None else unnumbered(edit.text) or edit.text
            return ReplacePassage(path=edit.path, passage=passage or edit.passage, replacement=new)
        case "replace":
            return Unusable(reason=f"the replacement in {where} lacks the passage to replace")
        case "new file" if files.read(edit.path) is None:
            return WriteFile(path=edit.path, content=edit.text.encode())
        case "new file":
            return Unusable(reason=f"{where} exists already: rewrite its symbols or replace passages")
        case _:
            return Unusable(reason=f"{line(edit.kind, 40)!r} is no kind of edit: {', '.join(KINDS)}")


def _where(edit: CodeEdit) -> str:
    symbol = f" ({line(edit.symbol, 100)})" if edit.symbol else ""
    return f"{line(edit.path, 200)}{symbol}"
