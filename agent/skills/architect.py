"""Architect: the outline of the solution before any code (B2)."""

from __future__ import annotations

from dataclasses import dataclass

from agent.llm.prompts import joined, system
from agent.llm.replies import Form, Place
from agent.skills import sections
from agent.skills.shared import Files, Made, Situation, Unusable, places, prose, step
from agent.types import Outline, WriteOutline

MOST_TARGETS = 12
MOST_STEPS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchitectInput:
    """``aim`` is the action to work out."""

    aim: str
    situation: Situation


class OutlineReply(Form):
    """What an Architect answers."""

    reasoning: str | None = None
    targets: list[Place]
    approach: str
    steps: list[str]
    expectation: str | None = None


def prompt(given: ArchitectInput) -> str:
    return joined(
        sections.aim(given.aim),
        *sections.situation(given.situation),
        "Write the outline.",
    )


def system_prompt(reasoning: str) -> str:
    return system("architect", reasoning)


def made(reply: OutlineReply, files: Files) -> Made | Unusable:
    """An outline of places that exist, or of files that are to be made."""
    targets = places(reply.targets, files, MOST_TARGETS, new=True)
    approach = prose(reply.approach)
    if not targets:
        return Unusable(reason="the outline names no place in the repository")
    if not approach:
        return Unusable(reason="the outline states no approach")
    steps = tuple(text for each in reply.steps[:MOST_STEPS] if (text := prose(each)))
    outline = Outline(targets=targets, approach=approach, steps=steps)
    why = "Settle where and how to solve it before code is written."
    return Made(
        steps=(step(reply.reasoning, WriteOutline(outline=outline), otherwise=why),),
        expectation=prose(reply.expectation),
    )
