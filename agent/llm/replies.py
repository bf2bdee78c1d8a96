"""The forms of what the networks answer; those of the skills stand with the skills.

Lenient on purpose: what is bounded, known or within a range is checked by those who use a value, and one odd
item does not cost the whole answer. Fields are given in the order in which they are to be thought of.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, WithJsonSchema

from agent.types import Skill

SkillName = Annotated[str, WithJsonSchema({"type": "string", "enum": [skill.value for skill in Skill]})]


class Form(BaseModel):
    """Base of all answers."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class ProposedAction(Form):
    """One proposal of the policy. ``confidence`` is 0 to 100."""

    skill: SkillName
    summary: str
    path: str | None = None
    symbol: str | None = None
    line: int | None = None
    confidence: float


class Proposals(Form):
    """The policy's answer: several distinct actions in one call (U12)."""

    actions: list[ProposedAction]


class Verdict(Form):
    """The decision model's answer (C6)."""

    reason: str
    use: bool


class Place(Form):
    """A place in the code as a model names it."""

    path: str
    symbol: str | None = None
    line: int | None = None
    reason: str | None = None


class Explanation(Form):
    """Why a failing test fails. ``test`` is its number in the prompt, from 1."""

    test: int
    explanation: str
    suspects: list[Place]
    confidence: float


class Explanations(Form):
    """The feedback's answer (E1)."""

    explanations: list[Explanation]
