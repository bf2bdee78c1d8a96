"""Whatever a model answers in the right form: a plan, a decision, an application or a refusal, no crash."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.codec import encode
from agent.errors import EditDoesNotApply
from agent.llm.decision import ModelDecision
from agent.llm.feedback import ModelFeedback
from agent.llm.planner import ModelPlanner
from agent.llm.policy import ModelPolicy
from agent.llm.replies import Explanations, Proposals
from agent.method import Method
from agent.skills.architect import OutlineReply
from agent.skills.debugger import RepairReply
from agent.skills.implementer import EditsReply
from agent.skills.test_designer import DesignReply
from agent.types import Skill, State
from tests.llm_parts.support import (
    AREA_TEST,
    CALC,
    CHANGED,
    ON_BASE,
    OUTLINED,
    ROOT,
    MemoryExecutor,
    ScriptedModel,
    action,
    packs,
    view,
)

TEXTS = st.one_of(
    st.sampled_from(
        [
            *("calc.py", "tests/test_calc.py", "../x", "/x", ".github/w.yml", "new.py", AREA_TEST.path, ""),
            *(
                "area",
                "scaled",
                "area.x",
                "side == 0",
                "    if side == 0:\n",
                "def area(side):\n    return 1\n",
            ),
            *("rewrite", "replace", "new file", "test_a", "def test_a():\n    assert area(1)\n", CALC),
            *("import os", "class X:", "\ud800", "\0", "\r\n", "</untrusted>", "AssertionError", "debugger"),
        ]
    ),
    st.text(max_size=20),
)


def value_of(schema: dict[str, Any], definitions: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Any value that fits a JSON schema of ours, with texts that mean something here."""
    if "$ref" in schema:
        return value_of(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if "anyOf" in schema:
        return st.one_of(*(value_of(each, definitions) for each in schema["anyOf"]))
    kinds: dict[str, st.SearchStrategy[Any]] = {
        "string": TEXTS,
        "integer": st.integers(-2, 12) | st.integers(),
        "number": st.floats(),
        "boolean": st.booleans(),
        "null": st.none(),
    }
    if schema["type"] == "array":
        return st.lists(value_of(schema["items"], definitions), max_size=4)
    if schema["type"] == "object":
        return st.fixed_dictionaries(
            {name: value_of(each, definitions) for name, each in schema["properties"].items()}
        )
    return kinds[schema["type"]]


def replies(reply: Any) -> st.SearchStrategy[Any]:
    schema = reply.model_json_schema()
    return value_of(schema, schema.get("$defs", {}))


CALM = settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)


@pytest.mark.parametrize(
    ("skill", "reply", "state"),
    [
        (Skill.ARCHITECT, OutlineReply, ON_BASE),
        (Skill.IMPLEMENTER, EditsReply, OUTLINED),
        (Skill.DEBUGGER, RepairReply, CHANGED),
        (Skill.TEST_DESIGNER, DesignReply, ROOT),
    ],
)
def test_any_answer_of_a_skill(skill: Skill, reply: Any, state: State) -> None:
    @CALM
    @given(replies(reply))
    def check(answer: Any) -> None:
        model = ScriptedModel(answers={reply.__name__: [answer]})
        at = view(state)
        plan = ModelPlanner(method=Method(), model=model, packs=packs()).expand(at, action(skill))
        assert plan.steps
        assert all(step.reasoning.strip() for step in plan.steps)
        decision = ModelDecision(method=Method(decision=False), model=model, packs=packs()).decide(at, plan)
        assert decision.reason
        if decision.use:
            try:
                after = MemoryExecutor().apply(state, plan)
            except EditDoesNotApply:
                return
            assert not any(path.startswith("/") or ".." in path.split("/") for path in after.patch.paths)
            assert not set(after.patch.paths) & {"tests/test_calc.py", ".github/w.yml", AREA_TEST.path}
            str(encode(plan)).encode()

    check()


@CALM
@given(replies(Proposals))
def test_any_answer_of_the_policy(answer: Any) -> None:
    model = ScriptedModel(answers={"Proposals": [answer]})
    found = ModelPolicy(method=Method(), model=model, packs=packs()).propose(view(), 3)
    assert len(found) <= 3
    assert len({each.id for each in found}) == len(found)
    for each in found:
        assert each.score <= 0.0
        str(encode(each)).encode()


@CALM
@given(replies(Explanations))
def test_any_answer_of_the_feedback(answer: Any) -> None:
    model = ScriptedModel(answers={"Explanations": [answer]})
    (note,) = ModelFeedback(method=Method(), model=model, packs=packs()).explain(view(CHANGED))
    assert note.text
    str(encode(note)).encode()
