"""A real environment made without the network: a virtual environment with this interpreter's own pytest in
it."""

from __future__ import annotations

import shutil
import sys
import venv
from contextlib import AbstractContextManager
from importlib.metadata import distribution
from pathlib import Path

from sandbox import Sandbox, Sandboxes, SandboxSpec
from sandbox.environments import Environment
from sandbox.suites.table import NoSuite, detect_suite
from sandbox.suites.types import Suite

PACKAGES = ("pytest", "pluggy", "iniconfig", "packaging", "pygments", "coverage")


def make_environment(where: Path) -> Path:
    """As the build phase would leave it: ``bin/python`` and the packages that tests are run and measured
    with."""
    venv.EnvBuilder(symlinks=True, with_pip=False).create(where)
    site = where / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    for name in PACKAGES:
        for file in distribution(name).files or ():
            source = Path(str(file.locate()))
            if ".." not in file.parts and file.suffix != ".pyc" and source.is_file():
                target = site / file
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)
    return where


class OfflineWorkbench:
    """A Workbench with that environment; everything else is real."""

    def __init__(self, tree: Path, environment: Path, sandboxes: Sandboxes) -> None:
        self.tree = tree
        self.environment = environment
        self.sandboxes = sandboxes

    def prepare(self, _progress: object) -> Environment:
        return Environment(directory=self.environment, key="offline", tools=("pytest", "coverage"))

    def suite(self, environment: Environment) -> Suite | NoSuite:
        return detect_suite(self.tree, environment)

    def open(self, environment: Environment) -> AbstractContextManager[Sandbox]:
        return self.sandboxes.open(SandboxSpec(tree=self.tree, environment=environment.directory))
