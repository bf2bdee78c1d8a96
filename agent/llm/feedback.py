"""The feedback network with a model: why each failing test fails, in words (E1 to E4).

One question for a state's failing tests. Its best explanation of a test is the test's note; the others stay
with it, and all of them become scored actions of the Debugger when the state is visited next: feedback is
proposed, planned, executed and measured as anything else is, and never believed. A test that the model says
nothing of, and every test when it gives no answer, gets the built-in explanation: each failing test has one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from agent.builtin.feedback import BuiltinFeedback
from agent.llm.prompts import bounded, joined, line, section, system, untrusted
from agent.llm.replies import Explanation, Explanations
from agent.llm.scores import scores
from agent.llm.types import Answer, Ask, Component, Failed, Prompt
from agent.method import Method
from agent.protocols import Model, View
from agent.skills import sections
from agent.skills.possible import failing, suspects
from agent.skills.shared import Failure, Files, Packs, places, prose
from agent.types import Action, FeedbackNote, Hypothesis, Skill

KIND = "feedback"  # of the actions
MOST_TESTS = 5  # explained by a model
MOST_NOTES = 20
MOST_EXPLANATIONS = 20  # of one answer
MOST_OTHERS = 4  # less likely explanations kept with a test
MOST_SUSPECTS = 5
WINDOW = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFeedback:
    """A :class:`agent.protocols.Feedback` of the method's kind of feedback."""

    method: Method
    model: Model
    packs: Packs

    def explain(self, view: View) -> Sequence[FeedbackNote]:
        plain = {note.test: note for note in BuiltinFeedback(self.method.feedback).explain(view)}
        failures = failing(view.state.results)[:MOST_TESTS]
        if not failures:
            return tuple(plain.values())
        answer = self.model.ask(self._question(view, plain))
        if isinstance(answer, Failed):
            return tuple(plain.values())
        tests = [case.id for case in failures]
        notes = plain | dict(self._notes(view, answer, tests))
        return tuple(notes[test] for test in sorted(notes))[:MOST_NOTES]

    def _question(self, view: View, plain: dict[str, FeedbackNote]) -> Ask[Explanations]:
        known = [place for note in plain.values() for place in note.suspects]
        targets = (known or list(suspects(view)))[:MOST_SUSPECTS]
        code = self.packs.window(view, targets, "function", WINDOW)
        return Ask(
            component=Component.FEEDBACK,
            prompt=Prompt(
                system=system("feedback", f"feedback_{self.method.feedback.replace(' ', '_')}"),
                stable=section(
                    "Task and repository", untrusted("task", self.packs.stable(view.context), 80_000)
                ),
                turn=joined(
                    sections.outline(view.state.outline),
                    sections.code(code),
                    sections.tests([(test.path, test.content) for test in view.state.reproduction]),
                    sections.failures(_told(view, self.method.feedback)),
                    f"Explain why these tests fail.{_in_words_of(self.method.language)}",
                ),
            ),
            reply=Explanations,
        )

    def _notes(
        self, view: View, answer: Answer[Explanations], tests: Sequence[str]
    ) -> Iterator[tuple[str, FeedbackNote]]:
        """The explanations by test, likelier ones first."""
        found = answer.value.explanations
        values, source = scores(answer.text, answer.tokens, "explanations", [one.confidence for one in found])
        files = Files(view.context.source, view.state)
        by_test: dict[str, list[Hypothesis]] = {}
        for one, score in list(zip(found, values, strict=True))[:MOST_EXPLANATIONS]:
            if 1 <= one.test <= len(tests) and (hypothesis := _hypothesis(one, score, files)) is not None:
                by_test.setdefault(tests[one.test - 1], []).append(hypothesis)
        for test, hypotheses in by_test.items():
            best, *others = sorted(_distinct(hypotheses), key=lambda one: (-one.score, one.text))
            yield (
                test,
                FeedbackNote(
                    test=test,
                    kind=self.method.feedback,
                    text=best.text,
                    suspects=best.suspects,
                    score=best.score,
                    score_source=source,
                    others=tuple(others[:MOST_OTHERS]),
                ),
            )


def _in_words_of(language: str) -> str:
    return (
        f" Write the explanations in {language}; names out of the code stay as they are." if language else ""
    )


def _hypothesis(one: Explanation, score: float, files: Files) -> Hypothesis | None:
    text = line(one.explanation, sections.NOTE)
    return (
        Hypothesis(text=text, score=score, suspects=places(one.suspects, files, MOST_SUSPECTS))
        if text
        else None
    )


def _distinct(found: Sequence[Hypothesis]) -> list[Hypothesis]:
    return list({one.text.casefold(): one for one in reversed(found)}.values())


def _told(view: View, kind: str) -> list[Failure]:
    """What the kind of feedback goes by (Self-Debugging): that a test fails; its message; also where; also
    the way there."""
    return [_failure(kind, case.id, case.message, case.details) for case in failing(view.state.results)]


def _failure(kind: str, test: str, message: str, details: str) -> Failure:
    match kind:
        case "simple":
            return Failure(test=test)
        case "unit test":
            return Failure(test=test, message=message)
        case "explanation":
            return Failure(test=test, message=message, details=bounded(details, 1_500))
        case _:
            return Failure(test=test, message=message, details=details)


def candidates(view: View, level: str) -> Iterator[Action]:
    """The stored explanations as actions of the Debugger, scored as the model scored them (E1, E2)."""
    for note in view.notes:
        if not note.score_source:
            continue  # the built-in explanation: it has no score to be compared by
        best = Hypothesis(text=note.text, score=note.score, suspects=note.suspects)
        for one in (best, *note.others):
            yield _candidate(note, one, level)


def _candidate(note: FeedbackNote, one: Hypothesis, level: str) -> Action:
    target = one.suspects[0] if one.suspects else None
    name = hashlib.sha256(repr((note.test, one.text)).encode("utf-8", "replace")).hexdigest()[:20]
    return Action(
        id=f"f-{name}",
        skill=Skill.DEBUGGER,
        kind=KIND,
        summary=prose(f"Correct what the feedback on {note.test} found: {one.text}")[:400],
        score=one.score,
        operations=(),
        target=target if target is None else replace(target, reason="suspected by the feedback"),
        score_source=note.score_source,
        origin="model",
        level=level,
    )
