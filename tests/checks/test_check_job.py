"""The job of a failing check over fakes: every ending, every place, and nothing twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import structlog.testing

from agent.journal import FileJournal
from agent.protocols import Journal
from agent.types import FailingTests, NamedFailure, Outcome, Rerun, StopReason, TestFile, Unsolved
from bot.errors import CheckoutError, ForgeUnavailable
from bot.git.checkout import Checkout, valid_branch
from bot.git.tree_export import Export
from bot.names import names_for_check, names_of
from bot.queue import Ending, FailedCheck, Halt, JobFailed, JobResult, Kind, TaskRequest
from bot.workflow import STEPS, run_job
from tests.checks.samples import PYTEST, job
from tests.review.support import Killed, Mortal
from tests.workflow.fakes import (
    ASKING,
    BASE,
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
HEAD, NEWER = "a" * 40, "c" * 40
ALL = "triggers:\n  checks: all\n"
DIRECT = ALL + "checks:\n  push: direct\n"

MAIN = replace(
    REQUEST,
    kind=Kind.CHECK,
    issue=0,
    title="CI",
    body="",
    label="",
    check=FailedCheck(sha=HEAD, branch="main", name="CI", workflow_run=5),
)
PULL = replace(
    MAIN,
    issue=7,
    check=FailedCheck(sha=HEAD, branch="feature", pull=7, name="CI", workflow_run=5),
)
ASKED = replace(PULL, comment=99, check=FailedCheck(pull=7))

RERUN = Rerun(test="tests/test_pages.py::test_clamp_below", runs=5, failed=5, message="assert -3 == 1")
GIVEN = TestFile(
    path="tests/test_pages.py",
    content="…",
    verifies="one of the repository's own test files: test_clamp_below",
    select=("tests/test_pages.py::test_clamp_below",),
    given=True,
)
FIXED = replace(SOLVED, tests=(GIVEN,), reruns=(RERUN,))
FLAKY = Unsolved(
    stop=StopReason.FLAKY,
    summary="1 of the failing tests pass in some runs",
    reproduction=(),
    red=None,
    attempts=(),
    advice=("Look for what differs.",),
    baseline=None,
    spend=SOLVED.spend,
    reruns=(replace(RERUN, failed=2, aside="is flaky: it failed in 2 of 5 runs of the same code"),),
)


@dataclass
class Forge(FakeForge):
    """Also with the files of the branches: ``code.py`` is as it was cloned, but where a test changes it."""

    def read_file(self, path: str, ref: str) -> bytes | None:
        if path == ".github/codeagent.yml":
            return super().read_file(path, ref)
        with self._call("read_file") as state:
            return str(state.get("files", {}).get(ref, "x = 1\n")).encode()


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """A stack trace with the values of all variables takes a second to be drawn."""
    with structlog.testing.capture_logs():
        yield


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path / "world.json")
    with made.change() as state:
        state["config"] = ALL
        state["branches"] = {"main": HEAD, "feature": HEAD}
        state["pulls"] = [pull(7, "feature")]
        state["jobs"] = {"5": [{"id": 11, "name": "tests", "conclusion": "failure"}]}
        state["logs"] = {"11": job("pytest -q", output=PYTEST).decode()}
        state["seen_checks"] = [
            {"id": 11, "name": "tests", "head_sha": HEAD, "conclusion": "failure", "app": "github-actions"}
        ]
    return made


def pull(number: int, head: str, **more: Any) -> dict[str, Any]:
    return {
        "number": number,
        "head": head,
        "base": "main",
        "marker": "",
        "title": "",
        "body": "",
        "open": True,
        "merged": False,
        "labels": [],
        "head_sha": HEAD,
        **more,
    }


class Desk:
    """Runs jobs over one world."""

    def __init__(self, data: Path, world: World) -> None:
        self.data = data
        self.world = world
        self.repair = FakeRepair(world, outcome=FIXED)
        self.forge = Forge(world)

    def __call__(
        self,
        request: TaskRequest,
        *,
        outcome: Outcome = FIXED,
        name: str = JOB,
        halt: Halt | None = None,
        before_end: Callable[[], None] = lambda: None,
        **more: Any,
    ) -> JobResult:
        self.repair = FakeRepair(self.world, outcome=outcome, before_end=before_end)
        given = ports(self.data, self.world, repair=self.repair, forges=FakeForges(self.forge), **more)
        return run_job(name, request, given, lambda: halt, 1)

    @property
    def state(self) -> dict[str, Any]:
        return self.world.read()

    @property
    def comment(self) -> str:
        (only,) = self.state["comments"]
        return str(only["body"])


@pytest.fixture
def desk(tmp_path: Path, world: World) -> Desk:
    return Desk(tmp_path / "data", world)


def made(desk: Desk) -> list[dict[str, Any]]:
    """The bot's own pull requests."""
    return [each for each in desk.state["pulls"] if each["head"].startswith("codeagent/")]


# --- Solved -------------------------------------------------------------------------------------------------


def test_the_default_branch_gets_one_pull_request(desk: Desk) -> None:
    result = desk(MAIN)
    assert result.ending is Ending.SOLVED
    (new,) = made(desk)
    names = names_for_check(2, MAIN.subject)
    assert (new["head"], new["base"], new["labels"]) == (names.branch, "main", [])
    assert new["title"] == "Fix: tests/test_pages.py::test_clamp_below fails"
    assert "none of them was changed" in new["body"]
    assert "5 of 5" in new["body"]
    assert "`CI / tests` failed at" in new["body"]
    assert "Fixes" not in new["body"]
    assert result.pull_request.endswith(f"/{new['number']}")
    (commit,) = desk.state["commits"].values()
    assert (commit["parents"], commit["files"]) == ([HEAD], {"code.py": "x = 2\n"})
    assert "Co-authored-by" not in commit["message"]  # nobody asked
    assert desk.state["comments"] == []
    (check,) = desk.state["checks"]
    assert (check["sha"], check["conclusion"], check["buttons"]) == (HEAD, "success", ["retry"])
    assert check["external_id"] == "codeagent/check/branch/main"
    assert check["annotations"] == ["code.py:1"]
    task = desk.repair.tasks[0]
    assert (task.base, task.number) == (HEAD, None)
    assert isinstance(task.failing, FailingTests)
    assert task.failing.named[0] == NamedFailure(
        test="tests/test_pages.py::test_clamp_below", exception="AssertionError"
    )
    assert len(task.failing.named) == 5
    assert "clamp_page(-3, 10)" in task.text


def test_a_pull_request_gets_one_into_its_branch(desk: Desk) -> None:
    assert desk(PULL).ending is Ending.SOLVED
    (new,) = made(desk)
    assert new["base"] == "feature"
    assert new["head"] != names_for_check(2, MAIN.subject).branch
    assert desk.state["branches"]["feature"] == HEAD
    assert desk.state["comments"][0]["issue"] == 7
    assert f"/pull/{new['number']}" in desk.comment


def test_or_a_commit_on_it_when_that_is_configured(desk: Desk) -> None:
    with desk.world.change() as state:
        state["config"] = DIRECT
    assert desk(PULL).ending is Ending.SOLVED
    assert made(desk) == []
    (sha,) = desk.state["commits"]
    assert desk.state["branches"]["feature"] == sha
    assert sha in desk.comment


def test_a_fork_gets_the_patch_in_a_comment_and_nothing_is_pushed(desk: Desk) -> None:
    with desk.world.change() as state:
        state["config"] = DIRECT
        state["pulls"] = [pull(7, "feature", head_repository="mallory/name")]
        branches = dict(state["branches"])
    assert desk(ASKED).ending is Ending.SOLVED
    assert "diff --git a/code.py b/code.py" in desk.comment
    assert "`mallory/name`" in desk.comment
    assert (desk.state["branches"], desk.state["commits"], made(desk)) == (branches, {}, [])


def test_who_asked_is_a_co_author_and_the_head_is_looked_up(desk: Desk) -> None:
    assert desk(ASKED).ending is Ending.SOLVED
    (commit,) = desk.state["commits"].values()
    assert "Co-authored-by: bob" in commit["message"]
    assert desk.repair.tasks[0].failing is not None
    assert desk.repair.tasks[0].failing.named  # by the check runs of the head


def test_the_repository_may_word_title_and_description(desk: Desk) -> None:
    with desk.world.change() as state:
        state["config"] = (
            ALL + "title: 'CI{issue}: {title}'\nbody: 'See the handbook.'\nlabels: [bot]\ndraft: true\n"
        )
    desk(MAIN)
    (new,) = made(desk)
    assert new["title"] == "CI: tests/test_pages.py::test_clamp_below fails"
    assert (new["labels"], new["draft"]) == (["bot"], True)
    assert "See the handbook." in new["body"].split("failed at")[0]


def test_run_again_it_does_nothing_again(desk: Desk) -> None:
    first = desk(MAIN)
    before = desk.state
    assert desk(MAIN) == first
    assert desk.state == before


def test_a_new_failing_commit_updates_the_same_pull_request(desk: Desk) -> None:
    desk(MAIN)
    with desk.world.change() as state:
        state["branches"]["main"] = NEWER
    newer = replace(MAIN, delivery="other", check=FailedCheck(sha=NEWER, branch="main", workflow_run=5))
    assert desk(newer, name="1" * 32).ending is Ending.SOLVED
    (new,) = made(desk)
    second = desk.state["branches"][new["head"]]
    first, _ = desk.state["commits"]
    assert desk.state["commits"][second]["parents"] == [NEWER, first]
    assert second in new["body"]


@dataclass
class GitOfBase(FakeGit):
    """Where the branch began, a file was another."""

    def export(self, checkout: Checkout, directory: Path) -> Export:
        export = super().export(checkout, directory)
        if checkout.commit == BASE:
            (directory / "code.py").write_text("x = 0\n")
        return export


def test_what_a_pull_request_changed_is_known_to_the_engine(desk: Desk) -> None:
    outcome = replace(FIXED, reruns=(replace(RERUN, began="passed"),))
    assert desk(PULL, git=GitOfBase(desk.world), outcome=outcome).ending is Ending.SOLVED
    failing = desk.repair.tasks[0].failing
    assert failing is not None
    assert failing.began is not None
    assert failing.began.overlay == {"code.py": b"x = 0\n"}
    assert "Where this branch began: 1 passed." in made(desk)[0]["body"]


def test_a_log_that_is_gone_leaves_it_to_the_suite(desk: Desk) -> None:
    with desk.world.change() as state:
        state["logs"] = {}
    assert desk(MAIN).ending is Ending.SOLVED
    assert desk.repair.tasks[0].failing == FailingTests(named=(), runs=5)


def test_another_system_says_in_its_summary_which_tests_failed(desk: Desk) -> None:
    with desk.world.change() as state:
        state["seen_checks"] = [
            {"id": 1, "name": "buildbot", "head_sha": HEAD, "conclusion": "failure", "app": "ci"}
            | {"summary": PYTEST, "suite": 3},
            {"id": 2, "name": "CodeAgent: x", "head_sha": HEAD, "conclusion": "failure", "app": "me"},
            {"id": 3, "name": "other", "head_sha": HEAD, "conclusion": "failure", "app": "ci", "suite": 4},
        ]
    request = replace(MAIN, check=FailedCheck(sha=HEAD, branch="main", name="ci", check_suite=3))
    assert desk(request).ending is Ending.SOLVED
    assert desk.repair.tasks[0].failing is not None
    assert len(desk.repair.tasks[0].failing.named) == 5
    assert "`buildbot` failed at" in made(desk)[0]["body"]


# --- Not solved ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "ending", "said"),
    [
        (FLAKY, Ending.UNSOLVED, ("flaky", "2 of 5", "Look for what differs")),
        (
            replace(
                FLAKY, stop=StopReason.NOT_REPRODUCED, reruns=(replace(RERUN, failed=0, aside="passes"),)
            ),
            Ending.UNSOLVED,
            ("could not reproduce", "0 of 5", "Reported as failing", "pytest -q"),
        ),
        (UNSOLVED, Ending.UNSOLVED, ("found no patch", "guard against empty")),
        (UNRUNNABLE, Ending.UNRUNNABLE, ("could not run", "No test ran")),
        (ASKING, Ending.UNSOLVED, ("leave open what is right", "mean([])")),
    ],
    ids=["flaky", "not reproduced", "no patch", "unrunnable", "open"],
)
def test_what_is_said_when_nothing_is_published(
    desk: Desk, outcome: Outcome, ending: Ending, said: tuple[str, ...]
) -> None:
    assert desk(PULL, outcome=outcome).ending is ending
    assert all(words in desk.comment for words in said), desk.comment
    (check,) = desk.state["checks"]
    assert (check["conclusion"], check["summary"]) == ("neutral", desk.comment)
    assert (desk.state["commits"], made(desk)) == ({}, [])


def test_what_is_no_failing_test_of_python_is_told_without_running_anything(desk: Desk) -> None:
    with desk.world.change() as state:
        state["logs"] = {"11": job("ruff check", output="Found 3 errors.").decode()}
    assert desk(PULL).ending is Ending.UNSOLVED
    assert "a linter's or formatter's finding" in desk.comment
    assert desk.repair.tasks == []


def test_nothing_has_failed_where_somebody_asks(desk: Desk) -> None:
    with desk.world.change() as state:
        state["seen_checks"] = []
    result = desk(ASKED)
    assert (result.ending, desk.repair.tasks) == (Ending.UNSOLVED, [])
    assert "No check has failed" in desk.comment
    assert desk.state["checks"] == []


@pytest.mark.parametrize("fails_there", [False, True])
def test_a_branch_that_has_moved_on_before_the_job_begins(desk: Desk, fails_there: bool) -> None:
    """The newest commit is what counts; what has not failed there is not looked at."""
    with desk.world.change() as state:
        state["branches"]["main"] = NEWER
        state["seen_checks"][0]["head_sha"] = NEWER if fails_there else HEAD
    result = desk(MAIN)
    assert [task.base for task in desk.repair.tasks] == ([NEWER] if fails_there else [])
    assert result.ending is (Ending.SOLVED if fails_there else Ending.UNSOLVED)


# --- While it worked ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("config", [ALL, DIRECT])
@pytest.mark.parametrize("same_file", [False, True])
def test_a_branch_that_moves_on_meanwhile_is_not_written_to(desk: Desk, config: str, same_file: bool) -> None:
    def push() -> None:
        with desk.world.change() as state:
            state["branches"]["feature"] = NEWER
            state["pulls"][0]["head_sha"] = NEWER
            state["files"] = {NEWER: "x = 5\n"} if same_file else {}

    with desk.world.change() as state:
        state["config"] = config
    result = desk(PULL, before_end=push)
    assert desk.state["branches"]["feature"] == NEWER
    if same_file:
        assert (result.ending, made(desk)) == (Ending.HELD_BACK, [])
        assert "is no longer what I changed" in desk.comment
    else:
        assert result.ending is Ending.SOLVED
        assert f"has moved on meanwhile,** to `{NEWER[:12]}`" in made(desk)[0]["body"]


def test_a_pull_request_that_is_closed_meanwhile(desk: Desk) -> None:
    def close() -> None:
        with desk.world.change() as state:
            state["pulls"][0]["open"] = False

    assert desk(PULL, before_end=close).ending is Ending.HELD_BACK
    assert made(desk) == []


def test_commits_of_others_on_our_branch_are_left_alone(desk: Desk) -> None:
    branch = names_for_check(2, MAIN.subject).branch
    with desk.world.change() as state:
        state["branches"][branch] = NEWER
    assert desk(MAIN).ending is Ending.HELD_BACK
    assert desk.state["branches"][branch] == NEWER


@pytest.mark.parametrize("again", [False, True])
def test_a_pull_request_that_was_turned_down_stays_closed_until_somebody_asks(
    desk: Desk, again: bool
) -> None:
    desk(PULL)
    with desk.world.change() as state:
        state["pulls"][-1]["open"] = False
    result = desk(replace(ASKED, again=again), name="1" * 32)
    assert result.ending is (Ending.SOLVED if again else Ending.HELD_BACK)
    assert len([each for each in made(desk) if each["open"]]) == again


def test_after_a_merge_another_pull_request_is_opened(desk: Desk) -> None:
    desk(PULL)
    with desk.world.change() as state:
        state["pulls"][-1].update(open=False, merged=True)
    assert desk(PULL, name="1" * 32).ending is Ending.SOLVED
    first, second = made(desk)
    assert first["head"] != second["head"]


def test_protected_files_hold_it_back(desk: Desk) -> None:
    with desk.world.change() as state:
        state["config"] = ALL + "protected: ['*.py']\n"
    assert desk(PULL).ending is Ending.HELD_BACK
    assert "`code.py`" in desk.comment


# --- Who and whether ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_", "change", "taken_up"),
    [
        (MAIN, {}, True),
        (MAIN, {"config": None}, False),
        (MAIN, {"config": "triggers:\n  checks: pull-requests\n"}, False),
        (MAIN, {"config": "triggers:\n  checks: [\n"}, False),
        (MAIN, {"config": "enabled: false\n"}, False),
        (MAIN, {"permission": "triage"}, False),
        (MAIN, {"branches": {}}, False),
        (MAIN, {"head": None}, False),
        (replace(MAIN, actors=("eve",)), {"roles": {"eve": "read"}}, False),
        (replace(MAIN, check=FailedCheck(sha=HEAD, branch="feature")), {}, False),
        (PULL, {}, True),
        (PULL, {"config": "triggers:\n  checks: default-branch\n"}, False),
        (PULL, {"pulls": []}, False),
        (PULL, {"pulls": [pull(7, "feature", open=False)]}, False),
        (PULL, {"pulls": [pull(7, "feature", head_repository="mallory/name")]}, False),
        (PULL, {"pulls": [pull(7, "feature", head_repository="")]}, False),
        (PULL, {"pulls": [pull(7, "codeagent/issue-3-12345678")]}, False),
        (ASKED, {"pulls": [pull(7, "codeagent/issue-3-12345678")]}, True),
        (ASKED, {"config": None}, True),
        (ASKED, {"config": "triggers:\n  commands: false\n"}, False),
        (ASKED, {"permission": "read"}, False),
        (replace(ASKED, comment=0, label="codeagent"), {"config": None}, True),
        (replace(ASKED, comment=0, label="codeagent"), {"config": "label: other\n"}, False),
    ],
)
def test_whose_failing_checks_are_looked_at(
    desk: Desk, request_: TaskRequest, change: dict[str, Any], taken_up: bool
) -> None:
    with desk.world.change() as state:
        state.update(change)
    result = desk(request_)
    assert bool(desk.repair.tasks) is taken_up
    assert (result.ending is Ending.SOLVED) is taken_up
    if not taken_up:
        assert desk.state["checks"] == []
        assert desk.state["commits"] == {}


@pytest.mark.parametrize("request_", [MAIN, PULL])
def test_who_broke_a_build_is_not_told_that_he_may_not_ask(desk: Desk, request_: TaskRequest) -> None:
    with desk.world.change() as state:
        state["permission"] = "read"
    assert desk(request_, answer_refused=True).ending is Ending.REFUSED
    assert desk.state["comments"] == []
    assert desk(ASKED, answer_refused=True, name="1" * 32).ending is Ending.REFUSED
    assert "may write" in desk.comment


def test_a_branch_that_fails_all_day_is_looked_at_five_times(desk: Desk) -> None:
    endings = [desk(PULL, outcome=UNSOLVED, name=f"{n:032d}").ending for n in range(7)]
    assert endings == [Ending.UNSOLVED] * 5 + [Ending.REFUSED] * 2
    assert desk(ASKED, outcome=UNSOLVED, name="1" * 32).ending is Ending.UNSOLVED
    tomorrow = 1_760_000_000.0 + 86_401
    assert desk(PULL, name="2" * 32, clock=lambda: tomorrow).ending is Ending.SOLVED


# --- Trouble ------------------------------------------------------------------------------------------------


def test_a_job_that_is_stopped_says_so(desk: Desk) -> None:
    assert desk(PULL, halt=Halt.CANCELLED).ending is Ending.CANCELLED
    assert "Stopped" in desk.comment
    assert desk.state["checks"][0]["conclusion"] == "cancelled"


def test_a_job_that_breaks_says_so_once_people_know_of_it(desk: Desk) -> None:
    with pytest.raises(JobFailed):
        desk(PULL, git=FakeGit(desk.world, CheckoutError("the disk is full")))
    assert "the disk is full" in desk.comment
    (check,) = desk.state["checks"]
    assert (check["conclusion"], check["external_id"]) == ("failure", "codeagent/check/pull/7")


@pytest.mark.parametrize("name", ["failed_jobs", "job_log", "commit", "move", "pull", "find_pull", "check"])
def test_a_fault_at_any_call_changes_nothing(desk: Desk, name: str) -> None:
    desk.forge.faults = {name: [ForgeUnavailable("502"), ForgeUnavailable("502")]}
    assert desk(MAIN).ending is Ending.SOLVED
    assert len(made(desk)) == len(desk.state["checks"]) == 1
    assert len(desk.state["commits"]) == 1


@pytest.mark.parametrize("request_", [MAIN, ASKED], ids=["main", "asked"])
@pytest.mark.parametrize("before", [False, True], ids=["written", "lost"])
def test_killed_at_every_effect_nothing_is_doubled(
    tmp_path: Path, world: World, request_: TaskRequest, before: bool
) -> None:
    """At GitHub once is enough, whether a kill came before or after the journal had the answer."""
    desk = Desk(tmp_path / "data", world)
    for starts in range(1, 60):  # noqa: B007 - counted below
        deaths = [2 if before else 1]  # so that each start gets one effect further

        @contextmanager
        def mortal(path: Path, *, run: str, task: Any, deaths: list[int] = deaths) -> Iterator[Journal]:
            with FileJournal(path, run=run, task=task) as journal:
                yield Mortal(journal, deaths, before)

        try:
            desk(request_, open_journal=mortal)
        except Killed:
            continue
        break
    assert desk(request_).ending is Ending.SOLVED
    assert len(made(desk)) == len(desk.state["checks"]) == 1
    assert len(desk.state["comments"]) == (request_ is ASKED)
    branch = desk.state["branches"][made(desk)[0]["head"]]
    assert desk.state["commits"][branch]["parents"] == [HEAD]  # one commit; others lie on no branch
    assert starts > 15


def test_secrets_of_a_log_are_kept_nowhere(desk: Desk) -> None:
    secret = "ghs_" + "c" * 40
    with desk.world.change() as state:
        state["logs"]["11"] = job("pytest", output=f"token {secret}\n{PYTEST}").decode()
    desk(PULL, outcome=FLAKY)
    assert secret not in (desk.data / "runs" / JOB / STEPS).read_text()
    assert secret not in desk.comment


def test_names_are_good_branch_names_whatever_the_branch_is_called() -> None:
    branches = ["main", "feature/x", "--upload-pack=x", "ä" * 300, "a..b", "x.lock", "@{-1}", "$(x)"]
    requests = [replace(MAIN, check=FailedCheck(branch=branch)) for branch in branches]
    made = [names_of(request) for request in (*requests, PULL)]
    assert all(valid_branch(names.branch) for names in made)
    assert len({names.branch for names in made}) == len(made)
