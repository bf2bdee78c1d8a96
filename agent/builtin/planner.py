"""The built-in planner: an action becomes steps of reasoning and operation, and a test run (C4, C5)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from agent.protocols import View
from agent.types import (
    Action,
    AddTests,
    EditLines,
    MarkTestWrong,
    Operation,
    Plan,
    ReplacePassage,
    RewriteSymbol,
    RunTests,
    Skill,
    Step,
    WriteFile,
    WriteOutline,
)

WHY: dict[str, str] = {
    "comparison": "the comparison decides this case, and its boundary or direction may be wrong",
    "arithmetic": "the value is computed here, and the operator or the order of its operands may be wrong",
    "boundary": "a count or an index may be one off",
    "names": "another name may be meant here",
    "arguments": "the call may not hand on what the called function needs",
    "guards": "a value that the rest cannot deal with comes so far; it is to be answered before",
    "conditions": "the condition lets too much or too little through",
    "truthiness": "a value that counts as false is taken for a missing one, or the reverse",
    "negation": "the condition may be the wrong way round",
    "constants": "the constant decides the result, and another one is stated or used nearby",
    "returns": "another value should be given back",
    "exceptions": "an exception that belongs to this case is not handled as the others are",
    "calls": "a conversion is missing or too much, or a sibling of the called function is meant",
    "slices": "the wrong part or element may be taken",
    "strings": "the text is formatted or cleaned up differently from what is expected",
    "clamps": "the value leaves the range that it must stay in",
    "defaults": "the default value of a parameter decides this case",
    "statements": "a statement is missing, superfluous or at the wrong place",
}


class BuiltinPlanner:
    """A :class:`agent.protocols.Planner`; pure, writes nothing (C9)."""

    def expand(self, view: View, action: Action) -> Plan:
        steps = [
            Step(reasoning=_reasoning(view, action, operation), operation=operation)
            for operation in action.operations
        ]
        if not any(isinstance(operation, RunTests) for operation in action.operations):
            steps.append(Step(reasoning=_expectation(view, action), operation=RunTests()))
        return Plan(action=action, steps=tuple(steps))


def _reasoning(view: View, action: Action, operation: Operation) -> str:
    match operation:
        case WriteOutline(outline=outline):
            return f"Settle where to look before changing anything. {outline.approach}"
        case AddTests(tests=tests):
            verified = "; ".join(test.verifies for test in tests if test.verifies) or "what the issue states"
            return f"State as a test what the issue asks for: {verified}"
        case EditLines() | WriteFile() | RewriteSymbol() | ReplacePassage():
            return " ".join(_edit_reasons(view, action))
        case MarkTestWrong(path=path, reason=reason):
            return f"The test {path} contradicts the issue: {reason}"
        case RunTests():
            return _expectation(view, action)
        case _:
            assert_never(operation)


def _edit_reasons(view: View, action: Action) -> Iterator[str]:
    failing = view.notes[0].test if view.notes else _failing(view)
    if failing:
        yield f"The test {failing} fails."
    target = action.target
    if target is not None:
        place = f"`{target.symbol}`, line {target.line}" if target.symbol else f"line {target.line}"
        yield f"Suspected is {place} of {target.path}: {target.reason or 'part of the outline'}."
    why = WHY.get(action.kind)
    yield f"Here {why}." if why else f"{action.summary}."


def _failing(view: View) -> str:
    results = view.state.results
    return min(results.generated.failing, default="") if results is not None else ""


def _expectation(view: View, action: Action) -> str:
    match action.skill:
        case Skill.TEST_DESIGNER:
            return "The new test must fail on the base commit, for the reason that the issue states."
        case Skill.ARCHITECT:
            return "The outline changes no code: the tests must fail as before."
        case Skill.IMPLEMENTER | Skill.DEBUGGER:
            failing = _failing(view)
            return f"{failing or 'The failing test'} must pass now, and no test that passed may fail."
        case _:
            assert_never(action.skill)
