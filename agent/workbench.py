"""Where a repository's tests can run: its environment, its suite, and sandboxes over both."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from agent.codec import decode, encode
from agent.effects import Clock
from agent.errors import Cancelled, JournalDiverged
from agent.protocols import Journal, JsonObject, Progress
from agent.stoppable import StoppableSandboxes
from sandbox import Limits, Sandbox, SandboxClosed, Sandboxes, SandboxSpec
from sandbox.environments import BuildFailed, Environment, Undetected, build, detect
from sandbox.environments.build import LIMITS as BUILD
from sandbox.suites.command_suite import CommandSuite
from sandbox.suites.node_suite import NodeSuite
from sandbox.suites.pytest_suite import PytestSuite
from sandbox.suites.table import NoSuite, detect_suite
from sandbox.suites.unittest_suite import UnittestSuite

Prepared = Environment | BuildFailed | Undetected
Runner = PytestSuite | UnittestSuite | NodeSuite | CommandSuite
Detected = Runner | NoSuite


class Workbench(Protocol):
    """Prepared once per run; every sandbox of the run is opened through it."""

    def prepare(self, progress: Progress) -> Prepared:
        """Detect and build the environment. Dear the first time, quick when it is cached."""
        ...

    def suite(self, environment: Environment) -> Detected:
        """How the repository's tests are run. Pure over the tree."""
        ...

    def open(self, environment: Environment) -> AbstractContextManager[Sandbox]:
        """A sandbox over the tree with this environment. Raises sandbox.SandboxError."""
        ...


class RepositoryWorkbench:
    """The Workbench over a checked-out tree."""

    def __init__(
        self,
        tree: Path,
        sandboxes: Sandboxes,
        cache: Path,
        *,
        limits: Limits,
        build_seconds: float = BUILD.seconds,
        test_command: tuple[str, ...] = (),
        python: str = "",
        setup: tuple[str, ...] = (),
        repository: str = "",
        label: str = "run",
        cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        """``build_seconds`` caps a build as a whole. ``python`` is a version that is wanted, ``setup`` are
        shell commands, run in the sandbox once the dependencies are installed. Environments are shared among
        the trees of one ``repository``, not between repositories."""
        self._tree = tree
        self._test_command = test_command
        self._python = python
        self._setup = setup
        self._repository = repository
        self._sandboxes = sandboxes
        self._cache = cache
        self._limits = limits
        self._build_seconds = build_seconds
        self._cancelled = cancelled
        self._label = label

    def prepare(self, progress: Progress) -> Prepared:
        recipe = detect(self._tree)
        if isinstance(recipe, Undetected):
            return recipe
        recipe = replace(recipe, python=self._python, setup=self._setup)
        deadline = time.monotonic() + self._build_seconds
        try:
            return build(
                recipe,
                self._tree,
                StoppableSandboxes(self._sandboxes, lambda: self._cancelled() or time.monotonic() > deadline),
                self._cache,
                progress=progress,
                limits=replace(BUILD, seconds=min(BUILD.seconds, self._build_seconds)),
                owner=self._repository,
            )
        except SandboxClosed:
            if self._cancelled():
                raise Cancelled("asked to stop") from None
            return _too_long(self._build_seconds)

    def suite(self, environment: Environment) -> Detected:
        found = detect_suite(self._tree, environment, self._test_command)
        if isinstance(found, Runner | NoSuite):
            return found
        raise TypeError(f"{type(found).__name__} is missing from agent.workbench.Runner")

    def open(self, environment: Environment) -> AbstractContextManager[Sandbox]:
        spec = SandboxSpec(
            tree=self._tree, environment=environment.directory, limits=self._limits, label=self._label
        )
        return self._sandboxes.open(spec)


def _too_long(seconds: float) -> BuildFailed:
    return BuildFailed(
        reason=f"the environment was not built within {seconds:.0f} s",
        output="",
        advice=("Allow the run more time, or declare fewer dependencies for the tests.",),
    )


class JournaledWorkbench:
    """What was prepared is recorded; the directory itself is looked up, or built again, when a sandbox needs
    it.

    So a replay needs no environment, and a resume survives a cache that was emptied meanwhile.
    """

    def __init__(self, journal: Journal, bench: Workbench, clock: Clock, progress: Progress) -> None:
        self._journal = journal
        self._bench = bench
        self._progress = progress
        self._here: Environment | None = None
        self._guard = threading.Lock()
        answer = journal.effect("environment", {}, lambda: self._prepare(clock))
        seconds = answer["clock"]
        assert isinstance(seconds, int | float)
        clock.saw(seconds)
        if answer.get("cancelled"):
            raise Cancelled("asked to stop")
        self.prepared = decode(_Preparation, answer["preparation"]).prepared

    def suite(self) -> Detected:
        def perform() -> JsonObject:
            return {"detection": encode(_Detection(detected=self._bench.suite(self._environment())))}

        return decode(_Detection, self._journal.effect("suite", {}, perform)["detection"]).detected

    def open(self) -> AbstractContextManager[Sandbox]:
        return self._bench.open(self._environment())

    def _prepare(self, clock: Clock) -> JsonObject:
        try:
            prepared = self._bench.prepare(self._progress)
        except Cancelled:  # a recorded answer: the same run stops at the same place in every replay
            return {"cancelled": True, "clock": clock.now()}
        if isinstance(prepared, Environment):
            self._here = prepared
            prepared = replace(prepared, directory=Path())  # a place on this machine is no fact of the run
        return {"preparation": encode(_Preparation(prepared=prepared)), "clock": clock.now()}

    def _environment(self) -> Environment:
        """As it is on this machine now; several threads may open sandboxes."""
        with self._guard:
            if self._here is None:
                self._here = self._again()
            return self._here

    def _again(self) -> Environment:
        prepared = self._bench.prepare(self._progress)
        match prepared, self.prepared:
            case Environment(key=now), Environment(key=recorded) if now == recorded:
                return prepared
        raise JournalDiverged("the environment can no longer be built as it was when this journal was begun")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Preparation:
    prepared: Prepared


@dataclass(frozen=True, slots=True, kw_only=True)
class _Detection:
    detected: Detected
