"""Python: what a repository declares, as a recipe for pip. Pure over files; ``pip.py`` carries it out."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sandbox.environments.declared import Declared, DependencySet, declared
from sandbox.environments.files import digest, regular_file, walk
from sandbox.environments.imports import required_imports
from sandbox.environments.pip import prepare
from sandbox.environments.pytest_config import pytest_config
from sandbox.environments.requirements import Requirements, name_of, unique
from sandbox.environments.types import Goal, Recipe, Undetected
from sandbox.environments.versions import version_env, version_lines

__all__ = ["NAME", "detect", "prepare"]

NAME = "python"

_TEST = frozenset({"test", "tests", "testing", "unittest", "unittests", "pytest"})
_DEVELOPMENT = frozenset({"dev", "devel", "develop", "development", "ci", "all"})
_RUNTIME = frozenset(
    {"requirements", "requirement", "reqs", "base", "common", "main", "core", "default", "install", "runtime",
     "prod", "production", "app", "txt", "in", "pip"}
)  # fmt: skip
_DECLARING = (
    "pyproject.toml", "setup.cfg", "setup.py", "tox.ini", "noxfile.py", "hatch_build.py", "build.py",
    "MANIFEST.in", "Pipfile", "Pipfile.lock", "poetry.lock", "pdm.lock", "uv.lock", "pylock.toml",
    "CMakeLists.txt", "meson.build", "Cargo.toml", "Cargo.lock", "pytest.ini", "versioneer.py",
)  # fmt: skip
_NATIVE = (
    ".c", ".cc", ".cpp", ".cxx", ".h", ".hh", ".hpp", ".pyx", ".pxd", ".pxi", ".rs", ".f90", ".f", ".y", ".l",
)  # fmt: skip

# What sets for development hold besides what tests need. Left out to save minutes, taken when a test
# imports it.
_NOT_FOR_TESTS = frozenset((
    "bandit", "black", "build", "bump2version", "bumpversion", "check-manifest", "codecov", "coveralls",
    "docformatter", "flake8", "flake8-black", "flake8-bugbear", "flake8-isort", "flit", "furo", "hatch",
    "interrogate", "invoke", "isort", "mypy", "myst-parser", "nox", "pip", "pip-tools", "pre-commit",
    "prek", "pydocstyle", "pydoctor", "pylint", "pyright", "ruff", "sphinx", "sphinx-autobuild",
    "sphinx-autodoc-typehints", "sphinx-copybutton", "sphinx-rtd-theme", "towncrier", "tox",
    "tox-gh-actions", "twine", "vulture", "wheel", "yapf", "mkdocs", "mkdocs-material", "ipython",
    "jupyter", "notebook", "types-setuptools", "pytest-black", "pytest-checkdocs", "pytest-enabler",
    "pytest-flake8", "pytest-isort", "pytest-mypy", "pytest-mypy-testing", "pytest-pylint", "pytest-ruff",
))  # fmt: skip
_PROJECT_FILES = ("pyproject.toml", "setup.py", "setup.cfg")


def detect(tree: Path) -> Recipe | Undetected:
    paths = tuple(walk(tree))
    sources = tuple(path for path in paths if path.endswith(".py"))
    if not sources:
        return Undetected(reason="the repository holds no Python source (*.py)")
    project, remarks = _project_directory(paths)
    home = tree / project
    known = declared(home)
    choice = _choose(known)
    config = pytest_config(tree)
    tools = unique(("pytest", "coverage", *config.plugins))
    target = _target(project, _dynamic(known, choice.extras)) if known.installable else ""
    return Recipe(
        ecosystem=NAME,
        whole=tuple(part for part in (target, *choice.names, *tools) if part),
        goals=_goals(known, choice, project),
        tools=tools,
        requires=known.requires,
        project=project if known.installable else "",
        roots=_roots(paths, project),
        imports=required_imports(
            tree, sources, declared_nothing=not (known.dependencies.names or known.sets)
        ),
        offers=_offers(known, choice),
        env=version_env(home, known.name),
        inputs=_inputs(tree, paths, sources),
        remarks=(
            *remarks,
            *known.remarks,
            *(f"{name} is not in a registry: left out" for name in choice.dropped),
        ),
    )


# --- Which directory --------------------------------------------------------------------------------------


def _project_directory(paths: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """The shallowest directory with a project file, at most two levels down."""
    found = sorted(
        {
            (path.count("/"), path.rpartition("/")[0] or ".")
            for path in paths
            if path.rpartition("/")[2] in _PROJECT_FILES
        }
    )
    if not found or found[0][0] > 2:
        return ".", ()
    depth, first = found[0]
    rivals = [name for level, name in found if level == depth]
    if depth and len(rivals) > 1:
        return first, (f"several projects ({', '.join(rivals[:5])}): {first} was taken",)
    return first, ()


def _dynamic(known: Declared, extras: Iterable[str]) -> tuple[str, ...]:
    """Extras whose content the build backend alone knows: pip has to be asked for them by name."""
    static = {each.name for each in known.sets if each.kind == "extra" and each.written}
    return tuple(extra for extra in extras if extra not in static)


def _target(project: str, extras: Iterable[str]) -> str:
    names = ",".join(extras)
    place = "." if project == "." else f"./{project}"
    return f"{place}[{names}]" if names else place


def _roots(paths: tuple[str, ...], project: str) -> tuple[str, ...]:
    """Directories that look like the start of an import path; the project's own directory and the top come
    last."""
    prefix = "" if project == "." else f"{project}/"
    likely = [
        f"{prefix}{name}"
        for name in ("src", "lib", "python")
        if any(re.match(rf"{re.escape(prefix + name)}/[^/]+(/__init__)?\.py$", path) for path in paths)
    ]
    return unique((*likely, project, "."))


# --- Which dependencies -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Choice:
    """The sets that tests need, and what they come to."""

    sets: tuple[DependencySet, ...]
    extras: tuple[str, ...]
    names: tuple[str, ...]
    dropped: tuple[str, ...]


def _choose(known: Declared) -> _Choice:
    """Sets named for tests; those for development only where no set is named for tests, as they bring
    linters and documentation tools; requirement files of the program itself where nothing else says what it
    needs."""
    tests = [each for each in known.sets if _is(each, _TEST) or (each.kind == "tox" and each.name == "tox")]
    tests = [
        each for each in tests if each.requirements.names or each.requirements.extras or each.kind == "extra"
    ]
    if not tests:
        tests = [each for each in known.sets if _is(each, _DEVELOPMENT)]
    if not tests or not known.installable:
        tests += [each for each in known.sets if each.kind == "file" and _words(each) <= _RUNTIME]
    total = sum((each.requirements for each in tests), Requirements())
    extras = unique((*(each.name for each in tests if each.kind == "extra"), *total.extras))
    by_extra = [each.requirements for each in known.sets if each.kind == "extra" and each.name in extras]
    total = sum(by_extra, total)
    return _Choice(sets=tuple(tests), extras=extras, names=_needed(total), dropped=total.dropped)


def _needed(requirements: Requirements) -> tuple[str, ...]:
    return tuple(name for name in requirements.names if name_of(name) not in _NOT_FOR_TESTS)


def _words(each: DependencySet) -> frozenset[str]:
    return frozenset(word for word in re.split(r"[-_./\s]+", each.name.lower()) if word)


def _is(each: DependencySet, words: frozenset[str]) -> bool:
    return bool(_words(each) & words)


def _goals(known: Declared, choice: _Choice, project: str) -> tuple[Goal, ...]:
    goals = []
    runtime = known.dependencies.names
    if known.installable:
        goals.append(
            Goal(
                purpose="the project and what it depends on",
                attempts=((_target(project, ()),),),
                pieces=(*((each,) for each in runtime), ("--no-deps", _target(project, ()))),
            )
        )
    elif runtime:
        goals.append(
            Goal(purpose="what the project depends on", attempts=(runtime,), pieces=_singly(runtime))
        )
    for each in choice.sets:
        if _needed(each.requirements):
            goals.append(_goal(each))
    goals += [
        Goal(purpose=f"extra {extra}", attempts=((_target(project, (extra,)),),))
        for extra in _dynamic(known, choice.extras)
        if known.installable
    ]
    extras = [each for each in known.sets if each.kind == "extra" and each.name in choice.extras]
    goals += [
        Goal(
            purpose=f"extra {each.name}",
            attempts=(each.requirements.names,),
            pieces=_singly(each.requirements.names),
        )
        for each in extras
        if each not in choice.sets and _needed(each.requirements)
    ]
    return tuple(goals)


def _goal(each: DependencySet) -> Goal:
    names = _needed(each.requirements)
    return Goal(purpose=f"{each.kind} {each.name}", attempts=(names,), pieces=_singly(names))


def _singly(names: Iterable[str]) -> tuple[tuple[str, ...], ...]:
    return tuple((name,) for name in names)


def _offers(known: Declared, choice: _Choice) -> tuple[str, ...]:
    every = [name for each in known.sets for name in each.requirements.names]
    return tuple(name for name in unique(every) if name not in choice.names)


# --- What identifies it -----------------------------------------------------------------------------------


def _inputs(tree: Path, paths: tuple[str, ...], sources: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Files whose change makes another environment: declarations, locks, sources of compiled modules, and
    the lines that state a version. Other Python sources are imported from the tree and do not count."""
    chosen = [
        path
        for path in paths
        if path.rpartition("/")[2] in _DECLARING
        or path.endswith(_NATIVE)
        or (re.search(r"require|reqs", path) and path.endswith((".txt", ".in", ".pip")))
    ]
    hidden = [path for path in (".pytest.ini", ".pytest.toml") if regular_file(tree, path)]
    return tuple((path, digest(tree, path)) for path in (*chosen, *hidden)) + version_lines(tree, sources)
