"""Who speaks when, in which order, and the same each time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from agent.builtin.decision import BuiltinDecision
from agent.builtin.planner import BuiltinPlanner
from agent.builtin.policy import MOST_DEEPER, BuiltinPolicy
from agent.protocols import Context, View
from agent.types import (
    Action,
    AddTests,
    EditLines,
    Results,
    RunTests,
    Skill,
    State,
    TestFile,
    WriteFile,
    WriteOutline,
)
from sandbox.suites.types import CaseResult, SuiteReport, Verdict

NEGATIVE = """\
def half_root(number):
    guess = number
    while guess * guess > number:
        guess = (guess + number // guess) // 2
    return guess


def half(number):
    if number < 0:
        raise ValueError("must not be negative")
    return number / 2
"""
NEGATIVE_TEST = """\
def test_it():
    with raises(ValueError):
        half_root(-4)


def test_ok():
    half_root(9)
"""

TWICE = """\
def total(first, second):
    if not first:
        first = 1
    second = second or 1
    return first * second
"""
TWICE_TEST = """\
def test_a():
    equal(total(0, 5), 0)


def test_b():
    equal(total(5, 0), 0)


def test_c():
    equal(total(None, None), 1)
"""

DESIGN = TestFile(path="tests/test_issue_1.py", content="def test(): ...\n", verifies="that it fails")


def design(context: Context) -> list[Action]:
    return [
        Action(
            id=f"design-{number}",
            skill=Skill.TEST_DESIGNER,
            kind="reproduction",
            summary=f"Write a test case to verify {context.task.title}",
            score=1.0 - number / 10,
            operations=(AddTests(tests=(DESIGN,)),),
        )
        for number in range(8)
    ]


def outlined(policy: BuiltinPolicy, ground: Any) -> View:
    (outline, *_) = policy.propose(ground.view, 5)
    (operation,) = outline.operations
    assert isinstance(operation, WriteOutline)
    return View(context=ground.context, state=replace(ground.state, outline=operation.outline))


def test_without_tests_the_test_designer_speaks(scene: Callable[..., Any]) -> None:
    ground = scene(NEGATIVE, NEGATIVE_TEST)
    policy = BuiltinPolicy(designer=design)
    view = View(context=ground.context, state=State())
    first = policy.propose(view, 5)
    assert [action.id for action in first] == [f"design-{n}" for n in range(5)]
    more = policy.propose(replace(view, proposed=frozenset(action.id for action in first)), 5)
    assert [action.id for action in more] == ["design-5", "design-6", "design-7"]
    assert not policy.propose(replace(view, proposed=frozenset(f"design-{n}" for n in range(8))), 5)
    assert not BuiltinPolicy().propose(view, 5)


def test_a_reproduced_failure_gets_an_outline_first(scene: Callable[..., Any]) -> None:
    """B2: files, functions and approach before code."""
    ground = scene(NEGATIVE, NEGATIVE_TEST, "half_root of a negative number")
    (action,) = BuiltinPolicy().propose(ground.view, 5)
    assert action.skill is Skill.ARCHITECT
    (operation,) = action.operations
    assert isinstance(operation, WriteOutline)
    assert {target.symbol for target in operation.outline.targets} == {"half_root"}
    assert operation.outline.approach
    assert operation.outline.steps
    assert all(target.reason for target in operation.outline.targets)


def test_a_test_that_does_not_reproduce_is_no_ground_to_build_on(scene: Callable[..., Any]) -> None:
    ground = scene(NEGATIVE, NEGATIVE_TEST)
    state = ground.state.with_results(replace(ground.state.results, reproduced=False))
    assert not BuiltinPolicy().propose(View(context=ground.context, state=state), 5)


def test_same_proposals_in_every_run(scene: Callable[..., Any]) -> None:
    def run() -> list[tuple[str, float, str]]:
        policy = BuiltinPolicy()
        view = outlined(policy, scene(TWICE, TWICE_TEST))
        return [(a.id, a.score, a.summary) for a in policy.propose(view, 150)]

    found = run()
    assert found == run()
    assert len({identity for identity, _, _ in found}) == len(found) > 50
    assert [score for _, score, _ in found] == sorted((score for _, score, _ in found), reverse=True)


def test_asked_again_it_goes_on_where_it_stopped(scene: Callable[..., Any]) -> None:
    policy = BuiltinPolicy()
    view = outlined(policy, scene(TWICE, TWICE_TEST))
    whole = [action.id for action in policy.propose(view, 60)]
    again = BuiltinPolicy()
    found: list[str] = []
    for _ in range(12):
        found += [action.id for action in again.propose(replace(view, proposed=frozenset(found)), 5)]
    assert found == whole


def test_a_forgotten_stream_is_made_again_the_same(scene: Callable[..., Any]) -> None:
    policy = BuiltinPolicy(designer=design)
    view = outlined(policy, scene(TWICE, TWICE_TEST))
    first = policy.propose(view, 5)
    for number in range(40):
        task = replace(view.context.task, number=number)
        policy.propose(View(context=replace(view.context, task=task), state=State()), 1)
    assert policy.propose(view, 5) == first


def test_no_line_starves_the_others(scene: Callable[..., Any]) -> None:
    policy = BuiltinPolicy()
    actions = policy.propose(outlined(policy, scene(TWICE, TWICE_TEST)), 30)
    assert len({action.target.line for action in actions if action.target}) >= 3


def test_repairs_of_a_patched_state_end_in_time_for_the_search_to_come_back(
    scene: Callable[..., Any],
) -> None:
    ground = scene(TWICE, TWICE_TEST)
    policy = BuiltinPolicy()
    view = outlined(policy, ground)
    patched = replace(view.state, patch=view.state.patch.with_file(
        "package/module.py", TWICE.replace("if not first", "if first is None").encode()
    ))  # fmt: skip
    left = CaseResult(id="tests/test_it.py::test_b", verdict=Verdict.FAILED, message="assert 5 == 0")
    done = CaseResult(id="tests/test_it.py::test_a", verdict=Verdict.PASSED)
    patched = patched.with_results(Results(generated=SuiteReport(cases=(left, done))))
    actions = policy.propose(View(context=ground.context, state=patched, depth=2), 500)
    assert len(actions) == MOST_DEEPER
    wanted = "1 if second is None else second"
    rank = next(n for n, a in enumerate(actions, 1) if wanted in repr(a.operations))
    assert rank <= 5
    assert actions[rank - 1].skill is Skill.DEBUGGER


def test_the_debugger_fixes_missing_handling_of_input_less_than_zero(scene: Callable[..., Any]) -> None:
    """B7: the Test Designer's test exposes it, an edit adds it, and the test passes with the edit."""
    ground = scene(NEGATIVE, NEGATIVE_TEST, "Missing handling of input less than 0\nShould raise ValueError.")
    policy, planner, decision = BuiltinPolicy(), BuiltinPlanner(), BuiltinDecision()
    view = outlined(policy, ground)
    for rank, action in enumerate(policy.propose(view, 10), 1):
        plan = planner.expand(view, action)
        assert decision.decide(view, plan).use
        code = ground.file_after(action, "package/module.py").decode()
        names: dict[str, Any] = {}
        if "number < 0" not in code.split("def half(")[0]:
            continue
        exec(code, names)
        with pytest.raises(ValueError, match="must not be negative"):
            names["half_root"](-4)
        assert rank <= 3
        assert names["half_root"](9) == 3
        return
    raise AssertionError("not fixed")


def test_line_addressed_summaries(scene: Callable[..., Any]) -> None:
    """B4: "Change line 8 to …"."""
    policy = BuiltinPolicy()
    actions = policy.propose(outlined(policy, scene(TWICE, TWICE_TEST)), 60)
    assert any(
        a.summary.startswith("Change line 2 of package/module.py to `if first is None:`") for a in actions
    )
    assert {a.skill for a in actions} == {Skill.DEBUGGER, Skill.IMPLEMENTER}


def test_every_plan_has_reasons_and_ends_with_a_test_run(scene: Callable[..., Any]) -> None:
    """C4, C5: several steps, each with reasoning and operation."""
    ground = scene(TWICE, TWICE_TEST)
    policy = BuiltinPolicy(designer=design)
    view = outlined(policy, ground)
    actions = [
        *policy.propose(View(context=ground.context, state=State()), 1),
        *policy.propose(ground.view, 1),
        *policy.propose(view, 40),
    ]
    for action in actions:
        plan = BuiltinPlanner().expand(view, action)
        assert len(plan.steps) >= 2
        assert all(step.reasoning.strip() for step in plan.steps)
        assert isinstance(plan.steps[-1].operation, RunTests)
        assert tuple(step.operation for step in plan.steps[:-1]) == action.operations


def test_a_file_that_does_not_parse_is_left_alone(scene: Callable[..., Any]) -> None:
    ground = scene(TWICE, TWICE_TEST, **{"package/broken.py": "def total(:\n"})
    policy = BuiltinPolicy()
    touched = {
        operation.path
        for action in policy.propose(outlined(policy, ground), 80)
        for operation in action.operations
        if isinstance(operation, EditLines | WriteFile)
    }
    assert touched == {"package/module.py"}


def test_a_file_in_another_encoding_is_written_whole(scene: Callable[..., Any]) -> None:
    ground = scene(TWICE, TWICE_TEST)
    raw = ("# coding: latin-1\n# é\n" + TWICE).encode("latin-1")
    ground.context.source.files["package/module.py"] = raw
    moved = {
        path: {line + 2: tests for line, tests in lines.items()}
        for path, lines in ground.state.results.coverage.lines.items()
    }
    results = replace(ground.state.results, coverage=replace(ground.state.results.coverage, lines=moved))
    ground = replace(ground, state=ground.state.with_results(results))
    policy = BuiltinPolicy()
    actions = policy.propose(outlined(policy, ground), 5)
    assert actions
    for action in actions:
        (operation,) = action.operations
        assert isinstance(operation, WriteFile)
        assert (operation.content or b"").startswith("# coding: latin-1\n# é\n".encode("latin-1"))
