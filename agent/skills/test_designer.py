"""Test Designer: tests made from the issue, without ever seeing the candidate code (B5, U22).

Its input holds no state, patch, transition or measured result: only the run's context, which is the same for
all states, the outline, and the tests that were made before. What it is shown of the code is shown of a state
without a patch. An action's own words reach it only as long as nobody there has seen a changed file
(:func:`blind`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import WithJsonSchema

from agent.llm.prompts import joined, section, system, untrusted
from agent.llm.replies import Form
from agent.protocols import Context, View
from agent.skills import sections
from agent.skills.shared import Made, Unusable, prose, step
from agent.skills.test_files import Case, Suitable, files_of, style_of
from agent.types import (
    Action,
    AddTests,
    Edit,
    Location,
    MarkTestWrong,
    Outline,
    Skill,
    State,
    Step,
    TestFile,
    TestRole,
    Transition,
)

MOST_CASES = 12
MOST_TEXT = 100_000
KINDS = ("basic", "edge", "large", "property")


@dataclass(frozen=True, slots=True, kw_only=True)
class TestDesignInput:
    """All that a Test Designer can know. ``may_add`` is False where code is changed already: a test made
    there would not be seen to fail on base, but a made one may still be marked wrong (U21)."""

    __test__ = False  # not a pytest class

    context: Context
    outline: Outline | None = None
    tests: tuple[TestFile, ...] = ()
    aim: str = ""
    target: Location | None = None
    observations: tuple[str, ...] = ()  # what became of earlier tests on base
    may_add: bool = True


class CaseReply(Form):
    """One test case, and what it verifies."""

    name: str
    kind: Annotated[str, WithJsonSchema({"type": "string", "enum": list(KINDS)})]
    verifies: str
    quote: str | None = None
    code: str
    expects_failure_now: bool
    fails_with: str | None = None


class WrongTestReply(Form):
    """A made test that contradicts the issue, and which of its words (U21)."""

    path: str
    reason: str


class DesignReply(Form):
    """What a Test Designer answers."""

    preamble: str
    cases: list[CaseReply]
    wrong_tests: list[WrongTestReply] | None = None


def blind(view: View, action: Action) -> TestDesignInput:
    """What of a view a Test Designer may know."""
    seen = changes_seen(view)
    return TestDesignInput(
        context=view.context,
        outline=view.state.outline,
        tests=view.state.tests,
        aim="" if seen else action.summary,
        target=None if seen else action.target,
        observations=tuple(_observation(step, seen) for step in view.tried if _on_base(step)),
        may_add=not view.state.patch.changes,
    )


def base_view(given: TestDesignInput) -> View:
    """The code as the Test Designer sees it: that of the base commit."""
    return View(context=given.context, state=State())


def prompt(given: TestDesignInput, code: str) -> str:
    """``code`` is a window over :func:`base_view`."""
    return joined(
        sections.aim(given.aim, given.target),
        sections.outline(given.outline),
        section("Code as it is before any repair", untrusted("code", code, sections.CODE) if code else ""),
        _made_tests(given),
        sections.observations(given.observations),
        _request(given),
    )


def system_prompt() -> str:
    return system("test_designer")


def made(reply: DesignReply, given: TestDesignInput) -> Made | Unusable:
    """Test files where the repository keeps its tests, and marks of wrong ones."""
    marks = _marks(reply.wrong_tests or (), given)
    if not given.may_add:
        return (
            Made(steps=marks) if marks else Unusable(reason="no made test is shown to contradict the issue")
        )
    if not reply.cases and marks:
        return Made(steps=marks)
    added = _added(reply, given)
    if isinstance(added, Unusable):
        return added
    return Made(steps=(added, *marks), expectation=_expectation(reply))


def _added(reply: DesignReply, given: TestDesignInput) -> Step | Unusable:
    if len(reply.cases) > MOST_CASES:
        return Unusable(reason=f"{len(reply.cases)} cases are too many; at most {MOST_CASES} are taken")
    if len(reply.preamble) + sum(len(case.code) for case in reply.cases) > MOST_TEXT:
        return Unusable(reason=f"the tests hold more than {MOST_TEXT} characters")
    cases = [
        Case(
            name=case.name,
            kind=case.kind if case.kind in KINDS else "basic",
            verifies=prose(case.verifies, case.name),
            quote=case.quote or "",
            code=case.code,
            red=case.expects_failure_now,
            fails_with=case.fails_with or "",
        )
        for case in reply.cases
    ]
    found = files_of(
        reply.preamble, cases, given.context, given.target, taken={test.path for test in given.tests}
    )
    left_out = "; ".join(found.refused)[:600]
    if not found.files:
        return Unusable(reason=f"no case can be taken: {left_out or 'there is none'}")
    if not found.red and not _reproductions(given):
        return Unusable(
            reason=f"no usable case is said to fail now, so nothing would reproduce the issue. {left_out}"
        )
    aside = f" Left out: {left_out}." if left_out else ""
    return step(
        f"State as tests what the issue asks for: {_listed(found)}{aside}",
        AddTests(tests=found.files),
        otherwise="State as tests what the issue asks for.",
    )


def _listed(found: Suitable) -> str:
    return " ".join(f"({case.kind}) {case.verifies}" for case in found.cases)


def _marks(wrong: Sequence[WrongTestReply], given: TestDesignInput) -> tuple[Step, ...]:
    known = {test.path for test in _reproductions(given) if not test.given}
    found = {each.path: reason for each in wrong if each.path in known and (reason := prose(each.reason))}
    return tuple(
        step(
            f"The test {path} contradicts the issue: {reason}",
            MarkTestWrong(path=path, reason=reason),
            otherwise=reason,
        )
        for path, reason in sorted(found.items())
    )


def _reproductions(given: TestDesignInput) -> tuple[TestFile, ...]:
    return tuple(test for test in given.tests if test.role is TestRole.REPRODUCTION)


def _expectation(reply: DesignReply) -> str:
    red = [case.name for case in reply.cases if case.expects_failure_now]
    return prose(
        f"On the base commit {', '.join(red)} must fail for the reason that the issue states." if red else ""
    )


def _made_tests(given: TestDesignInput) -> str:
    shown = [
        untrusted("made test", f"{test.path}\n\n{test.content}", sections.TEST)
        for test in given.tests[: sections.MOST_TESTS]
    ]
    return section("Tests made before", *shown)


def _request(given: TestDesignInput) -> str:
    if not given.may_add:
        return "Add no case: leave `cases` empty. Say which tests made before contradict the issue, if any."
    style = style_of(given.context, given.target)
    wanted = 2 + min(len(given.context.task.text) // 1_000, 4)  # more where the issue is larger (E6)
    form = "methods (with `self`) of a unittest.TestCase" if style.unittest else "pytest functions"
    can = "can be imported" if style.hypothesis else "cannot be imported: write no property"
    return (
        f"Write {wanted} to {wanted + 2} cases, several kinds among them. Style: {form}. hypothesis {can}. "
        "They are put into files of their own; imports are absolute."
    )


def changes_seen(view: View) -> bool:
    """Whether whoever proposes at this state has seen, or was told of, a change of the code."""
    return bool(view.state.patch.changes) or any(map(edits, (*view.path, *view.tried)))


def edits(step: Transition) -> bool:
    """Whether a proposal was to change code."""
    return any(isinstance(each.operation, Edit) for each in step.plan.steps)


def _on_base(step: Transition) -> bool:
    """Whether it was the Test Designer's, and made where no code was changed."""
    own = step.plan.action.skill is Skill.TEST_DESIGNER
    return own and not step.before.patch.changes and not edits(step)


def _observation(step: Transition, seen: bool) -> str:
    """What became of an earlier design, in the words of the run on base; in those of the decision model only
    while it had seen no change."""
    results = step.after.results if step.after is not None else None
    why = step.remark or (results.remark if results is not None else "")
    why = why or ("" if seen else step.decision.reason)
    paths = [
        test.path
        for each in step.plan.steps
        if isinstance(each.operation, AddTests)
        for test in each.operation.tests
    ]
    return f"{', '.join(paths) or 'no test'}: {step.effect.value}; {why}"
