"""The pure parts: inputs, statuses, what is said to the runner and of missing permissions."""

from __future__ import annotations

import io
import itertools
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from agent.types import StopReason, Unsolved
from bot.action.inputs import Inputs, read_inputs, read_runner
from bot.action.outputs import SUMMARY_LIMIT, WorkflowLog, write_outputs, write_summary
from bot.action.permissions import ALL, advice, needed, refusal_of
from bot.action.status import CODES, GROUPS, Status, exit_code, fail_on_of, status_of
from bot.action.summary import HEADINGS, changed
from bot.errors import ConfigError, ForgeRefused
from bot.queue import Ending, JobFailed
from tests.acceptance.support import ROOT
from tests.action.emulation import _pairs
from tests.action.expressions import NotEmulated, condition, evaluate
from tests.workflow.fakes import SPEND

ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
TOKEN = {"INPUT_GITHUB_TOKEN": "ghs_x"}


# --- inputs ---


def test_every_input_reaches_the_program_as_a_variable() -> None:
    step = next(step for step in ACTION["runs"]["steps"] if step.get("id") == "run")
    passed = {name.removeprefix("INPUT_").lower().replace("_", "-") for name in step["env"]}
    assert passed - {"own-token"} == set(ACTION["inputs"]) - {"artifact"}
    assert not [step for step in ACTION["runs"]["steps"] if "${{" in step.get("run", "")]


def test_inputs_that_are_empty_were_not_given() -> None:
    names = {f"INPUT_{name.upper().replace('-', '_')}": " " for name in ACTION["inputs"]}
    assert read_inputs({**names, **TOKEN}) == Inputs(token="ghs_x", own_token=False)


def test_inputs_become_settings() -> None:
    found = read_inputs(
        {
            **TOKEN,
            "INPUT_OWN_TOKEN": "true",
            "INPUT_ISSUE_NUMBER": "#12",
            "INPUT_TEST_COMMAND": "pytest 'tests/a b'",
            "INPUT_MAX_MINUTES": "1.5",
            "INPUT_MAX_COST": "2",
            "INPUT_MODEL": "m",
            "INPUT_MODEL_API_KEY": "k",
            "INPUT_DRAFT": "False",
            "INPUT_PULL_REQUEST": "no",
            "INPUT_SANDBOX": "docker",
        }
    )
    assert (found.issue, found.own_token, found.draft, found.pull_request) == (12, True, False, False)
    assert found.test_command == ("pytest", "tests/a b")
    assert found.settings == {
        "budget": {"seconds": 90.0, "money": 2.0},
        "model": {"name": "m", "api_key": "k"},
        "sandbox": "docker",
    }
    assert "ghs_x" not in repr(found)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"INPUT_GITHUB_TOKEN": ""}, "github-token"),
        ({"INPUT_GITHUB_TOKEN": "a b"}, "github-token"),
        ({"INPUT_ISSUE_NUMBER": "twelve"}, "issue-number"),
        ({"INPUT_ISSUE_NUMBER": "9" * 20}, "issue-number"),
        ({"INPUT_ISSUE_NUMBER": "1", "INPUT_TASK": "x"}, "issue-number and task"),
        ({"INPUT_MAX_MINUTES": "-1"}, "max-minutes"),
        ({"INPUT_MAX_COST": "nan"}, "max-cost"),
        ({"INPUT_DRAFT": "perhaps"}, "draft"),
        ({"INPUT_TEST_COMMAND": "pytest 'x"}, "test-command"),
        ({"INPUT_SANDBOX": "none"}, "sandbox"),
    ],
)
def test_a_bad_input_is_named(given: dict[str, str], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        read_inputs({**TOKEN, **given})


def test_outside_of_a_workflow_the_other_command_is_named() -> None:
    with pytest.raises(ConfigError, match="codeagent fix"):
        read_runner({"RUNNER_TEMP": "/x"})


# --- statuses ---


def _unsolved(stop: StopReason) -> Unsolved:
    return Unsolved(
        stop=stop,
        summary="",
        reproduction=(),
        red=None,
        attempts=(),
        advice=(),
        baseline=None,
        spend=SPEND,
    )


@pytest.mark.parametrize("stop", list(StopReason))
@pytest.mark.parametrize("ending", list(Ending))
def test_every_ending_has_a_status(ending: Ending, stop: StopReason) -> None:
    status = status_of(ending, _unsolved(stop))
    wanted = {
        StopReason.NOT_REPRODUCED: Status.NOT_REPRODUCED,
        StopReason.TIME: Status.OVER_BUDGET,
        StopReason.MONEY: Status.OVER_BUDGET,
        StopReason.EXHAUSTED: Status.NO_PATCH,
    }
    if ending is Ending.UNSOLVED and stop in wanted:
        assert status is wanted[stop]
    assert status_of(Ending.UNSOLVED, None) is Status.NO_PATCH


def test_statuses_are_told_apart_by_their_codes() -> None:
    red = [code for code in CODES.values() if code]
    assert len(red) == len(set(red))
    assert set(CODES) == set(Status) == set(HEADINGS)
    assert set(ACTION["outputs"]) == {
        *("status", "pull-request-url", "patch-path", "cost", "run-url", "directory"),
    }
    assert all(status.value in ACTION["outputs"]["status"]["description"] for status in Status)


@pytest.mark.parametrize(
    ("text", "status", "code"),
    [
        ("", Status.FAILED, 11),
        ("error", Status.NOT_REPRODUCED, 0),
        ("error, not-reproduced", Status.NOT_REPRODUCED, 6),
        ("unsolved", Status.OVER_BUDGET, 7),
        ("unsolved", Status.FAILED, 0),
        ("never", Status.FAILED, 0),
        ("solved", Status.SOLVED, 0),
    ],
)
def test_what_turns_a_job_red(text: str, status: Status, code: int) -> None:
    assert exit_code(status, fail_on_of(text)) == code


def test_an_unknown_status_is_refused() -> None:
    with pytest.raises(ConfigError, match="fail-on"):
        fail_on_of("red")
    assert frozenset().union(*GROUPS.values()) < set(Status)


# --- permissions ---


def test_missing_permissions_are_lines_of_yaml() -> None:
    refused = ForgeRefused("no", status=403, needed="issues=write; pull_requests=write")
    assert needed(refused) == {"issues": "write"}
    said = advice(refused, own=True)
    assert yaml.safe_load(said.partition("```yaml\n")[2].partition("```")[0]) == {"permissions": ALL}
    more = advice(ForgeRefused("no", status=403, needed="actions=read"), own=True)
    assert "actions: read" in more
    assert "write" not in advice(ForgeRefused("no", status=403, needed="issues=read"), own=True, silent=True)
    assert "App" in advice(refused, own=False)


def test_without_a_hint_all_that_is_needed_is_named() -> None:
    said = advice(ForgeRefused("no", status=403), own=True)
    assert all(f"{name}: {level}" in said for name, level in ALL.items())
    assert "ends after an hour" in advice(ForgeRefused("no", status=401), own=True)
    switched_off = "GitHub Actions is not permitted to create or approve pull requests."
    assert "Settings → Actions" in advice(ForgeRefused(switched_off, status=403), own=True)


def test_the_refusal_is_found_below_other_errors() -> None:
    refused = ForgeRefused("no", status=403)
    error = JobFailed("x")
    error.__cause__ = refused
    assert refusal_of(error) is refused
    assert refusal_of(ForgeRefused("gone", status=404)) is None
    assert refusal_of(JobFailed("x")) is None


# --- what the runner reads ---


HOSTILE = [
    "::error::x",
    "  ::set-env name=A::b",
    "##[error]x",
    "::stop-commands::z",
    "::endgroup::",
    "%0A::x",
]


def test_output_of_others_is_no_command() -> None:
    stream = io.StringIO()
    with WorkflowLog(stream) as log:
        log.group("a\n::error::b")
        for line in HOSTILE:
            log.line(line)
        log.error("first\n::warning::second", file="a,b:c\n::x", line=3)
    ran = _heard(stream.getvalue())
    assert [(each.level, each.message) for each in ran.annotations] == [("error", "first\n::warning::second")]
    assert ran.annotations[0].where == {"file": "a,b:c\n::x", "line": "3"}
    assert ran.groups == ["a\n::error::b"]


@given(st.lists(st.text(max_size=60), max_size=5), st.text(max_size=80), st.text(max_size=40))
def test_no_text_leaves_its_place(lines: list[str], message: str, path: str) -> None:
    stream = io.StringIO()
    with WorkflowLog(stream) as log:
        for line in lines:
            log.line(line)
        log.notice(message, file=path)
    (only,) = _heard(stream.getvalue()).annotations
    assert only.level == "notice"


def _heard(output: str) -> Any:
    from tests.action.emulation import _Job

    job = _Job(machine=None, action=Path(), document={}, patience=1)  # type: ignore[arg-type]
    job._read(output)
    return job


def test_a_secret_is_redacted_in_every_sink() -> None:
    stream = io.StringIO()
    with WorkflowLog(stream, lambda text: text.replace("SECRET", "***")) as log:
        log.line("a SECRET")
        log.write("SECRET")
        log.warning("SECRET", title="SECRET")
        log.group("SECRET")
    assert "SECRET" not in stream.getvalue()


@given(
    st.dictionaries(st.sampled_from(["a", "b-c"]), st.text(st.characters(exclude_categories=["Cs", "Cc"])))
)
def test_outputs_come_back_as_they_were(values: dict[str, str]) -> None:
    path = Path(_DIRECTORY) / f"out-{next(_COUNT)}"
    write_outputs(path, values)
    assert (_pairs(path.read_text()) if values else {}) == values


_COUNT = itertools.count()
_DIRECTORY = "."


@pytest.fixture(autouse=True, scope="module")
def _directory(tmp_path_factory: pytest.TempPathFactory) -> None:
    global _DIRECTORY  # noqa: PLW0603 - hypothesis runs one test many times
    _DIRECTORY = str(tmp_path_factory.mktemp("outputs"))


def test_an_output_cannot_begin_another(tmp_path: Path) -> None:
    write_outputs(tmp_path / "out", {"status": "x\nend\nother=1\nother<<EOF\n2\nEOF"})
    assert set(_pairs((tmp_path / "out").read_text())) == {"status"}


def test_a_summary_is_cut(tmp_path: Path) -> None:
    write_summary(tmp_path / "summary", "ä" * SUMMARY_LIMIT)
    assert (tmp_path / "summary").stat().st_size < 1 << 20
    write_summary(None, "nowhere")
    write_outputs(None, {"a": "b"})


PATCH = b"""diff --git a/src/a.py b/src/a.py
index 1..2 100644
--- a/src/a.py
+++ b/src/a.py
@@ -18,7 +18,7 @@ def f():
 a
 b
 c
-d
+e
 f
@@ -40,2 +40,3 @@
 x
+y
 z
diff --git a/new.py b/new.py
new file mode 100644
--- /dev/null
+++ b/new.py
@@ -0,0 +1 @@
+x
"""


def test_annotations_stand_where_the_patch_changes_the_base() -> None:
    assert [(each.path, each.line) for each in changed(PATCH)] == [("src/a.py", 21), ("src/a.py", 41)]


@given(st.binary(max_size=300))
def test_any_patch_can_be_read(patch: bytes) -> None:
    assert len(changed(patch)) <= 10


# --- the emulation's own expressions ---


CONTEXTS = {"inputs": {"a": "true", "b": ""}, "steps": {"run": {"outputs": {"x": "1"}}}}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("inputs.a == 'TRUE'", True),
        ("inputs.a != 'true'", False),
        ("inputs.b || 'x'", "x"),
        ("!inputs.b && steps.run.outputs.x", "1"),
        ("steps.other.outputs.x", None),
        ("(inputs.a == 'true') && 'it''s'", "it's"),
    ],
)
def test_expressions(text: str, value: object) -> None:
    assert evaluate(text, CONTEXTS) == value


@pytest.mark.parametrize("text", ["toJSON(inputs)", "secrets.x", "inputs.a > 1", "a[0]", "inputs.a ==", "x("])
def test_what_is_not_emulated_is_an_error(text: str) -> None:
    with pytest.raises(NotEmulated):
        evaluate(text, CONTEXTS)


@pytest.mark.parametrize(
    ("text", "status", "runs"),
    [
        (None, "success", True),
        (None, "failure", False),
        ("inputs.a == 'true'", "failure", False),
        ("${{ always() && inputs.a == 'true' }}", "failure", True),
        ("failure()", "failure", True),
    ],
)
def test_conditions(text: str | None, status: str, runs: bool) -> None:
    assert condition(text, CONTEXTS, status) is runs
