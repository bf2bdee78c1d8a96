"""node's own test runner in a real sandbox: cases, selection, what does not load, what does not end."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from sandbox import Limits, SandboxSpec
from sandbox.bubblewrap import BubblewrapSandboxes
from sandbox.suites.node_suite import NodeSuite
from sandbox.suites.types import SuiteReport

pytestmark = [
    pytest.mark.bubblewrap,
    pytest.mark.skipif(
        shutil.which("node", path="/usr/local/bin:/usr/bin:/bin") is None, reason="no node under /usr"
    ),
]
FILES = {
    "solution.js": """
function f(x) { if (x === 2) throw new Error('no\\nway'); while (x === 9) {} return x; }
module.exports = { f };
""",
    "tests/a.test.js": """
const test = require('node:test'), assert = require('node:assert');
const { f } = require('../solution.js');
test('one', () => { assert.deepEqual(f(1), 1); });
test('two', () => { f(2); });
test('three', () => { assert.deepEqual(f(3), 4); });
test('one', () => {});
test.describe('outer', () => { test.it('inner', () => {}); test.it.skip('later', () => {}); });
""",
    "tests/b.test.js": "const x = (;\n",
    "tests/c.test.js": """
const test = require('node:test');
const { f } = require('../solution.js');
test('for ever', () => { f(9); });
""",
}
A = "tests/a.test.js"


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("node")
    for path, content in FILES.items():
        (root / path).parent.mkdir(exist_ok=True)
        (root / path).write_text(content)
    return root


def run(tree: Path, *select: str, suite: NodeSuite | None = None) -> SuiteReport:
    suite = suite or NodeSuite(file_seconds=2)
    with BubblewrapSandboxes().open(SandboxSpec(tree=tree)) as sandbox:
        return suite.report(sandbox.run(suite.command(select, limits=Limits(seconds=30)), suite.overlay))


def test_every_case_has_an_address_and_a_verdict(tree: Path) -> None:
    report = run(tree, A)
    assert {case.id: case.verdict.value for case in report.cases} == {
        f"{A}::one": "passed",
        f"{A}::two": "failed",
        f"{A}::three": "failed",
        f"{A}::one (2)": "passed",  # of the same name
        f"{A}::outer::inner": "passed",
        f"{A}::outer::later": "skipped",
    }
    assert report.problem == ""
    assert report.by_id[f"{A}::two"].message == "Error: no way"
    assert report.by_id[f"{A}::three"].message.startswith("AssertionError: ")


def test_chosen_cases_only_and_those_that_are_gone_are_named(tree: Path) -> None:
    report = run(tree, f"{A}::outer", f"{A}::three", f"{A}::gone")
    assert {case.id for case in report.cases} == {
        f"{A}::outer::inner",
        f"{A}::outer::later",
        f"{A}::three",
    }
    assert report.problem == f"not found: {A}::gone"


def test_what_does_not_load_or_end_is_an_error_of_its_file_alone(tree: Path) -> None:
    report = run(tree)
    assert {case.id for case in report.cases if case.verdict.value == "error"} == {
        "tests/b.test.js",
        "tests/c.test.js",
    }
    assert f"{A}::one" in report.passing
    assert "could not be collected" in report.problem


def test_without_node_the_report_says_so(tree: Path) -> None:
    with BubblewrapSandboxes().open(SandboxSpec(tree=tree)) as sandbox:
        suite = NodeSuite(env=(("PATH", "/nowhere"),))
        report = suite.report(sandbox.run(suite.command(limits=Limits(seconds=30)), suite.overlay))
    assert "left no report" in report.problem
    assert NodeSuite(files=("a", "b")).without(("a",)).files == ("b",)
