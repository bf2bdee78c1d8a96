"""What repositories of every shape declare, as recipes. Pure: no sandbox, no network."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.environments import Recipe, Undetected, detect
from sandbox.environments.declared import declared, setup_arguments
from sandbox.environments.imports import KNOWN, required_imports
from sandbox.environments.versions import guess_version, unfit

CODE = {"pkg/__init__.py": "", "tests/test_pkg.py": "import pkg\n"}
TOOLS = ("pytest", "coverage")


@dataclass(frozen=True, kw_only=True)
class Row:
    name: str
    files: dict[str, str]
    whole: tuple[str, ...]
    roots: tuple[str, ...] = (".",)
    requires: str = ""


ROWS = [
    Row(name="nothing declared", files={"a.py": ""}, whole=TOOLS),
    Row(
        name="a test extra, with an extra that includes it, and linters left out",
        files={
            "pyproject.toml": """
[project]
name = "pkg"
requires-python = ">=3.9"
dependencies = ["attrs"]
[project.optional-dependencies]
test = ["pytest>=8", "hypothesis"]
docs = ["sphinx"]
dev = ["pkg[test]", "ruff"]
"""
        },
        whole=(".", "pytest>=8", "hypothesis", *TOOLS),
        requires=">=3.9",
    ),
    Row(
        name="dependency groups with include-group, in a cycle",
        files={
            "pyproject.toml": """
[project]
name = "pkg"
[dependency-groups]
base = ["six", {include-group = "tests"}]
tests = ["pytest", "mock", {include-group = "Base"}]
lint = ["mypy"]
"""
        },
        whole=(".", "pytest", "mock", "six", *TOOLS),
    ),
    Row(
        name="poetry, with both spellings of development dependencies",
        files={
            "pyproject.toml": """
[tool.poetry]
name = "pkg"
[tool.poetry.dependencies]
python = "^3.9"
click = "^8"
[tool.poetry.dev-dependencies]
black = "*"
freezegun = "^1"
[tool.poetry.group.test.dependencies]
pytest = "^8.0"
""",
            "src/pkg/__init__.py": "",
        },
        whole=(".", "pytest<9,>=8.0", *TOOLS),
        roots=("src", "."),
        requires=">=3.9,<4",
    ),
    Row(
        name="setup.cfg",
        files={
            "setup.cfg": """
[metadata]
name = pkg
[options]
python_requires = >=3.8
install_requires =
    attrs
    six; python_version < "3"
[options.extras_require]
testing =
    pytest
    mock
""",
            "setup.py": "from setuptools import setup; setup()",
        },
        whole=(".", "pytest", "mock", *TOOLS),
        requires=">=3.8",
    ),
    Row(
        name="setup.py with names and tests_require",
        files={
            "setup.py": """
import setuptools
TESTS = ["pytest", "responses"]
setuptools.setup(name="pkg", install_requires=["requests"], tests_require=TESTS, extras_require={"x": TESTS})
"""
        },
        whole=(".", "pytest", "responses", *TOOLS),
    ),
    Row(
        name="setup.py whose extras only running it can tell",
        files={
            "setup.py": "setup(name='pkg', extras_require=compute())",
            "tox.ini": "[testenv]\nextras = testing\n",
        },
        whole=(".[testing]", *TOOLS),
    ),
    Row(
        name="requirement files of a program",
        files={
            "requirements.txt": "flask==3.0\n",
            "requirements-dev.txt": "-r requirements.txt\npytest\nblack\n",
            "requirements-docs.txt": "sphinx\n",
        },
        whole=("flask==3.0", "pytest", *TOOLS),
    ),
    Row(
        name="a directory of requirement files; the pinned twin wins",
        files={
            "pyproject.toml": "[project]\nname = 'pkg'\n",
            "requirements/tests.in": "pytest\n",
            "requirements/tests.txt": "pytest==8.3.3\npluggy==1.5.0\n",
            "requirements/docs.txt": "furo\n",
        },
        whole=(".", "pytest==8.3.3", "pluggy==1.5.0", *TOOLS),
    ),
    Row(
        name="tox",
        files={
            "setup.py": "setup(install_requires=[])",
            "tox.ini": """
[testenv]
deps =
    pytest
    py27: mock
    -r{toxinidir}/more.txt
    {[base]deps}
commands = pytest
""",
            "more.txt": "parameterized\n",
        },
        whole=(".", "pytest", "parameterized", *TOOLS),
    ),
    Row(
        name="hatch, pdm and uv tables",
        files={
            "pyproject.toml": """
[project]
name = "pkg"
[tool.hatch.envs.test]
dependencies = ["pytest-mock"]
[tool.pdm.dev-dependencies]
test = ["pytest", "-e file:///x"]
[tool.uv]
dev-dependencies = ["ruff"]
"""
        },
        whole=(".", "pytest-mock", "pytest", *TOOLS),
    ),
    Row(
        name="plugins that the repository's own options need",
        files={
            "pyproject.toml": """
[project]
name = "pkg"
[tool.pytest.ini_options]
addopts = "-n auto --cov=pkg"
asyncio_mode = "auto"
"""
        },
        whole=(".", *TOOLS, "pytest-asyncio", "pytest-cov", "pytest-xdist"),
    ),
    Row(
        name="a project in a directory of its own",
        files={"python/pyproject.toml": "[project]\nname = 'pkg'\n", "python/src/pkg/__init__.py": ""},
        whole=("./python", *TOOLS),
        roots=("python/src", "python", "."),
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_recipes(row: Row, make_tree) -> None:
    recipe = detect(make_tree(CODE | row.files))
    assert isinstance(recipe, Recipe)
    assert recipe.whole == row.whole
    assert recipe.roots == row.roots
    assert recipe.requires == row.requires


def test_nothing_to_detect(make_tree) -> None:
    assert isinstance(detect(make_tree({})), Undetected)
    assert isinstance(detect(make_tree({"README.md": "hello", "main.go": "package main"})), Undetected)


def test_goals_go_from_best_to_plainest(make_tree) -> None:
    pyproject = """
[project]
name = "pkg"
dependencies = ["attrs", "six"]
[project.optional-dependencies]
test = ["pytest", "unobtainable"]
"""
    recipe = detect(make_tree(CODE | {"pyproject.toml": pyproject}))
    assert isinstance(recipe, Recipe)
    project, tests = recipe.goals
    assert project.attempts == ((".",),)
    assert project.pieces == (("attrs",), ("six",), ("--no-deps", "."))
    assert tests.attempts == (("pytest", "unobtainable"),)
    assert tests.pieces == (("pytest",), ("unobtainable",))


@pytest.mark.parametrize(
    ("path", "before", "after", "same"),
    [
        ("pkg/core.py", "x = 1", "x = 2", True),
        ("pyproject.toml", "[project]\nname='a'", "[project]\nname='b'", False),
        ("uv.lock", "1", "2", False),
        ("pkg/fast.pyx", "1", "2", False),
        ("pkg/__init__.py", "__version__ = '1'\n", "__version__ = '2'\n", False),
        ("pkg/__init__.py", "x = 1\n", "x = 2\n", True),
    ],
)
def test_what_identifies_an_environment(make_tree, path: str, before: str, after: str, same: bool) -> None:
    first = detect(make_tree(CODE | {path: before}))
    second = detect(make_tree(CODE | {path: after}))
    assert (first == second) is same


def test_detection_is_a_function_of_the_files(make_tree) -> None:
    tree = make_tree(CODE | ROWS[2].files | ROWS[9].files)
    assert detect(tree) == detect(tree)


@pytest.mark.parametrize(
    "files",
    [
        {"pyproject.toml": "this is [not toml"},
        {"setup.cfg": "[options\nnothing = here"},
        {"setup.py": "def (:"},
        {"setup.py": "setup(" + "(" * 5000},
        {"tox.ini": "[testenv]\ndeps = \n  ]]]"},
        {"requirements.txt": b"\xff\xfe\x00binary"},
        {"pyproject.toml": "[project]\nname = 3\ndependencies = 'x'\n[dependency-groups]\ntest = 'pytest'\n"},
        {"pyproject.toml": "[tool]\npoetry = []\n"},
        {"setup.cfg": "%(x)s\n[options]\ninstall_requires = %(y)s\n"},
        {"pkg/x.py": b"\xff\xfe\x00"},
    ],
)
def test_broken_files_declare_nothing(make_tree, files: dict[str, str | bytes]) -> None:
    assert isinstance(detect(make_tree(CODE | files)), Recipe)


def test_a_broken_pyproject_is_said(make_tree) -> None:
    recipe = detect(make_tree(CODE | {"pyproject.toml": "this is [not toml"}))
    assert isinstance(recipe, Recipe)
    assert "not valid TOML" in recipe.remarks[0]


@given(st.text(max_size=300))
def test_setup_py_of_any_text_is_only_read(text: str) -> None:
    setup_arguments(text)


def test_symbolic_links_are_not_followed(make_tree, tmp_path) -> None:
    (tmp_path / "outside.toml").write_text("[project]\nname = 'outside'\n")
    tree = make_tree(CODE)
    (tree / "pyproject.toml").symlink_to(tmp_path / "outside.toml")
    (tree / "loop").symlink_to(tree)
    assert declared(tree).name == ""


@pytest.mark.parametrize(
    ("files", "version"),
    [
        ({}, "999.0.0"),
        ({"CHANGELOG.md": "# Changes\n\n## 1.9.0\n## [v1.10.0] - 2024-01-02\n## 1.2\n"}, "1.10.0"),
        ({"docs/changes.rst": "3.1\n---\n* since 9.9 nothing\n"}, "3.1"),
        ({"pyproject.toml": "[tool.setuptools_scm]\nfallback_version = '5.5'\n", "CHANGES": "1.0\n"}, "5.5"),
        ({"pyproject.toml": "[tool.hatch.version]\nfallback-version = 'nonsense'\n"}, "999.0.0"),
    ],
)
def test_guessed_versions(make_tree, files: dict[str, str], version: str) -> None:
    assert guess_version(make_tree(files)) == version


@pytest.mark.parametrize(
    ("requires", "python", "answer"),
    [
        (">=3.9", "3.11.7", ""),
        (">=3.12", "3.11.7", "too old"),
        (">=3.7,<3.11", "3.11.7", "too new"),
        ("", "3.11.7", ""),
        ("nonsense", "3.11.7", ""),
        (">=3.9", "nonsense", ""),
    ],
)
def test_interpreter_fit(requires: str, python: str, answer: str) -> None:
    assert unfit(requires, python) == answer


def test_imports_of_tests_count_when_nothing_guards_them(make_tree) -> None:
    tree = make_tree(
        {
            "pkg/core.py": "import orjson",
            "tests/test_a.py": "import os, hypothesis\nfrom mock.x import y\nimport pkg\nfrom . import z\n"
            "try:\n    import lxml\nexcept ImportError: pass\ndef f():\n    import numpy\n",
        }
    )
    sources = ("pkg/core.py", "tests/test_a.py")
    assert required_imports(tree, sources, declared_nothing=False) == ("hypothesis", "mock")
    assert required_imports(tree, sources, declared_nothing=True) == ("hypothesis", "mock", "orjson")


def test_known_modules_are_none_of_the_standard_library() -> None:
    import sys

    assert KNOWN.keys().isdisjoint(sys.stdlib_module_names)
