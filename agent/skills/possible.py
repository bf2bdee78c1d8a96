"""Which skills can do something at a state, and what of it they are told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from threading import Lock

from agent.builtin.decision import ENOUGH_TESTS
from agent.context.places import places
from agent.localize.files import CodeBase
from agent.method import Method
from agent.protocols import Context, View
from agent.skills.shared import Failure, Situation
from agent.skills.test_designer import edits
from agent.types import Effect, Location, Results, Skill, State, Transition
from sandbox.suites.types import CaseResult

MOST_FAILURES = 5
MOST_TARGETS = 12
FIRST_FILES = 3


def possible(view: View, method: Method) -> tuple[Skill, ...]:
    """Skills that may be proposed, those switched off left out (J16).

    Tests before anything else, unless the run is to do without (J16); an outline before code, if there is an
    Architect; a Debugger only after a failure (U26); new tests only on base, where they are seen to fail,
    marks of wrong ones anywhere (U21).
    """
    return tuple(skill for skill in _possible(view, method) if allowed(skill, method))


def allowed(skill: Skill, method: Method) -> bool:
    """Whether a skill is switched on (J16)."""
    if skill is Skill.TEST_DESIGNER and not method.generated_tests:
        return False
    return skill.value in method.skills


def _possible(view: View, method: Method) -> Iterator[Skill]:
    state, results = view.state, view.state.results
    changed = bool(state.patch.changes)
    made = [test for test in state.reproduction if not test.given]
    untested = not method.generated_tests and not state.reproduction
    if not changed and not untested and not (results is not None and results.reproduced):
        yield Skill.TEST_DESIGNER
        return
    if not changed and state.outline is None:
        yield Skill.ARCHITECT
    if changed or state.outline is not None or not allowed(Skill.ARCHITECT, method):
        yield Skill.IMPLEMENTER
    if failing(results):
        yield Skill.DEBUGGER
    few = not changed and len(state.reproduction) < ENOUGH_TESTS
    if few or (made and len(state.reproduction) > 1):
        yield Skill.TEST_DESIGNER


def failing(results: Results | None) -> tuple[CaseResult, ...]:
    """The state's own tests that fail, then what passed on base and fails now; each by its id."""
    if results is None:
        return ()
    own = sorted((case for case in results.generated.cases if case.failing), key=lambda case: case.id)
    worse = frozenset(results.regressions)
    suite = results.suite.cases if results.suite is not None else ()
    broken = sorted((case for case in suite if case.failing and case.id in worse), key=lambda case: case.id)
    return (*own, *(case for case in broken if case not in own))


def situation(view: View, method: Method, code: str, *, told_of_edits: bool = True) -> Situation:
    """What a repairing skill is told. Without self-feedback (J2): which tests fail, not what they say."""
    tried = [step for step in (*view.path, *view.tried) if told_of_edits or not edits(step)]
    return Situation(
        code=code,
        failures=tuple(
            Failure(test=case.id, message=case.message, details=case.details)
            if method.self_feedback
            else Failure(test=case.id)
            for case in failing(view.state.results)
        ),
        notes=view.notes if method.self_feedback else (),
        tests=tuple((test.path, test.content) for test in view.state.reproduction),
        observations=tuple(observation(step, method) for step in tried),
    )


def observation(step: Transition, method: Method) -> str:
    """What was tried, whether it did, and why not: what comes back of every proposal (C7)."""
    action = step.plan.action
    return f"[{action.skill.value}] {action.summary}: {_became(step, method)}"


def _became(step: Transition, method: Method) -> str:
    results = step.after.results if step.after is not None else None
    match step.effect:
        case Effect.EXECUTED if results is not None:
            return _measured(results, method)
        case Effect.EXECUTED:
            return "executed"
        case Effect.NOT_USED:
            return f"not used, because {step.decision.reason}"
        case Effect.NOT_APPLIED:
            return f"did not apply, because {step.remark}"
        case Effect.DUPLICATE:
            return "leads to a state that was reached before"


def _measured(results: Results, method: Method) -> str:
    if results.reproduced:
        return "executed; the tests fail on base for the stated reason"
    cases = [case for case in results.generated.cases if case.verdict != "skipped"]
    passed = sum(not case.failing for case in cases)
    said = [f"executed; {passed} of {len(cases)} own tests pass", results.remark]
    if results.regressions:
        said.append(
            f"{len(results.regressions)} tests that passed on base fail, {results.regressions[0]} first"
        )
    if method.self_feedback:
        said += [f"{case.id}: {case.message}" for case in failing(results)[:2]]
        said.append(results.generated.problem)
    return "; ".join(each for each in said if each)


def suspects(view: View) -> tuple[Location, ...]:
    """Where to look: what the feedback suspects, what the outline names, what localisation finds."""
    state = view.state
    found = [place for note in view.notes for place in note.suspects]
    found += state.outline.targets if state.outline is not None else ()
    if not found:
        found += _localised(view)
    if not found:  # nothing points anywhere: the first files are better than none
        files = CodeBase(view.context.source, state).paths[:FIRST_FILES]
        found += [Location(path=path, line=1, reason="a file of the repository") for path in files]
    unique = {(place.path, place.line, place.symbol): place for place in reversed(found)}
    return tuple(reversed(list(unique.values())))[:MOST_TARGETS]


@dataclass(frozen=True, slots=True)
class _Question:
    """What localisation goes by. A context is the same for all states of a run: it is compared by
    identity."""

    context: Context = field(compare=False)
    run: int
    state: State
    failing: tuple[str, ...]


def _localised(view: View) -> tuple[Location, ...]:
    """Asked for by each proposal of a state, and worked out once: it reads the whole repository."""
    failed = tuple(case.id for case in failing(view.state.results))
    with _ONE_AT_A_TIME:
        return _located(_Question(view.context, id(view.context), view.state, failed))


@lru_cache(maxsize=16)
def _located(asked: _Question) -> tuple[Location, ...]:
    return places(View(context=asked.context, state=asked.state), MOST_TARGETS)


_ONE_AT_A_TIME = Lock()
