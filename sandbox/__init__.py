"""Run untrusted commands behind a wall: the contract on one page.

A :class:`Sandboxes` (Docker or bubblewrap) opens a :class:`Sandbox` over a tree of files. Every
:meth:`Sandbox.run` starts from a fresh copy of that tree with an overlay of changed files on top, so a run is
a function of (tree, overlay, command) and one run cannot see what another one wrote. A limit that trips is a
value in :class:`Completed`, never an exception.

Inside, always: no network (but for package registries in the build phase), not root, no capability, nothing
of the host's environment, home or processes; the copy of the tree at ``/workspace`` (current directory), the
environment at ``/env`` (read-only but while it is built), ``/tmp`` and ``HOME`` private and emptied between
runs.

This package knows nothing of agents, issues or GitHub.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Protocol, Self

from sandbox.errors import SandboxClosed, SandboxError, SandboxUnavailable

__all__ = [
    "EMPTY",
    "WORKSPACE",
    "Command",
    "Completed",
    "LimitName",
    "Limits",
    "Network",
    "Overlay",
    "Sandbox",
    "SandboxClosed",
    "SandboxError",
    "SandboxSpec",
    "SandboxUnavailable",
    "Sandboxes",
]

WORKSPACE = PurePosixPath("/workspace")
"""Where a run finds its copy of the tree; also its current directory."""

ENVIRONMENT = PurePosixPath("/env")
"""Where a run finds the environment that was built for the repository."""

Overlay = Mapping[str, bytes | None]
"""Changed files: POSIX path relative to the tree → new content, or None for a deleted file."""

EMPTY: Overlay = {}


class Network(StrEnum):
    """What a sandbox may reach."""

    NONE = "none"
    REGISTRIES = "registries"  # package registries only, through an allow-listing proxy; build phase only


class LimitName(StrEnum):
    """The limit that stopped a command."""

    TIME = "time"
    MEMORY = "memory"
    OUTPUT = "output"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Hard caps for one command.

    ``processes`` and ``disk_mib`` do not stop a command: fork and write fail inside it (EAGAIN, ENOSPC). Only
    what a build writes to ``/env`` lies on the host's disk: growing beyond ``disk_mib`` stops it (OUTPUT).
    Files in the sandbox are memory: the host has to have both, ``memory_mib`` and ``disk_mib``.
    ``output_bytes`` is what is kept of each stream (head and tail); a command that writes more than fifty
    times that is stopped. ``collect_bytes`` caps the collected files together.
    """

    seconds: float = 120.0
    memory_mib: int = 2048
    processes: int = 256
    cpus: float = 1.0
    disk_mib: int = 1024
    output_bytes: int = 1 << 20
    collect_bytes: int = 32 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What to run. ``argv`` is never given to a shell.

    ``collect`` names files (relative to the workspace) whose content comes back in
    :attr:`Completed.collected` when they exist afterwards as regular files; symbolic links are not followed.
    ``preload`` names modules that a warm interpreter may have imported before it is forked for a command of
    the form ``(python, "-m", module, ...)``: an optimisation only, results are the same as without.
    """

    argv: tuple[str, ...]
    env: tuple[tuple[str, str], ...] = ()
    stdin: bytes = b""
    collect: tuple[str, ...] = ()
    preload: tuple[str, ...] = ()
    limits: Limits | None = None  # None: those of the SandboxSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """What happened. ``exit_status`` is None when a limit stopped the command, negative for a signal."""

    exit_status: int | None
    stopped_by: LimitName | None
    stdout: bytes
    stderr: bytes
    seconds: float
    truncated: bool = False  # the middle of stdout or stderr, or a collected file, was dropped
    collected: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return self.exit_status == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxSpec:
    """What a sandbox is opened over.

    ``tree`` is a host directory (no ``.git``), read and never written; None is an empty tree. It may not
    change while the sandbox is open. ``environment`` is a host directory shown at ``/env``: read-only, or
    writable and with registries reachable when ``network`` is :attr:`Network.REGISTRIES` (the build phase).
    A host process that is root makes both readable for other users, and gives a writable environment to the
    user inside.
    """

    tree: Path | None = None
    environment: Path | None = None
    network: Network = Network.NONE
    limits: Limits = field(default_factory=Limits)
    label: str = "run"  # part of container names, so that leftovers can be told apart


class Sandbox(Protocol):
    """One open sandbox: one command at a time. A context manager; closing it leaves nothing behind."""

    def run(self, command: Command, overlay: Overlay = EMPTY) -> Completed:
        """Run a command in a fresh copy of the tree with the overlay applied.

        Raises :class:`SandboxClosed` after :meth:`close` (also when closed from another thread meanwhile),
        :class:`SandboxError` when the sandbox itself failed, ValueError for an overlay path that is absolute,
        contains ``..`` or goes through a symbolic link.
        """
        ...

    def close(self) -> None:
        """Kill whatever runs and remove everything. Idempotent; may be called from any thread."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Sandboxes(Protocol):
    """A way to make sandboxes: ``sandbox.docker`` or ``sandbox.bubblewrap``."""

    @property
    def name(self) -> str:
        """Either "docker" or "bubblewrap"."""
        ...

    @property
    def python(self) -> str:
        """Absolute path, inside, of the interpreter that environments are made from."""
        ...

    @property
    def identity(self) -> str:
        """Changes whenever an environment built earlier may no longer fit (image id, interpreter version)."""
        ...

    def open(self, spec: SandboxSpec) -> AbstractContextManager[Sandbox]:
        """Open a sandbox. Raises :class:`SandboxUnavailable`, with what to do, when it cannot."""
        ...
