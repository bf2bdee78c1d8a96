"""What the bot needs of a forge, for one repository: the door that ``bot.github`` implements.

Everything that creates is an *upsert by marker*: it looks for what an earlier, killed attempt may have
created before it creates, so that repeating any call is harmless. All texts are redacted by the caller.
"""

from __future__ import annotations

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


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequest:
    number: int
    url: str
    head: str
    base: str
    open: bool
    merged: bool = False
    body: str = ""
    head_sha: str = ""


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

    def git_access(self) -> GitAccess: ...


class Forges(Protocol):
    """Opens a Forge for a repository; closing it revokes the token."""

    def open(self, repository: RepositoryRef) -> Forge: ...

    def close(self, forge: Forge) -> None: ...
