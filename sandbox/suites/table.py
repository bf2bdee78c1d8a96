"""Which runner a repository's tests are for."""

from __future__ import annotations

import fnmatch
import posixpath
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sandbox import ENVIRONMENT
from sandbox.environments.files import read_text, regular_file, walk
from sandbox.environments.pytest_config import pytest_config
from sandbox.environments.types import Environment
from sandbox.suites.command_suite import CommandSuite
from sandbox.suites.pytest_suite import PytestSuite
from sandbox.suites.types import Suite
from sandbox.suites.unittest_suite import UnittestSuite

_UNITTEST_FILES = ("test*.py",)
_USUAL_FILES = ("test_*.py", "*_test.py", "tests.py")
_DIRECTORIES = ("tests", "test", "testing")


@dataclass(frozen=True, slots=True, kw_only=True)
class NoSuite:
    """No test can be run here."""

    reason: str


def detect_suite(tree: Path, environment: Environment, test_command: tuple[str, ...] = ()) -> Suite | NoSuite:
    """pytest wherever it is installed, as it runs unittest's cases too; unittest otherwise; or the command
    that the user gave. Pure over the tree's files."""
    if test_command:
        return _given(tree, environment, test_command)
    for detect in RUNNERS.values():
        suite = detect(tree, environment)
        if suite is not None:
            return suite
    return NoSuite(reason=f"no test file found ({', '.join(_USUAL_FILES)}), and no test command was given")


def detect_pytest(tree: Path, environment: Environment) -> Suite | None:
    config = pytest_config(tree)
    if "pytest" not in environment.tools or not (
        config.file or has_tests(tree, (*config.test_files, *_USUAL_FILES))
    ):
        return None
    return _pytest(tree, environment)


def detect_unittest(tree: Path, environment: Environment) -> Suite | None:
    starts = unittest_starts(tree)
    return _unittest(environment, starts) if starts else None


RUNNERS: dict[str, Callable[[Path, Environment], Suite | None]] = {
    "pytest": detect_pytest,
    "unittest": detect_unittest,
}


def has_tests(tree: Path, patterns: tuple[str, ...]) -> bool:
    """A file so named that holds a test, or any file in a directory for tests."""
    return any(_matches(path, patterns) for path in walk(tree))


def _matches(path: str, patterns: tuple[str, ...]) -> bool:
    name = posixpath.basename(path)
    return any(fnmatch.fnmatch(name, pattern) or fnmatch.fnmatch(path, pattern) for pattern in patterns)


def unittest_starts(tree: Path) -> tuple[tuple[str, str], ...]:
    """Discovery enters packages only: start at the top for tests in packages, and in each directory that is
    none."""
    starts: dict[str, str] = {}
    for path in walk(tree):
        if not _matches(path, _UNITTEST_FILES) or "TestCase" not in (read_text(tree, path) or ""):
            continue
        top = start = posixpath.dirname(path) or "."
        while top != "." and regular_file(tree, f"{top}/__init__.py"):
            top = posixpath.dirname(top) or "."
        starts.setdefault(start, top)
    return tuple(sorted(starts.items()))


# --- A command given by the user --------------------------------------------------------------------------

_PREFIXES = (
    ("uv", "run"), ("poetry", "run"), ("pdm", "run"), ("hatch", "run"), ("pipenv", "run"), ("rye", "run"),
    ("coverage", "run", "-m"), ("python", "-m"), ("python3", "-m"), ("py", "-m"),
)  # fmt: skip


def _given(tree: Path, environment: Environment, command: tuple[str, ...]) -> Suite:
    words = _bare(command)
    match words:
        case ("pytest" | "py.test", *rest):
            paths = tuple(word for word in rest if not word.startswith("-") and _exists(tree, word))
            flags = tuple(word for word in rest if word not in paths)
            return _pytest(tree, environment, flags, paths)
        case ("unittest", *_):
            return _unittest(environment, unittest_starts(tree) or ((".", "."),))
        case _:
            inside = {"python": f"{ENVIRONMENT}/bin/python", "python3": f"{ENVIRONMENT}/bin/python"}
            argv = (inside.get(command[0], command[0]), *command[1:])
            return CommandSuite(argv=argv, env=environment.env, generated=environment.generated)


def _bare(command: tuple[str, ...]) -> tuple[str, ...]:
    """Without what tools put before a runner: the environment is there already."""
    for prefix in _PREFIXES:
        if command[: len(prefix)] == prefix:
            return _bare(command[len(prefix) :])
    return command


def _exists(tree: Path, word: str) -> bool:
    path = word.partition("::")[0]
    return regular_file(tree, path) is not None or (not path.startswith("/") and (tree / path).is_dir())


def _pytest(
    tree: Path, environment: Environment, flags: tuple[str, ...] = (), paths: tuple[str, ...] = ()
) -> PytestSuite:
    return PytestSuite(
        env=environment.env,
        preload=environment.preload,
        generated=environment.generated,
        flags=flags,
        paths=paths,
        junit="no:junitxml" not in " ".join((*pytest_config(tree).addopts, *flags)),
    )


def _unittest(environment: Environment, starts: tuple[tuple[str, str], ...]) -> UnittestSuite:
    return UnittestSuite(
        starts=starts, env=environment.env, preload=environment.preload, generated=environment.generated
    )
