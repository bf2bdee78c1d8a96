"""Which runner a tree gets. Pure."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.environments import Environment
from sandbox.suites.command_suite import CommandSuite
from sandbox.suites.pytest_suite import PytestSuite
from sandbox.suites.table import NoSuite, detect_suite
from sandbox.suites.unittest_suite import UnittestSuite

CASES = "import unittest\nclass T(unittest.TestCase): ...\n"


def environment(*tools: str) -> Environment:
    return Environment(directory=Path("/nowhere"), key="k", tools=tools, env=(("PYTHONPATH", "/workspace"),))


@pytest.mark.parametrize(
    ("files", "tools", "kind"),
    [
        ({"tests/test_a.py": ""}, ("pytest",), PytestSuite),
        ({"pkg/a_test.py": ""}, ("pytest",), PytestSuite),
        ({"a/check_a.py": "", "pytest.ini": "[pytest]\npython_files = check_*.py"}, ("pytest",), PytestSuite),
        ({"pyproject.toml": "[tool.pytest.ini_options]\naddopts = '-v'"}, ("pytest",), PytestSuite),
        ({"tests/test_a.py": CASES}, ("pytest",), PytestSuite),
        ({"tests/test_a.py": CASES}, (), UnittestSuite),
        ({"tests/test_a.py": "def test(): ..."}, (), NoSuite),
        ({"a.py": ""}, ("pytest",), NoSuite),
        ({}, ("pytest",), NoSuite),
        ({"node_modules/x/test_a.py": "", ".venv/test_b.py": ""}, ("pytest",), NoSuite),
    ],
)  # fmt: skip
def test_detection(make_tree, files: dict[str, str], tools: tuple[str, ...], kind: type) -> None:
    assert type(detect_suite(make_tree(files), environment(*tools))) is kind


def test_unittest_starts_at_the_top_of_packages(make_tree) -> None:
    tree = make_tree(
        {"a/__init__.py": "", "a/tests/__init__.py": "", "a/tests/test_a.py": CASES, "b/test_b.py": CASES}
    )
    suite = detect_suite(tree, environment())
    assert isinstance(suite, UnittestSuite)
    assert suite.starts == (("a/tests", "."), ("b", "b"))


@pytest.mark.parametrize(
    ("command", "flags", "paths"),
    [
        (("pytest",), (), ()),
        (("pytest", "-k", "not slow", "tests"), ("-k", "not slow"), ("tests",)),
        (("python", "-m", "pytest", "-x"), ("-x",), ()),
        (
            ("uv", "run", "python3", "-m", "pytest", "tests/test_a.py::test_1"),
            (),
            ("tests/test_a.py::test_1",),
        ),
        (("coverage", "run", "-m", "pytest"), (), ()),
    ],
)
def test_a_given_pytest_command(make_tree, command, flags, paths) -> None:
    tree = make_tree({"tests/test_a.py": ""})
    suite = detect_suite(tree, environment(), command)
    assert isinstance(suite, PytestSuite)
    assert (suite.flags, suite.paths) == (flags, paths)
    argv = suite.command().argv
    assert argv[:3] == ("/env/bin/python", "-m", "pytest")
    assert argv[len(argv) - len(paths) :] == paths
    assert suite.command(("tests/test_b.py::test_2[x y]",)).argv[-1] == "tests/test_b.py"


def test_other_given_commands(make_tree) -> None:
    tree = make_tree({"tests/test_a.py": ""})
    suite = detect_suite(tree, environment(), ("python", "manage.py", "test"))
    assert isinstance(suite, CommandSuite)
    assert suite.command().argv == ("/env/bin/python", "manage.py", "test")
    assert isinstance(detect_suite(tree, environment(), ("python", "-m", "unittest")), UnittestSuite)


def test_commands_are_pure_and_bounded(make_tree) -> None:
    suite = detect_suite(make_tree({"test_a.py": ""}), environment("pytest"))
    assert isinstance(suite, PytestSuite)
    many = tuple(f"tests/{'x' * 60}/test_{index}.py::test" for index in range(5000))
    command = suite.command(many, coverage=True)
    assert command == suite.command(many, coverage=True)
    assert sum(map(len, command.argv)) < 100_000
    assert all("\0" not in word for word in command.argv)
