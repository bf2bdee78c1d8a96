"""Preference pairs in TRL's conversational form, ``{"prompt", "chosen", "rejected"}``, as its DPOTrainer and
RewardTrainer read them.

Both answers were executed from the same state: the chosen one was of use, the rejected one was not and came
out worse (U24). Lexical likeness plays no part (A7).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from agent.triplets.chat import message, plan_of
from agent.triplets.describe import compact, situation

PER_CHOSEN = 4  # rejected answers for one chosen: the policy's highest-scored ones, which misled it most

SYSTEM = (
    "You repair code. Given an issue and the state of code and tests, propose the next action with its plan "
    'as JSON: {"skill": ..., "summary": ..., "steps": [{"reasoning": ..., "operation": ...}]}. Lines are '
    "counted from 1; what an edit expects must stand there byte for byte."
)


def slim(triplet: dict[str, Any]) -> dict[str, Any]:
    """What a pair needs of a triplet: all siblings are in memory at once, and states are large."""
    needless = {"after"} if triplet["reward"]["use"] else {"after", "before"}
    return {name: part for name, part in triplet.items() if name not in needless}


def preferences(siblings: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The pairs among slimmed triplets that begin at one state."""
    useful = [each for each in siblings if each["reward"]["use"]]
    useless = sorted(
        (each for each in siblings if not each["reward"]["use"]),
        key=lambda each: (-(each["action"]["score"] or 0.0), each["id"]),
    )
    for chosen in useful:
        rivals = [each for each in useless if _worse(each, chosen)]
        prompt = [
            message("system", SYSTEM),
            message("user", situation(chosen["task"], _without_plan(chosen["before"]))),
        ]
        for rejected in rivals[:PER_CHOSEN]:
            yield {"prompt": prompt, "chosen": [_answer(chosen)], "rejected": [_answer(rejected)]}


def _worse(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Of the same kind, and another answer: a test is not better or worse than a patch."""
    kinds = [each["action"]["skill"] == "test designer" for each in (one, other)]
    return kinds[0] == kinds[1] and _answer(one) != _answer(other)


def _without_plan(state: dict[str, Any]) -> dict[str, Any]:
    """Both answers must have the same prompt: only files that do not depend on either are shown."""
    outlined = {place.get("path") for place in (state["outline"] or {}).get("targets", [])}
    kept = [file for file in state["files"] if file["changed"] or file["path"] in outlined]
    return {**state, "files": kept or state["files"]}


def _answer(triplet: dict[str, Any]) -> dict[str, str]:
    action = triplet["action"]
    body = {"skill": action["skill"], "summary": action["summary"], "steps": plan_of(triplet)}
    return message("assistant", compact(body))
