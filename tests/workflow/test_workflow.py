"""The main job over fakes: every ending, and nothing twice."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.errors import JournalDiverged
from agent.journal import read_journal
from agent.types import Outcome
from bot.errors import CheckoutError, ForgeRefused, ForgeUnavailable
from bot.names import names_for
from bot.ports import Ports
from bot.queue import Ending, Halt, Interrupted, JobFailed, JobResult
from bot.workflow import JOURNAL, STEPS, run_job
from sandbox.errors import SandboxError
from sandbox.suites.types import CaseResult, SuiteReport, Verdict
from tests.workflow.fakes import (
    REQUEST,
    SOLVED,
    UNRUNNABLE,
    UNSOLVED,
    FakeForge,
    FakeForges,
    FakeGit,
    FakeRepair,
    World,
    ports,
)

JOB = "0123456789abcdef0123456789abcdef"
TRACE = """Traceback (most recent call last):
  File "tests/test_issue_3.py", line 3, in test_mean
    code.mean([])
  File "code.py", line 1, in mean
    x = 1
ZeroDivisionError: division by zero
"""
RED_AT = SuiteReport(
    cases=(
        CaseResult(
            id="tests/test_issue_3.py::test_mean", verdict=Verdict.FAILED, message="division", details=TRACE
        ),
    )
)
NAMES = names_for(2, 3)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "world.json")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def run(given: Ports, job: str = JOB, halt: Halt | None = None, start: int = 1) -> JobResult:
    return run_job(job, REQUEST, given, lambda: halt, start)


def test_a_labelled_issue_becomes_one_pull_request(data: Path, world: World) -> None:
    repair = FakeRepair(world)
    result = run(ports(data, world, repair=repair))
    assert result.ending is Ending.SOLVED
    state = world.read()
    (pull,) = state["pulls"]
    (comment,) = state["comments"]
    (check,) = state["checks"]
    assert result.pull_request == "https://forge/owner/name/pull/100"
    assert state["branches"] == {NAMES.branch: pull["body"].split("codeagent:head ")[1][:40]}
    assert pull["head"] == NAMES.branch
    assert pull["base"] == "main"
    assert pull["labels"] == ["codeagent"]
    assert "\nFixes #3\n" in pull["body"]
    assert result.pull_request in comment["body"]
    assert check["conclusion"] == "success"
    task = repair.tasks[0]
    assert (task.title, task.text, task.number) == (REQUEST.title, REQUEST.body, 3)
    # Only the journal is kept.
    assert {path.name for path in (data / "runs" / JOB).iterdir()} == {JOURNAL, STEPS}


def test_run_again_it_does_nothing_again(data: Path, world: World) -> None:
    given = ports(data, world)
    first = run(given)
    before = world.read()
    assert run(given) == first
    # Not even "working" again, which is no effect: nobody would take it back.
    assert world.read() == before


def test_a_new_generation_updates_the_same_pull_request(data: Path, world: World) -> None:
    run(ports(data, world))
    with world.change() as state:
        state["head"] = "d" * 40
    result = run(ports(data, world), job="f" * 32)
    assert result.ending is Ending.SOLVED
    state = world.read()
    assert len(state["pulls"]) == len(state["comments"]) == len(state["checks"]) == 1
    assert state["calls"].count("move") == 2
    assert state["branches"][NAMES.branch] in state["pulls"][0]["body"]


@pytest.mark.parametrize("role", ["admin", "maintain", "write"])
def test_who_may_ask(data: Path, world: World, role: str) -> None:
    with world.change() as state:
        state["permission"] = role
    assert run(ports(data, world)).ending is Ending.SOLVED


@pytest.mark.parametrize("role", ["triage", "read", "none", ""])
def test_who_may_not_ask_gets_nothing(data: Path, world: World, role: str) -> None:
    with world.change() as state:
        state["permission"] = role
    assert run(ports(data, world)).ending is Ending.REFUSED
    assert world.read()["calls"] == ["permission"]


def test_who_may_not_ask_is_told_so_when_the_operator_wants_it(data: Path, world: World) -> None:
    with world.change() as state:
        state["permission"] = "read"
    assert run(ports(data, world, answer_refused=True)).ending is Ending.REFUSED
    assert "`read`" in world.read()["comments"][0]["body"]


def test_an_error_about_the_permission_is_a_no(data: Path, world: World) -> None:
    forge = FakeForge(world, {"permission": [ForgeRefused("403: not allowed", 403)]})
    with pytest.raises(JobFailed, match="403: not allowed"):
        run(ports(data, world, forges=FakeForges(forge)))
    assert world.read()["calls"] == []


ENDINGS = [
    (UNSOLVED, Ending.UNSOLVED, "neutral", "tried everything I can do"),
    (UNRUNNABLE, Ending.UNRUNNABLE, "neutral", "could not run this repository's tests"),
]


@pytest.mark.parametrize(("outcome", "ending", "conclusion", "text"), ENDINGS)
def test_no_patch_is_an_answer(
    data: Path, world: World, outcome: Any, ending: Ending, conclusion: str, text: str
) -> None:
    assert run(ports(data, world, repair=FakeRepair(world, outcome))).ending is ending
    state = world.read()
    assert state["pulls"] == []
    assert state["branches"] == {}
    assert text in state["comments"][0]["body"]
    assert state["checks"][0]["conclusion"] == conclusion


def test_a_repository_without_a_branch_gets_an_answer(data: Path, world: World) -> None:
    with world.change() as state:
        state["head"] = ""
    assert run(ports(data, world)).ending is Ending.UNRUNNABLE
    assert "no commit on its default branch" in world.read()["comments"][0]["body"]


CONFIGS = [
    ("enabled: false", Ending.REFUSED, "switched me off"),
    ("nonsense: 1", Ending.UNRUNNABLE, "nonsense"),
    ("label: other", Ending.UNRUNNABLE, "line 1: label: other is none of the labels"),
    ("triggers: {label: false}", Ending.REFUSED, None),
    ("base: gone", Ending.UNRUNNABLE, "does not exist"),
]


@pytest.mark.parametrize(("config", "ending", "text"), CONFIGS)
def test_the_repository_has_its_say(
    data: Path, world: World, config: str, ending: Ending, text: str | None
) -> None:
    with world.change() as state:
        state["config"] = config
    assert run(ports(data, world)).ending is ending
    comments = world.read()["comments"]
    assert (text is None and comments == []) or (text is not None and text in comments[0]["body"])


def test_a_repository_may_protect_files(data: Path, world: World) -> None:
    with world.change() as state:
        state["config"] = "protected: ['*.py']"
    assert run(ports(data, world)).ending is Ending.HELD_BACK
    state = world.read()
    assert state["branches"] == {}
    assert "`code.py`, `tests/test_issue_3.py`" in state["comments"][0]["body"]


OWN_WORDS = """
base: next
title: "[{issue}] {title} ({base})"
body: "Hello {sender}: {summary} {unknown"
labels: [bug, codeagent]
reviewers: [octocat, "team:core"]
"""


def test_a_pull_request_in_the_words_of_the_repository(data: Path, world: World) -> None:
    with world.change() as state:
        state["config"] = OWN_WORDS
        state["branches"]["next"] = state["head"]
    assert run(ports(data, world)).ending is Ending.SOLVED
    (pull,) = world.read()["pulls"]
    assert (pull["base"], pull["labels"]) == ("next", ["codeagent", "bug"])
    assert pull["reviewers"] == ["octocat", "team:core"]
    assert pull["title"] == "[3] mean([]) raises (next)"
    assert pull["body"].index("Hello bob: `mean` divides") < pull["body"].index("## Proof")


def test_a_repository_may_ask_for_drafts(data: Path, world: World) -> None:
    with world.change() as state:
        state["config"] = "draft: true"
    run(ports(data, world))
    assert world.read()["pulls"][0]["draft"] is True


def test_a_closed_pull_request_is_a_no(data: Path, world: World) -> None:
    run(ports(data, world))
    with world.change() as state:
        state["pulls"][0]["open"] = False
    assert run(ports(data, world), job="f" * 32).ending is Ending.HELD_BACK
    state = world.read()
    assert len(state["pulls"]) == 1
    assert state["calls"].count("move") == 1
    assert "take for a no" in state["comments"][0]["body"]
    assert state["checks"][0]["conclusion"] == "action_required"


def test_after_a_merged_one_a_new_one_is_due(data: Path, world: World) -> None:
    run(ports(data, world))
    with world.change() as state:
        state["pulls"][0].update(open=False, merged=True)
    assert run(ports(data, world), job="f" * 32).ending is Ending.SOLVED
    first, second = world.read()["pulls"]
    assert first["head"] != second["head"]


@pytest.mark.parametrize(
    ("earlier", "again", "ending", "pulls"),
    [
        # what became of the earlier ones (each asked for again), asked for again now → how it ends, how many
        (["open"], False, Ending.SOLVED, 1),
        (["open"], True, Ending.SOLVED, 1),
        (["closed"], False, Ending.HELD_BACK, 1),
        (["closed"], True, Ending.SOLVED, 2),
        (["merged"], False, Ending.SOLVED, 2),
        (["merged"], True, Ending.SOLVED, 2),
        (["closed", "open"], False, Ending.SOLVED, 2),
        (["closed", "closed"], False, Ending.HELD_BACK, 2),
        (["closed", "closed"], True, Ending.SOLVED, 3),
        (["closed", "merged"], False, Ending.SOLVED, 3),
        (["merged", "closed"], False, Ending.HELD_BACK, 2),
        (["merged", "closed"], True, Ending.SOLVED, 3),
    ],
)
def test_a_closed_one_stays_closed_until_asked(
    earlier: list[str], again: bool, ending: Ending, pulls: int, data: Path, world: World
) -> None:
    for number, fate in enumerate(earlier):
        made = run_job(f"{number}" * 32, replace(REQUEST, again=True), ports(data, world), lambda: None)
        assert made.ending is Ending.SOLVED
        with world.change() as state:
            state["pulls"][-1].update(open=fate == "open", merged=fate == "merged")
    result = run_job("f" * 32, replace(REQUEST, again=again), ports(data, world), lambda: None)
    assert result.ending is ending
    state = world.read()
    assert len({pull["head"] for pull in state["pulls"]}) == len(state["pulls"]) == pulls
    assert sum(pull["open"] for pull in state["pulls"]) == (ending is Ending.SOLVED)


@pytest.mark.parametrize(
    ("outcome", "buttons", "annotations"),
    [
        (SOLVED, [], ["code.py:1"]),
        (UNSOLVED, ["retry"], []),
        (replace(UNSOLVED, red=RED_AT), ["retry"], ["code.py:1"]),
        (UNRUNNABLE, ["retry"], []),
    ],
)
def test_the_check_run_at_the_end(
    outcome: Outcome, buttons: list[str], annotations: list[str], data: Path, world: World
) -> None:
    seen: list[list[str]] = []
    repair = FakeRepair(world, outcome, before_end=lambda: seen.append(world.read()["checks"][0]["buttons"]))
    run(ports(data, world, repair=repair))
    (check,) = world.read()["checks"]
    assert seen == [["stop"]], "while it works"
    assert (check["buttons"], check["annotations"]) == (buttons, annotations)


def test_commits_of_others_are_never_overwritten(data: Path, world: World) -> None:
    run(ports(data, world))
    with world.change() as state:
        state["branches"][NAMES.branch] = "e" * 40
        state["head"] = "d" * 40
    assert run(ports(data, world), job="f" * 32).ending is Ending.HELD_BACK
    state = world.read()
    assert state["branches"] == {NAMES.branch: "e" * 40}
    assert "Somebody has pushed" in state["comments"][0]["body"]


def test_a_push_that_never_became_a_pull_request_is_known_as_ours(data: Path, world: World) -> None:
    forge = FakeForge(world, {"pull": [ForgeRefused("422: no", 422)]})
    with pytest.raises(JobFailed):
        run(ports(data, world, forges=FakeForges(forge)))
    with world.change() as state:
        state["head"] = "d" * 40
    assert run(ports(data, world), job="f" * 32).ending is Ending.SOLVED
    assert world.calls("move") == 2


def test_cancelled_while_it_works(data: Path, world: World) -> None:
    halts: list[Halt | None] = [None]
    repair = FakeRepair(world, before_end=lambda: halts.append(Halt.CANCELLED))
    result = run_job(JOB, REQUEST, ports(data, world, repair=repair), lambda: halts[-1])
    assert result.ending is Ending.CANCELLED
    state = world.read()
    assert "Stopped" in state["comments"][0]["body"]
    assert state["checks"][0]["conclusion"] == "cancelled"
    assert state["pulls"] == []


def test_cancelled_before_it_started(data: Path, world: World) -> None:
    assert run(ports(data, world), halt=Halt.CANCELLED).ending is Ending.CANCELLED
    state = world.read()
    assert len(state["comments"]) == len(state["checks"]) == 1
    assert "run" not in state["calls"]


def test_interrupted_it_goes_on_later_as_if_nothing_was(data: Path, world: World) -> None:
    halts: list[Halt | None] = [None]
    repair = FakeRepair(world, before_end=lambda: halts.append(Halt.INTERRUPTED))
    with pytest.raises(Interrupted):
        run_job(JOB, REQUEST, ports(data, world, repair=repair), lambda: halts[-1])
    assert "working" in world.read()["comments"][0]["body"]
    assert run(ports(data, world)).ending is Ending.SOLVED
    assert world.calls("run") == 3


def test_a_wish_to_stop_that_an_interruption_made_is_not_recorded(data: Path, world: World) -> None:
    def halted() -> Halt | None:
        return Halt.INTERRUPTED if world.calls("run") == 2 else None

    with pytest.raises(Interrupted):
        run_job(JOB, REQUEST, ports(data, world), halted)
    runs = [r for r in read_journal(data / "runs" / JOB / JOURNAL).records if r.get("effect") == "run"]
    assert [record["answer"] for record in runs] == [{"cancelled": False}]
    assert run(ports(data, world)).ending is Ending.SOLVED


def test_trouble_with_github_is_waited_out(data: Path, world: World) -> None:
    waits: list[float] = []
    forge = FakeForge(world, {"comment": [ForgeUnavailable("502"), ForgeUnavailable("429", 3.0)]})
    forges = FakeForges(forge)
    assert run(ports(data, world, forges=forges, wait=waits.append)).ending is Ending.SOLVED
    assert sum(waits) == pytest.approx(10.0 + 3.0)
    assert forges.opened == forges.closed == 3
    assert world.calls("permission") == 1


def test_what_a_sandbox_says_of_its_end_is_told_and_inert(data: Path, world: World) -> None:
    broken = [SandboxError("the sandbox broke down: no space left\n@everyone `x`") for _ in range(3)]
    with pytest.raises(JobFailed, match="no space left"):
        run(ports(data, world, repair=FakeRepair(world, errors=broken)))
    (comment,) = world.read()["comments"]
    assert "`` the sandbox broke down: no space left @everyone `x` ``" in comment["body"]


def test_a_bug_is_given_up_after_some_attempts_and_says_no_more_than_needed(data: Path, world: World) -> None:
    repair = FakeRepair(world, errors=[RuntimeError(f"private {n}") for n in range(3)])
    with pytest.raises(JobFailed, match=r"^internal error \(RuntimeError\)$"):
        run(ports(data, world, repair=repair))
    state = world.read()
    assert len(repair.tasks) == 3
    assert state["calls"].count("run") == 3
    assert "private" not in json.dumps(state)
    assert f"`{JOB}`" in state["comments"][0]["body"]
    assert state["checks"][0]["conclusion"] == "failure"
    assert not (data / "runs" / JOB / "base").exists()


def test_a_message_for_people_is_shown_without_the_paths_of_this_machine(data: Path, world: World) -> None:
    error = CheckoutError(f"{data}/runs/x: the disk is full; token ghs_{'c' * 40}")
    with pytest.raises(JobFailed):
        run(ports(data, world, git=FakeGit(world, error)))
    body = world.read()["comments"][0]["body"]
    assert "the disk is full" in body
    assert str(data) not in body
    assert "c" * 40 not in body


def test_a_journal_of_another_version_is_set_aside(data: Path, world: World) -> None:
    repair = FakeRepair(world, errors=[JournalDiverged("note 3 …")])
    assert run(ports(data, world, repair=repair)).ending is Ending.SOLVED
    state = world.read()
    assert len(state["pulls"]) == len(state["comments"]) == len(state["checks"]) == 1
    assert len(list((data / "runs" / JOB).glob("*.unusable-1"))) == 2


@pytest.mark.parametrize("name", [JOURNAL, STEPS])
def test_a_damaged_journal_is_set_aside(data: Path, world: World, name: str) -> None:
    home = data / "runs" / JOB
    home.mkdir(parents=True)
    (home / name).write_bytes(b"garbage\nmore\n\n")
    assert run(ports(data, world)).ending is Ending.SOLVED


def test_a_job_that_kills_its_workers_is_given_up(data: Path, world: World) -> None:
    with pytest.raises(JobFailed, match="took its worker down"):
        run(ports(data, world), start=21)
    assert world.read()["comments"] == []


def test_the_token_is_in_no_text(data: Path, world: World) -> None:
    given = ports(data, world)
    run(given)
    for name in (JOURNAL, STEPS):
        assert "c" * 40 not in (data / "runs" / JOB / name).read_text()
    assert "c" * 40 not in json.dumps(world.read())


def test_names_are_good_branch_names() -> None:
    from bot.git.checkout import valid_branch

    seen = {names_for(r, i, m) for r in (1, 22) for i in (1, 12, 2) for m in (None, 1, 12)}
    assert all(valid_branch(names.branch) for names in seen)
    assert len({names.branch for names in seen}) == 18
    assert names_for(2, 3) == replace(NAMES)
