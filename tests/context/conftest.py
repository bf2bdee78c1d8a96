"""A repository in memory, seen by the parts that make context."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pytest

from agent.context.installed import NOTHING, InstalledPackages
from agent.protocols import Context, View
from agent.types import Action, Baseline, Operation, Plan, Skill, State, Step, Task


@dataclass(frozen=True)
class MemoryTree:
    files: Mapping[str, bytes]

    def paths(self) -> tuple[str, ...]:
        return tuple(sorted(self.files))

    def read(self, path: str) -> bytes | None:
        return self.files.get(path)


def make_view(
    files: Mapping[str, str | bytes],
    *,
    issue: str = "",
    packages: InstalledPackages = NOTHING,
    state: State | None = None,
) -> View:
    raw = {path: text if isinstance(text, bytes) else text.encode() for path, text in files.items()}
    title, _, text = issue.partition("\n")
    nothing: frozenset[str] = frozenset()
    context = Context(
        task=Task(repository="owner/name", base="0" * 40, title=title, text=text),
        source=MemoryTree(raw),
        baseline=Baseline(passing=nothing, failing=nothing, flaky=nothing, skipped=nothing),
        packages=packages,
    )
    return View(context=context, state=state or State())


def make_plan(*operations: Operation) -> Plan:
    action = Action(
        id="a", skill=Skill.DEBUGGER, kind="test", summary="a change", score=0.0, operations=operations
    )
    return Plan(action=action, steps=tuple(Step(reasoning="because", operation=one) for one in operations))


@pytest.fixture
def view() -> Callable[..., View]:
    return make_view


@pytest.fixture
def plan() -> Callable[..., Plan]:
    return make_plan
