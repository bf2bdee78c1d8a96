"""What the bot does on GitHub, made of single requests: "look, then create or edit" (threat 22).

A request that may have been carried out is never just sent again: :meth:`Line.settle` looks first.
All text that goes out is redacted here, as the last of several times (threat 11).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Final, Literal, Protocol, TypeVar

import structlog

from bot.errors import ForgeRefused, ForgeUnavailable
from bot.forge import (
    Annotation,
    Branch,
    CheckRun,
    GitAccess,
    Issue,
    NewCommit,
    NewPullRequest,
    PullRequest,
    ReviewComment,
    SeenCheck,
    WorkflowJob,
)
from bot.github.access import Access
from bot.github.checks import annotation_rows, button_rows, failed, failed_jobs
from bot.github.endpoints import Requests
from bot.github.git_data import Commits
from bot.github.line import Unclear
from bot.github.requests import PAGE
from bot.github.reviews import Thread
from bot.github.shapes import (
    LARGEST_BODY,
    LARGEST_OUTPUT,
    CheckShape,
    CommentShape,
    ContentShape,
    PullShape,
    ReviewCommentShape,
    fit,
    label_names,
    login_of,
    marked,
    one_line,
    same_text,
)

MOST_PAGES: Final = 100
MARKER_PAGES: Final = 5
ROLES: Final = frozenset(("admin", "maintain", "write", "triage", "read", "none"))
_LOGIN: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,99})(?:\[bot\])?", re.ASCII)

T = TypeVar("T")

log = structlog.get_logger("bot.github.client")


class Identity(Protocol):
    """Who the App is."""

    def app_id(self) -> int: ...

    def bot_login(self) -> str: ...


class GitHubForge:
    """``bot.forge.Forge`` for one repository. Made by ``bot.github.client.GitHubForges``."""

    def __init__(
        self, access: Access, requests: Requests, identity: Identity, redact: Callable[[str], str]
    ) -> None:
        self.access = access
        self._at = requests.at
        self._checks = requests.checks
        self._reviews = requests.reviews
        self._commits = Commits(requests.git, access.line)
        self._identity = identity
        self._redact = redact

    def git_access(self) -> GitAccess:
        return self.access.git()

    # --- reading --------------------------------------------------------------------------------------------

    def permission(self, login: str) -> str:
        if not _LOGIN.fullmatch(login):
            return "none"
        found = _or_none(lambda: self._at.permission(login))
        if found is None:
            return "none"
        # A role that the organisation made itself counts as the one that it is built on.
        role = found.role_name if found.role_name in ROLES else found.permission
        return role if role in ROLES else "none"

    def issue(self, number: int) -> Issue:
        return self._at.issue(number).issue()

    def default_branch(self) -> Branch | None:
        return self.branch(self._at.repository().default_branch)

    def branch(self, name: str) -> Branch | None:
        """None: there is no such branch."""
        tip = self._commits.tip(name)
        return None if tip is None else Branch(name=name, sha=tip)

    def read_file(self, path: str, ref: str) -> bytes | None:
        if any(part in ("", ".", "..") for part in path.split("/")):
            raise ForgeRefused(f"{path!r} is no path of a file in a repository.", status=404)
        found = _or_none(lambda: self._at.content(path, ref))
        if not isinstance(found, ContentShape) or found.type != "file":
            return None  # nothing there, or a directory, link or submodule
        if found.encoding != "base64":
            raise ForgeRefused(f"{path} at {ref} has {found.size:,} bytes: too large to read.")
        try:
            return base64.b64decode(found.content)
        except binascii.Error as error:
            raise ForgeUnavailable(f"GitHub sent {path} at {ref} damaged.") from error

    # --- comments -------------------------------------------------------------------------------------------

    def upsert_comment(self, number: int, marker: str, body: str) -> str:
        text = marked(self._clean(body), marker, LARGEST_BODY)
        return self.access.line.settle(lambda: self._comment(number, marker, text)).html_url

    def _comment(self, number: int, marker: str, text: str) -> CommentShape:
        mine = self._own_comment(number, marker)
        if mine is None:
            return self._at.create_comment(number, text)
        return mine if same_text(mine.body, text) else self._at.edit_comment(mine.id, text)

    def _own_comment(self, number: int, marker: str) -> CommentShape | None:
        """Anybody can write our marker: the author counts."""
        login = self._identity.bot_login()
        for comment in _pages(lambda page: self._at.comments(number, page), f"comments of issue {number}"):
            if login_of(comment.user) == login and marker in (comment.body or ""):
                return comment
        return None

    # --- check runs -----------------------------------------------------------------------------------------

    def upsert_check_run(self, check: CheckRun) -> str:
        text = fit(self._clean(check.text), LARGEST_OUTPUT)
        output = {
            "title": one_line(self._clean(check.title)) or check.name,
            "summary": fit(self._clean(check.summary), LARGEST_OUTPUT),
            **({"text": text} if text else {}),
        }
        done = {"conclusion": check.conclusion.value} if check.conclusion else {}
        link = {"details_url": check.details_url} if check.details_url else {}
        body = {
            "status": "completed" if done else "in_progress",
            "output": output,
            "actions": button_rows(check.buttons),
            **done,
            **link,
        }
        return self.access.line.settle(lambda: self._check_run(check, body)).html_url or ""

    def _check_run(self, check: CheckRun, body: dict[str, Any]) -> CheckShape:
        mine = self._own_check_run(check)
        # GitHub adds annotations to those that are there: said twice, they would stand there twice.
        said = mine is not None and mine.output.annotations_count > 0
        if rows := [] if said else annotation_rows(tuple(map(self._cleaned, check.annotations))):
            body = {**body, "output": {**body["output"], "annotations": rows}}
        if mine is None:
            key = {"name": check.name, "head_sha": check.head_sha, "external_id": check.external_id}
            return self._checks.create_check_run({**key, **body})
        return mine if not rows and _shows(mine, body) else self._checks.update_check_run(mine.id, body)

    def _cleaned(self, one: Annotation) -> Annotation:
        return replace(one, message=self._clean(one.message), title=self._clean(one.title))

    def _own_check_run(self, check: CheckRun) -> CheckShape | None:
        app, sha = self._identity.app_id(), check.head_sha
        for run in _pages(
            lambda page: self._checks.check_runs(sha, check.name, app, page), f"checks of {sha}"
        ):
            if run.external_id == check.external_id:
                return run
        return None

    def failed_checks(self, sha: str) -> tuple[SeenCheck, ...]:
        runs = _pages(lambda page: self._checks.all_check_runs(sha, page), f"checks of {sha}")
        return failed(list(runs), self._identity.app_id())

    def seen_check(self, check_run: int) -> SeenCheck | None:
        found = _or_none(lambda: self._checks.check_run(check_run))
        return None if found is None else found.seen()

    def failed_jobs(self, workflow_run: int) -> tuple[WorkflowJob, ...]:
        """Nothing for a run that is gone."""
        jobs = _pages(lambda page: self._checks.jobs(workflow_run, page), f"jobs of run {workflow_run}")
        return failed_jobs(_or_none(lambda: list(jobs)) or [])

    def job_log(self, job: int, limit: int) -> bytes | None:
        """403 and 410 too: GitHub keeps logs for some weeks, and the address that it names for a minute."""
        return _or_none(lambda: self._checks.job_log(job, limit), (403, 404, 410))

    # --- commits --------------------------------------------------------------------------------------------

    def create_commit(self, new: NewCommit) -> str:
        return self._commits.create(replace(new, message=self._clean(new.message)))

    def merge_base(self, base: str, head: str) -> str:
        return self._commits.merge_base(base, head)

    def move_branch(self, name: str, sha: str, expected: str | None) -> bool:
        return self._commits.move(name, sha, expected)

    # --- review threads -------------------------------------------------------------------------------------

    def review_thread(self, pull: int, comment: int) -> tuple[ReviewComment, ...]:
        every = self._review_comments(pull)
        thread = next((each.thread for each in every if each.id == comment), 0)
        return tuple(each.comment() for each in every if each.thread == thread)

    def review_notes(self, pull: int, review: int) -> tuple[ReviewComment, ...]:
        rows = _pages(lambda page: self._reviews.comments_of(pull, review, page), f"comments of {review}")
        return tuple(each.comment() for each in _or_none(lambda: list(rows)) or ())

    def answer_thread(self, pull: int, thread: int, marker: str, body: str) -> str:
        text = marked(self._clean(body), marker, LARGEST_BODY)
        return self.access.line.settle(lambda: self._answer(pull, thread, marker, text)).html_url

    def _answer(self, pull: int, thread: int, marker: str, text: str) -> ReviewCommentShape:
        login = self._identity.bot_login()
        for each in self._review_comments(pull):
            if each.thread == thread and login_of(each.user) == login and marker in (each.body or ""):
                return each if same_text(each.body, text) else self._reviews.edit(each.id, text)
        return self._reviews.reply(pull, thread, text)

    def _review_comments(self, pull: int) -> list[ReviewCommentShape]:
        """Oldest first."""
        rows = _pages(lambda page: self._reviews.comments(pull, page), f"review comments of {pull}")
        return sorted(_or_none(lambda: list(rows)) or (), key=lambda each: each.id)

    def resolve_thread(self, pull: int, thread: int) -> bool:
        try:
            return self.access.line.settle(lambda: self._resolve(pull, thread))
        except ForgeRefused as error:
            log.info("thread_not_resolved", pull=pull, thread=thread, reason=str(error))
            return False

    def _resolve(self, pull: int, thread: int) -> bool:
        found = next((each for each in self._threads(pull) if each.first == thread), None)
        if found is None:
            return False
        if not found.isResolved:
            self._reviews.resolve(found.id)
        return True

    def _threads(self, pull: int) -> Iterator[Thread]:
        after: str | None = None
        for _ in range(MOST_PAGES):
            page = self._reviews.threads(pull, after)
            yield from (each for each in page.nodes or () if each is not None)
            after = page.pageInfo.endCursor
            if not page.pageInfo.hasNextPage or after is None:
                return

    # --- pull requests --------------------------------------------------------------------------------------

    def find_pull_request(self, head: str, marker: str) -> PullRequest | None:
        found = next(iter(self._pulls_from(head)), None) or self._marked_pull(marker, "all")
        return None if found is None else found.pull_request()

    def upsert_pull_request(self, new: NewPullRequest) -> PullRequest:
        body = marked(self._clean(new.body), new.marker, LARGEST_BODY)
        title = one_line(self._clean(new.title))
        return self.access.line.settle(lambda: self._pull(new, title, body)).pull_request()

    def pull_request(self, number: int) -> PullRequest | None:
        found = _or_none(lambda: self._at.pull(number))
        return None if found is None else found.pull_request()

    def _pull(self, new: NewPullRequest, title: str, body: str) -> PullShape:
        pull = self._open_pull(new)
        if pull is None:
            pull = self._create_pull(new, title, body, new.draft)
        elif pull.title != title or not same_text(pull.body, body):
            pull = self._at.edit_pull(pull.number, title=title, body=body)
        there = {name.lower() for name in label_names(pull.labels)}
        if missing := [label for label in new.labels if label.lower() not in there]:
            self._at.add_labels(pull.number, missing)
            pull = pull.model_copy(update={"labels": (*pull.labels, *missing)})
        self._request_reviews(pull, new.reviewers)
        return pull

    def _request_reviews(self, pull: PullShape, wanted: tuple[str, ...]) -> None:
        """Of those who were not asked and have not answered yet. GitHub refuses all for one that it does not
        take, so each is asked for alone then; one that is refused is no reason to fail."""
        known = pull.asked() | {login_of(pull.user).lower()}
        missing = [name for name in dict.fromkeys(wanted) if name.lower() not in known]
        if not missing:
            return
        reviews = _pages(lambda page: self._reviews.reviews(pull.number, page), f"reviews of {pull.number}")
        answered = {login_of(each.user).lower() for each in reviews}
        missing = [name for name in missing if name.lower() not in answered]
        if missing and not self._asked_for(pull.number, missing) and len(missing) > 1:
            for name in missing:
                self._asked_for(pull.number, [name])

    def _asked_for(self, pull: int, names: list[str]) -> bool:
        people = [name for name in names if not name.startswith("team:")]
        teams = [name.removeprefix("team:") for name in names if name.startswith("team:")]
        try:
            self.access.line.settle(lambda: self._reviews.request_reviews(pull, people, teams))
        except ForgeRefused as error:
            log.warning("reviewer_refused", pull=pull, reviewers=names, reason=str(error))
            return False
        return True

    def _create_pull(self, new: NewPullRequest, title: str, body: str, draft: bool) -> PullShape:
        try:
            return self._at.create_pull(title=title, body=body, head=new.head, base=new.base, draft=draft)
        except ForgeRefused as error:
            if error.status == 422 and "already exists" in str(error):
                raise Unclear(str(error)) from error  # looking again will find it
            if error.status == 422 and draft and "draft" in str(error).lower():
                return self._create_pull(new, title, body, draft=False)  # some plans of GitHub have no drafts
            raise

    def _open_pull(self, new: NewPullRequest) -> PullShape | None:
        from_head = (pull for pull in self._pulls_from(new.head) if pull.state == "open")
        return next(from_head, None) or self._marked_pull(new.marker, "open")

    def _pulls_from(self, head: str) -> list[PullShape]:
        """Newest first."""
        return self._at.pulls(head=head, state="all", page=1)

    def _marked_pull(self, marker: str, state: Literal["open", "all"]) -> PullShape | None:
        """Among the newest few hundred: the branch is the first key, this is for renamed ones."""
        login = self._identity.bot_login()
        for page in range(1, MARKER_PAGES + 1):
            pulls = self._at.pulls(head=None, state=state, page=page)
            for pull in pulls:
                if login_of(pull.user) == login and marker in (pull.body or ""):
                    return pull
            if len(pulls) < PAGE:
                break
        return None

    def _clean(self, text: str) -> str:
        return self.access.clean(self._redact(text))


def _or_none(ask: Callable[[], T], absent: tuple[int, ...] = (404,)) -> T | None:
    try:
        return ask()
    except ForgeRefused as error:
        if error.status in absent:
            return None
        raise


def _pages(ask: Callable[[int], list[T]], what: str) -> Iterator[T]:
    """All of them: with one unseen, a second of ours could be made."""
    for number in range(1, MOST_PAGES + 1):
        rows = ask(number)
        yield from rows
        if len(rows) < PAGE:
            return
    raise ForgeRefused(f"There are over {MOST_PAGES * PAGE:,} {what}: too many to look through. Start anew.")


def _shows(check: CheckShape, body: dict[str, Any]) -> bool:
    """Whether an update would change nothing."""
    output = body["output"]
    return (
        check.status == body["status"]
        and check.conclusion == body.get("conclusion")
        and ("details_url" not in body or check.details_url == body["details_url"])
        and check.output.title == output["title"]
        and same_text(check.output.summary, output["summary"])
        and same_text(check.output.text, output.get("text", ""))
    )
