"""The planning network with a model: an action becomes steps of reasoning and operation (C4, C5).

It hands the action to its skill. Nothing that a skill answers is a crash: no answer, or one that nothing can
be made of, becomes a plan that changes nothing and says why; the decision model does not use it, and the
reason is an observation for the next proposals (C7). It never writes (C9).
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import assert_never

from agent.llm.policy import WINDOW, no_answer, stable
from agent.llm.types import Ask, Component, Failed, Prompt
from agent.method import Method
from agent.protocols import Model, Reply, View
from agent.skills import architect, debugger, implementer, test_designer
from agent.skills.possible import failing, possible, situation, suspects
from agent.skills.shared import Files, Made, Packs, Situation, Unusable
from agent.skills.test_designer import blind, changes_seen
from agent.types import Action, Outline, Plan, RunTests, Skill, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPlanner:
    """A :class:`agent.protocols.Planner`.

    Without ``method.planner`` (J16) the skill answers without reasoning step by step, and the plan is what it
    does and nothing else.
    """

    method: Method
    model: Model
    packs: Packs

    def expand(self, view: View, action: Action) -> Plan:
        made = self._worked_out(view, action)
        if isinstance(made, Unusable):
            why = f"The {action.skill.value} made nothing of it: {made.reason}"
            return Plan(action=action, steps=(Step(reasoning=why, operation=RunTests()),))
        if not self.method.planner:
            direct = (Step(reasoning=action.summary, operation=step.operation) for step in made.steps)
            return Plan(action=action, steps=tuple(direct))
        closing = Step(reasoning=made.expectation or _expectation(view, action), operation=RunTests())
        return Plan(action=action, steps=(*made.steps, closing))

    def _worked_out(self, view: View, action: Action) -> Made | Unusable:
        if action.skill not in possible(view, self.method):
            return Unusable(reason=f"a {action.skill.value} can do nothing at this state")
        match action.skill:
            case Skill.ARCHITECT:
                return self._architect(view, action)
            case Skill.IMPLEMENTER:
                return self._implementer(view, action)
            case Skill.DEBUGGER:
                return self._debugger(view, action)
            case Skill.TEST_DESIGNER:
                return self._test_designer(view, action)
            case _:
                assert_never(action.skill)

    def _architect(self, view: View, action: Action) -> Made | Unusable:
        """It works on base, and what it writes goes to the Test Designer: it is told of no change."""
        aim = "" if changes_seen(view) else action.summary
        told = situation(view, self.method, self._window(view, action), told_of_edits=False)
        given = architect.ArchitectInput(aim=aim, situation=told)
        system, turn = architect.system_prompt(self._reasoning), architect.prompt(given)
        reply = self._ask(view, action, system, turn, architect.OutlineReply)
        return reply if isinstance(reply, Unusable) else architect.made(reply, _files(view))

    def _implementer(self, view: View, action: Action) -> Made | Unusable:
        given = implementer.ImplementerInput(
            aim=action.summary,
            outline=view.state.outline or outline_of(action),
            situation=self._situation(view, action),
        )
        system, turn = implementer.system_prompt(self._reasoning), implementer.prompt(given)
        reply = self._ask(view, action, system, turn, implementer.EditsReply)
        return reply if isinstance(reply, Unusable) else implementer.made(reply, _files(view))

    def _debugger(self, view: View, action: Action) -> Made | Unusable:
        told = self._situation(view, action)
        given = debugger.DebuggerInput(aim=action.summary, target=action.target, situation=told)
        system, turn = debugger.system_prompt(self._reasoning), debugger.prompt(given)
        reply = self._ask(view, action, system, turn, debugger.RepairReply)
        return reply if isinstance(reply, Unusable) else debugger.made(reply, _files(view))

    def _test_designer(self, view: View, action: Action) -> Made | Unusable:
        """Only what ``blind`` lets through is used of the view."""
        given, attempt = blind(view, action), _attempt(view, action)
        base = test_designer.base_view(given)
        targets = [given.target] if given.target is not None else []
        targets += given.outline.targets if given.outline is not None else suspects(base)
        code = self.packs.window(base, tuple(targets), "file", WINDOW)
        prompt = Prompt(
            system=test_designer.system_prompt(),
            stable=stable(self.packs, base),
            turn=test_designer.prompt(given, code),
        )
        reply = test_designer.DesignReply
        answer = self.model.ask(
            Ask(component=Component.TEST_DESIGNER, prompt=prompt, reply=reply, attempt=attempt)
        )
        if isinstance(answer, Failed):
            return Unusable(reason=no_answer(answer))
        return test_designer.made(answer.value, given)

    def _ask(
        self, view: View, action: Action, system: str, turn: str, reply: type[Reply]
    ) -> Reply | Unusable:
        prompt = Prompt(system=system, stable=stable(self.packs, view), turn=turn)
        answer = self.model.ask(
            Ask(component=Component.PLANNER, prompt=prompt, reply=reply, attempt=_attempt(view, action))
        )
        return Unusable(reason=no_answer(answer)) if isinstance(answer, Failed) else answer.value

    @property
    def _reasoning(self) -> str:
        return "steps" if self.method.planner else "no_steps"

    def _situation(self, view: View, action: Action) -> Situation:
        return situation(view, self.method, self._window(view, action))

    def _window(self, view: View, action: Action) -> str:
        first = (action.target,) if action.target is not None else ()
        targets = tuple(dict.fromkeys((*first, *suspects(view))))
        return self.packs.window(view, targets, action.level or "function", WINDOW)


def _files(view: View) -> Files:
    return Files(view.context.source, view.state)


def outline_of(action: Action) -> Outline:
    """The action itself as the outline: where the Architect is switched off, or its outline is done with."""
    targets = (action.target,) if action.target is not None else ()
    return Outline(targets=targets, approach=action.summary, steps=(action.summary,))


def _attempt(view: View, action: Action) -> int:
    """Tells askings of one question apart: a plan made anew (U13), and actions whose words are withheld."""
    made_before = sum(step.plan.action.id == action.id for step in view.tried)
    return made_before + (zlib.crc32(action.id.encode()) if changes_seen(view) else 0)


def _expectation(view: View, action: Action) -> str:
    match action.skill:
        case Skill.TEST_DESIGNER:
            return "The new tests must fail on the base commit, for the reason that the issue states."
        case Skill.ARCHITECT:
            return "The outline changes no code: the tests must fail as before."
        case Skill.IMPLEMENTER | Skill.DEBUGGER:
            found = failing(view.state.results)
            failed = found[0].id if found else "The failing test"
            return f"{failed} must pass now, and no test that passed may fail."
        case _:
            assert_never(action.skill)
