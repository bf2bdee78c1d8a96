"""The harness with the model's parts behind a real endpoint on the loopback interface, which is scripted."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from agent.llm.client import Endpoint
from agent.llm.pricing import Price, Prices
from agent.llm.types import Component
from agent.method import Driver, Method
from agent.run import Services, silent
from agent.types import Budget
from bot.bench import humaneval, multipl_e
from bot.bench.harness import Harness
from bot.bench.rows import Row, Submitted
from bot.bench.workplace import prepare
from sandbox import Limits
from sandbox.bubblewrap import BubblewrapSandboxes
from tests.agent.support import ToySandboxes
from tests.bench.support import (
    CANARY,
    CLAMP,
    CLAMP_PROMPT,
    RIGHT,
    WRONG,
    Programmer,
    harness,
    write_humaneval,
)
from tests.bench.test_problems import JS, write
from tests.scripted_model.server import Asked, ScriptedModel

BUDGET = Budget(max_iterations=5, max_tokens=200_000)
DESIGN = {
    "preamble": "from solution import clamp",
    "cases": [
        {
            "name": f"test_clamp_{name}",
            "kind": "edge",
            "verifies": f"clamp({call}) is {value}.",
            "quote": "Move x into the range from low to high.",
            "code": f"def test_clamp_{name}():\n    assert clamp({call}) == {value}\n",
            "expects_failure_now": True,
            "fails_with": "NotImplementedError",
        }
        for name, call, value in (("low", "-5, 0, 3", 0), ("high", "5, 0, 3", 3))
    ],
}


def edits(source: str) -> dict[str, Any]:
    return {"edits": [{"kind": "rewrite", "path": "solution.py", "symbol": "clamp", "text": source}]}


def propose(turn: str) -> dict[str, Any]:
    possible = turn.rpartition("Possible now: ")[2]
    wanted = {
        "test designer": ["Write a test case to verify the range"],
        "architect": ["Generate the outline of the solution"],
        "implementer": ["Cut at high", "Cut at both ends"],
    }
    return {
        "actions": [
            {"skill": skill, "summary": summary, "path": "solution.py", "confidence": 90 - number}
            for skill, summaries in wanted.items()
            if f"`{skill}`" in possible
            for number, summary in enumerate(summaries)
        ]
    }


def play(asked: Asked) -> dict[str, Any]:
    match asked.schema_name:
        case "Proposals":
            return propose(asked.user)
        case "DesignReply":
            return DESIGN
        case "OutlineReply":
            place = {"path": "solution.py", "symbol": "clamp", "reason": "not implemented"}
            return {"targets": [place], "approach": "Cut at both ends.", "steps": ["Write it."]}
        case "EditsReply":
            return edits(RIGHT["clamp"] if "both ends" in _aim(asked) else WRONG["clamp"])
        case "Verdict":
            return {"reason": "It follows from the text.", "use": True}
    return {"explanations": []}


def _aim(asked: Asked) -> str:
    """What the one action says, not the outline."""
    return next((line for line in asked.user.splitlines() if "Cut at" in line and "ends." not in line), "")


@contextmanager
def measured(
    tmp_path: Path, method: Method, *, null: bool = False
) -> Iterator[tuple[list[Row], ScriptedModel]]:
    data = write_humaneval(tmp_path / "data.jsonl", [CLAMP])
    with ScriptedModel(play) as model, closing(Endpoint(model.base_url, model.key)) as line:
        price = Price.per_million(Decimal(2), Decimal(8))
        chosen = replace(method, models=tuple((each, model.name) for each in Component))
        bench = harness(tmp_path / "out", data, ToySandboxes(), Programmer, method=chosen, budget=BUDGET)
        services: Services = replace(
            bench.services,
            line=line,
            prices=Prices(rows={model.name: price}),
            networks=Services(sandboxes=ToySandboxes(), cache=tmp_path).networks,
        )
        driven: Harness = replace(bench, services=services)
        rows = driven.measure(humaneval.problems(data, "python"), 1, null_hypothesis=null, progress=silent)
        yield list(rows), model


def test_a_model_solves_a_problem_and_the_null_hypothesis_has_the_same_caps(tmp_path: Path) -> None:
    """A2: no prompt holds a hidden test. The tokens of the rows are the server's own count."""
    with measured(tmp_path, Method(driver=Driver.MODEL, clarify=False), null=True) as ((main, null), model):
        assert (main.stop, main.solved, main.submitted) == ("solved", True, Submitted.PROVEN)
        assert (null.stop, null.solved) == ("solved", True)
        assert main.tests == main.valid >= 2
        assert main.tokens + null.tokens == model.billed.tokens
        assert main.money > 0
        assert main.model_calls + null.model_calls == len(model.requests) == model.billed.calls
        keys = [asked.key for asked in model.requests]  # else the endpoint would give the one's answers again
        assert len(set(keys)) == len(keys)
        assert null.model_calls < main.model_calls  # no decisions, no feedback
        assert null.steps <= main.steps
        prompts = "".join(asked.prompt for asked in model.requests)
        assert CLAMP_PROMPT.splitlines()[1].strip(' "') in prompts
        assert CANARY not in prompts
        assert "def check" not in prompts


@pytest.mark.parametrize(
    "changes",
    [
        {"self_feedback": False},
        {"planner": False},
        {"decision": False},
        {"search": "breadth-first"},
        {"search": "greedy"},
    ],
    ids=str,
)
def test_the_switches_of_table_2_run(tmp_path: Path, changes: dict[str, Any]) -> None:
    with measured(tmp_path, Method(driver=Driver.MODEL, clarify=False, **changes)) as ((row,), _model):
        assert row.submitted in (Submitted.PROVEN, Submitted.BEST)
        assert row.passed >= 2


@pytest.mark.parametrize("driver", [Driver.MODEL, Driver.PIPELINE])
def test_without_tests_the_first_sound_code_is_submitted(tmp_path: Path, driver: Driver) -> None:
    """J16: nobody is asked for a test, and the search ends with the first code that breaks nothing."""
    method = Method(driver=driver, clarify=False, generated_tests=False)
    with measured(tmp_path, method) as ((row,), model):
        assert row.submitted is Submitted.BEST
        assert row.passed >= 2  # whichever came first: both are sound as far as the suite can tell
        assert row.tests == 0
        assert not any(asked.schema_name == "DesignReply" for asked in model.requests)


@pytest.mark.bubblewrap
@pytest.mark.skipif(shutil.which("node", path="/usr/local/bin:/usr/bin:/bin") is None, reason="no node")
def test_a_model_writes_javascript(tmp_path: Path) -> None:
    """I8: edits of passages know no language; the made tests do, so they are off."""
    write(tmp_path / "humaneval-js.jsonl", JS)

    def answer(asked: Asked) -> dict[str, Any]:
        if asked.schema_name != "EditsReply":
            return play(asked)
        edit = {"kind": "replace", "path": "solution.js", "text": "return Math.min(x, high);"}
        return {"edits": [edit | {"passage": "throw new Error('not implemented');"}]}

    sandboxes, method = (
        BubblewrapSandboxes(),
        Method(driver=Driver.MODEL, clarify=False, generated_tests=False),
    )
    with ScriptedModel(answer) as model, closing(Endpoint(model.base_url, model.key)) as line:
        bench = harness(
            tmp_path / "out",
            tmp_path,
            sandboxes,
            benchmark=multipl_e,
            environment=prepare("js", sandboxes, tmp_path, limits=Limits(seconds=60), progress=silent),
            method=replace(method, models=((Component.POLICY, model.name),)),
            budget=BUDGET,
            language="js",
        )
        services = Services(sandboxes=sandboxes, cache=tmp_path, line=line)
        (row,) = replace(bench, services=services).measure(
            multipl_e.problems(tmp_path, "js"), 1, null_hypothesis=False, progress=silent
        )
    assert (row.submitted, row.passed, row.total) == (Submitted.BEST, 2, 2)
