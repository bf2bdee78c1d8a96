"""A world in miniature: a repository whose tests run in this process, and parts that follow a script."""

from __future__ import annotations

import builtins
import contextlib
import io
import json
import sys
import threading
import traceback
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.networks import Networks
from agent.protocols import View
from agent.run import Services
from agent.types import (
    Action,
    AddTests,
    Decision,
    EditLines,
    FailureSign,
    FeedbackNote,
    Operation,
    Plan,
    Skill,
    Step,
    Task,
    TestFile,
    Transition,
)
from sandbox import EMPTY, Command, Completed, Overlay, Sandbox, SandboxClosed, SandboxSpec
from sandbox.environments import Environment
from sandbox.suites.pytest_suite import PytestSuite
from sandbox.suites.records import COVERAGE, REPORT

CALC = '''"""A small module with a planted bug."""


def double(x):
    return x + x


def sign(x):
    if x < 0:
        return -1
    if x == 0:
        return 1
    return 1


def unseen(x):
    return x
'''
TEST_CALC = """from calc import double, sign


def test_double():
    assert double(2) == 4


def test_negative():
    assert sign(-3) == -1


def test_positive():
    assert sign(3) == 1


def test_known_to_fail():
    assert double(1) == 3
"""
TEST_ZERO = """from calc import sign


def test_sign_of_zero():
    assert sign(0) == 0
"""
ZERO = TestFile(
    path="tests/test_zero.py",
    content=TEST_ZERO,
    verifies="sign(0) is 0.",
    source="sign(0) gives 1",
    sign=FailureSign(exception="AssertionError"),
)
TASK = Task(repository="toy", base="0" * 40, title="sign(0) is wrong", text="sign(0) gives 1, expected 0")
GOOD = EditLines(
    path="calc.py", first=12, last=12, expected="        return 1\n", replacement="        return 0\n"
)


def write_toy(root: Path) -> Path:
    (root / "tests").mkdir(parents=True)
    (root / "calc.py").write_text(CALC)
    (root / "tests" / "test_calc.py").write_text(TEST_CALC)
    return root


# --- A sandbox that is a pure function ----------------------------------------------------------------------


class ToySandboxes:
    """Runs the tests of trusted toy files in this process. ``before_run`` is told the number of each run."""

    name = "toy"
    python = "python"
    identity = "toy-1"

    def __init__(self, before_run: Callable[[int], None] = lambda _: None, flaky: Sequence[str] = ()) -> None:
        self.before_run = before_run
        self.flaky = frozenset(flaky)
        self.runs: list[tuple[str, ...]] = []
        self.opened = 0
        self.open_now = 0
        self.every_run_flaky = False  # else every second one
        self.guard = threading.Lock()
        self.sandboxes: list[ToySandbox] = []

    def flaky_in(self, number: int) -> frozenset[str]:
        return self.flaky if self.every_run_flaky or number % 2 == 0 else frozenset()

    def open(self, spec: SandboxSpec) -> AbstractContextManager[Sandbox]:
        return self._open(spec)

    @contextmanager
    def _open(self, spec: SandboxSpec) -> Iterator[Sandbox]:
        with self.guard:
            self.opened += 1
            self.open_now += 1
        sandbox = ToySandbox(self, spec)
        self.sandboxes.append(sandbox)
        try:
            yield sandbox
        finally:
            sandbox.close()
            with self.guard:
                self.open_now -= 1


class ToySandbox:
    def __init__(self, owner: ToySandboxes, spec: SandboxSpec) -> None:
        assert spec.tree is not None
        self.files = {
            path.relative_to(spec.tree).as_posix(): path.read_bytes()
            for path in sorted(spec.tree.rglob("*"))
            if path.is_file()
        }
        self.owner = owner
        self.closed = threading.Event()

    def run(self, command: Command, overlay: Overlay = EMPTY) -> Completed:
        request = json.loads(command.stdin)
        with self.owner.guard:
            self.owner.runs.append(tuple(request["select"]))
            number = len(self.owner.runs)
        self.owner.before_run(number)
        if self.closed.is_set():
            raise SandboxClosed("closed")
        files = {p: c for p, c in {**self.files, **overlay}.items() if c is not None}
        return run_toy(files, request, self.owner.flaky_in(number))

    def close(self) -> None:
        self.closed.set()

    def __enter__(self) -> ToySandbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class ToyWorkbench:
    """An environment that needs no building."""

    def __init__(self, tree: Path, sandboxes: ToySandboxes) -> None:
        self.tree = tree
        self.sandboxes = sandboxes
        self.prepared = 0

    def prepare(self, _progress: object) -> Environment:
        self.prepared += 1
        return Environment(directory=self.tree, key="toy-environment", tools=("pytest",))

    def suite(self, environment: Environment) -> PytestSuite:
        return PytestSuite(env=environment.env)

    def open(self, environment: Environment) -> AbstractContextManager[Sandbox]:
        return self.sandboxes.open(SandboxSpec(tree=self.tree, environment=environment.directory))


def run_toy(files: Mapping[str, bytes], request: Mapping[str, Any], flaky: frozenset[str]) -> Completed:
    lines: list[dict[str, object]] = []
    covered: dict[str, dict[int, set[str]]] = {}
    select: list[str] = request["select"]
    for path in sorted(files):
        if not (path.startswith("tests/test_") and path.endswith(".py")):
            continue
        if select and not any(each.split("::")[0] == path for each in select):
            continue
        lines += _run_file(path, files, select, covered if request["coverage"] else None, flaky)
    lines = _cut(lines, int(request["stop_after"]))
    lines.append({"kind": "finish"})
    collected = {REPORT: "\n".join(map(json.dumps, lines)).encode()}
    if request["coverage"]:
        collected[COVERAGE] = _coverage(covered)
    return Completed(
        exit_status=0, stopped_by=None, stdout=b"", stderr=b"", seconds=0.01, collected=collected
    )


def _cut(lines: list[dict[str, object]], stop_after: int) -> list[dict[str, object]]:
    failed = 0
    for number, line in enumerate(lines, start=1):
        failed += line.get("verdict") in ("failed", "error")
        if failed == stop_after > 0:
            return lines[:number]
    return lines


def _run_file(
    path: str,
    files: Mapping[str, bytes],
    select: list[str],
    covered: dict[str, dict[int, set[str]]] | None,
    flaky: frozenset[str],
) -> list[dict[str, object]]:
    modules: dict[str, types.ModuleType] = {}

    def load(name: str, *rest: object) -> Any:
        source = files.get(f"{name}.py")
        if source is None:
            return builtins.__import__(name, *rest)  # type: ignore[arg-type]
        if name not in modules:
            modules[name] = module = types.ModuleType(name)
            _execute(source, f"{name}.py", module)
        return modules[name]

    def _execute(source: bytes, filename: str, module: types.ModuleType) -> None:
        module.__dict__["__builtins__"] = {**vars(builtins), "__import__": load}
        exec(compile(source, filename, "exec", dont_inherit=True), module.__dict__)

    test = types.ModuleType("test")
    try:
        _execute(files[path], path, test)
    except Exception as error:  # noqa: BLE001 - a toy runner reports whatever a toy test raises
        return [{"kind": "collect", "id": path, **_failure(error, path)}]
    found = []
    for name in sorted(vars(test)):
        case = f"{path}::{name}"
        if name.startswith("test_") and (not select or path in select or case in select):
            found.append(_run_case(case, vars(test)[name], covered, case in flaky))
    return found


def _run_case(
    case: str, function: Callable[[], None], covered: dict[str, dict[int, set[str]]] | None, flaky: bool
) -> dict[str, object]:
    def trace(frame: types.FrameType, event: str, _: object) -> Any:
        file = frame.f_code.co_filename
        if covered is not None and event == "line" and not file.startswith(("/", "<")):
            covered.setdefault(file, {}).setdefault(frame.f_lineno, set()).add(case)
        return trace

    before = sys.gettrace()
    sys.settrace(trace if covered is not None else before)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            function()
        assert not flaky
    except Exception as error:  # noqa: BLE001
        sys.settrace(before)
        return {"kind": "case", "id": case, "verdict": "failed", **_failure(error, case.split("::")[0])}
    finally:
        sys.settrace(before)
    return {"kind": "case", "id": case, "verdict": "passed"}


def _failure(error: Exception, path: str) -> dict[str, object]:
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith(("/", "<"))]
    details = (
        "\n".join(f"{frame.filename}:{frame.lineno}: in {frame.name}" for frame in frames)
        or f"{path}:1: in m"
    )
    return {"message": f"{type(error).__name__}: {error}", "details": details}


def _coverage(covered: Mapping[str, Mapping[int, set[str]]]) -> bytes:
    cases = sorted({case for lines in covered.values() for tests in lines.values() for case in tests})
    sets: list[str] = []
    files: dict[str, list[int]] = {}
    for path, lines in covered.items():
        for line, tests in sorted(lines.items()):
            sets.append(f"{sum(1 << cases.index(case) for case in tests):x}")
            files.setdefault(path, []).extend((line, len(sets) - 1))
    return json.dumps({"cases": cases, "sets": sets, "files": files}).encode()


# --- Parts that follow a script -----------------------------------------------------------------------------


def action(name: str, score: float, *operations: Operation) -> Action:
    skill = Skill.TEST_DESIGNER if any(isinstance(op, AddTests) for op in operations) else Skill.DEBUGGER
    return Action(
        id=name, skill=skill, kind="script", summary=f"Try {name}", score=score, operations=operations
    )


def edit(line: int, expected: str, replacement: str) -> EditLines:
    return EditLines(
        path="calc.py", first=line, last=line, expected=f"{expected}\n", replacement=f"{replacement}\n"
    )


@dataclass(kw_only=True)
class Script:
    """Policy, planner, decision model and feedback in one. ``tests`` are proposed at the root, ``edits``
    wherever the issue is reproduced; what was proposed before comes no second time."""

    tests: Sequence[Action] = ()
    edits: Sequence[Action] = ()
    unused: frozenset[str] = frozenset()
    asked: list[tuple[str, int]] = field(default_factory=list)

    def propose(self, view: View, k: int) -> Sequence[Action]:
        results = view.state.results
        reproduced = results is not None and (results.reproduced or view.state.patch.changes)
        actions = [
            each for each in (self.edits if reproduced else self.tests) if each.id not in view.proposed
        ]
        self.asked.append((view.state.digest, len(view.proposed)))
        return actions[:k]

    def expand(self, _view: View, action: Action) -> Plan:
        steps = tuple(Step(reasoning=f"because of {action.id}", operation=op) for op in action.operations)
        return Plan(action=action, steps=steps)

    def decide(self, _view: View, plan: Plan) -> Decision:
        use = plan.action.id not in self.unused
        return Decision(use=use, reason="as the script says")

    def descend(self, view: View, _transition: Transition) -> Decision:
        results = view.state.results
        return Decision(use=results is not None and results.reproduced, reason="only from a reproduction")

    def explain(self, view: View) -> Sequence[FeedbackNote]:
        results = view.state.results
        assert results is not None
        return [
            FeedbackNote(test=case.id, kind="unit test", text=f"{case.id} fails: {case.message}")
            for case in results.generated.cases
            if case.failing
        ]


REPRODUCE = action("zero", 1.0, AddTests(tests=(ZERO,)))
EDITS = (
    action("e1 wrong value", 0.9, edit(12, "        return 1", "        return 5")),
    action(
        "e2 breaks others",
        0.8,
        edit(13, "    return 1", "    return 0"),
        edit(12, "        return 1", "        return 0"),
    ),
    action("e3 does not fit", 0.7, edit(1, "nothing like it", "x")),
    action("e4 same as e1", 0.6, edit(12, "        return 1", "        return 5")),
    action("e5 not used", 0.5, edit(5, "    return x + x", "    return 0")),
    action(
        "e6 special case", 0.4, GOOD, edit(8, "def sign(x):", "def sign(x):\n    import pytest  # test_zero")
    ),
    action("e7 right", 0.3, GOOD),
    action("e8 never reached", 0.2, edit(17, "    return x", "    return 2 * x")),
)


def script(**changes: Any) -> Script:
    return Script(**{"tests": (REPRODUCE,), "edits": EDITS, "unused": frozenset({"e5 not used"}), **changes})


def services(sandboxes: ToySandboxes, parts: Script, **changes: Any) -> Services:
    values: dict[str, Any] = {
        "sandboxes": sandboxes,
        "cache": Path("/nonexistent"),
        "networks": Networks(policy=parts, planner=parts, decision=parts, feedback=parts),
        "workers": 1,
    }
    return Services(**{**values, **changes})
