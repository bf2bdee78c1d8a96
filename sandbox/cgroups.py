"""Control groups for sandboxes that are not containers: memory, processes and processor time, hard.

Version 1 and 2 behind the same few lines. Where no group can be made (not root, a read-only mount) the
backend falls back to rlimits and to counting.
"""

from __future__ import annotations

import os
import secrets
import signal
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sandbox.errors import SandboxError
from sandbox.owner import Owner

PREFIX = "codeagent."
PERIOD_US = 100_000
CONTROLLERS = ("memory", "pids", "cpu")


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    memory_bytes: int
    processes: int
    cpus: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """One sandbox's group: a directory per hierarchy (version 2 has one)."""

    directories: tuple[Path, ...]
    oom_counter: Path

    def memory_kills(self) -> int:
        try:
            lines = self.oom_counter.read_text("ascii").splitlines()
        except FileNotFoundError:
            return 0
        return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)

    def remove(self, seconds: float = 5.0) -> None:
        """Kill what is in it and remove it. Idempotent."""
        deadline = time.monotonic() + seconds
        for directory in self.directories:
            while directory.exists():
                _kill(directory)
                with suppress(OSError):
                    directory.rmdir()
                    break
                if time.monotonic() > deadline:
                    raise SandboxError(
                        f"the control group {directory} cannot be removed: is a process stuck?"
                    )
                time.sleep(0.01)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hierarchies:
    """Where groups can be made: version 1 by controller, version 2 under ``unified``."""

    roots: Mapping[str, Path]
    version: int

    def make(self, caps: Caps) -> Group:
        # By chance and not by counting: many of these objects in one process must not meet in one name.
        name = f"{PREFIX}{Owner.current()}.{secrets.token_hex(6)}"
        directories = tuple(dict.fromkeys(root / name for root in self.roots.values()))
        memory = self.roots["memory"] / name
        counter = memory / ("memory.oom_control" if self.version == 1 else "memory.events")
        group = Group(directories=directories, oom_counter=counter)
        try:
            for directory in directories:
                directory.mkdir()
            self._write(name, caps)
        except OSError:
            group.remove()
            raise
        return group

    def sweep(self) -> None:
        """Remove the groups whose owner is dead."""
        for root in dict.fromkeys(self.roots.values()):
            for directory in root.glob(f"{PREFIX}*"):
                owner = Owner.parse(directory.name.removeprefix(PREFIX).rpartition(".")[0])
                if owner is not None and owner.dead:
                    Group(directories=(directory,), oom_counter=directory).remove()

    def _write(self, name: str, caps: Caps) -> None:
        memory, pids, cpu = (self.roots[controller] / name for controller in CONTROLLERS)
        quota = max(1000, int(caps.cpus * PERIOD_US))
        (pids / "pids.max").write_text(str(caps.processes))
        if self.version == 2:
            (memory / "memory.max").write_text(str(caps.memory_bytes))
            _write_if_there(memory / "memory.swap.max", "0")
            (cpu / "cpu.max").write_text(f"{quota} {PERIOD_US}")
            return
        (memory / "memory.limit_in_bytes").write_text(str(caps.memory_bytes))
        _write_if_there(memory / "memory.memsw.limit_in_bytes", str(caps.memory_bytes))
        (cpu / "cpu.cfs_period_us").write_text(str(PERIOD_US))
        (cpu / "cpu.cfs_quota_us").write_text(str(quota))


def find(mounts: Path = Path("/proc/self/mounts")) -> Hierarchies | None:
    """The hierarchies of this machine when groups with all three controllers can be made in them."""
    unified, by_controller = _mounted(mounts)
    if set(CONTROLLERS) <= by_controller.keys():
        roots = {controller: by_controller[controller] for controller in CONTROLLERS}
        return _usable(Hierarchies(roots=roots, version=1))
    if unified is None or not _delegate(unified):
        return None
    return _usable(Hierarchies(roots=dict.fromkeys(CONTROLLERS, unified), version=2))


def _mounted(mounts: Path) -> tuple[Path | None, dict[str, Path]]:
    unified: Path | None = None
    by_controller: dict[str, Path] = {}
    for line in mounts.read_text("utf-8", "replace").splitlines():
        _, where, kind, options, *_ = line.split(" ")
        if kind == "cgroup2":
            unified = Path(where)
        elif kind == "cgroup":
            by_controller |= dict.fromkeys(options.split(","), Path(where))
    return unified, by_controller


def _delegate(unified: Path) -> bool:
    """Have version 2's root hand the controllers down; refused inside most containers."""
    try:
        if not set(CONTROLLERS) <= set((unified / "cgroup.subtree_control").read_text("ascii").split()):
            (unified / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in CONTROLLERS))
    except OSError:
        return False
    return True


def _usable(hierarchies: Hierarchies) -> Hierarchies | None:
    try:
        hierarchies.make(Caps(memory_bytes=64 << 20, processes=16, cpus=1.0)).remove()
    except OSError:
        return None
    return hierarchies


def _write_if_there(path: Path, text: str) -> None:
    """Swap accounting may be off; then there is nothing to limit it with."""
    if path.exists():
        path.write_text(text)


def _kill(directory: Path) -> None:
    try:
        pids = (directory / "cgroup.procs").read_text("ascii").split()
    except OSError:
        return
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)
