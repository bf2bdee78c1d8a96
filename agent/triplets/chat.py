"""Chat-format examples for supervised fine-tuning: ``{"messages": [...]}`` and nothing else on a line, as
TRL's SFTTrainer and the fine-tuning endpoints of OpenAI's kind read it.

One triplet teaches up to three networks (F1): the policy its action and the planner its plan, where these
were of use, and the decision model whether they were (U24).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from agent.triplets.describe import compact, proposal, situation

Message = dict[str, str]

POLICY = (
    "You are the policy of a program that repairs code. Given an issue and the state of code and tests, "
    'propose the next action as JSON: {"skill": ..., "summary": ...}. '
    "Skills: architect, implementer, debugger, test designer."
)
PLANNER = (
    "You are the planner of a program that repairs code. Given an issue, the state of code and tests and an "
    'action, write the plan as JSON: {"steps": [{"reasoning": ..., "operation": ...}]}. Lines are counted '
    "from 1; what an edit expects must stand there byte for byte."
)
DECISION = (
    "You are the decision model of a program that repairs code. Given an issue, the state of code and tests "
    'and a plan, say as JSON whether to use it or to continue the search: {"use": true} or {"use": false}.'
)


def chats(triplet: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The examples of one triplet."""
    seen = situation(triplet["task"], triplet["before"])
    action = f"{seen}\n\n# Action\n\n{proposal(triplet['action'])}"
    steps = compact({"steps": plan_of(triplet)})
    if triplet["reward"]["use"]:
        answer = {"skill": triplet["action"]["skill"], "summary": triplet["action"]["summary"]}
        yield _chat(POLICY, seen, compact(answer))
        yield _chat(PLANNER, action, steps)
    yield _chat(DECISION, f"{action}\n\n# Plan\n\n{steps}", compact({"use": bool(triplet["reward"]["use"])}))


def plan_of(triplet: dict[str, Any]) -> list[dict[str, Any]]:
    """The steps without the word that says they are steps."""
    return [{"reasoning": step["reasoning"], "operation": step["operation"]} for step in triplet["plan"]]


def message(role: str, content: str) -> Message:
    return {"role": role, "content": content}


def _chat(system: str, user: str, assistant: str) -> dict[str, Any]:
    return {"messages": [message("system", system), message("user", user), message("assistant", assistant)]}
