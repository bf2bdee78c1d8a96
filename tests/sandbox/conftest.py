"""Both kinds of sandboxes, as one parameter: the contract's tests run against each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from sandbox import Command, Completed, Limits, Overlay, Sandbox, Sandboxes, SandboxSpec
from sandbox.bubblewrap import BubblewrapSandboxes
from sandbox.docker import DockerSandboxes

KINDS: dict[str, Callable[[], BubblewrapSandboxes | DockerSandboxes]] = {
    "bubblewrap": BubblewrapSandboxes,
    "docker": DockerSandboxes,
    "bubblewrap-rlimits": lambda: BubblewrapSandboxes(use_cgroups=False),
}
PARAMETERS = [
    pytest.param("bubblewrap", marks=pytest.mark.bubblewrap),
    pytest.param("docker", marks=pytest.mark.docker),
]
WITH_FALLBACK = [*PARAMETERS, pytest.param("bubblewrap-rlimits", marks=pytest.mark.bubblewrap)]
SMALL = Limits(
    seconds=20, memory_mib=192, processes=40, disk_mib=48, output_bytes=4096, collect_bytes=1 << 20
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """An open sandbox over a small tree."""

    sandbox: Sandbox
    python: str
    tree: Path

    def run(
        self, *argv: str, overlay: Overlay | None = None, collect: tuple[str, ...] = (), stdin: bytes = b""
    ) -> Completed:
        return self.sandbox.run(Command(argv=argv, collect=collect, stdin=stdin), overlay or {})

    def sh(self, script: str, **rest: tuple[str, ...]) -> Completed:
        return self.run("sh", "-c", script, **rest)

    def code(self, text: str, *, limits: Limits | None = None) -> Completed:
        return self.sandbox.run(Command(argv=(self.python, "-c", text), limits=limits))


class Shared:
    """Sandboxes of every kind, and for every kind one that stays open: each run starts afresh anyway."""

    def __init__(self, tree: Path, undo: ExitStack) -> None:
        self._tree = tree
        self._undo = undo
        self._made: dict[str, Sandboxes] = {}
        self._open: dict[str, Opened] = {}

    def sandboxes(self, kind: str) -> Sandboxes:
        if kind not in self._made:
            made = KINDS[kind]()
            if isinstance(made, DockerSandboxes):
                self._undo.callback(made.close)
            self._made[kind] = made
        return self._made[kind]

    def opened(self, kind: str) -> Opened:
        if kind not in self._open:
            sandboxes = self.sandboxes(kind)
            spec = SandboxSpec(tree=self._tree, limits=SMALL, label="test")
            sandbox = self._undo.enter_context(sandboxes.open(spec))
            self._open[kind] = Opened(sandbox=sandbox, python=sandboxes.python, tree=self._tree)
        return self._open[kind]


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    with ExitStack() as undo:
        yield Shared(plant(tmp_path_factory.mktemp("shared") / "tree"), undo)


def plant(tree: Path) -> Path:
    (tree / "package" / "deep").mkdir(parents=True)
    (tree / "file.txt").write_text("base\n")
    (tree / "package" / "module.py").write_text("VALUE = 1\n")
    (tree / "package" / "deep" / "data.bin").write_bytes(bytes(range(256)))
    (tree / "run.sh").write_text("#!/bin/sh\necho ran\n")
    (tree / "run.sh").chmod(0o755)
    (tree / "inner").symlink_to("package/module.py")
    (tree / "outer").symlink_to("/etc/passwd")
    (tree / "folder").symlink_to("package")
    return tree


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return plant(tmp_path / "tree")


@pytest.fixture(params=PARAMETERS)
def sandboxes(request: pytest.FixtureRequest, shared: Shared) -> Sandboxes:
    return shared.sandboxes(request.param)


@pytest.fixture(params=PARAMETERS)
def opened(request: pytest.FixtureRequest, shared: Shared) -> Opened:
    return shared.opened(request.param)


@pytest.fixture(params=WITH_FALLBACK)
def limited(request: pytest.FixtureRequest, shared: Shared) -> Opened:
    """Also without cgroups."""
    return shared.opened(request.param)
