"""The policy network with a model: K distinct scored actions from one call (C2, B6, U12).

Deterministic but for the model: the same view gives the same question, and an answer the same actions. Where
a state is visited again, the code is shown at a wider level (FixAgent's: line, function, file, repository).
Asked for K, it may answer more: the best K are taken (U10, C3). Candidates that the feedback found compete
with them (E1).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agent.errors import ModelUnusable
from agent.llm.feedback import candidates
from agent.llm.prompts import joined, line, section, system, untrusted
from agent.llm.replies import Place, Proposals, ProposedAction
from agent.llm.scores import scores
from agent.llm.types import Answer, Ask, Component, Failed, Prompt
from agent.method import Method
from agent.protocols import Model, NoActions, View
from agent.skills import sections
from agent.skills.possible import possible, situation, suspects
from agent.skills.shared import Files, Packs, places
from agent.types import Action, Location, Skill

WINDOW = 24_000  # characters of code in a prompt
NARROW = 6_000  # when the first question got no answer: the prompt may have been too long
SUMMARY = 300
STABLE = 80_000
MOST_PROPOSALS = 50  # of one answer that are looked at
TURNS = 8  # at one state: the search goes depth first, and must come back
TURNS_CHANGED = 2  # at one whose code is changed
WIDENING = ("function", "file", "repository")
ORIGIN = "model"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPolicy:
    """A :class:`agent.protocols.Policy`. ``levels`` are those of the first, second … turn at a state.

    Raises ModelUnusable when the same question gets no sound answer twice in a row. An answer of which
    nothing can be used is no proposal, with the reason as the remark.
    """

    method: Method
    model: Model
    packs: Packs
    levels: tuple[str, ...] = WIDENING

    def propose(self, view: View, k: int) -> Sequence[Action]:
        skills = possible(view, self.method)
        if not skills:
            return NoActions("no skill that is switched on can do anything at this state")
        turn = turns(view, k)
        most = TURNS_CHANGED if view.state.patch.changes else TURNS
        if turn >= most:
            return NoActions(f"the model had its {most} turns at this state")
        level = self.levels[min(turn, len(self.levels) - 1)]
        answer = self._ask(view, k, skills, level)
        offered = list(candidates(view, level)) if Skill.DEBUGGER in skills else []
        proposed = list(self._actions(view, answer, skills, level))
        found = [*offered, *(each for each in proposed if isinstance(each, Action))]
        refused = [each for each in proposed if isinstance(each, str)]
        new = {action.id: action for action in reversed(found) if action.id not in view.proposed}
        if not new:
            return NoActions(f"nothing new was proposed: {'; '.join(refused)[:SUMMARY] or 'no action'}")
        return tuple(sorted(new.values(), key=lambda action: (-action.score, action.id))[:k])

    def _ask(self, view: View, k: int, skills: Sequence[Skill], level: str) -> Answer[Proposals]:
        targets = suspects(view)
        said: list[str] = []
        first = 2 * len(view.proposed)  # tells samples apart that are asked for with the same words
        for attempt, limit in enumerate((WINDOW, NARROW), start=first):
            code = self.packs.window(view, targets, level, limit)
            prompt = Prompt(
                system=system("policy"),
                stable=stable(self.packs, view),
                turn=turn_text(view, self.method, code, k, skills, targets),
            )
            ask = Ask(component=Component.POLICY, prompt=prompt, reply=Proposals, attempt=attempt)
            answer = self.model.ask(ask)
            if not isinstance(answer, Failed):
                return answer
            said.append(no_answer(answer))
        raise ModelUnusable(f"the policy got no sound answer twice in a row: {'; '.join(said)}")

    def _actions(
        self, view: View, answer: Answer[Proposals], skills: Sequence[Skill], level: str
    ) -> Iterator[Action | str]:
        proposed = answer.value.actions
        values, source = scores(answer.text, answer.tokens, "actions", [each.confidence for each in proposed])
        files = Files(view.context.source, view.state)
        for each, score in list(zip(proposed, values, strict=True))[:MOST_PROPOSALS]:
            yield _action(each, score, source, skills, files, level)


def _action(
    each: ProposedAction, score: float, source: str, skills: Sequence[Skill], files: Files, level: str
) -> Action | str:
    """The action that a proposal says, or why it says none."""
    summary = line(each.summary, SUMMARY)
    skill = next((one for one in skills if one.value == line(each.skill, 40).lower().replace("_", " ")), None)
    if skill is None:
        return f"{line(each.skill, 40)!r} is not possible here"
    if not summary:
        return "an action without a summary"
    target = _target(each, files)
    return Action(
        id=identity(skill, target, summary),
        skill=skill,
        kind="proposal",
        summary=summary,
        score=score,
        operations=(),  # the planner's to find
        target=target,
        score_source=source,
        origin=ORIGIN,
        level=level,
    )


def _target(each: ProposedAction, files: Files) -> Location | None:
    """The place, if there is such a file."""
    if not each.path:
        return None
    place = Place(path=each.path, symbol=each.symbol, line=each.line, reason=each.summary)
    return next(iter(places([place], files, 1)), None)


def identity(skill: Skill, target: Location | None, summary: str) -> str:
    """The same for what says the same in another case or spacing: it is proposed once (U12)."""
    words = "".join(one if one.isalnum() else " " for one in summary.casefold()).split()
    place = (target.path, target.symbol, target.line) if target is not None else ()
    return (
        "m-" + hashlib.sha256(repr((skill.value, place, words)).encode("utf-8", "replace")).hexdigest()[:20]
    )


def turns(view: View, k: int) -> int:
    """How often the model was asked at this state, from what became of its proposals."""
    tried = {step.plan.action.id for step in view.tried if step.plan.action.origin == ORIGIN}
    return -(-len(tried) // max(k, 1))


def stable(packs: Packs, view: View) -> str:
    """The part of every prompt that never changes in a run, as data."""
    return section(
        "Task and repository", untrusted("task and repository", packs.stable(view.context), STABLE)
    )


def turn_text(
    view: View,
    method: Method,
    code: str,
    k: int,
    skills: Sequence[Skill],
    targets: Sequence[Location],
) -> str:
    """What is new in this question."""
    names = ", ".join(f"`{skill.value}`" for skill in skills)
    places = "\n".join(f"- {sections.place(each)}: {line(each.reason, 120)}" for each in targets)
    return joined(
        sections.outline(view.state.outline),
        section("Suspicious places", untrusted("places", places, 4_000) if places else ""),
        *sections.situation(situation(view, method, code)),
        f"Possible now: {names}.",
        f"Propose {k} distinct actions, best first.",
    )


def no_answer(failed: Failed) -> str:
    """A failure to answer, in one line."""
    return line(f"{failed.kind.value}{f' ({failed.detail})' if failed.detail else ''}", SUMMARY)
