"""Sandboxes that run nothing twice: for experiments in which the same code is measured again and again.

A run is a function of (tree, overlay, command): that is the contract of a sandbox. So its answer can be kept
and given again, for the same files under another name too. What is not known yet is run in one real sandbox
per tree, which stays open. Not for code whose result changes from run to run: it would look steady. How often
a command was asked for is counted by whoever asks (a run's journal), as ever.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from agent.effects import overlay_digest
from sandbox import EMPTY, Command, Completed, Overlay, Sandbox, Sandboxes, SandboxSpec


class MemoSandboxes:
    """A :class:`sandbox.Sandboxes`. A context manager; thread-safe."""

    def __init__(self, inner: Sandboxes) -> None:
        self.name, self.python, self.identity = inner.name, inner.python, inner.identity
        self.asked, self.performed = 0, 0
        self._inner = inner
        self._known: dict[str, Completed] = {}
        self._open: dict[str, _Workshop] = {}
        self._stack = ExitStack()
        self._guard = threading.Lock()

    @contextmanager
    def open(self, spec: SandboxSpec) -> Iterator[Sandbox]:
        assert spec.tree is not None, "without a tree there is nothing to know again"
        name = f"{_tree_digest(spec.tree)} {spec.environment} {spec.network} {spec.limits}"
        with self._guard:
            if name not in self._open:
                copy = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-memo-")))
                copy.chmod(0o755)  # sandboxes run under another user id
                tree = Path(shutil.copytree(spec.tree, copy / "tree"))
                sandbox = self._stack.enter_context(self._inner.open(replace(spec, tree=tree)))
                self._open[name] = _Workshop(sandbox=sandbox, guard=threading.Lock())
        yield _Memo(self, name)

    def run(self, name: str, command: Command, overlay: Overlay) -> Completed:
        key = f"{name} {command!r} {overlay_digest(overlay)}"
        with self._guard:
            self.asked += 1
            workshop = self._open[name]
        with workshop.guard:  # of two who ask the same at once, the second one waits
            if key not in self._known:
                self._known[key] = workshop.sandbox.run(command, overlay)
                self.performed += 1
            return self._known[key]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Workshop:
    """The real sandbox over one tree, for one at a time."""

    sandbox: Sandbox
    guard: threading.Lock


class _Memo:
    """One opened sandbox, as its user sees it."""

    def __init__(self, owner: MemoSandboxes, name: str) -> None:
        self._owner = owner
        self._name = name

    def run(self, command: Command, overlay: Overlay = EMPTY) -> Completed:
        return self._owner.run(self._name, command, overlay)

    def close(self) -> None:
        """The real one stays open."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _tree_digest(tree: Path) -> str:
    whole = hashlib.sha256()
    for path in sorted(tree.rglob("*")):
        if path.is_file():
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            whole.update(f"{path.relative_to(tree).as_posix()}\0{content}\n".encode())
    return whole.hexdigest()
