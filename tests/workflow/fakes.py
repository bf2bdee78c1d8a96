# ruff: noqa: ARG002 (the fakes have the signatures of what they stand for)
"""A forge, a git and an engine in one file on disk, so that they outlive a worker that is killed.

What is on the forge is set up by writing the state (``World.change``), for the newer parts with the values of
``bot.forge`` as dictionaries: "seen_checks" (SeenCheck), "jobs" (WorkflowJob by run), "logs" (text by job),
"reviews" (ReviewComment by pull request, with "review" for its review), "pulls". What the bot did is in
"branches", "commits", "pulls", "comments", "checks", "answers" and "resolved".
"""

from __future__ import annotations

import fcntl
import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.protocols import Journal, Progress
from agent.types import (
    Asking,
    Attempt,
    Baseline,
    FileChange,
    GateResult,
    Outcome,
    Patch,
    Proof,
    Question,
    Solved,
    Spend,
    StopReason,
    Task,
    TestFile,
    Unrunnable,
    Unsolved,
)
from bot.forge import (
    Branch,
    CheckRun,
    Forge,
    GitAccess,
    Issue,
    NewCommit,
    NewPullRequest,
    PullRequest,
    RepositoryRef,
    ReviewComment,
    SeenCheck,
    WorkflowJob,
)
from bot.git.checkout import Checkout
from bot.git.tree_export import Export
from bot.ports import Ports
from bot.queue import TaskRequest
from bot.repo_config import RepoConfig
from sandbox.suites.types import CaseResult, SuiteReport, Verdict

BASE = "b" * 40

REQUEST = TaskRequest(
    delivery="00000000-aaaa-bbbb-cccc-000000000001",
    installation=1,
    repository_id=2,
    repository="owner/name",
    issue=3,
    title="mean([]) raises",
    body="It should return 0. cc @everyone, fixes #99",
    author="ann",
    sender="bob",
    label="codeagent",
    asked_at="2026-01-02T03:04:05Z",
)

EMPTY: dict[str, Any] = {
    "permission": "write",
    "roles": {},
    "head": BASE,
    "config": None,
    "comments": [],
    "checks": [],
    "pulls": [],
    "branches": {},
    "commits": {},
    "seen_checks": [],
    "jobs": {},
    "logs": {},
    "reviews": {},
    "answers": [],
    "resolved": [],
    "calls": [],
    "errors": {},
}


@dataclass(frozen=True)
class World:
    """What is on GitHub, as JSON in one file."""

    path: Path

    def read(self) -> dict[str, Any]:
        return json.loads(self.path.read_text()) if self.path.exists() else json.loads(json.dumps(EMPTY))

    @contextmanager
    def change(self) -> Iterator[dict[str, Any]]:
        with self.path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            state = self.read()
            yield state
            fresh = self.path.with_suffix(".new")
            fresh.write_text(json.dumps(state))
            fresh.replace(self.path)

    def calls(self, name: str) -> int:
        return sum(call == name for call in self.read()["calls"])


@dataclass
class FakeForge:
    world: World
    faults: dict[str, list[Exception]] = field(default_factory=dict)

    @contextmanager
    def _call(self, name: str) -> Iterator[dict[str, Any]]:
        if self.faults.get(name):
            raise self.faults[name].pop(0)
        with self.world.change() as state:
            state["calls"].append(name)
            yield state

    def permission(self, login: str) -> str:
        with self._call("permission") as state:
            return str(state["roles"].get(login, state["permission"]))

    def issue(self, number: int) -> Issue:
        raise AssertionError("the issue's text comes from the delivery")

    def default_branch(self) -> Branch | None:
        with self._call("default_branch") as state:
            return Branch(name="main", sha=state["head"]) if state["head"] else None

    def read_file(self, path: str, ref: str) -> bytes | None:
        with self._call("read_file") as state:
            assert (path, ref) == (".github/codeagent.yml", state["head"])
            return None if state["config"] is None else str(state["config"]).encode()

    def upsert_comment(self, number: int, marker: str, body: str) -> str:
        with self._call("comment") as state:
            mine = [comment for comment in state["comments"] if comment["marker"] == marker]
            if mine:
                mine[0]["body"] = body
            else:
                state["comments"].append({"issue": number, "marker": marker, "body": body})
        return "http://forge/comment/1"

    def upsert_check_run(self, check: CheckRun) -> str:
        with self._call("check") as state:
            new = {
                "external_id": check.external_id,
                "sha": check.head_sha,
                "title": check.title,
                "summary": check.summary,
                "conclusion": check.conclusion,
                "buttons": [button.identifier for button in check.buttons],
                "annotations": [f"{each.path}:{each.start_line}" for each in check.annotations],
            }
            mine = [run for run in state["checks"] if run["external_id"] == check.external_id]
            if mine:
                mine[0].update(new)
            else:
                state["checks"].append(new)
        return "http://forge/check/1"

    def find_pull_request(self, head: str, marker: str) -> PullRequest | None:
        with self._call("find_pull") as state:
            found = [pull for pull in state["pulls"] if pull["head"] == head or pull["marker"] == marker]
            return _pull(found[-1]) if found else None

    def upsert_pull_request(self, new: NewPullRequest) -> PullRequest:
        with self._call("pull") as state:
            found = [pull for pull in state["pulls"] if pull["head"] == new.head and pull["open"]]
            if found:
                found[-1].update(title=new.title, body=new.body)
                return _pull(found[-1])
            pull = {
                "number": 100 + len(state["pulls"]),
                "head": new.head,
                "base": new.base,
                "marker": new.marker,
                "title": new.title,
                "body": new.body,
                "open": True,
                "merged": False,
                "labels": new.labels,
                "draft": new.draft,
                "reviewers": new.reviewers,
            }
            state["pulls"].append(pull)
            return _pull(pull)

    def pull_request(self, number: int) -> PullRequest | None:
        with self._call("pull_request") as state:
            found = [pull for pull in state["pulls"] if pull["number"] == number]
            return _pull(found[0]) if found else None

    def create_commit(self, new: NewCommit) -> str:
        """Another id each time, as the forge dates them itself."""
        with self._call("commit") as state:
            parents = [new.parent, *new.also]
            files = {
                path: None if data is None else data.decode("latin-1") for path, data in new.files.items()
            }
            whole = json.dumps([parents, files, new.message, len(state["commits"])], sort_keys=True)
            sha = hashlib.sha1(whole.encode()).hexdigest()
            state["commits"][sha] = {"parents": parents, "files": files, "message": new.message}
            return sha

    def branch(self, name: str) -> Branch | None:
        with self._call("branch") as state:
            sha = state["branches"].get(name)
            return None if sha is None else Branch(name=name, sha=sha)

    def merge_base(self, base: str, head: str) -> str:
        with self._call("merge_base"):
            return BASE

    def move_branch(self, name: str, sha: str, expected: str | None) -> bool:
        with self._call("move") as state:
            now = state["branches"].get(name)
            if now not in (sha, expected):
                return False
            assert now in (None, sha, *state["commits"][sha]["parents"]), "not forward"
            state["branches"][name] = sha
            return True

    def failed_checks(self, sha: str) -> tuple[SeenCheck, ...]:
        with self._call("failed_checks") as state:
            seen = (SeenCheck(**each) for each in state["seen_checks"])
            return tuple(each for each in seen if each.head_sha == sha and each.conclusion == "failure")

    def seen_check(self, check_run: int) -> SeenCheck | None:
        with self._call("seen_check") as state:
            found = [SeenCheck(**each) for each in state["seen_checks"] if each["id"] == check_run]
            return found[0] if found else None

    def failed_jobs(self, workflow_run: int) -> tuple[WorkflowJob, ...]:
        with self._call("failed_jobs") as state:
            rows = state["jobs"].get(str(workflow_run), ())
            return tuple(WorkflowJob(**{**row, "steps": tuple(row.get("steps", ()))}) for row in rows)

    def job_log(self, job: int, limit: int) -> bytes | None:
        with self._call("job_log") as state:
            text = state["logs"].get(str(job))
            return None if text is None else str(text).encode()[-limit:]

    def review_thread(self, pull: int, comment: int) -> tuple[ReviewComment, ...]:
        with self._call("review_thread") as state:
            every = [_review_comment(row) for row in state["reviews"].get(str(pull), ())]
            first = next((each.reply_to or each.id for each in every if each.id == comment), 0)
            return tuple(each for each in every if first and (each.reply_to or each.id) == first)

    def review_notes(self, pull: int, review: int) -> tuple[ReviewComment, ...]:
        with self._call("review_notes") as state:
            rows = state["reviews"].get(str(pull), ())
            return tuple(_review_comment(row) for row in rows if row.get("review") == review)

    def answer_thread(self, pull: int, thread: int, marker: str, body: str) -> str:
        with self._call("answer") as state:
            key = {"pull": pull, "thread": thread, "marker": marker}
            mine = [each for each in state["answers"] if key.items() <= each.items()]
            if mine:
                mine[0]["body"] = body
            else:
                state["answers"].append({**key, "body": body})
        return f"http://forge/thread/{thread}"

    def resolve_thread(self, pull: int, thread: int) -> bool:
        with self._call("resolve") as state:
            if thread not in state["resolved"]:
                state["resolved"].append(thread)
            return True

    def git_access(self) -> GitAccess:
        return GitAccess(url="https://forge/owner/name.git", token="ghs_" + "c" * 40)


def _pull(pull: dict[str, Any]) -> PullRequest:
    return PullRequest(
        number=pull["number"],
        url=f"https://forge/owner/name/pull/{pull['number']}",
        head=pull["head"],
        base=pull["base"],
        open=pull["open"],
        merged=pull["merged"],
        body=pull["body"],
        head_sha=pull.get("head_sha", ""),
        head_repository=pull.get("head_repository", "owner/name"),
        author=pull.get("author", "codeagent[bot]"),
        title=pull.get("title", ""),
        draft=pull.get("draft", False),
        labels=tuple(pull.get("labels", ())),
    )


def _review_comment(row: dict[str, Any]) -> ReviewComment:
    return ReviewComment(**{name: value for name, value in row.items() if name != "review"})


@dataclass
class FakeForges:
    forge: FakeForge
    opened: int = 0
    closed: int = 0

    def open(self, repository: RepositoryRef) -> Forge:
        assert repository == RepositoryRef(installation=1, repository_id=2, full_name="owner/name")
        self.opened += 1
        return self.forge

    def close(self, forge: Forge) -> None:
        assert forge is self.forge
        self.closed += 1


@dataclass
class FakeGit:
    world: World
    error: Exception | None = None

    def clone(self, access: GitAccess, sha: str, directory: Path) -> Checkout:
        if self.error is not None:
            raise self.error
        directory.mkdir()
        return Checkout(git_dir=directory, commit=sha)

    def export(self, checkout: Checkout, directory: Path) -> Export:
        assert checkout.git_dir.is_dir()
        (directory / "code.py").write_text("x = 1\n")
        return Export(files=1, total_bytes=6)


def _report(verdict: Verdict, output: str) -> SuiteReport:
    message = "ZeroDivisionError: division by zero" if verdict is Verdict.FAILED else ""
    case = CaseResult(id="tests/test_issue_3.py::test_mean", verdict=verdict, message=message)
    return SuiteReport(cases=(case,), output=output)


BASELINE = Baseline(
    passing=frozenset({"tests/test_a.py::test_one"}),
    failing=frozenset({"tests/test_a.py::test_old"}),
    flaky=frozenset({"tests/test_a.py::test_flaky"}),
    skipped=frozenset(),
)
TEST = TestFile(
    path="tests/test_issue_3.py", content="def test_mean(): ...\n", verifies="mean of nothing is 0"
)
SPEND = Spend(iterations=2, sandbox_runs=7, sandbox_seconds=3.5, seconds=4.0)
SOLVED = Solved(
    patch=Patch.of([FileChange(path="code.py", content=b"x = 2\n")]),
    tests=(TEST,),
    proof=Proof(
        red=_report(Verdict.FAILED, "E ZeroDivisionError"),
        green=_report(Verdict.PASSED, "1 passed"),
        after=SuiteReport(
            cases=(
                CaseResult(id="tests/test_a.py::test_one", verdict=Verdict.PASSED),
                CaseResult(id="tests/test_a.py::test_old", verdict=Verdict.FAILED),
            )
        ),
        baseline=BASELINE,
        gates=(GateResult(name="reproduction red and green", passed=True, explanation="as it should be"),),
    ),
    rationale=("`mean` divides by the number of items, which is 0 for an empty list.",),
    spend=SPEND,
)
UNSOLVED = Unsolved(
    stop=StopReason.EXHAUSTED,
    summary="The problem is reproduced, but nothing repairs it.",
    reproduction=(TEST,),
    red=_report(Verdict.FAILED, "E ZeroDivisionError"),
    attempts=(Attempt(summary="guard against empty", outcome="another test failed"),),
    advice=("Name the function that is at fault.",),
    baseline=BASELINE,
    spend=SPEND,
)
ASKING = Asking(
    question=Question(text="What is the mean of nothing?", input="mean([])", outputs=("0", "None")),
    reproduction=(TEST,),
    red=_report(Verdict.FAILED, "E ZeroDivisionError"),
    baseline=BASELINE,
    spend=SPEND,
)
UNRUNNABLE = Unrunnable(reason="No test ran.", advice=("Add tests.",), output="nothing\n")


@dataclass
class FakeRepair:
    """An engine that makes a few effects and notes and comes to a given outcome."""

    world: World
    outcome: Outcome = SOLVED
    errors: list[Exception] = field(default_factory=list)
    before_end: Callable[[], None] = lambda: None
    tasks: list[Task] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)

    def __call__(
        self,
        task: Task,
        tree: Path,
        journal: Journal,
        *,
        config: RepoConfig,
        progress: Progress,
        cancelled: Callable[[], bool],
        answers: Callable[[Question], str | None],
    ) -> Outcome:
        self.tasks.append(task)
        assert (tree / "code.py").is_file()
        for number in range(3):
            progress("search", f"step {number}", done=number, total=3)
            journal.effect("run", {"n": number}, lambda: self._run(cancelled))
            journal.note("step", {"n": number})
        if self.errors:
            raise self.errors.pop(0)
        self.before_end()
        if cancelled():
            return Unsolved(
                stop=StopReason.CANCELLED,
                summary="",
                reproduction=(),
                red=None,
                attempts=(),
                advice=(),
                baseline=None,
                spend=SPEND,
            )
        if isinstance(self.outcome, Asking) and (said := answers(self.outcome.question)) is not None:
            journal.effect("answer", {"question": 1}, lambda: {"text": said})
            self.heard.append(said)
            return SOLVED
        return self.outcome

    def _run(self, cancelled: Callable[[], bool]) -> dict[str, Any]:
        with self.world.change() as state:
            state["calls"].append("run")
        return {"cancelled": cancelled()}


def redact(text: str) -> str:
    return text.replace("ghs_" + "c" * 40, "[redacted]")


def ports(data: Path, world: World, **changes: Any) -> Ports:
    parts: dict[str, Any] = {
        "forges": FakeForges(FakeForge(world)),
        "git": FakeGit(world),
        "repair": FakeRepair(world),
        "data": data,
        "clock": lambda: 1_760_000_000.0,
        "wait": lambda _seconds: None,
        "redact": redact,
        "run_url": lambda run: f"https://bot.example/runs/{run}",
        **changes,
    }
    return Ports(**parts)
