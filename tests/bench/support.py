"""Tiny problems of our own in the forms of the benchmarks, and a programmer who follows a script."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from agent.method import Method
from agent.networks import Networks
from agent.protocols import View
from agent.run import Services
from agent.types import (
    Action,
    AddTests,
    Budget,
    Decision,
    FeedbackNote,
    Plan,
    RewriteSymbol,
    Skill,
    Step,
    TestFile,
    Transition,
)
from bot.bench import humaneval
from bot.bench.harness import Harness
from bot.bench.problems import Benchmark
from bot.bench.rows import Setup, settle
from sandbox import EMPTY, Command, Completed, Overlay, Sandboxes, SandboxSpec
from sandbox.environments import Environment

CLAMP_PROMPT = '''def clamp(x, low, high):
    """Move x into the range from low to high.
    >>> clamp(5, 0, 3)
    3
    """
'''
CLAMP: dict[str, Any] = {
    "task_id": "Own/0",
    "prompt": CLAMP_PROMPT,
    "entry_point": "clamp",
    "canonical_solution": "    return max(low, min(x, high))\n",
    "test": """
METADATA = {"author": "own"}
HELPER = 4


def check(candidate):
    assert candidate(5, 0, 3) == 3
    top = HELPER + 3
    assert candidate(-1, 0, top) == 0
    assert candidate(2, 0, 3) == 2, "CANARY-5f3a"
    for x in range(4):
        assert candidate(x, 1, 2) in (1, 2)
    assert True
""",
}
INITIALS: dict[str, Any] = {
    "task_id": "Own/1",
    "prompt": 'def initials(name):\n    """First letters of the words of a name, in capitals."""\n',
    "entry_point": "initials",
    "canonical_solution": '    return "".join(word[0] for word in name.split()).upper()\n',
    "test": 'def check(candidate):\n    assert candidate("ada lovelace") == "AL"\n'
    '    assert candidate("") == ""\n',
}
CANARY = "CANARY-5f3a"

RIGHT = {
    "clamp": "def clamp(x, low, high):\n    return max(low, min(x, high))\n",
    "initials": 'def initials(name):\n    return "".join(word[0] for word in name.split()).upper()\n',
}
WRONG = {
    "clamp": "def clamp(x, low, high):\n    return min(x, high)\n",
    "initials": "def initials(name):\n    return name\n",
}
TESTS = {
    "clamp": "from solution import clamp\n\n\ndef test_clamp_low():\n    assert clamp(-5, 0, 3) == 0\n\n\n"
    "def test_clamp_high():\n    assert clamp(5, 0, 3) == 3\n",
    "initials": 'from solution import initials\n\n\ndef test_two():\n    assert initials("a b") == "AB"\n',
}
WRONG_TESTS = {
    "clamp": "from solution import clamp\n\n\ndef test_clamp_odd():\n    assert clamp(5, 0, 3) == 4\n",
}


class Recording:
    """Sandboxes that note everything that they are given, and hand it on to others."""

    def __init__(self, inner: Sandboxes, note: Callable[[str, Overlay], None]) -> None:
        self.name, self.python, self.identity = inner.name, inner.python, inner.identity
        self.inner = inner
        self.note = note

    @contextmanager
    def open(self, spec: SandboxSpec) -> Iterator[Any]:
        assert spec.tree is not None
        files = (path for path in sorted(spec.tree.rglob("*")) if path.is_file())
        self.note("tree", {path.name: path.read_bytes() for path in files})
        with self.inner.open(spec) as sandbox:
            yield _Recorded(sandbox, self.note)


class _Recorded:
    def __init__(self, inner: Any, note: Callable[[str, Overlay], None]) -> None:
        self.inner = inner
        self.note = note

    def run(self, command: Command, overlay: Overlay = EMPTY) -> Completed:
        self.note(repr(command), overlay)
        completed: Completed = self.inner.run(command, overlay)
        return completed

    def close(self) -> None:
        self.inner.close()


def write_humaneval(path: Path, rows: Sequence[Mapping[str, Any]] = (CLAMP, INITIALS)) -> Path:
    text = "".join(json.dumps(row) + "\n" for row in rows)
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text)
    return path


@dataclass(kw_only=True)
class Programmer:
    """Policy, planner, decision model and feedback: for each function a list of tests, then of sources."""

    tests: Mapping[str, Sequence[str]] = field(default_factory=lambda: {k: (v,) for k, v in TESTS.items()})
    sources: Mapping[str, Sequence[str]] = field(
        default_factory=lambda: {name: (WRONG[name], RIGHT[name]) for name in RIGHT}
    )
    seen: list[str] = field(default_factory=list)  # everything that it was shown
    before: Callable[[], None] = lambda: None

    def propose(self, view: View, k: int) -> Sequence[Action]:
        self.before()
        self.seen.append(repr((view.context.task, view.state, view.notes, view.tried, view.path)))
        self.seen += [repr(view.context.source.read(path)) for path in view.context.source.paths()]
        entry = view.context.task.title.removeprefix("Implement ")
        results = view.state.results
        tested = bool(results and results.reproduced) or not self.tests.get(entry)
        if view.state.patch.changes:
            return ()
        actions = self._edits(entry) if tested else self._tests(entry)
        return [action for action in actions if action.id not in view.proposed][:k]

    def _tests(self, entry: str) -> list[Action]:
        return [
            adds(
                f"t{number}",
                TestFile(path=f"tests/test_made_{number}.py", content=text, verifies="It works."),
                -number,
            )
            for number, text in enumerate(self.tests[entry])
        ]

    def _edits(self, entry: str) -> list[Action]:
        return [
            proposal(
                f"e{number}",
                Skill.IMPLEMENTER,
                RewriteSymbol(path="solution.py", symbol=entry, source=text),
                -number,
            )
            for number, text in enumerate(self.sources.get(entry, ()))
        ]

    def expand(self, _view: View, action: Action) -> Plan:
        steps = tuple(Step(reasoning="As the script says.", operation=each) for each in action.operations)
        return Plan(action=action, steps=steps)

    def decide(self, _view: View, _plan: Plan) -> Decision:
        return Decision(use=True, reason="as the script says")

    def descend(self, view: View, _transition: Transition) -> Decision:
        results = view.state.results
        return Decision(use=bool(results and results.reproduced), reason="only from a reproduction")

    def explain(self, _view: View) -> Sequence[FeedbackNote]:
        return ()


def adds(name: str, test: TestFile, score: float = 0.0) -> Action:
    return proposal(name, Skill.TEST_DESIGNER, AddTests(tests=(test,)), score)


def proposal(name: str, skill: Skill, operation: Any, score: float) -> Action:
    return Action(
        id=name, skill=skill, kind="script", summary=f"Try {name}", score=score, operations=(operation,)
    )


def services(sandboxes: Sandboxes, make: Callable[[], Programmer], **changes: Any) -> Services:
    def networks(_method: object, _model: object, _packs: object) -> Networks:
        parts = make()
        return Networks(policy=parts, planner=parts, decision=parts, feedback=parts)

    made = Services(sandboxes=sandboxes, cache=Path("/nonexistent"), networks=networks)
    return replace(made, **changes)


def harness(
    out: Path,
    data: Path,
    sandboxes: Sandboxes,
    make: Callable[[], Programmer] = Programmer,
    *,
    benchmark: Benchmark = humaneval,
    environment: Environment | None = None,
    method: Method | None = None,
    budget: Budget | None = None,
    workers: int = 1,
    language: str = "python",
) -> Harness:
    setup = Setup(
        benchmark=benchmark.NAME,
        language=language,
        data="digest",
        method=method or Method(clarify=False),
        budget=budget or Budget(max_iterations=5),
        seed=0,
    )
    settle(out, setup)
    return Harness(
        benchmark=benchmark,
        data=data,
        setup=setup,
        services=services(sandboxes, make),
        environment=environment or Environment(directory=out, key="toy", tools=("pytest",)),
        out=out,
        workers=workers,
    )
