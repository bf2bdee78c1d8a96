"""What the bot needs of a forge, for one repository: the door that ``bot.github.client`` implements.

Everything that creates is an *upsert by marker*: it looks for what an earlier, killed attempt may have
created before it creates, so that repeating any call is harmless. All texts are redacted by the caller.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryRef:
    """A repository as one installation of the App sees it."""

    installation: int
    repository_id: int
    full_name: str  # "owner/name"


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    number: int
    title: str
    body: str
    author: str
    open: bool
    labels: tuple[str, ...] = ()
    is_pull_request: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    name: str
    sha: str


class Conclusion(StrEnum):
    SUCCESS = "success"
    FAILURE = "failure"
    NEUTRAL = "neutral"
    CANCELLED = "cancelled"
    ACTION_REQUIRED = "action_required"


class Level(StrEnum):
    NOTICE = "notice"
    WARNING = "warning"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """What is said about lines of a file, beside them. GitHub takes 50 at once; more are left out."""

    path: str
    start_line: int
    end_line: int
    message: str
    title: str = ""
    level: Level = Level.WARNING


@dataclass(frozen=True, slots=True, kw_only=True)
class Button:
    """A check run's custom button: at most three; label 20, description 40, identifier 20 characters."""

    label: str
    description: str
    identifier: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRun:
    """``conclusion`` None: in progress. ``external_id`` is the marker."""

    name: str
    head_sha: str
    external_id: str
    title: str
    summary: str  # at most 65,535 characters; the adapter cuts it with a note
    text: str = ""
    conclusion: Conclusion | None = None
    details_url: str | None = None
    annotations: tuple[Annotation, ...] = ()
    buttons: tuple[Button, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenCheck:
    """Somebody's check run, as GitHub has it. ``conclusion`` is its word, empty while it is under way."""

    id: int
    name: str
    head_sha: str
    conclusion: str = ""
    app: str = ""  # slug of the App that made it; "github-actions" for workflows
    url: str = ""
    external_id: str = ""
    summary: str = ""
    suite: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowJob:
    """One job of a workflow run of GitHub Actions."""

    id: int
    name: str
    conclusion: str
    url: str = ""
    steps: tuple[str, ...] = ()  # the names of those that failed


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequest:
    """``head_repository`` is "owner/name" of where the head lies; empty when that was deleted."""

    number: int
    url: str
    head: str
    base: str
    open: bool
    merged: bool = False
    body: str = ""
    head_sha: str = ""
    head_repository: str = ""
    author: str = ""
    title: str = ""
    draft: bool = False
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewComment:
    """One comment beside the lines of a pull request. ``reply_to`` is the thread's first one, 0 for that."""

    id: int
    author: str
    body: str
    path: str = ""
    line: int = 0
    hunk: str = ""
    reply_to: int = 0
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPullRequest:
    """``marker`` is a hidden HTML comment in the body."""

    head: str
    base: str
    title: str
    body: str
    marker: str
    labels: tuple[str, ...] = ()
    draft: bool = False
    reviewers: tuple[str, ...] = ()  # logins; "team:slug" for a team


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCommit:
    """A commit made by the App through the Git data API, which signs it ("Verified"). ``files``: whole new
    contents, None deletes; a file that is there keeps its mode. ``also`` are further parents, of whose files
    nothing is taken: so a branch of ours goes on from another base without being forced."""

    parent: str
    message: str
    files: Mapping[str, bytes | None]
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GitAccess:
    """How git reaches the repository. ``token`` travels in a header made for one git process, never in the
    URL."""

    url: str
    token: str = field(repr=False)


class Forge(Protocol):
    """One repository through one short-lived token. Raises the errors of ``bot.errors`` (ForgeError tree)."""

    def permission(self, login: str) -> str:
        """The user's role: "admin", "maintain", "write", "triage", "read" or "none" (also: no such user)."""
        ...

    def issue(self, number: int) -> Issue: ...

    def default_branch(self) -> Branch | None:
        """None for an empty repository or one whose default branch does not exist."""
        ...

    def read_file(self, path: str, ref: str) -> bytes | None: ...

    def upsert_comment(self, number: int, marker: str, body: str) -> str:
        """Create or edit the one comment of this App with the marker; answer its URL."""
        ...

    def upsert_check_run(self, check: CheckRun) -> str:
        """Create or update the one check run with this external id; answer its URL."""
        ...

    def find_pull_request(self, head: str, marker: str) -> PullRequest | None:
        """The newest pull request from this branch, or carrying the marker, open or closed."""
        ...

    def upsert_pull_request(self, new: NewPullRequest) -> PullRequest:
        """Open it, or update title and body of the one that is open for the same head or marker."""
        ...

    def pull_request(self, number: int) -> PullRequest | None:
        """None: there is none with this number."""
        ...

    # --- commits: objects first, which nobody sees, then the branch ---

    def create_commit(self, new: NewCommit) -> str:
        """The new commit's id; that of a parent which says the same already. It lies on no branch, so doing
        it twice harms nobody.

        Raises ForgeRefused for a change that this App may not make (a workflow file, say)."""
        ...

    def branch(self, name: str) -> Branch | None: ...

    def merge_base(self, base: str, head: str) -> str:
        """Where a branch (or commit) ``head`` began to differ from ``base``. Raises ForgeRefused when they
        have nothing in common."""
        ...

    def move_branch(self, name: str, sha: str, expected: str | None) -> bool:
        """Put a branch on a commit, only from where it is ``expected`` (None: it does not exist) and only
        forward. True also when it is there already; False when somebody else moved it."""
        ...

    # --- checks and reviews of others ---

    def failed_checks(self, sha: str) -> tuple[SeenCheck, ...]:
        """The newest check run of each name on a commit, those that failed; not this App's own."""
        ...

    def seen_check(self, check_run: int) -> SeenCheck | None: ...

    def failed_jobs(self, workflow_run: int) -> tuple[WorkflowJob, ...]:
        """The failed jobs of a workflow run's latest attempt."""
        ...

    def job_log(self, job: int, limit: int) -> bytes | None:
        """The last ``limit`` bytes of a workflow job's log; None when it is gone or not to be had."""
        ...

    def review_thread(self, pull: int, comment: int) -> tuple[ReviewComment, ...]:
        """The whole thread that a review comment lies in, oldest first."""
        ...

    def review_notes(self, pull: int, review: int) -> tuple[ReviewComment, ...]:
        """The comments of one review."""
        ...

    def answer_thread(self, pull: int, thread: int, marker: str, body: str) -> str:
        """Create or edit the one reply of this App with the marker in a thread; answer its URL."""
        ...

    def resolve_thread(self, pull: int, thread: int) -> bool:
        """Mark a thread as resolved; False when it cannot be (no right, gone)."""
        ...

    def git_access(self) -> GitAccess: ...


class Forges(Protocol):
    """Opens a Forge for a repository; closing it revokes the token."""

    def open(self, repository: RepositoryRef) -> Forge: ...

    def close(self, forge: Forge) -> None: ...
