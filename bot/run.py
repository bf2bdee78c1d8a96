"""One run and its effects on GitHub: each is performed once, after a look for what a killed one made."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Callable, Container
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from agent.llm.record import ASK
from agent.protocols import Journal, JsonObject
from bot.forge import CheckRun, Forge, NewPullRequest
from bot.names import Names
from bot.ports import Ports
from bot.progress import LiveProgress
from bot.queue import Ending, Halt, Halted, Interrupted, JobResult, Kind, TaskRequest
from bot.render import answers
from bot.render.check import check_run
from bot.render.parts import RunFacts
from bot.repo_config import PATH as CONFIG_PATH

CLOSED: Final = (
    "Somebody closed the pull request that I opened for this issue, which I take for a no. Comment "
    "`/codeagent retry` here for a new one, or reopen it and ask again if I shall go on with it."
)

_HEAD: Final = re.compile(r"<!-- codeagent:head ([0-9a-f]{40,64}) -->")


def head_marker(sha: str) -> str:
    """Says in a pull request what was pushed last: anything else on its branch is somebody else's work."""
    return f"<!-- codeagent:head {sha} -->\n"


class EngineJournal:
    """A journal for the engine, which records a wish to stop as it records everything else. A worker that
    goes away is no such wish: what it cut short is not recorded, and another start performs it anew; but a
    model's answer that has come is kept, since it is paid for.

    ``live`` says whether the engine does something new, rather than come through what is recorded.
    """

    def __init__(self, journal: Journal, halted: Halted, *, live: bool) -> None:
        self._journal = journal
        self._halted = halted
        self.live = live

    def effect(self, kind: str, request: JsonObject, perform: Callable[[], JsonObject]) -> JsonObject:
        def performed() -> JsonObject:
            self.live = True
            answer = perform()
            if kind != ASK or answer.get("cancelled"):
                self._check()
            return answer

        return self._journal.effect(kind, request, performed)

    def note(self, kind: str, body: JsonObject) -> None:
        self._check()
        self._journal.note(kind, body)

    def _check(self) -> None:
        if self._halted() is Halt.INTERRUPTED:
            raise Interrupted


class Stopped(Exception):
    """Somebody asked for the end of the job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What is known of the run, and its effects. Each effect is performed once and answered from the journal
    afterwards; what is in the journal holds no token.

    ``job_id`` is that of the run's first job, whose directory and journals it has; ``facts`` name the job
    that goes on with it.
    """

    job_id: str
    request: TaskRequest
    facts: RunFacts
    names: Names
    ports: Ports
    forge: Forge
    journal: Journal
    halted: Halted = field(repr=False)

    @property
    def home(self) -> Path:
        return self.ports.run_directory(self.job_id)

    # --- the journal ---

    def effect(self, kind: str, request: JsonObject, perform: Callable[[], JsonObject]) -> JsonObject:
        return self.journal.effect(kind, request, perform)

    def ask(self, kind: str, request: JsonObject, perform: Callable[[], str]) -> str:
        """An effect whose answer is one text."""
        return str(self.effect(kind, request, lambda: {"text": perform()})["text"])

    # --- the halt ---

    def obey(self, *, interruption_only: bool = False) -> None:
        match self.halted():
            case Halt.INTERRUPTED:
                raise Interrupted
            case Halt.CANCELLED if not interruption_only:
                raise Stopped
            case _:
                return

    # --- what is learned on the way ---

    def based_on(self, branch: str, sha: str) -> Run:
        return replace(self, facts=replace(self.facts, base_branch=branch, base_sha=sha))

    def named(self, names: Names) -> Run:
        return replace(self, names=names)

    def ended(self, ending: Ending, summary: str, pull_request: str = "") -> JobResult:
        return JobResult(ending=ending, summary=self.text(summary), pull_request=pull_request)

    def text(self, text: str) -> str:
        return self.ports.redact(text)

    # --- GitHub: asking ---

    def permission(self, login: str) -> str:
        return self.ask("github.permission", {"login": login}, lambda: self.forge.permission(login))

    def may_answer(self, roles: Container[str]) -> bool:
        """Whether who replied may; looked up for each comment, since roles change."""
        reply = self.request.reply
        if reply is None:
            return True
        asked: JsonObject = {"login": reply.author, "comment": reply.comment}
        return self.ask("github.permission", asked, lambda: self.forge.permission(reply.author)) in roles

    def default_branch(self) -> JsonObject:
        branch = self.forge.default_branch()
        return {} if branch is None else {"name": branch.name, "sha": branch.sha}

    def repo_config(self) -> bytes | None:
        """From the default branch only (threat 24)."""

        def read() -> JsonObject:
            content = self.forge.read_file(CONFIG_PATH, self.facts.base_sha)
            return {"content": None if content is None else base64.b64encode(content).decode()}

        answer = self.effect("github.read_file", {"path": CONFIG_PATH, "ref": self.facts.base_sha}, read)
        content = answer["content"]
        return None if content is None else base64.b64decode(str(content))

    def closed_earlier(self) -> str:
        """Why nothing is to be done, when somebody has turned the pull request for this issue down."""
        found = self.forge.find_pull_request(self.names.branch, self.names.pull_request)
        return CLOSED if found is not None and not found.open and not found.merged else ""

    # --- GitHub: telling ---

    def comment(self, body: str) -> str:
        """Nothing for a branch whose check failed: there, only the check run says something."""
        body = self.text(body)
        number, marker = self.request.issue, self.names.comment
        if not number and self.request.kind is Kind.CHECK:
            return ""
        return self.ask(
            "github.comment",
            {"issue": number, "body": body},
            lambda: self.forge.upsert_comment(number, marker, body),
        )

    def check(self, check: CheckRun) -> str:
        check = self.redacted(check)
        body: JsonObject = {
            "external_id": check.external_id,
            "head_sha": check.head_sha,
            "title": check.title,
            "summary": check.summary,
            "conclusion": None if check.conclusion is None else check.conclusion.value,
        }
        return self.ask("github.check_run", body, lambda: self.forge.upsert_check_run(check))

    def redacted(self, check: CheckRun) -> CheckRun:
        beside = (
            replace(each, title=self.text(each.title), message=self.text(each.message))
            for each in check.annotations
        )
        return replace(
            check,
            title=self.text(check.title),
            summary=self.text(check.summary),
            text=self.text(check.text),
            annotations=tuple(beside),
        )

    def live_progress(self, live: Callable[[], bool]) -> LiveProgress:
        """Edits the same comment and check run; not an effect that is remembered. Only while something new is
        done: a run that is over may be resumed to its last effect, and must not say "working" again."""

        def comment(phase: str, detail: str) -> None:
            body = self.text(answers.progress(self.facts, phase, detail))
            self.forge.upsert_comment(self.request.issue, self.names.comment, body)

        def check(phase: str, detail: str) -> None:
            body = self.text(answers.progress(self.facts, phase, detail))
            self.forge.upsert_check_run(self.redacted(check_run(self.facts, self.names, phase, body)))

        return LiveProgress((comment, check), self.ports.clock, live=live)

    # --- GitHub: publishing ---

    def remember(self, branch: str, sha: str) -> None:
        """On disk before it is published, so that no commit of ours is ever taken for somebody else's."""
        path = self._published(branch)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as file:
            file.write(sha + "\n")
            file.flush()
            os.fsync(file.fileno())

    def ours(self, branch: str) -> frozenset[str]:
        """Every commit that this program has put on a branch: what is remembered here, and what the branch's
        pull request says (``head_marker``)."""
        found = self.forge.find_pull_request(branch, self.names.pull_request)
        said = _HEAD.findall(found.body) if found is not None else []
        path = self._published(branch)
        remembered = path.read_text().split() if path.exists() else []
        return frozenset((*said, *remembered))

    def _published(self, branch: str) -> Path:
        return self.ports.data / "pushed" / f"{self.request.repository_id}-{branch.replace('/', '-')}"

    def open(self, new: NewPullRequest) -> str:
        """The pull request's URL; nothing when somebody closed it in this very moment."""
        if self.closed_earlier():
            return ""
        return self.forge.upsert_pull_request(new).url
