"""A pull request of the bot on the fakes of ``tests.workflow``, and reviewers who write on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from agent.journal import FileJournal
from agent.protocols import Journal, JsonObject
from agent.types import FileChange, Patch
from bot.forge import PullRequest
from bot.git.checkout import Checkout
from bot.git.tree_export import Export
from bot.ports import Ports
from bot.queue import JobResult, Kind, ReviewNote, TaskRequest
from bot.render.parts import RunFacts
from bot.render.pull_request import pull_request_body
from bot.workflow import run_job
from tests.workflow.fakes import REQUEST, SOLVED, FakeForge, FakeForges, FakeGit, FakeRepair, World, ports

HEAD = "c" * 40
PULL = 7
BRANCH = "codeagent/issue-3-0123abcd"
MARKER = "<!-- codeagent:pull-request 0123abcd -->"
OLD_RUN = "0" * 31 + "1"
JOB = "0" * 31 + "2"
CODE = "x = 2\ny = 3\n"
SUGGESTION = "```suggestion\ny = 4\n```"
SUGGESTED = replace(
    SOLVED, patch=Patch.of([FileChange(path="code.py", content=b"x = 2\ny = 4\n")]), rationale=()
)
FACTS = RunFacts(
    repository="owner/name",
    issue=3,
    title="mean([]) raises",
    label="codeagent",
    sender="bob",
    base_branch="main",
    base_sha="b" * 40,
    run_id=OLD_RUN,
    run_url=f"https://bot.example/runs/{OLD_RUN}",
)


def asks(body: str, *, comment: int = 50, sender: str = "bob", **changes: Any) -> TaskRequest:
    note = ReviewNote(
        pull=PULL,
        head_sha=HEAD,
        review=9,
        comment=comment,
        thread=comment,
        path="code.py",
        line=2,
        hunk="@@ -1 +1,2 @@\n-x = 1\n+x = 2\n+y = 3",
    )
    return replace(
        REQUEST,
        delivery=f"delivery-{comment}",
        kind=Kind.REVIEW,
        issue=PULL,
        body=body,
        sender=sender,
        author=sender,
        label="",
        note=replace(note, **changes),
    )


def world(place: Path, **changes: Any) -> World:
    made = World(place / "world.json")
    with made.change() as state:
        state["branches"][BRANCH] = HEAD
        state["pulls"].append(
            {
                "number": PULL,
                "head": BRANCH,
                "base": "main",
                "marker": MARKER,
                "title": "Fix issue 3",
                "body": f"{MARKER}\n{pull_request_body(FACTS, SOLVED)}",
                "open": True,
                "merged": False,
                "author": "codeagent[bot]",
            }
        )
        state.update(changes)
    return made


@dataclass
class ReviewForge(FakeForge):
    """``before_pull`` is called with how often the pull request was read before."""

    before_pull: Callable[[int], None] = lambda _times: None

    def pull_request(self, number: int) -> PullRequest | None:
        self.before_pull(self.world.calls("pull_request"))
        found = super().pull_request(number)
        return None if found is None else replace(found, head_sha=self.world.read()["branches"][found.head])


@dataclass
class ReviewGit(FakeGit):
    def export(self, checkout: Checkout, directory: Path) -> Export:
        if checkout.commit == "b" * 40:
            (directory / "code.py").write_text("x = 1\n")
        else:
            (directory / "code.py").write_text(CODE)
            (directory / "tests").mkdir()
            (directory / "tests" / "test_issue_3.py").write_text("def test_mean(): ...\n")
        return Export(files=1, total_bytes=6)


class Killed(BaseException):
    """As good as kill -9: nothing of the program runs after it."""


@dataclass
class Mortal:
    """A journal that dies around its n-th new effect, before or after it is written down."""

    journal: Journal
    deaths: list[int]
    before: bool

    def effect(self, kind: str, request: JsonObject, perform: Callable[[], JsonObject]) -> JsonObject:
        new = False

        def performed() -> JsonObject:
            nonlocal new
            new = True
            answer = perform()
            if self.before:
                self._die()
            return answer

        answer = self.journal.effect(kind, request, performed)
        if new and not self.before:
            self._die()
        return answer

    def note(self, kind: str, body: JsonObject) -> None:
        self.journal.note(kind, body)

    def _die(self) -> None:
        self.deaths[0] -= 1
        if self.deaths[0] == 0:
            raise Killed


@dataclass
class Review:
    """Everything that a review job works with."""

    place: Path
    world: World
    forge: ReviewForge = field(init=False)
    repair: FakeRepair = field(init=False)
    ports: Ports = field(init=False)

    def __post_init__(self) -> None:
        self.forge = ReviewForge(self.world)
        self.repair = FakeRepair(self.world, outcome=SUGGESTED)
        self.ports = ports(
            self.place / "data",
            self.world,
            forges=FakeForges(self.forge),
            git=ReviewGit(self.world),
            repair=self.repair,
        )

    def run(self, request: TaskRequest, job: str = JOB, **changes: Any) -> JobResult:
        return run_job(job, request, replace(self.ports, **changes), lambda: None)

    def killed_after(self, effects: int, request: TaskRequest, *, before: bool) -> JobResult | None:
        """None: it was killed."""
        deaths = [effects]

        @contextmanager
        def mortal(path: Path, *, run: str, task: JsonObject) -> Iterator[Journal]:
            with FileJournal(path, run=run, task=task) as journal:
                yield Mortal(journal, deaths, before)

        def opened(path: Path, *, run: str, task: JsonObject) -> AbstractContextManager[Journal]:
            return mortal(path, run=run, task=task)

        try:
            return self.run(request, open_journal=opened)
        except Killed:
            return None

    @property
    def state(self) -> dict[str, Any]:
        return self.world.read()

    @property
    def answer(self) -> str:
        (only,) = self.state["answers"]
        return str(only["body"])

    @property
    def body(self) -> str:
        return str(self.state["pulls"][0]["body"])
