"""The model-driven parts under the real engine: executor, roles of tests, gates and context; the model is
scripted."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from agent.journal import MemoryJournal
from agent.llm.client import Endpoint
from agent.llm.types import Component
from agent.method import Driver, Method
from agent.networks import Networks, Packs, networks
from agent.protocols import Model
from agent.run import Services, repair
from agent.types import Budget, Outcome, Solved, StopReason, TestRole, Unsolved
from tests.agent.support import TASK, ToySandboxes, ToyWorkbench, write_toy
from tests.llm_parts.support import ScriptedModel, proposal
from tests.scripted_model.server import Asked
from tests.scripted_model.server import ScriptedModel as Server


def case(name: str, value: int, expected: int, red: bool) -> dict[str, Any]:
    return {
        "name": name,
        "kind": "basic",
        "verifies": f"sign({value}) is {expected}.",
        "quote": "sign(0) gives 1, expected 0",
        "code": f"def {name}():\n    assert sign({value}) == {expected}\n",
        "expects_failure_now": red,
        "fails_with": "AssertionError" if red else None,
    }


DESIGN = {
    "preamble": "from calc import sign",
    "cases": [
        case("test_zero", 0, 0, red=True),
        case("test_five", 5, 1, red=True),  # said to fail, and does not: it becomes a witness (U22)
        case("test_minus_five", -5, -1, red=False),
    ],
}
OUTLINE = {
    "targets": [{"path": "calc.py", "symbol": "sign", "reason": "gives 1 for 0"}],
    "approach": "Give 0 for 0.",
    "steps": ["Change what sign gives for 0."],
}
LINE = {
    "path": "calc.py",
    "first": 12,
    "last": 12,
    "expected": "        return 1",
    "replacement": "        return 0",
}
ANSWERS: dict[str, Any] = {
    "DesignReply": DESIGN,
    "OutlineReply": OUTLINE,
    "EditsReply": {
        "edits": [{"kind": "replace", "path": "calc.py", "passage": "x == 0", "text": "x == 1 - 1"}],
    },
    "RepairReply": {"bug_class": "wrong constant", "explanation": "0 has no sign.", "edits": [LINE]},
    "Verdict": {"reason": "It follows from the issue.", "use": True},
    "Explanations": {"explanations": []},
}


def propose(ask: Any) -> dict[str, Any]:
    return propose_after(ask.prompt.turn)


def propose_after(turn: str) -> dict[str, Any]:
    possible = turn.rpartition("Possible now: ")[2]
    wanted = [
        ("`test designer`", proposal("test designer", "Write a test case to verify sign(0)", 5)),
        ("`architect`", proposal("architect", "Generate the outline of the solution", 90)),
        ("`implementer`", proposal("implementer", "Implement the outline into code", 70, path="calc.py")),
        ("`debugger`", proposal("debugger", "Change line 12 to return 0", 60, path="calc.py", line=12)),
    ]
    return {"actions": [each for name, each in wanted if name in possible]}


def run(root: Path, method: Method, **answers: Any) -> tuple[Outcome, ScriptedModel]:
    fixed = {
        name: (each if callable(each) else lambda _, each=each: each)
        for name, each in {**ANSWERS, **answers}.items()
    }
    model = ScriptedModel(answers={"Proposals": propose, **fixed})

    def made(method: Method, _model: Model | None, packs: Packs) -> Networks:
        return networks(method, model, packs)

    tree, sandboxes = write_toy(root / "toy"), ToySandboxes()
    services = Services(
        sandboxes=sandboxes, cache=Path("/nonexistent"), networks=made, workers=1, method=method
    )
    journal, bench = MemoryJournal(), ToyWorkbench(tree, sandboxes)
    budget = Budget(max_iterations=6)
    return repair(TASK, tree, services, journal, workbench=bench, budget=budget), model


def test_from_the_issue_to_a_proven_patch(tmp_path: Path) -> None:
    outcome, model = run(tmp_path, Method(driver=Driver.MODEL, clarify=False))
    assert isinstance(outcome, Solved), outcome
    assert b"x == 0:\n        return 0" in (outcome.patch.changes[0].content or b"")
    (test,) = outcome.tests
    assert "test_zero" in test.content
    assert "test_five" not in test.content  # taken apart by what was measured on base
    assert test.role is TestRole.REPRODUCTION
    assert any("Bug class: wrong constant" in paragraph for paragraph in outcome.rationale)
    window = next(ask.prompt.turn for ask in model.asks if ask.reply.__name__ == "RepairReply")
    assert "def sign(x):" in window


@pytest.mark.parametrize(
    "changes",
    [
        {"search": "breadth-first"},
        {"search": "best-first"},
        {"planner": False},
        {"decision": False},
        {"self_feedback": False},
        {"skills": ("debugger", "test designer")},
    ],
)
def test_the_switches(tmp_path: Path, changes: dict[str, Any]) -> None:
    """Table 2: none of them keeps this issue from being solved."""
    outcome, _ = run(tmp_path, Method(driver=Driver.MODEL, clarify=False, **changes))
    assert isinstance(outcome, Solved), outcome


def test_the_pipeline_samples_and_selects(tmp_path: Path) -> None:
    outcome, model = run(tmp_path, Method(driver=Driver.PIPELINE, clarify=False))
    assert isinstance(outcome, Solved), outcome
    assert not any(ask.reply.__name__ in ("Verdict", "Explanations") for ask in model.asks)


def test_the_built_in_parts_come_first_where_a_model_is_only_asked_when_they_are_stuck(
    tmp_path: Path,
) -> None:
    outcome, model = run(tmp_path, Method(driver=Driver.ESCALATE, clarify=False))
    assert isinstance(outcome, Solved), outcome
    assert not model.asks


def test_a_model_that_edits_what_is_forbidden_gets_nowhere(tmp_path: Path) -> None:
    attack = {
        "bug_class": "none",
        "edits": [{**LINE, "path": "tests/test_calc.py", "first": 1, "last": 1, "expected": ""}],
    }
    answers = {
        "RepairReply": attack,
        "EditsReply": {
            "edits": [{"kind": "new file", "path": ".github/workflows/x.yml", "text": "on: push"}]
        },
    }
    outcome, _ = run(tmp_path, Method(driver=Driver.MODEL, clarify=False), **answers)
    assert isinstance(outcome, Unsolved)
    assert outcome.stop in (StopReason.EXHAUSTED, StopReason.ITERATIONS)
    said = " ".join(attempt.outcome for attempt in outcome.attempts)
    assert "protected file" in said


def test_the_same_over_the_wire(tmp_path: Path) -> None:
    """The forms, the prompts and the scores by log-probabilities, through the client and the desk."""

    def play(asked: Asked) -> Any:
        if asked.schema_name == "Proposals":
            return propose_after(asked.user)
        return ANSWERS[asked.schema_name]

    tree, sandboxes, journal = write_toy(tmp_path / "toy"), ToySandboxes(), MemoryJournal()
    with Server(play) as server, closing(Endpoint(server.base_url, server.key)) as endpoint:
        method = Method(driver=Driver.MODEL, clarify=False, models=((Component.POLICY, server.name),))
        services = Services(
            sandboxes=sandboxes,
            cache=Path("/nonexistent"),
            workers=2,
            method=method,
            line=endpoint,
        )
        bench = ToyWorkbench(tree, sandboxes)
        outcome = repair(TASK, tree, services, journal, workbench=bench, budget=Budget(max_iterations=6))
        calls = len(server.answered)
    assert isinstance(outcome, Solved), outcome
    assert outcome.spend.model_calls == calls
    assert any('"score_source":"log-probability"' in note.replace('": "', '":"') for note in journal._notes)


def test_a_made_test_that_contradicts_the_issue_is_marked_and_stands_in_nobodys_way(tmp_path: Path) -> None:
    """U21: one test fails after the repair; the Debugger says which words of the issue it contradicts."""
    design = {**DESIGN, "cases": [case("test_zero", 0, 0, red=True), case("test_wrong", 0, 7, red=True)]}
    mark = {
        "bug_class": "wrong test",
        "edits": [],
        "wrong_test": {
            "path": "tests/test_issue_sign_0_is_wrong.py",
            "reason": "The issue expects 0, not 7.",
        },
    }

    def repair_or_mark(ask: Any) -> dict[str, Any]:
        return mark if "12|         return 0" in ask.prompt.turn else ANSWERS["RepairReply"]

    answers = {"DesignReply": design, "RepairReply": repair_or_mark}
    outcome, _ = run(tmp_path, Method(driver=Driver.MODEL, clarify=False), **answers)
    assert isinstance(outcome, Solved), outcome
    (test,) = outcome.tests
    assert "test_zero" in test.content
