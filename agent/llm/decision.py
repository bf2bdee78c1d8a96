"""The decision network with a model: use the plan, or continue the search (C6).

What the program forbids is forbidden first, whatever a model says; then what does not exist in the installed
versions or breaks callers; only then is the model asked, once, before anything is executed. Whether to go
deeper from what was reached follows rules, as it does without a model.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from agent.builtin.decision import DEEPEST, BuiltinDecision, protections
from agent.llm.policy import no_answer, stable
from agent.llm.prompts import joined, section, system, untrusted
from agent.llm.replies import Verdict
from agent.llm.types import Ask, Component, Failed, Prompt
from agent.method import Method
from agent.protocols import Model, View
from agent.skills import sections
from agent.skills.possible import failing, situation
from agent.skills.shared import Packs, prose
from agent.types import (
    AddTests,
    Decision,
    EditLines,
    Location,
    MarkTestWrong,
    Operation,
    Plan,
    ReplacePassage,
    Results,
    RewriteSymbol,
    RunTests,
    Transition,
    WriteFile,
    WriteOutline,
)

WINDOW = 10_000
SHOWN = 12_000  # characters of a plan
MOST_FLAWS = 5
ADDRESS = re.compile(r"0x[0-9a-fA-F]+")
NOTHING = "nothing speaks against measuring it"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelDecision:
    """A :class:`agent.protocols.DecisionModel`. Without ``method.decision`` only protections and flaws
    decide."""

    method: Method
    model: Model
    packs: Packs

    def decide(self, view: View, plan: Plan) -> Decision:
        reason = protections(view.state, plan, untested=not self.method.generated_tests) or _idle(plan)
        if reason:
            return Decision(use=False, reason=reason)
        flaws = self.packs.flaws(view, plan)
        if flaws:
            more = f" ({len(flaws) - MOST_FLAWS} more)" if len(flaws) > MOST_FLAWS else ""
            return Decision(use=False, reason=f"{'; '.join(flaws[:MOST_FLAWS])}{more}")
        return self._asked(view, plan) if self.method.decision else Decision(use=True, reason=NOTHING)

    def descend(self, view: View, transition: Transition) -> Decision:
        """The built-in rules; besides, a change that fails in another way than before is worth a Debugger."""
        decision = BuiltinDecision().descend(view, transition)
        if not self.method.generated_tests and _outlined(transition):
            return Decision(
                use=True, reason="the outline says where to look; no test is to reproduce the issue"
            )
        if decision.use or not _fails_otherwise(view, transition):
            return decision
        return Decision(use=True, reason="no worse than before, and the tests fail in another way")

    def _asked(self, view: View, plan: Plan) -> Decision:
        code = self.packs.window(view, _targets(plan), "function", WINDOW)
        prompt = Prompt(
            system=system("decision"),
            stable=stable(self.packs, view),
            turn=joined(
                sections.outline(view.state.outline),
                *sections.situation(situation(view, self.method, code)),
                section("Plan", untrusted("plan", shown(plan), SHOWN)),
                "Use this plan, or continue the search without it?",
            ),
        )
        answer = self.model.ask(Ask(component=Component.DECISION, prompt=prompt, reply=Verdict))
        if isinstance(answer, Failed):
            return Decision(
                use=True, reason=f"the decision model gave no answer ({no_answer(answer)}): measured"
            )
        return Decision(use=answer.value.use, reason=prose(answer.value.reason, "the model gives no reason"))


def _idle(plan: Plan) -> str:
    """A plan that only runs tests has nothing to use: its reasoning says why it became none."""
    if all(isinstance(step.operation, RunTests) for step in plan.steps):
        return plan.steps[0].reasoning if plan.steps else "the plan has no step"
    return ""


def _outlined(transition: Transition) -> bool:
    """An outline was written, and no code yet."""
    after = transition.after
    return after is not None and not after.patch.changes and after.outline != transition.before.outline


def _fails_otherwise(view: View, transition: Transition) -> bool:
    """The code is changed, nothing got worse, and what the failing tests say is not what they said before."""
    before, after = transition.before.results, transition.after.results if transition.after else None
    if before is None or after is None or transition.after is None or not transition.after.patch.changes:
        return False
    worse = after.regressions or after.generated.problem or after.passes or after.score < before.score
    return not worse and view.depth <= DEEPEST and _said(before) != _said(after)


def _said(results: Results) -> tuple[tuple[str, str], ...]:
    """Without the addresses of objects, which differ in every run."""
    return tuple((case.id, ADDRESS.sub("0x", case.message)) for case in failing(results))


def _targets(plan: Plan) -> Sequence[Location]:
    """The places that the plan touches."""
    found = [_touched(step.operation) for step in plan.steps]
    places = [place for place in found if place is not None]
    return places or ([plan.action.target] if plan.action.target is not None else [])


def _touched(operation: Operation) -> Location | None:
    match operation:
        case EditLines(path=path, first=first):
            return Location(path=path, line=first)
        case RewriteSymbol(path=path, symbol=symbol):
            return Location(path=path, line=1, symbol=symbol)
        case ReplacePassage(path=path) | WriteFile(path=path):
            return Location(path=path, line=1)
        case AddTests() | MarkTestWrong() | WriteOutline() | RunTests():
            return None
        case _:
            assert_never(operation)


def shown(plan: Plan) -> str:
    """A plan as text: for the decision model."""
    head = f"Action of the {plan.action.skill.value}: {plan.action.summary}"
    steps = [
        f"{number}. {step.reasoning}\n{operation_text(step.operation)}"
        for number, step in enumerate(plan.steps, start=1)
    ]
    return "\n\n".join([head, *steps])


def operation_text(operation: Operation) -> str:
    """What a step does, in a few lines."""
    match operation:
        case EditLines(path=path, first=first, last=last):
            old, new = operation.expected, operation.replacement
            return f"Replace lines {first} to {last} of {path}:\n{old}by:\n{new}"
        case RewriteSymbol(path=path, symbol=symbol, source=source):
            return f"Rewrite {symbol} of {path}:\n{source}"
        case ReplacePassage(path=path, passage=passage, replacement=replacement):
            return f"Replace in {path}:\n{passage}\nby:\n{replacement}"
        case WriteFile(path=path, content=content):
            return (
                f"Delete {path}" if content is None else f"Write {path}:\n{content.decode(errors='replace')}"
            )
        case AddTests(tests=tests):
            return "\n".join(f"Add the test {test.path}:\n{test.content}" for test in tests)
        case MarkTestWrong(path=path, reason=reason):
            return f"Mark the test {path} as wrong: {reason}"
        case WriteOutline(outline=outline):
            return sections.outline(outline)
        case RunTests():
            return "Run the tests."
        case _:
            assert_never(operation)
