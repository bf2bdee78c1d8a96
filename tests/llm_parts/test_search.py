"""Whole runs of the search with a scripted model: all four skills executed (A1), the mixed list (B6), the
negative-input case of the paper (B7), a model that is of no use."""

from __future__ import annotations

from typing import Any

from agent.journal import MemoryJournal
from agent.llm.types import Failed, Misbehaviour
from agent.method import Driver, Method
from agent.networks import networks
from agent.search.solve import Parts, Search, Surroundings, solve
from agent.search.strategies import HybridDepthFirst
from agent.selection import ByScore
from agent.types import Budget, Effect, Skill, Spend, State, StopReason
from tests.llm_parts.support import CONTEXT, MemoryExecutor, ScriptedModel, accepted, packs, proposal

DESIGN = {
    "preamble": "import pytest\n\nfrom calc import area",
    "cases": [
        {
            "name": f"test_area_refuses_{word}",
            "kind": kind,
            "verifies": f"area({value}) raises ValueError.",
            "quote": "It should raise ValueError for every side less than 0.",
            "code": f"def test_area_refuses_{word}():\n    pytest.raises(ValueError, area, {value})\n",
            "expects_failure_now": True,
            "fails_with": "AssertionError",
        }
        for word, kind, value in [("minus_one", "basic", -1), ("minus_five", "edge", -5)]
    ],
}
OUTLINE = {
    "reasoning": "The check belongs where the side comes in.",
    "targets": [{"path": "calc.py", "symbol": "area", "line": None, "reason": "accepts any side"}],
    "approach": "Refuse sides below zero in area; scaled calls it.",
    "steps": ["Raise ValueError in area when the side is negative."],
    "expectation": "Tests fail as before.",
}
FIRST_TRY = {
    "edits": [
        {
            "reasoning": "Refuse what is below zero.",
            "kind": "rewrite",
            "path": "calc.py",
            "symbol": "area",
            "text": "def area(side):\n    if side < -1:\n        raise ValueError\n    return side**2\n",
        }
    ],
    "expectation": "Both tests pass.",
}
EXPLAINED = {
    "explanations": [
        {
            "test": 1,
            "explanation": "area(-1) is still accepted: the comparison leaves out -1.",
            "suspects": [{"path": "calc.py", "symbol": "area", "line": 2, "reason": "boundary"}],
            "confidence": 90,
        },
        {"test": 1, "explanation": "scaled hides the error.", "suspects": [], "confidence": 10},
    ]
}
REPAIR = {
    "bug_class": "boundary",
    "explanation": "-1 is below zero, but not below -1.",
    "edits": [
        {
            "reasoning": "Compare with zero.",
            "path": "calc.py",
            "first": 2,
            "last": 2,
            "expected": "    if side < -1:",
            "replacement": "    if side < 0:",
        }
    ],
    "expectation": "Both tests pass.",
}


def propose(ask: Any) -> dict[str, Any]:
    """As a sound model would: what is possible next, several skills in one list."""
    possible = ask.prompt.turn.rpartition("Possible now: ")[2]
    wanted = {
        "`test designer`": proposal(
            "test designer", "Write a test case to verify that area(-1) is refused", 5
        ),
        "`architect`": proposal("architect", "Generate the outline of the solution", 70, path="calc.py"),
        "`implementer`": proposal("implementer", "Implement the outline into code", 90, path="calc.py"),
        "`debugger`": proposal(
            "debugger", "Change line 2 to a comparison with zero", 20, path="calc.py", line=2
        ),
    }
    return {"actions": [each for name, each in wanted.items() if name in possible]}


def sound_model(**changes: Any) -> ScriptedModel:
    answers: dict[str, Any] = {
        "Proposals": propose,
        "DesignReply": lambda _: DESIGN,
        "OutlineReply": lambda _: OUTLINE,
        "EditsReply": lambda _: FIRST_TRY,
        "RepairReply": lambda _: REPAIR,
        "Verdict": lambda _: {"reason": "It follows from the issue.", "use": True},
        "Explanations": lambda _: EXPLAINED,
    }
    return ScriptedModel(answers={**answers, **changes})


def run(model: ScriptedModel, method: Method | None = None, **budget: int) -> tuple[Search, MemoryJournal]:
    parts = networks(method or Method(driver=Driver.MODEL), model, packs())
    executor = MemoryExecutor()
    journal = MemoryJournal()
    around = Surroundings(
        journal=journal,
        tick=lambda _: None,
        measured=Spend,
        confirm=accepted,
        progress=lambda *_args, **_counts: None,
    )
    (root,) = executor.measure([State()])
    search = solve(
        CONTEXT,
        root,
        Parts(
            policy=parts.policy,
            planner=parts.planner,
            decision=parts.decision,
            feedback=parts.feedback,
            executor=executor,
            strategy=HybridDepthFirst(),
            selector=ByScore(),
        ),
        Budget(**{"max_iterations": 8, **budget}),
        around,
    )
    return search, journal


def test_all_four_skills_are_executed_and_the_issue_is_solved() -> None:
    """A1, B6, B7: design tests, outline, implement, fail, explain, debug, pass."""
    model = sound_model()
    search, _ = run(model)
    assert search.stop is StopReason.SOLVED
    assert search.solution is not None
    path = [node.transition.plan.action for node in search.solution.path if node.transition is not None]
    assert [step.skill for step in path] == [
        Skill.TEST_DESIGNER,
        Skill.ARCHITECT,
        Skill.IMPLEMENTER,
        Skill.DEBUGGER,
    ]
    assert path[-1].kind == "feedback"
    content = search.solution.state.patch.changes[0].content or b""
    assert b"if side < 0:" in content
    executed = [step for _, step in search.tree.transitions if step.effect is Effect.EXECUTED]
    assert all(len(step.plan.steps) >= 2 for step in executed)


def test_every_failing_test_has_a_stored_feedback() -> None:
    """A3, E1: the best explanation is the note, the other stays with it."""
    search, _ = run(sound_model())
    explained = [node for node in search.tree.nodes if node.notes and node.state.patch.changes]
    assert explained
    note = explained[0].notes[0]
    assert note.text == "area(-1) is still accepted: the comparison leaves out -1."
    assert [other.text for other in note.others] == ["scaled hides the error."]


def test_an_unusable_model_ends_the_run_with_its_reason() -> None:
    down = Failed(kind=Misbehaviour.SERVER, detail="503")
    search, _ = run(sound_model(Proposals=lambda _: down))
    assert search.stop is StopReason.MODEL
    assert "503" in search.remark


def test_one_failed_answer_in_between_costs_nothing_but_itself() -> None:
    answers = iter([Failed(kind=Misbehaviour.TRUNCATED)])
    model = sound_model(Proposals=lambda ask: next(answers, None) or propose(ask))
    search, _ = run(model)
    assert search.stop is StopReason.SOLVED


def test_skills_that_answer_nonsense_are_observations_not_crashes() -> None:
    """C7: the plan is not used, the reason is kept, and the next question tells it."""
    nonsense = {"DesignReply": lambda _: {"preamble": "import os", "cases": [], "wrong_tests": None}}
    model = sound_model(**nonsense)
    search, _ = run(model)
    assert search.stop is StopReason.NOT_REPRODUCED
    (step,) = {each.decision.reason for _, each in search.tree.transitions}
    assert "no case can be taken" in step
    second = [ask for ask in model.asks if ask.reply.__name__ == "Proposals"][1]
    assert "no case can be taken" in second.prompt.turn


def test_the_same_run_asks_the_same_questions() -> None:
    """Deterministic but for the model: what resume and replay rest on."""
    one, two = sound_model(), sound_model()
    run(one)
    run(two)
    assert one.asks == two.asks


def test_the_test_designer_never_sees_the_candidate() -> None:
    """B5, U22: nothing of any patch, plan or explanation of one in any of its prompts."""
    model = sound_model()
    run(model)
    designs = [ask.prompt for ask in model.asks if ask.reply.__name__ == "DesignReply"]
    assert designs
    for prompt in designs:
        assert "side < -1" not in prompt.turn + prompt.stable + prompt.system
        assert "if side == 0" in prompt.turn


def test_the_ablations_run() -> None:
    """J2, J16: each switch changes what is asked, and none breaks the run."""
    for changes, silent_parts in [
        ({"decision": False}, {"Verdict"}),
        ({"self_feedback": False}, {"Explanations"}),
        ({"skills": ("implementer", "debugger", "test designer")}, {"OutlineReply"}),
        ({"skills": ("architect", "implementer", "test designer")}, {"RepairReply"}),
        ({"generated_tests": False}, {"DesignReply"}),
        ({"planner": False}, set()),
    ]:
        model = sound_model()
        search, _ = run(model, Method(driver=Driver.MODEL, **changes))  # type: ignore[arg-type]
        asked = {ask.reply.__name__ for ask in model.asks}
        assert not asked & silent_parts, changes
        assert search.tree.transitions, changes
