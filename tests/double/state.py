"""Everything the double remembers: plain mutable records behind one lock (``World.lock``).

Git objects are not here: each ``Repository`` has a real bare repository, and branch tips, trees and
mergeability are asked of it when they are needed, so a push changes the pull requests that it touches.
"""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.double.clock import Clock
from tests.double.git import BareRepository

Json = dict[str, Any]


@dataclass(slots=True, kw_only=True, eq=False)
class User:
    id: int
    login: str
    kind: str = "User"  # "User", "Bot", "Organization"
    email: str = ""


@dataclass(slots=True, kw_only=True, eq=False)
class App:
    id: int
    slug: str
    name: str
    client_id: str
    public_key: str  # PEM
    webhook_secret: str = field(repr=False)
    webhook_url: str | None
    permissions: dict[str, str]
    events: tuple[str, ...]
    owner: User
    bot: User
    created: datetime
    webhook_type: str = "json"


@dataclass(slots=True, kw_only=True, eq=False)
class Conversion:
    """What a code of the manifest flow stands for, until ``ends``."""

    app: App
    private_key: str = field(repr=False)
    ends: datetime


@dataclass(slots=True, kw_only=True, eq=False)
class Installation:
    """``repositories`` None: all of the account's."""

    id: int
    app: App
    account: User
    repositories: set[int] | None
    permissions: dict[str, str]
    created: datetime
    suspended: datetime | None = None


@dataclass(slots=True, kw_only=True, eq=False)
class Token:
    """``id`` stands for the value wherever something is logged."""

    id: str
    value: str = field(repr=False)
    installation: Installation
    repositories: frozenset[int] | None
    permissions: dict[str, str]
    expires: datetime
    revoked: bool = False

    def allows(self, permission: str, level: str) -> bool:
        return RANK[self.permissions.get(permission, "none")] >= RANK[level]


# githubkit keeps tokens per process under the ids of App and installation: no two worlds may share an id.
_WORLDS = itertools.count()
RANK = {"none": 0, "read": 1, "write": 2, "admin": 3}


@dataclass(slots=True, kw_only=True, eq=False)
class Label:
    id: int
    name: str
    color: str = "ededed"
    description: str | None = None
    default: bool = False


@dataclass(slots=True, kw_only=True, eq=False)
class Reaction:
    id: int
    user: User
    content: str
    created: datetime


@dataclass(slots=True, kw_only=True, eq=False)
class Comment:
    id: int
    user: User
    body: str
    created: datetime
    updated: datetime
    app: App | None = None
    reactions: list[Reaction] = field(default_factory=list)


@dataclass(slots=True, kw_only=True, eq=False)
class Review:
    id: int
    user: User
    body: str
    state: str  # APPROVED, CHANGES_REQUESTED, COMMENTED
    commit: str
    submitted: datetime


@dataclass(slots=True, kw_only=True, eq=False)
class ReviewComment:
    id: int
    review: int | None
    user: User
    body: str
    path: str
    line: int | None
    side: str
    commit: str
    diff_hunk: str
    created: datetime
    updated: datetime
    in_reply_to: int | None = None
    start_line: int | None = None
    reactions: list[Reaction] = field(default_factory=list)


@dataclass(slots=True, kw_only=True, eq=False)
class Pull:
    """The half of a pull request that an issue does not have. Shas are frozen when it is closed."""

    id: int
    head: str  # branch
    base: str  # branch
    head_sha: str
    base_sha: str
    draft: bool = False
    merged: datetime | None = None
    merged_by: User | None = None
    merge_sha: str | None = None
    maintainer_can_modify: bool = False
    reviews: list[Review] = field(default_factory=list)
    review_comments: list[ReviewComment] = field(default_factory=list)
    reviewers: list[User] = field(default_factory=list)  # of whom a review is requested
    teams: list[str] = field(default_factory=list)  # slugs
    resolved: set[int] = field(default_factory=set)  # threads, by the id of their first comment
    fork: Repository | None = None  # where the head lies, when it is another repository


@dataclass(slots=True, kw_only=True, eq=False)
class Issue:
    """An issue, or with ``pull`` a pull request: one numbering for both, as on GitHub."""

    id: int
    number: int
    title: str
    body: str | None
    user: User
    created: datetime
    updated: datetime
    app: App | None = None
    state: str = "open"
    state_reason: str | None = None
    closed: datetime | None = None
    closed_by: User | None = None
    locked: bool = False
    labels: list[Label] = field(default_factory=list)
    labelled: list[tuple[Label, User, datetime]] = field(default_factory=list)  # who set which, and when
    assignees: list[User] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    reactions: list[Reaction] = field(default_factory=list)
    pull: Pull | None = None

    @property
    def label_names(self) -> tuple[str, ...]:
        return tuple(label.name for label in self.labels)


@dataclass(slots=True, kw_only=True, eq=False)
class CheckRun:
    id: int
    suite: int
    app: App
    name: str
    head_sha: str
    external_id: str
    details_url: str | None
    status: str
    conclusion: str | None
    started: str | None
    completed: str | None
    title: str | None = None
    summary: str | None = None
    text: str | None = None
    annotations: list[Json] = field(default_factory=list)
    actions: list[Json] = field(default_factory=list)


@dataclass(slots=True, kw_only=True, eq=False)
class Job:
    """Of a workflow run. Its id is that of its check run, as on GitHub; ``log`` None: gone."""

    id: int
    name: str
    conclusion: str
    steps: tuple[tuple[str, str], ...]  # (name, conclusion)
    log: bytes | None


@dataclass(slots=True, kw_only=True, eq=False)
class WorkflowRun:
    id: int
    suite: int
    name: str
    branch: str
    head_sha: str
    event: str
    conclusion: str
    actor: User
    created: datetime
    jobs: list[Job] = field(default_factory=list)


@dataclass(slots=True, kw_only=True, eq=False)
class Repository:
    id: int
    owner: User
    name: str
    git: BareRepository = field(repr=False)
    default_branch: str
    private: bool
    created: datetime
    roles: dict[str, str] = field(
        default_factory=dict
    )  # login in lower case -> admin, maintain, write, triage, read
    protected: set[str] = field(default_factory=set)  # branches that nobody may push to
    labels: dict[str, Label] = field(default_factory=dict)  # name in lower case
    issues: dict[int, Issue] = field(default_factory=dict)
    check_runs: list[CheckRun] = field(default_factory=list)
    workflow_runs: list[WorkflowRun] = field(default_factory=list)
    teams: set[str] = field(default_factory=set)  # slugs of those with access
    parent: Repository | None = None  # of a fork
    suites: dict[tuple[int, str], int] = field(default_factory=dict)  # (App, sha) -> check suite

    @property
    def full_name(self) -> str:
        return f"{self.owner.login}/{self.name}"

    def head_of(self, pull: Pull, *, is_open: bool) -> str:
        """The branch's tip while the pull request is open (a push moves it), else what it was when it
        closed."""
        if is_open:
            pull.head_sha = (pull.fork or self).git.tip(pull.head) or pull.head_sha
        if pull.fork is not None:
            self.git.import_commit(pull.fork.git.path, pull.head_sha)
        return pull.head_sha


@dataclass(slots=True, kw_only=True, eq=False)
class Delivery:
    """One attempt to deliver a webhook. A redelivery is a new record with the same GUID, as on GitHub."""

    id: int
    guid: str
    app: App
    event: str
    payload: Json = field(repr=False)
    url: str
    delivered: datetime
    redelivery: bool
    duration: float = 0.0
    status_code: int = 0
    status: str = "pending"
    request_headers: dict[str, str] = field(default_factory=dict)
    response_headers: dict[str, str] = field(default_factory=dict)
    response_body: str = ""

    @property
    def ok(self) -> bool:
        return 200 <= self.status_code < 300


@dataclass(slots=True, kw_only=True, eq=False)
class World:
    lock: threading.RLock = field(default_factory=threading.RLock)
    clock: Clock = field(default_factory=Clock)
    users: dict[str, User] = field(default_factory=dict)  # login in lower case
    apps: dict[int, App] = field(default_factory=dict)
    others: dict[str, App] = field(default_factory=dict)  # slug -> an App that only makes checks
    conversions: dict[str, Conversion] = field(default_factory=dict)  # code
    installations: dict[int, Installation] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)  # value
    repositories: dict[str, Repository] = field(default_factory=dict)  # full name in lower case
    deliveries: list[Delivery] = field(default_factory=list)
    creates: Counter[str] = field(default_factory=Counter)
    ids: Iterator[int] = field(default_factory=lambda: itertools.count(1_000_001 + 100_000 * next(_WORLDS)))

    def id(self) -> int:
        return next(self.ids)

    def user(self, login: str, *, kind: str = "User") -> User:
        """The user with this login, made when it is new."""
        key = login.lower()
        if key not in self.users:
            number = self.id()
            # People's addresses have no number in them: seeded commits must have the same sha in every world.
            name = f"{number}+{login}" if kind == "Bot" else login
            email = f"{name}@users.noreply.github.com"
            self.users[key] = User(id=number, login=login, kind=kind, email=email)
        return self.users[key]

    def repository(self, full_name: str) -> Repository:
        return self.repositories[full_name.lower()]

    def by_id(self, repository_id: int) -> Repository | None:
        return next((each for each in self.repositories.values() if each.id == repository_id), None)

    def reachable(self, installation: Installation) -> list[Repository]:
        """What an installation covers, in a fixed order."""
        return [
            each
            for each in sorted(self.repositories.values(), key=lambda one: one.id)
            if each.owner is installation.account
            and (installation.repositories is None or each.id in installation.repositories)
        ]
