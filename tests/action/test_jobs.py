"""What a step asks of GitHub and leaves there, on the double, with an engine that has its answer ready."""

from __future__ import annotations

import io
import json
import os
import signal
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.types import FileChange, Outcome, Patch, StopReason, Task, TestFile
from bot.action.inputs import Inputs, Runner
from bot.action.job import Step, act
from bot.action.outputs import WorkflowLog
from bot.action.request import Nothing, from_event
from bot.action.status import Status
from bot.action.summary import Told, summary
from bot.action.token_forges import TokenForges
from bot.config.terms import Terms
from bot.github.client import Habits, Link, Pace
from bot.queue import Kind, TaskRequest
from bot.settings import Settings
from sandbox.redact import Redactor
from tests.acceptance.support import ISSUE, LABEL, until, with_files
from tests.double.faults import Status as Refusal
from tests.double.server import GitHubDouble
from tests.workflow.fakes import ASKING, SOLVED, UNRUNNABLE, UNSOLVED

OWNER, REPOSITORY = "acme", "acme/pager"
ALL = {"contents": "write", "issues": "write", "pull_requests": "write"}
FIXED = "def first(numbers):\n    return numbers[0] if numbers else None\n"
PATCHED = replace(
    SOLVED,
    patch=Patch(changes=(FileChange(path="src/pager/links.py", content=FIXED.encode()),)),
    tests=(TestFile(path="tests/test_new.py", content="def test_new():\n    pass\n", verifies="first([])"),),
)


class Ready:
    """An engine that knows its outcome; ``tasks`` are what it was asked."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        self.tasks: list[Task] = []
        self.answers: list[str | None] = []

    def __call__(self, task: Task, tree: Path, journal: Any, **how: Any) -> Outcome:
        self.tasks.append(task)
        assert (tree / "src/pager/pages.py").is_file()
        how["progress"]("search", "looking", done=1, total=2)
        journal.note("phase", {"phase": "search"})
        self.answers.append(how["answers"](ASKING.question))
        return self.outcome


@pytest.fixture
def github(tmp_path: Path) -> Iterator[GitHubDouble]:
    with GitHubDouble(tmp_path / "github") as double:
        double.user(OWNER)
        double.create_repository(
            REPOSITORY, files=with_files(), roles={"alice": "maintain", "bob": "read", "carol": "triage"}
        )
        yield double
    double.check()


class Stage:
    """Steps of one workflow on the double."""

    def __init__(self, github: GitHubDouble, tmp_path: Path, slug: str = "github-actions") -> None:
        self.github, self.place = github, tmp_path
        self.app = github.install_app(None, account=OWNER, slug=slug)
        self.printed = io.StringIO()
        self.engine = Ready(PATCHED)
        self.number = 0

    def labelled(self, actor: str = "alice") -> tuple[int, Mapping[str, Any]]:
        number = self.github.create_issue(REPOSITORY, *ISSUE, author="bob")
        self.github.set_label(REPOSITORY, number, LABEL, actor)
        return number, self.github.issues_payload(REPOSITORY, number, "labeled", actor, LABEL)

    def run(
        self,
        event: str = "workflow_dispatch",
        payload: Mapping[str, Any] | None = None,
        *,
        permissions: Mapping[str, str] = ALL,
        actors: tuple[str, ...] = ("alice",),
        own: bool = True,
        raw: bytes | None = None,
        **inputs: Any,
    ) -> Told:
        token = self.github.access_token(self.app.installation_id, permissions=permissions)
        runner = self.runner(event, payload, actors, raw)
        place = self.place / f"kept-{self.number}"
        settings = Settings(
            api_url=self.github.api_url, web_url=self.github.site, data_dir=self.place / "data"
        )
        with WorkflowLog(self.printed) as log:
            return act(
                Step(
                    inputs=Inputs(token=token, own_token=own, **inputs),
                    runner=runner,
                    settings=settings,
                    redact=Redactor([token]),
                    place=place,
                    log=log,
                    engine=lambda _step: (self.engine, Terms()),
                    habits=Habits(sleep=lambda _: None, pace=Pace(between=0)),
                )
            )

    def runner(
        self,
        event: str,
        payload: Mapping[str, Any] | None,
        actors: tuple[str, ...] = ("alice",),
        raw: bytes | None = None,
    ) -> Runner:
        self.number += 1
        event_path = self.place / f"event-{self.number}.json"
        body = {name: value for name, value in (payload or {}).items() if name != "installation"}
        event_path.write_bytes(json.dumps(body).encode() if raw is None else raw)
        return Runner(
            event=event,
            event_path=event_path,
            repository=REPOSITORY,
            repository_id=self.github.repository(REPOSITORY).id,
            actors=actors,
            run=str(self.number),
            attempt="1",
            server_url=self.github.site,
            api_url=self.github.api_url,
            temp=self.place,
        )

    def asked(self, event: str, payload: Mapping[str, Any]) -> tuple[Runner, TokenForges]:
        token = self.github.access_token(self.app.installation_id, permissions=ALL)
        link = Link(api_url=self.github.api_url, web_url=self.github.site)
        return self.runner(event, payload), TokenForges(token, link, own=True)

    @property
    def kept(self) -> Path:
        return self.place / f"kept-{self.number}"

    @property
    def writes(self) -> list[str]:
        reading = ("GET",)
        return [
            f"{each.method} {each.path}"
            for each in self.github.requests
            if each.method not in reading
            and "git-upload-pack" not in each.path
            and "graphql" not in each.path
        ]


@pytest.fixture
def stage(github: GitHubDouble, tmp_path: Path) -> Stage:
    return Stage(github, tmp_path)


def test_an_event_is_taken_as_a_delivery_is(stage: Stage, github: GitHubDouble) -> None:
    number, payload = stage.labelled()
    told = stage.run("issues", payload)
    (pull,) = github.pulls(REPOSITORY)
    assert told.status is Status.SOLVED, told
    assert told.pull_request.endswith(f"/pull/{pull.number}")
    assert pull.user.login == "github-actions[bot]"
    assert pull.user.login == github.comments(REPOSITORY, number)[0].user.login
    assert stage.engine.tasks[0].title == ISSUE[0]
    assert github.check_runs(REPOSITORY) == []
    assert (
        github.repository(REPOSITORY).git.text("show", f"{pull.pull.head}:src/pager/links.py")
        == FIXED.strip()
    )
    assert b"+++ b/src/pager/links.py" in (stage.kept / "fix.patch").read_bytes()
    assert {path.name for path in stage.kept.glob("*.jsonl")} == {"journal.jsonl", "steps.jsonl"}
    assert "no workflow has been started" in summary(told)
    assert not github.requests_to("DELETE", "installation/token"), "the token is not ours to revoke"


def test_once_more_is_the_same_pull_request(stage: Stage, github: GitHubDouble) -> None:
    number, payload = stage.labelled()
    stage.run("issues", payload)
    stage.run("issues", payload)
    assert len(github.pulls(REPOSITORY)) == len(github.comments(REPOSITORY, number)) == 1


@pytest.mark.parametrize(
    ("event", "change", "reason"),
    [
        ("issues", {"action": "opened"}, "opened"),
        ("issues", {"label": {"name": "bug"}}, "label"),
        ("push", {}, "not used"),
        ("issues", {"sender": {"login": "github-actions[bot]", "type": "Bot"}}, ""),
    ],
)
def test_an_event_that_asks_for_nothing(
    stage: Stage, event: str, change: dict[str, Any], reason: str
) -> None:
    _, payload = stage.labelled()
    told = stage.run(event, {**payload, **change})
    assert told.status is Status.NOTHING
    assert reason in told.reason
    assert stage.writes == []


def test_whoever_ran_it_again_must_be_allowed_too(stage: Stage) -> None:
    _, payload = stage.labelled()
    assert stage.run("issues", payload, actors=("alice", "bob")).status is Status.REFUSED
    assert stage.writes == []


@pytest.mark.parametrize("actor", ["bob", "carol", "stranger"])
def test_who_may_not_is_refused(stage: Stage, actor: str) -> None:
    number, payload = stage.labelled(actor)
    assert stage.run("issues", payload, actors=(actor,)).status is Status.REFUSED
    assert stage.run(issue=number, actors=(actor,)).status is Status.REFUSED
    assert stage.run(task="x", actors=(actor,)).status is Status.REFUSED
    assert stage.writes == []


def test_an_issue_by_its_number(stage: Stage, github: GitHubDouble) -> None:
    number = github.create_issue(REPOSITORY, *ISSUE, author="bob")
    assert stage.run(issue=number).status is Status.SOLVED
    assert stage.engine.tasks[0].text == ISSUE[1]
    github.set_role(REPOSITORY, "alice", "write")
    pull = github.pulls(REPOSITORY)[0]
    assert stage.run(issue=pull.number).status is Status.NOTHING


def test_a_task_without_an_issue(stage: Stage, github: GitHubDouble) -> None:
    told = stage.run(task="# Links break\n\nfirst([]) fails", base="", test_command=("pytest", "-q"))
    (pull,) = github.pulls(REPOSITORY)
    assert told.status is Status.SOLVED
    assert (pull.title, pull.pull.head[:15]) == ("Fix: Links break", "codeagent/task-")
    assert "label" not in (pull.body or "").lower()
    assert stage.engine.tasks[0].test_command == ("pytest", "-q")
    assert not github.requests_to("POST", "comments")
    stage.run(task="# Links break\n\nfirst([]) fails")
    assert len(github.pulls(REPOSITORY)) == 1
    stage.run(task="# Something else")
    assert len(github.pulls(REPOSITORY)) == 2


def test_a_patch_and_nothing_else(stage: Stage) -> None:
    """contents: read is enough for it."""
    _, payload = stage.labelled()
    least = {"contents": "read", "issues": "read", "pull_requests": "read"}
    told = stage.run("issues", payload, pull_request=False, permissions=least)
    assert (told.status, told.pull_request, told.patch) == (Status.SOLVED, "", True)
    assert "git apply" in summary(told)
    assert (stage.kept / "fix.patch").read_bytes().startswith(b"diff --git")
    assert stage.writes == []


def test_another_base_draft_and_configuration(stage: Stage, github: GitHubDouble) -> None:
    github.create_branch(REPOSITORY, "v1")
    tip = github.commit(REPOSITORY, "v1", {"VERSION": "1"})
    number, _ = stage.labelled()
    told = stage.run(issue=number, base="v1", draft=True, config="title: 'v1: {title}'\n")
    (pull,) = github.pulls(REPOSITORY)
    assert told.status is Status.SOLVED, told
    assert (pull.pull.base, pull.pull.draft) == ("v1", True)
    assert stage.engine.tasks[0].base == tip
    gone = stage.run(issue=number, base="v9")
    assert (gone.status, "v9" in gone.reason) == (Status.FAILED, True)
    bad = stage.run(issue=number, config="budget: {seconds: soon}\n", pull_request=False)
    assert bad.status is Status.UNRUNNABLE


@pytest.mark.parametrize(
    ("permissions", "lines", "patch"),
    [
        ({"contents": "write"}, "issues: write", False),
        ({"issues": "write"}, "contents: write", False),
        ({"issues": "write", "contents": "read", "pull_requests": "write"}, "contents: write", True),
        ({"issues": "write", "contents": "write", "pull_requests": "read"}, "pull-requests: write", True),
    ],
)
def test_a_missing_permission_is_named(
    stage: Stage, permissions: dict[str, str], lines: str, patch: bool
) -> None:
    number, _ = stage.labelled()
    told = stage.run(issue=number, permissions=permissions)
    assert told.status is Status.NO_PERMISSION, told
    assert lines in told.advice
    assert told.patch is patch
    assert "A permission is missing" in summary(told)


def test_pull_requests_that_are_switched_off(stage: Stage, github: GitHubDouble) -> None:
    message = "GitHub Actions is not permitted to create or approve pull requests."
    github.faults.add("POST", "/pulls$", Refusal(403, message), times=None)
    number, _ = stage.labelled()
    told = stage.run(issue=number)
    assert told.status is Status.NO_PERMISSION
    assert "Settings → Actions → General" in told.advice
    assert told.patch


def test_a_token_that_has_ended(stage: Stage, github: GitHubDouble) -> None:
    number, _ = stage.labelled()
    github.faults.add("*", ".", Refusal(401), times=None)
    told = stage.run(issue=number)
    assert told.status is Status.NO_PERMISSION
    assert "ends after an hour" in told.advice


def test_an_apps_token_says_who_it_is(github: GitHubDouble, tmp_path: Path) -> None:
    stage = Stage(github, tmp_path, slug="our-fixer")
    number, payload = stage.labelled()
    told = stage.run("issues", payload, own=False)
    assert told.status is Status.SOLVED
    assert github.pulls(REPOSITORY)[0].user.login == "our-fixer[bot]"
    assert github.comments(REPOSITORY, number)[0].user.login == "our-fixer[bot]"
    assert "GITHUB_TOKEN" not in summary(told)


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (UNSOLVED, Status.NO_PATCH),
        (ASKING, Status.ASKING),
        (UNRUNNABLE, Status.UNRUNNABLE),
    ],
)
def test_other_ends(stage: Stage, github: GitHubDouble, outcome: Outcome, status: Status) -> None:
    stage.engine = Ready(outcome)
    number, payload = stage.labelled()
    told = stage.run("issues", payload)
    assert told.status is status
    assert told.outcome is outcome
    assert len(github.comments(REPOSITORY, number)) == 1
    assert github.pulls(REPOSITORY) == []
    assert len(summary(told)) > 200


def test_a_run_that_is_cancelled_says_so(stage: Stage, github: GitHubDouble) -> None:
    class Cancelled(Ready):
        def __call__(self, task: Task, tree: Path, journal: Any, **how: Any) -> Outcome:
            super().__call__(task, tree, journal, **how)
            os.kill(os.getpid(), signal.SIGTERM)
            until(how["cancelled"], lambda: "the signal")
            return replace(UNSOLVED, stop=StopReason.CANCELLED)

    stage.engine = Cancelled(UNSOLVED)
    number, payload = stage.labelled()
    before = signal.getsignal(signal.SIGTERM)
    assert stage.run("issues", payload).status is Status.CANCELLED
    assert "Stopped" in github.comments(REPOSITORY, number)[0].body
    assert signal.getsignal(signal.SIGTERM) is before


def test_an_answer_begins_the_run_again_with_it(stage: Stage, github: GitHubDouble) -> None:
    _, payload = stage.labelled()
    comment = {"id": 77, "body": "`None`, please", "user": {"login": "alice", "type": "User"}}
    said = {**payload, "action": "created", "comment": comment}
    said.pop("label")
    nothing = stage.run("issue_comment", said)
    assert (nothing.status, "no question is open" in nothing.reason) == (Status.NOTHING, True)
    stage.engine = Ready(ASKING)
    assert stage.run("issues", payload).status is Status.ASKING
    stage.engine = Ready(PATCHED)
    assert stage.run("issue_comment", said).status is Status.SOLVED
    assert stage.engine.answers == ["`None`, please"]
    assert len(github.pulls(REPOSITORY)) == 1
    assert stage.run("issue_comment", said).status is Status.NOTHING


@pytest.mark.parametrize("command", ["fix", "retry"])
def test_a_command(stage: Stage, github: GitHubDouble, command: str) -> None:
    _, payload = stage.labelled()
    comment = {"id": 78, "body": f"/codeagent {command}", "user": {"login": "alice", "type": "User"}}
    said = {**payload, "action": "created", "comment": comment}
    assert stage.run("issue_comment", said).status is Status.SOLVED
    assert len(github.pulls(REPOSITORY)) == 1


def test_commands_for_the_app(stage: Stage) -> None:
    _, payload = stage.labelled()
    for command in ("help", "status", "stop"):
        comment = {"id": 78, "body": f"/codeagent {command}", "user": {"login": "alice", "type": "User"}}
        told = stage.run("issue_comment", {**payload, "action": "created", "comment": comment})
        assert told.status is Status.NOTHING
    assert stage.writes == []


def test_the_schedule_takes_the_oldest_that_is_left(stage: Stage, github: GitHubDouble) -> None:
    first, _ = stage.labelled("bob")  # bob may not ask: his label counts for nothing
    second, _ = stage.labelled()
    third, _ = stage.labelled()
    closed, _ = stage.labelled()
    github.create_issue(REPOSITORY, *ISSUE, author="bob")  # without the label
    github.world.repository(REPOSITORY).issues[closed].state = "closed"
    ends = [stage.run("schedule", {"schedule": "0 3 * * 1"}).status for _ in range(3)]
    assert ends == [Status.SOLVED, Status.SOLVED, Status.NOTHING]
    fixed = sorted((pull.body or "").partition("Fixes #")[2][:1] for pull in github.pulls(REPOSITORY))
    assert fixed == [str(second), str(third)]
    assert github.comments(REPOSITORY, first) == []


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b"[" * 200_000, b"{} {}"])
def test_an_event_file_that_cannot_be_used(content: bytes, stage: Stage) -> None:
    assert stage.run("issues", raw=content).status is Status.USAGE


def test_a_failed_workflow_is_a_failing_check(stage: Stage, github: GitHubDouble) -> None:
    """The workflow is what opts in: no configuration has to. Forks ask for nothing by themselves."""
    _, payload = stage.labelled()
    repository = payload["repository"]
    failed = {
        "id": 5,
        "name": "CI",
        "head_branch": "main",
        "head_sha": github.repository(REPOSITORY).git.tip("main"),
        "conclusion": "failure",
        "actor": {"login": "alice", "type": "User"},
        "triggering_actor": {"login": "alice", "type": "User"},
        "head_repository": {"id": repository["id"]},
    }
    event = {"action": "completed", "workflow_run": failed, **_frame(payload)}
    runner, forges = stage.asked("workflow_run", event)
    request = from_event(runner, LABEL, forges)
    assert isinstance(request, TaskRequest)
    assert (request.kind, request.label, request.actors) == (Kind.CHECK, LABEL, ("alice", "alice"))
    assert request.check is not None
    assert (request.check.workflow_run, request.check.branch) == (5, "main")
    fork = {**event, "workflow_run": {**failed, "head_repository": {"id": 99}}}
    runner, forges = stage.asked("workflow_run", fork)
    assert isinstance(from_event(runner, LABEL, forges), Nothing)


def _frame(payload: Mapping[str, Any]) -> dict[str, Any]:
    return {name: payload[name] for name in ("repository", "sender")}
