"""What a repository needs before its tests can run, and what was built for it: the contract on one page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from sandbox import Command, Completed, Sandbox

Progress = Callable[[str, str], None]
"""Told (phase, detail) while an environment is built; must not raise."""

Apart = Callable[[Command], Completed]
"""Run a command over the same tree and the environment as it is by now, read-only and with no network."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """Something to install. The first attempt that works reaches the goal; when none does, each of
    ``pieces`` is tried by itself, so that one unavailable optional package does not sink the others.

    Attempts and pieces are arguments for the ecosystem's installer. A goal that is missed in whole or in part
    becomes a remark of the environment, never a failure of the build.
    """

    purpose: str
    attempts: tuple[tuple[str, ...], ...]
    pieces: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What to install, in order. ``whole`` is tried first: everything in one resolver run; ``goals`` are
    tried one by one only when that fails. ``inputs`` are the files that the recipe was read from or that a
    build reads (path, SHA-256): they and the recipe identify the environment.

    ``offers`` are requirements that the repository declares somewhere but that are not installed at once
    (documentation, optional features): taken when a test imports what they provide. ``imports`` are the
    top-level modules that tests import unconditionally.
    """

    ecosystem: str
    whole: tuple[str, ...]
    goals: tuple[Goal, ...]
    tools: tuple[str, ...]
    requires: str = ""  # of the interpreter: ">=3.9,<4"
    project: str = ""  # directory of the installable project, relative; empty: there is none
    roots: tuple[str, ...] = (".",)  # likely import roots; the installed project's files tell better
    imports: tuple[str, ...] = ()
    offers: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()  # while building
    inputs: tuple[tuple[str, str], ...] = ()
    remarks: tuple[str, ...] = ()
    python: str = ""  # "3.12": asked for by the configuration; empty: the sandbox's own
    setup: tuple[str, ...] = ()  # shell commands, once the dependencies are there


@dataclass(frozen=True, slots=True, kw_only=True)
class Undetected:
    """No ecosystem knows this tree."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """What was built. ``directory`` is shown at ``/env``, read-only.

    ``generated`` are files that the build of the project made and the tree lacks (a version file, compiled
    modules): part of every run's overlay. Tests import from the tree: ``import_roots``, relative to it, come
    before the environment on the path (in ``env``, the variables that every command needs). ``preload`` names
    third-party modules that a warm interpreter may import before it is forked, never the repository's own.
    ``tools`` names what tests can be run and measured with ("pytest", "coverage").
    """

    directory: Path
    key: str
    import_roots: tuple[str, ...] = (".",)
    generated: Mapping[str, bytes] = field(default_factory=dict)
    preload: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildFailed:
    """No environment; the repository is at fault, or the registries, not the sandbox (that raises)."""

    reason: str
    output: str = ""  # bounded tail of what was printed
    advice: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What an ecosystem found out while it filled the environment's directory: what is kept beside it."""

    import_roots: tuple[str, ...]
    generated: Mapping[str, bytes]
    preload: tuple[str, ...]
    tools: tuple[str, ...]
    remarks: tuple[str, ...]
    env: tuple[tuple[str, str], ...]


class Ecosystem(Protocol):
    """One file per ecosystem satisfies this as a module."""

    @property
    def NAME(self) -> str: ...

    def detect(self, tree: Path) -> Recipe | Undetected:
        """What the tree declares. Pure over its files: nothing of the repository is run."""
        ...

    def prepare(
        self, recipe: Recipe, sandbox: Sandbox, apart: Apart, python: str, progress: Progress
    ) -> Prepared | BuildFailed:
        """Fill ``/env`` of a sandbox that is open with registries reachable. What only has to look at it runs
        ``apart``."""
        ...
