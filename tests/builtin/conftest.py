"""A repository in memory, and its failing test run in this process: no sandbox, as the code is our own."""

from __future__ import annotations

import ast
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import CodeType, FrameType
from typing import Any

import pytest

from agent.operations import apply_operation
from agent.protocols import Context, View
from agent.types import Action, Baseline, Operation, Results, State, Task, TestFile
from sandbox.suites.types import CaseResult, Coverage, SuiteReport, Verdict


@dataclass(frozen=True)
class MemoryTree:
    files: Mapping[str, bytes]

    def paths(self) -> tuple[str, ...]:
        return tuple(sorted(self.files))

    def read(self, path: str) -> bytes | None:
        return self.files.get(path)


class Tracer:
    """Lines of one file that run."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.lines: set[int] = set()

    def __call__(self, frame: FrameType, event: str, _argument: object) -> Any:
        if frame.f_code.co_filename != self.path:
            return None
        if event == "line":
            self.lines.add(frame.f_lineno)
        return self


class Failed(Exception):
    """As pytest's own, for an exception that did not come."""


def equal(actual: object, expected: object) -> None:
    """An assertion that fails with the message that pytest's rewriting gives it."""
    if actual != expected:
        raise AssertionError(f"assert {actual!r} == {expected!r}")


@contextmanager
def raises(kind: type[Exception]) -> Iterator[None]:
    try:
        yield
    except kind:
        return
    raise Failed(f"DID NOT RAISE {kind!r}")


def compiled(text: str, path: str) -> CodeType:
    return compile(text, path, "exec", dont_inherit=True)


def run_case(code: str, path: str, test: str, name: str) -> tuple[CaseResult, set[int]]:
    """One test function, run with the module's names, as the sandbox's runner would report it."""
    names: dict[str, Any] = {"__name__": "module", "equal": equal, "raises": raises}
    exec(compiled(code, path), names)
    exec(compiled(test, "tests/test_it.py"), names)
    tracer = Tracer(path)
    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        names[name]()
    except Exception as error:  # noqa: BLE001  whatever the code under test raises is its result
        sys.settrace(before)
        report = traceback.TracebackException.from_exception(error)
        report.stack = traceback.StackSummary.from_list(
            [f for f in report.stack if f.filename not in (__file__, contextmanager.__code__.co_filename)]
        )
        message = "".join(report.format_exception_only()).strip()
        details = "".join(report.format())
        case = CaseResult(
            id=f"tests/test_it.py::{name}", verdict=Verdict.FAILED, message=message, details=details
        )
        return case, tracer.lines
    finally:
        sys.settrace(before)
    return CaseResult(id=f"tests/test_it.py::{name}", verdict=Verdict.PASSED), tracer.lines


@dataclass(frozen=True)
class Scene:
    """A state whose failing tests reproduce an issue."""

    context: Context
    state: State

    @property
    def view(self) -> View:
        return View(context=self.context, state=self.state)

    def apply(self, *operations: Operation) -> State:
        state = self.state
        for operation in operations:
            state = apply_operation(state, operation, self.context.source)
        return state

    def file_after(self, action: Action, path: str) -> bytes:
        return self.apply(*action.operations).overlay[path] or b""


def build_scene(code: str, test: str, issue: str = "", path: str = "package/module.py", **more: str) -> Scene:
    """Every test function of ``test`` is run; ``test_ok…`` stand for the repository's own suite."""
    names = [node.name for node in ast.parse(test).body if isinstance(node, ast.FunctionDef)]
    suite: dict[int, set[str]] = {}
    own: dict[int, set[str]] = {}
    cases: list[CaseResult] = []
    passing: set[str] = set()
    for name in names:
        case, lines = run_case(code, path, test, name)
        if name.startswith("test_ok"):
            assert not case.failing, case.details
            passing.add(case.id)
        else:
            cases.append(case)
        for line in lines:
            (suite if name.startswith("test_ok") else own).setdefault(line, set()).add(case.id)
    coverage = Coverage(lines={path: {line: frozenset(ids) for line, ids in own.items()}})
    results = Results(
        generated=SuiteReport(cases=tuple(cases)), coverage=coverage, reproduced=any(c.failing for c in cases)
    )
    title, _, text = issue.partition("\n")
    baseline = Baseline(
        passing=frozenset(passing),
        failing=frozenset(),
        flaky=frozenset(),
        skipped=frozenset(),
        coverage=Coverage(lines={path: {line: frozenset(ids) for line, ids in suite.items()}}),
    )
    files = {path: code.encode(), "tests/test_old.py": b"", **{k: v.encode() for k, v in more.items()}}
    context = Context(
        task=Task(repository="owner/name", base="0" * 40, title=title, text=text, number=1),
        source=MemoryTree(files),
        baseline=baseline,
    )
    tests = (TestFile(path="tests/test_it.py", content=test, verifies="what the issue says"),)
    return Scene(context=context, state=State(tests=tests, results=results))


@pytest.fixture
def scene() -> Callable[..., Scene]:
    return build_scene
