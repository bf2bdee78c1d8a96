"""A model that follows a script, a repository in memory, an executor that runs tests in this process."""

from __future__ import annotations

import json
import sys
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import BaseModel

from agent.llm.types import Answer, Ask, Component, Failed, Misbehaviour, Token, Usage
from agent.method import Method
from agent.operations import apply_operation, current
from agent.protocols import Context, View
from agent.skills.shared import Packs
from agent.types import (
    Action,
    Baseline,
    Decision,
    Effect,
    FailureSign,
    GateResult,
    Location,
    Operation,
    Outline,
    Patch,
    Plan,
    Proof,
    Results,
    RunTests,
    Skill,
    State,
    Step,
    Task,
    TestFile,
    Transition,
)
from sandbox.suites.types import CaseResult, SuiteReport, Verdict

CALC = """def area(side):
    if side == 0:
        return 0
    return side * side


def scaled(side, factor):
    return area(side) * factor
"""
TEST_AREA = """from calc import area


def test_area_refuses_less_than_zero():
    try:
        area(-1)
    except ValueError:
        return
    raise AssertionError("area(-1) was accepted")
"""
FILES = {
    "calc.py": CALC.encode(),
    "tests/test_calc.py": b"import pytest\nfrom calc import area\n\n\ndef test_two():\n    assert area(2)\n",
    ".github/workflows/ci.yml": b"on: push\n",
    "README.md": b"calc\n",
}
TASK = Task(
    repository="toy",
    base="0" * 40,
    number=7,
    title="area accepts less than 0",
    text="area(-1) returns 1. It should raise ValueError for every side less than 0.",
)
AREA_TEST = TestFile(
    path="tests/test_issue_7.py",
    content=TEST_AREA,
    verifies="area(-1) is refused.",
    sign=FailureSign(exception="AssertionError"),
)


@dataclass(frozen=True)
class MemoryTree:
    files: Mapping[str, bytes]

    def paths(self) -> tuple[str, ...]:
        return tuple(sorted(self.files))

    def read(self, path: str) -> bytes | None:
        return self.files.get(path)


def context(files: Mapping[str, bytes] = FILES, task: Task = TASK) -> Context:
    nothing: frozenset[str] = frozenset()
    return Context(
        task=task,
        source=MemoryTree(files),
        baseline=Baseline(passing=nothing, failing=nothing, flaky=nothing, skipped=nothing),
    )


CONTEXT = context()
FAILED = CaseResult(
    id="tests/test_issue_7.py::test_area_refuses_less_than_zero",
    verdict=Verdict.FAILED,
    message="AssertionError: area(-1) was accepted",
    details='File "tests/test_issue_7.py", line 9, in test_area\nAssertionError: area(-1)',
)
REPRODUCED = Results(generated=SuiteReport(cases=(FAILED,)), reproduced=True, remark="fails as stated")
OUTLINE = Outline(
    targets=(Location(path="calc.py", line=1, symbol="area", reason="computes it"),),
    approach="Refuse sides below zero.",
    steps=("Raise ValueError in area.",),
)
ROOT = State(results=Results(remark="no test"))
ON_BASE = State(tests=(AREA_TEST,), results=REPRODUCED)
OUTLINED = replace(ON_BASE, outline=OUTLINE)
CHANGED = replace(
    OUTLINED,
    patch=Patch().with_file("calc.py", CALC.replace("side == 0", "side < -1").encode()),
    results=Results(generated=SuiteReport(cases=(FAILED,))),
)


def view(state: State = OUTLINED, **more: Any) -> View:
    return View(context=more.pop("context", CONTEXT), state=state, **more)


def numbered(view: View, targets: Sequence[Location], level: str, limit: int) -> str:
    """All Python files of the state, lines numbered: the level is only named."""
    paths = sorted({*view.context.source.paths(), *view.state.patch.paths})
    shown = [f"level {level}, {len(targets)} targets"]
    for path in paths:
        content = current(view.state, path, view.context.source) if path.endswith(".py") else None
        lines = (content or b"").decode(errors="replace").splitlines()
        shown += (
            [path, *(f"{number:4} {text}" for number, text in enumerate(lines, start=1))] if lines else []
        )
    return "\n".join(shown)[:limit]


def packs(**changes: Any) -> Packs:
    values: dict[str, Any] = {
        "stable": lambda context: f"{context.task.title}\n{context.task.text}",
        "window": numbered,
        "flaws": lambda _view, _plan: (),
    }
    return Packs(**{**values, **changes})


Script = Callable[[Ask[Any]], Any]


@dataclass(kw_only=True)
class ScriptedModel:
    """Answers each class of reply from its own list, or by a function; every question is kept.

    What is scripted goes through the class's validation, as a client's answer does: a dict that does not fit
    comes back as a schema violation. ``logprob`` gives tokens of four characters with that value.
    """

    answers: dict[str, Any] = field(default_factory=dict)  # by the reply's class name: a list or a function
    logprob: Callable[[int], float] | None = None
    asks: list[Ask[Any]] = field(default_factory=list)

    def ask(self, ask: Ask[Any]) -> Answer[Any] | Failed:
        self.asks.append(ask)
        script = self.answers.get(ask.reply.__name__, [])
        scripted = script(ask) if callable(script) else script.pop(0) if script else None
        if scripted is None:
            return Failed(kind=Misbehaviour.EMPTY, detail="the script has no more")
        return scripted if isinstance(scripted, Failed) else self._answer(ask.reply, scripted)

    def _answer(self, reply: type[BaseModel], scripted: object) -> Answer[Any] | Failed:
        try:
            value = reply.model_validate(scripted)
        except ValueError as error:
            return Failed(kind=Misbehaviour.SCHEMA, detail=str(error)[:200])
        text = json.dumps(value.model_dump())
        tokens = tuple(
            Token(text=text[start : start + 4], logprob=self.logprob(start))
            for start in range(0, len(text), 4)
            if self.logprob is not None
        )
        return Answer(value=value, text=text, model="scripted", usage=Usage(), tokens=tokens)

    def turns(self, component: Component) -> list[str]:
        return [ask.prompt.turn for ask in self.asks if ask.component is component]


def proposal(
    skill: str = "debugger", summary: str = "Change line 2", confidence: float = 50, **more: Any
) -> dict[str, Any]:
    return {"skill": skill, "summary": summary, "confidence": confidence, **more}


def action(skill: Skill = Skill.DEBUGGER, summary: str = "Change line 2", **more: Any) -> Action:
    values: dict[str, Any] = {
        "id": f"m-{skill.value}-{summary}",
        "skill": skill,
        "kind": "proposal",
        "summary": summary,
        "score": -0.5,
        "operations": (),
        "origin": "model",
        "level": "function",
    }
    return Action(**{**values, **more})


def plan(*operations: Operation, action: Action = action()) -> Plan:  # noqa: B008
    return Plan(action=action, steps=tuple(Step(reasoning="because", operation=each) for each in operations))


def tried(action: Action, *operations: Operation, state: State = OUTLINED, **more: Any) -> Transition:
    values: dict[str, Any] = {
        "before": state,
        "plan": plan(*operations or (RunTests(),), action=action),
        "decision": Decision(use=False, reason="it repeats what failed"),
        "effect": Effect.NOT_USED,
    }
    return Transition(**{**values, **more})


METHOD = Method()


# --- An executor over modules in memory ---------------------------------------------------------------------


class MemoryExecutor:
    """Applies operations as the real one does; measures by running test functions in this process."""

    def __init__(self, context: Context = CONTEXT) -> None:
        self.context = context
        self.measured = 0

    def apply(self, state: State, plan: Plan) -> State:
        after = state
        for step in plan.steps:
            after = apply_operation(after, step.operation, self.context.source)
        return after if after == state else replace(after, results=None)

    def measure(self, states: Sequence[State]) -> Sequence[State]:
        return [self._measured(state) for state in states]

    def _measured(self, state: State) -> State:
        self.measured += 1
        cases = tuple(case for test in state.reproduction for case in run_cases(state, test, self.context))
        report = SuiteReport(cases=cases)
        if not state.patch.changes:
            red = bool(cases) and all(case.failing for case in cases)
            remark = "fails on base for the stated reason" if red else "passes on base"
            return state.with_results(Results(generated=report, reproduced=red, remark=remark))
        passing = bool(cases) and not report.failing
        return state.with_results(Results(generated=report, suite=SuiteReport() if passing else None))


def run_cases(state: State, test: TestFile, context: Context) -> list[CaseResult]:
    """The test functions of one file over the module ``calc`` as the state has it."""
    module = types.ModuleType("calc")
    before = sys.modules.get("calc")
    try:
        exec(
            compile((current(state, "calc.py", context.source) or b"").decode(), "calc.py", "exec"),
            module.__dict__,
        )
        sys.modules["calc"] = module
        names: dict[str, Any] = {}
        exec(compile(test.content, test.path, "exec"), names)
        functions = [(name, each) for name, each in sorted(names.items()) if name.startswith("test")]
        return [_run(f"{test.path}::{name}", function) for name, function in functions]
    except Exception as error:  # noqa: BLE001  whatever the files raise is the result
        return [CaseResult(id=test.path, verdict=Verdict.ERROR, message=f"{type(error).__name__}: {error}")]
    finally:
        sys.modules.pop("calc", None)
        if before is not None:
            sys.modules["calc"] = before


def _run(case: str, function: Callable[[], object]) -> CaseResult:
    try:
        function()
    except BaseException as error:  # noqa: BLE001  pytest's own "Failed" is one too
        message = f"{type(error).__name__}: {error}"
        return CaseResult(id=case, verdict=Verdict.FAILED, message=message, details=message)
    return CaseResult(id=case, verdict=Verdict.PASSED)


def accepted(state: State) -> Proof:
    nothing = SuiteReport()
    gate = GateResult(name="gate", passed=not state.results or state.results.passes, explanation="scripted")
    return Proof(red=nothing, green=nothing, after=nothing, baseline=CONTEXT.baseline, gates=(gate,))
