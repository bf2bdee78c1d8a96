"""Use it or go on; deeper or back: a row each, with its reason (C6, U13)."""

from __future__ import annotations

import pytest

from agent.builtin.decision import BuiltinDecision
from agent.protocols import Context, View
from agent.types import (
    Action,
    AddTests,
    Baseline,
    Decision,
    EditLines,
    Effect,
    Location,
    Operation,
    Outline,
    Patch,
    Plan,
    Results,
    RunTests,
    Skill,
    State,
    Step,
    Task,
    TestFile,
    Transition,
    WriteFile,
    WriteOutline,
)
from sandbox.suites.types import CaseResult, SuiteReport, Verdict


class Empty:
    def paths(self) -> tuple[str, ...]:
        return ()

    def read(self, path: str) -> bytes | None:  # noqa: ARG002
        return None


BASELINE = Baseline(passing=frozenset(), failing=frozenset(), flaky=frozenset(), skipped=frozenset())
CONTEXT = Context(
    task=Task(repository="o/n", base="0", title="t", text=""), source=Empty(), baseline=BASELINE
)
TESTS = tuple(TestFile(path=f"tests/test_{n}.py", content="", verifies="it") for n in range(3))
NEW = TestFile(path="tests/test_new.py", content="", verifies="it")
PATCH = Patch().with_file("m.py", b"x\n")
OUTLINE = Outline(targets=(Location(path="m.py", line=1),), approach="look")


def plan(*operations: Operation) -> Plan:
    action = Action(
        id="1", skill=Skill.DEBUGGER, kind="k", summary="s", score=0.0, operations=tuple(operations)
    )
    return Plan(action=action, steps=tuple(Step(reasoning="because", operation=one) for one in operations))


def edit(path: str, old: str = "a\n", new: str = "b\n") -> EditLines:
    return EditLines(path=path, first=1, last=1, expected=old, replacement=new)


REPRODUCED = State(tests=TESTS[:1], results=Results(reproduced=True))
DECISIONS = [
    (REPRODUCED, (edit("m.py"), RunTests()), True, "nothing speaks against"),
    (REPRODUCED, (edit("tests/test_x.py"),), False, "is a test"),
    (REPRODUCED, (edit("tests/test_0.py"),), False, "is a test"),
    (REPRODUCED, (edit(".github/workflows/ci.yml"),), False, "protected"),
    (REPRODUCED, (WriteFile(path="CODEOWNERS", content=b""),), False, "protected"),
    (REPRODUCED, (WriteFile(path="../m.py", content=b""),), False, "outside"),
    (REPRODUCED, (edit("m.py", "a\n", "a\n"),), False, "changes nothing"),
    (State(), (edit("m.py"),), False, "no test reproduces"),
    (State(), (AddTests(tests=TESTS[:1]),), True, "nothing"),
    (REPRODUCED, (AddTests(tests=TESTS[:1]),), False, "there already"),
    (
        State(tests=TESTS, results=Results(reproduced=True)),
        (AddTests(tests=(NEW,)),),
        False,
        "3 tests reproduce",
    ),
    (State(tests=TESTS[:1], patch=PATCH), (AddTests(tests=TESTS[1:2]),), False, "changed already"),
    (REPRODUCED, (WriteOutline(outline=OUTLINE),), True, "nothing"),
    (REPRODUCED, (WriteOutline(outline=Outline(targets=(), approach="")),), False, "no place"),
]


@pytest.mark.parametrize(("state", "operations", "use", "reason"), DECISIONS)
def test_decide(state: State, operations: tuple[Operation, ...], use: bool, reason: str) -> None:
    decision = BuiltinDecision().decide(View(context=CONTEXT, state=state), plan(*operations))
    assert decision.use is use
    assert reason in decision.reason


def report(*verdicts: Verdict, line: int = 3) -> SuiteReport:
    details = f'Traceback:\n  File "tests/test_0.py", line {line}, in test\nAssertionError\n'
    return SuiteReport(
        cases=tuple(
            CaseResult(id=f"t{n}", verdict=verdict, message="AssertionError", details=details)
            for n, verdict in enumerate(verdicts)
        )
    )


P, F = Verdict.PASSED, Verdict.FAILED
BEFORE = State(tests=TESTS[:1], outline=OUTLINE, results=Results(generated=report(F, F)))
DESCENTS = [
    (State(), None, False, "nothing was measured"),
    (State(), State(tests=TESTS[:1], results=Results(reproduced=True)), True, "is reproduced"),
    (State(), State(tests=TESTS[:1], results=Results(remark="passes on base")), False, "passes on base"),
    (
        REPRODUCED,
        State(tests=TESTS[:1], outline=OUTLINE, results=Results(reproduced=True)),
        True,
        "where to look",
    ),
    (BEFORE, State(patch=PATCH, results=Results(generated=report(P, F))), True, "better than before"),
    (BEFORE, State(patch=PATCH, results=Results(generated=report(F, F))), False, "no better"),
    (BEFORE, State(patch=PATCH, results=Results(generated=report(F, F, line=7))), True, "further"),
    (BEFORE, State(patch=PATCH, results=Results(generated=report(F, F, line=2))), False, "no better"),
    (
        BEFORE,
        State(patch=PATCH, results=Results(generated=report(P, F), regressions=("x",))),
        False,
        "fail now",
    ),
    (BEFORE, State(patch=PATCH, results=Results(generated=SuiteReport(problem="crashed"))), False, "crashed"),
    (
        BEFORE,
        State(patch=PATCH, results=Results(generated=report(P, P), suite=SuiteReport())),
        False,
        "all tests pass",
    ),
]


@pytest.mark.parametrize(("before", "after", "use", "reason"), DESCENTS)
def test_descend(before: State, after: State | None, use: bool, reason: str) -> None:
    transition = Transition(
        before=before,
        plan=plan(RunTests()),
        decision=Decision(use=True, reason=""),
        effect=Effect.EXECUTED,
        after=after,
    )
    seen = State(tests=TESTS[:1]) if after is None or not after.tests else after
    decision = BuiltinDecision().descend(View(context=CONTEXT, state=seen), transition)
    assert decision.use is use
    assert reason in decision.reason
