"""Tiny repositories, and an environment for them made without a network: the test tools that run these very
tests."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import distribution
from pathlib import Path

import pytest

from sandbox import Command, Completed, Limits, Overlay, SandboxSpec
from sandbox.bubblewrap import BubblewrapSandboxes
from sandbox.environments import Environment
from sandbox.suites.table import NoSuite, detect_suite
from sandbox.suites.types import Suite, SuiteReport

MakeTree = Callable[[Mapping[str, str | bytes]], Path]


@pytest.fixture
def make_tree(tmp_path: Path) -> MakeTree:
    def make(files: Mapping[str, str | bytes]) -> Path:
        tree = tmp_path / "tree"
        tree.mkdir(exist_ok=True)
        for path, content in files.items():
            place = tree / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content.encode() if isinstance(content, str) else content)
        return tree

    return make


def _copy(name: str, target: Path) -> None:
    files = distribution(name).files
    assert files is not None
    for path in files:
        if ".." not in path.parts and path.suffix != ".pyc":
            place = target / path
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(str(path.locate()), place)


@pytest.fixture(scope="session")
def tools_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment as a build would leave it."""
    directory = tmp_path_factory.mktemp("environment")
    python = Path(BubblewrapSandboxes().python)
    (directory / "bin").mkdir()
    (directory / "bin" / "python").symlink_to(python)
    (directory / "pyvenv.cfg").write_text(f"home = {python.parent}\ninclude-system-site-packages = false\n")
    packages = directory / "lib" / python.name / "site-packages"
    for name in ("pytest", "pluggy", "iniconfig", "packaging", "pygments", "coverage"):
        _copy(name, packages)
    return directory


@dataclass(frozen=True)
class Bench:
    """Run a repository's suite in a real sandbox."""

    tree: Path
    environment: Environment
    limits: Limits = field(default_factory=lambda: Limits(seconds=60))

    def suite(self, *command: str) -> Suite:
        found = detect_suite(self.tree, self.environment, command)
        assert not isinstance(found, NoSuite), found
        return found

    def run(
        self,
        suite: Suite,
        select: tuple[str, ...] = (),
        overlay: Overlay | None = None,
        **options: bool,
    ) -> tuple[SuiteReport, Completed]:
        command = suite.command(select, limits=self.limits, **options)
        completed = self.complete(command, {**suite.overlay, **(overlay or {})})
        return suite.report(completed), completed

    def complete(self, command: Command, overlay: Overlay) -> Completed:
        spec = SandboxSpec(tree=self.tree, environment=self.environment.directory, limits=self.limits)
        with BubblewrapSandboxes().open(spec) as sandbox:
            return sandbox.run(command, overlay)


MakeBench = Callable[[Mapping[str, str | bytes]], Bench]


@pytest.fixture
def bench(make_tree: MakeTree, tools_directory: Path) -> MakeBench:
    def make(files: Mapping[str, str | bytes]) -> Bench:
        environment = Environment(
            directory=tools_directory,
            key="tools",
            import_roots=("src", "."),
            tools=("pytest", "coverage"),
            env=(("PYTHONPATH", "/workspace/src:/workspace"), ("PYTHONHASHSEED", "0")),
        )
        return Bench(make_tree(files), environment)

    return make
