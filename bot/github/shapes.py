"""What is read of GitHub's answers: only the fields that are used, all else ignored. And the sizes it takes.

GitHub's own examples do not fit GitHub's own schema (GET issue: 19 errors): no answer is judged by that.
"""

from __future__ import annotations

import re
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from bot.forge import Issue, PullRequest, ReviewComment, SeenCheck, WorkflowJob

LARGEST_BODY: Final = 65_536
LARGEST_OUTPUT: Final = 65_535  # of a check run: summary and text, each
LONGEST_TITLE: Final = 256
FAILED: Final = frozenset(("failure", "timed_out", "startup_failure"))
"""Conclusions of checks, jobs and steps that say that something is wrong, not cancelled or skipped."""
CUT_NOTE: Final = "\n\n*Cut here: the whole text is longer than GitHub takes.*"


class _Shape(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class AppShape(_Shape):
    id: int
    slug: str


class TokenShape(_Shape):
    token: str = Field(min_length=1, repr=False)


class UserShape(_Shape):
    login: str = ""


class CommentShape(_Shape):
    id: int
    body: str | None = None
    html_url: str = ""
    user: UserShape | None = None


class LabelShape(_Shape):
    name: str | None = None


class IssueShape(_Shape):
    number: int
    title: str = ""
    body: str | None = None
    state: str = "open"
    user: UserShape | None = None  # None: the account is gone
    labels: tuple[LabelShape | str, ...] = ()
    pull_request: dict[str, object] | None = None

    def issue(self) -> Issue:
        return Issue(
            number=self.number,
            title=self.title,
            body=self.body or "",
            author=login_of(self.user),
            open=self.state == "open",
            labels=label_names(self.labels),
            is_pull_request=self.pull_request is not None,
        )


class NamedShape(_Shape):
    full_name: str = ""


class TeamShape(_Shape):
    slug: str = ""


class EndShape(_Shape):
    """``repo`` None: the fork is gone."""

    ref: str = ""
    sha: str = ""
    repo: NamedShape | None = None


class PullShape(_Shape):
    number: int
    html_url: str = ""
    title: str = ""
    body: str | None = None
    state: str = "open"
    merged_at: str | None = None
    head: EndShape = EndShape()
    base: EndShape = EndShape()
    user: UserShape | None = None
    labels: tuple[LabelShape | str, ...] = ()
    draft: bool | None = None
    requested_reviewers: tuple[UserShape, ...] | None = None
    requested_teams: tuple[TeamShape, ...] | None = None

    def pull_request(self) -> PullRequest:
        return PullRequest(
            number=self.number,
            url=self.html_url,
            head=self.head.ref,
            base=self.base.ref,
            open=self.state == "open",
            merged=self.merged_at is not None,
            body=self.body or "",
            head_sha=self.head.sha,
            head_repository=self.head.repo.full_name if self.head.repo else "",
            author=login_of(self.user),
            title=self.title,
            draft=bool(self.draft),
            labels=label_names(self.labels),
        )

    def asked(self) -> frozenset[str]:
        """Of whom a review was requested, in lower case."""
        people = (user.login.lower() for user in self.requested_reviewers or ())
        return frozenset((*people, *(f"team:{team.slug.lower()}" for team in self.requested_teams or ())))


class ReviewShape(_Shape):
    user: UserShape | None = None


class ReviewCommentShape(_Shape):
    id: int
    body: str | None = None
    path: str = ""
    line: int | None = None
    original_line: int | None = None
    diff_hunk: str = ""
    in_reply_to_id: int | None = None
    html_url: str = ""
    user: UserShape | None = None

    @property
    def thread(self) -> int:
        return self.in_reply_to_id or self.id

    def comment(self) -> ReviewComment:
        return ReviewComment(
            id=self.id,
            author=login_of(self.user),
            body=self.body or "",
            path=self.path,
            line=self.line or self.original_line or 0,
            hunk=self.diff_hunk,
            reply_to=self.in_reply_to_id or 0,
            url=self.html_url,
        )


class OutputShape(_Shape):
    title: str | None = None
    summary: str | None = None
    text: str | None = None
    annotations_count: int = 0


class SlugShape(_Shape):
    id: int = 0
    slug: str | None = None


class CheckShape(_Shape):
    id: int
    name: str = ""
    head_sha: str = ""
    external_id: str | None = None
    html_url: str | None = None
    details_url: str | None = None
    status: str = ""
    conclusion: str | None = None
    output: OutputShape = OutputShape()
    app: SlugShape | None = None
    check_suite: SlugShape | None = None

    def seen(self) -> SeenCheck:
        return SeenCheck(
            id=self.id,
            name=self.name,
            head_sha=self.head_sha,
            conclusion=self.conclusion or "",
            app=(self.app.slug or "") if self.app else "",
            url=self.html_url or self.details_url or "",
            external_id=self.external_id or "",
            summary=self.output.summary or "",
            suite=self.check_suite.id if self.check_suite else 0,
        )


class ChecksShape(_Shape):
    check_runs: tuple[CheckShape, ...]


class StepShape(_Shape):
    name: str = ""
    conclusion: str | None = None


class JobShape(_Shape):
    id: int
    name: str = ""
    conclusion: str | None = None
    html_url: str | None = None
    steps: tuple[StepShape, ...] | None = None

    def job(self) -> WorkflowJob:
        failed = (step.name for step in self.steps or () if step.conclusion in FAILED)
        return WorkflowJob(
            id=self.id,
            name=self.name,
            conclusion=self.conclusion or "",
            url=self.html_url or "",
            steps=tuple(failed),
        )


class JobsShape(_Shape):
    jobs: tuple[JobShape, ...]


class ShaShape(_Shape):
    sha: str = Field(min_length=40)


class CommitShape(_Shape):
    tree: ShaShape
    parents: tuple[ShaShape, ...] = ()


class ComparisonShape(_Shape):
    merge_base_commit: ShaShape


class RowShape(_Shape):
    path: str
    mode: str
    sha: str = ""
    size: int = 0


class TreeShape(_Shape):
    tree: tuple[RowShape, ...]
    truncated: bool = False


class RepositoryShape(_Shape):
    default_branch: str


class RefShape(_Shape):
    object: EndShape


class ContentShape(_Shape):
    type: str
    encoding: str = ""
    content: str = ""
    size: int = 0


class PermissionShape(_Shape):
    permission: str = "none"
    role_name: str | None = None


class ErrorItem(_Shape):
    message: str | None = None
    code: str | None = None
    field: str | None = None


class ErrorShape(_Shape):
    message: str = ""
    errors: tuple[ErrorItem | str, ...] = ()

    def text(self) -> str:
        """Everything that was said, on one line."""
        details = (
            item if isinstance(item, str) else item.message or f"{item.field or ''} {item.code or ''}".strip()
            for item in self.errors
        )
        said = "; ".join(part for part in (self.message, *details) if part)
        return re.sub(r"\s+", " ", said)[:500]


def login_of(user: UserShape | None) -> str:
    return user.login if user is not None else ""


def label_names(labels: tuple[LabelShape | str, ...]) -> tuple[str, ...]:
    names = (label if isinstance(label, str) else label.name for label in labels)
    return tuple(name for name in names if name)


def fit(text: str, limit: int) -> str:
    """At most ``limit`` bytes, with a note where it was cut; what was open in the Markdown is closed.

    Bytes, because GitHub has counted characters in some places and bytes in others.
    """
    whole = text.encode("utf-8", "replace")
    if len(whole) <= limit:
        return whole.decode()
    closing = 200  # room for what has to be closed
    kept = whole[: limit - len(CUT_NOTE.encode()) - closing].decode("utf-8", "ignore")
    fences = re.findall(r"^ {0,3}(`{3,}|~{3,})", kept, re.M)
    fence = f"\n{fences[-1][:100]}" if len(fences) % 2 else ""
    open_details = min(max(kept.count("<details") - kept.count("</details>"), 0), 5)
    return kept + fence + "\n</details>" * open_details + CUT_NOTE


def marked(body: str, marker: str, limit: int) -> str:
    """The body with the marker in it, whatever has to be cut."""
    if marker in (fitting := fit(body, limit)):
        return fitting
    return f"{marker}\n" + fit(body.replace(marker, ""), limit - len(marker.encode()) - 1)


def one_line(text: str, limit: int = LONGEST_TITLE) -> str:
    line = re.sub(r"\s+", " ", text).strip()
    return line if len(line) <= limit else line[: limit - 1] + "…"


def same_text(one: str | None, other: str) -> bool:
    """GitHub may hand line ends back in its own way."""
    return (one or "").replace("\r\n", "\n").strip() == other.replace("\r\n", "\n").strip()
