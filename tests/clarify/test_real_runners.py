"""Roles, votes and probes with real runners in a real sandbox: what they report is what is read."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from agent.run import repair
from agent.types import AddTests, FailureSign, Solved, TestFile, TestRole
from sandbox import Limits, Sandbox, Sandboxes, SandboxSpec
from sandbox.bubblewrap import BubblewrapSandboxes
from sandbox.environments import Environment
from sandbox.suites.pytest_suite import PytestSuite
from sandbox.suites.unittest_suite import UnittestSuite
from tests.agent.offline import make_environment
from tests.agent.support import CALC, TASK, Script, action, services
from tests.clarify.test_clarification import Judging
from tests.clarify.world import DOUBLES, KEEPS, PATH, Notes, by_model

pytestmark = [pytest.mark.bubblewrap, pytest.mark.slow]

SUITE = """import unittest

from calc import sign


class Known(unittest.TestCase):
    def test_negative(self):
        self.assertEqual(sign(-3), -1)

    def test_positive(self):
        self.assertEqual(sign(3), 1)
"""
MADE = """import unittest

from calc import sign, unseen


class Made(unittest.TestCase):
    def test_zero(self):
        self.assertEqual(sign(0), 0, "zero")

    def test_three(self):
        value = 3
        self.assertEqual(unseen(value), 3)

    def test_text(self):
        self.assertEqual(unseen("a"), "b")
"""
"""pytest and unittest both run it."""


class Place:
    """A Workbench of one environment and one suite."""

    def __init__(self, tree: Path, environment: Path, sandboxes: Sandboxes, suite: Any) -> None:
        self.tree, self.environment, self.sandboxes, self.made = tree, environment, sandboxes, suite

    def prepare(self, _progress: object) -> Environment:
        return Environment(directory=self.environment, key="offline", tools=("pytest",))

    def suite(self, _environment: Environment) -> Any:
        return self.made

    def open(self, environment: Environment) -> AbstractContextManager[Sandbox]:
        return self.sandboxes.open(
            SandboxSpec(tree=self.tree, environment=environment.directory, limits=Limits(seconds=60))
        )


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_environment(tmp_path_factory.mktemp("environment") / "env")


@pytest.mark.parametrize("suite", [PytestSuite(), UnittestSuite()], ids=["pytest", "unittest"])
def test_what_a_real_runner_reports_is_understood(tmp_path: Path, environment: Path, suite: Any) -> None:
    tree = tmp_path / "tree"
    (tree / "tests").mkdir(parents=True)
    (tree / "calc.py").write_text(CALC)
    (tree / "tests" / "__init__.py").write_text("")
    (tree / "tests" / "test_calc.py").write_text(SUITE)
    (tree / "pyproject.toml").write_text('[tool.pytest.ini_options]\npythonpath = ["."]\n')
    made = TestFile(
        path=PATH,
        content=MADE,
        verifies="sign(0) is 0",
        sign=FailureSign(exception="AssertionError", fragment="zero"),
    )
    tests = by_model(action("tests", 1.0, AddTests(tests=(made,))))
    sandboxes = BubblewrapSandboxes()
    clarifier = Judging(inputs=("from calc import unseen\nunseen([0x1f, None])", "import nothing\nnothing"))
    journal = Notes()
    outcome = repair(
        TASK,
        tree,
        services(sandboxes, Script(tests=(tests,), edits=(DOUBLES, KEEPS)), clarifier=clarifier, workers=2),
        journal,
        workbench=Place(tree, environment, sandboxes, suite),
    )
    assert isinstance(outcome, Solved)
    (choice,) = journal.all("choice")
    assert choice["witness_cases"] == 2
    assert [each["action"] for each in choice["candidates"]] == ["keeps", "doubles"]
    assert [each["witnesses_passed"] for each in choice["candidates"]] == [1, 0]
    seen = {difference.input: difference.outputs for difference in clarifier.asked}
    assert seen == {
        "value = 3\nunseen(value)": ("3", "6"),
        "from calc import unseen\nunseen([0x1f, None])": ("[31, None]", "[31, None, 31, None]"),
    }
    assert outcome.tests[0].role is TestRole.REPRODUCTION
    assert "test_three" not in outcome.tests[0].content
