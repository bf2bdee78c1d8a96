"""A stateful double of the part of GitHub that an App fixing issues uses, with real git behind it.

    with GitHubDouble(tmp_path) as gh:
        repo = gh.create_repository("octo/demo", files={"a.py": "x = 1\\n"}, roles={"alice": "write"})
        app = gh.install_app(["octo/demo"], webhook_url="http://127.0.0.1:8000/webhook")
        number = gh.create_issue("octo/demo", "It breaks", "…", author="bob")
        delivery = gh.label_issue("octo/demo", number, "codeagent", actor="alice")   # state, payload, signed delivery
        ...
        assert gh.pulls("octo/demo")[0].title == "…"
        gh.check()   # fails when the bot sent anything that GitHub does not have

Addresses: ``gh.api_url`` (http://127.0.0.1:PORT/api/v3), ``gh.site`` (http://127.0.0.1:PORT), git at
``gh.git_url("octo/demo")``. Everything stays on the loopback interface.

What a test may set up
    create_repository(full_name, files=…|directory=…|source=…, default_branch, private, roles, organization) -> Repository
        files: {path: text or bytes}; directory: its files as one commit; source: an existing git repository with its
        history; none of them: an empty repository. Seeded commits have fixed dates, hence the same shas every time.
    install_app(repositories | None, slug, permissions, events, webhook_url, webhook_secret) -> Credentials
        a new App and its first installation; None: all repositories of ``account``
    install(app_id, account, repositories) -> installation id; suspend(installation_id)
    set_role(repo, login, role)   role: admin, maintain, write, triage, read, none
    create_issue(repo, title, body, author, labels) -> number
    commit(repo, branch, files, message) -> sha; create_branch(repo, name, at); protect(repo, branch)
    open_pull(repo, head, base, title, author) / close_pull / merge_pull / review(repo, n, body, state, author)
    access_token(installation_id, permissions=…, repositories=…) -> a token's value without going through HTTP
    clock.advance(seconds)        tokens end, rate limits pass

What happens by hand (state changes, then a signed delivery to the App's webhook_url or to ``to``)
    label_issue(repo, n, label, actor), unlabel_issue, comment_issue(repo, n, body, actor), edit_issue(…),
    close_issue(…), deliver(event, payload, to=url, guid=None) -> Delivery, redeliver(guid) -> Delivery (same GUID),
    signed(event, payload, guid) -> (headers, body) to post with a client of one's own

What the bot did
    requests: list[Recorded] (method, path, query, status, token id, at, body, fault); requests_to(method, regex)
    creates: Counter of what came to be through the API: "pull", "comment", "check_run", "issue", "label", "reaction",
        "ref", "token", "blob", "tree", "commit", "review", "review_comment"
    issue(repo, n) -> Issue, comments(repo, n), pulls(repo, state="all"), check_runs(repo), repository(repo).git
    deliveries; violations: requests that GitHub does not have; bugs: the double's own failures

Faults (``tests.double.faults``)
    gh.faults.add(method, path_regex, Status(502) | PrimaryRateLimit() | SecondaryRateLimit() | Slow(2) |
                  ResetBefore() | ResetAfter() | StatusAfter(502) | Garbage(), times=1, skip=0); they hit git paths too
    (``r"/octo/demo\\.git/git-receive-pack"``).

Requests are judged by GitHub's OpenAPI description when the npm test tools are installed (tests/npm); without them
(``make demo`` on a fresh machine) only paths that the double itself does not know are violations.

In tests take the fixture: ``from tests.double.fixtures import github`` (a module-level import) gives ``github``, a
running double that fails the test at its end when ``violations`` or ``bugs`` is not empty.
"""

from __future__ import annotations

import json
import re
import threading
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from tests.double import webhooks
from tests.double.auth import issue_token, key_pair
from tests.double.clock import Clock
from tests.double.endpoints.issues import new_comment, new_issue, repository_label, set_state
from tests.double.endpoints.pulls import new_review, open_pull, set_pull_state
from tests.double.faults import Faults
from tests.double.git import Author, BareRepository
from tests.double.githttp import install_hooks
from tests.double.http import API, Recorded, Server
from tests.double.openapi import OpenApi, installed
from tests.double.rest import Rest
from tests.double.shapes import Shapes
from tests.double.state import (
    App,
    CheckRun,
    Comment,
    Delivery,
    Installation,
    Issue,
    Json,
    Repository,
    Review,
    User,
    World,
)

# What the bot asks for in its manifest; tests may ask for less.
PERMISSIONS: Mapping[str, str] = {
    "checks": "write",
    "contents": "write",
    "issues": "write",
    "metadata": "read",
    "pull_requests": "write",
}
EVENTS = (
    "issues",
    "issue_comment",
    "pull_request",
    "pull_request_review",
    "pull_request_review_comment",
    "check_run",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What GitHub gives to who registers and installs an App."""

    app_id: int
    client_id: str
    slug: str
    private_key: str = field(repr=False)
    webhook_secret: str = field(repr=False)
    installation_id: int


class DoubleError(AssertionError):
    """The bot did what GitHub does not have, or the double failed."""


class GitHubDouble:
    def __init__(self, directory: Path, *, port: int = 0, description: OpenApi | None = None) -> None:
        """``description``: by default the installed one, or none."""
        self.directory = directory
        self.world = World()
        self._server = Server(port)
        self.site = f"http://127.0.0.1:{self._server.server_port}"
        self.api_url = f"{self.site}{API}"
        self.shapes = Shapes(self.site, self.world)
        self.hooks = webhooks.Hooks(self.world)
        self._server.rest = self.rest = Rest(
            world=self.world,
            shapes=self.shapes,
            description=description or installed(),
            redeliver=self.hooks.redeliver_later,
        )
        self._git_hooks = install_hooks(directory / "hooks")
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), name="github-double")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()
        self._thread.join()
        self.hooks.join()

    # -- what happened ------------------------------------------------------------------------------------

    @property
    def requests(self) -> list[Recorded]:
        return self._server.log

    @property
    def faults(self) -> Faults:
        return self._server.faults

    @property
    def violations(self) -> list[str]:
        return self.rest.violations

    @property
    def bugs(self) -> list[str]:
        return self._server.bugs

    @property
    def creates(self) -> Mapping[str, int]:
        return self.world.creates

    @property
    def deliveries(self) -> list[Delivery]:
        return self.world.deliveries

    @property
    def clock(self) -> Clock:
        return self.world.clock

    def requests_to(self, method: str, path_regex: str) -> list[Recorded]:
        return [each for each in self.requests if each.method == method and re.search(path_regex, each.path)]

    def check(self) -> None:
        """Raises DoubleError when the bot sent what GitHub does not have, or when the double itself failed."""
        if self.violations or self.bugs:
            raise DoubleError("\n".join(["GitHub would not take this:", *self.violations, *self.bugs]))

    # -- accounts and Apps --------------------------------------------------------------------------------

    def user(self, login: str, kind: str = "User") -> User:
        with self.world.lock:
            return self.world.user(login, kind=kind)

    def install_app(
        self,
        repositories: Sequence[str] | None = None,
        *,
        account: str = "octo",
        slug: str = "codeagent",
        permissions: Mapping[str, str] = PERMISSIONS,
        events: Sequence[str] = EVENTS,
        webhook_url: str | None = None,
        webhook_secret: str = "It's a Secret to Everybody",
    ) -> Credentials:
        with self.world.lock:
            private, public = key_pair(len(self.world.apps))
            number = self.world.id()
            app = App(
                id=number,
                slug=slug,
                name=slug.title(),
                client_id=f"Iv23li{number:014d}",
                public_key=public,
                webhook_secret=webhook_secret,
                webhook_url=webhook_url,
                permissions=dict(permissions),
                events=tuple(events),
                owner=self.world.user("app-owner"),
                bot=self.world.user(f"{slug}[bot]", kind="Bot"),
                created=self.world.clock.now(),
            )
            self.world.apps[number] = app
            owner = repositories[0].split("/")[0] if repositories else account
            installation = self.install(number, owner, repositories)
        return Credentials(
            app_id=number,
            client_id=app.client_id,
            slug=slug,
            private_key=private,
            webhook_secret=webhook_secret,
            installation_id=installation,
        )

    def install(self, app_id: int, account: str, repositories: Sequence[str] | None = None) -> int:
        with self.world.lock:
            app = self.world.apps[app_id]
            chosen = (
                None if repositories is None else {self.world.repository(each).id for each in repositories}
            )
            installation = Installation(
                id=self.world.id(),
                app=app,
                account=self.world.user(account),
                repositories=chosen,
                permissions=dict(app.permissions),
                created=self.world.clock.now(),
            )
            self.world.installations[installation.id] = installation
            return installation.id

    def suspend(self, installation_id: int) -> None:
        with self.world.lock:
            self.world.installations[installation_id].suspended = self.world.clock.now()

    def set_webhook_url(self, app_id: int, url: str) -> None:
        """For a receiver that knows its own address only after the App exists."""
        with self.world.lock:
            self.world.apps[app_id].webhook_url = url

    def access_token(
        self,
        installation_id: int,
        *,
        permissions: Mapping[str, str] | None = None,
        repositories: Sequence[str] | None = None,
    ) -> str:
        with self.world.lock:
            installation = self.world.installations[installation_id]
            scope = (
                None
                if repositories is None
                else frozenset(self.world.repository(each).id for each in repositories)
            )
            granted = installation.permissions if permissions is None else permissions
            return issue_token(self.world, installation, scope, granted).value

    # -- repositories -------------------------------------------------------------------------------------

    def create_repository(
        self,
        full_name: str,
        *,
        files: Mapping[str, str | bytes | None] | None = None,
        directory: Path | None = None,
        source: Path | None = None,
        default_branch: str = "main",
        private: bool = True,
        roles: Mapping[str, str] | None = None,
        organization: bool = False,
    ) -> Repository:
        with self.world.lock:
            owner, name = full_name.split("/")
            number = self.world.id()
            git = BareRepository.create(
                self.directory / "repositories" / f"{number}.git", default_branch, self._git_hooks
            )
            repository = Repository(
                id=number,
                owner=self.world.user(owner, kind="Organization" if organization else "User"),
                name=name,
                git=git,
                default_branch=default_branch,
                private=private,
                created=self.world.clock.now(),
            )
            self.world.repositories[full_name.lower()] = repository
            for login, role in (roles or {}).items():
                self.set_role(full_name, login, role)
        author = Author(name=owner, email=repository.owner.email)
        if files is not None:
            git.commit_files(default_branch, files, "Initial commit", author)
        if directory is not None:
            git.import_directory(directory, default_branch, "Initial commit", author)
        if source is not None:
            git.import_repository(source)
        return repository

    def repository(self, full_name: str) -> Repository:
        return self.world.repository(full_name)

    def git_url(self, full_name: str) -> str:
        return f"{self.site}/{self.world.repository(full_name).full_name}.git"

    def set_role(self, full_name: str, login: str, role: str) -> None:
        with self.world.lock:
            self.world.user(login)
            roles = self.world.repository(full_name).roles
            roles.pop(login.lower(), None)
            if role != "none":
                roles[login.lower()] = role

    def protect(self, full_name: str, branch: str) -> None:
        with self.world.lock:
            self.world.repository(full_name).protected.add(branch)

    def commit(
        self,
        full_name: str,
        branch: str,
        files: Mapping[str, str | bytes | None],
        message: str = "A change",
        author: str = "alice",
    ) -> str:
        """A commit on top of a branch, as if somebody had pushed it; None removes a file."""
        user = self.user(author)
        return self.repository(full_name).git.commit_files(
            branch, files, message, Author(name=author, email=user.email)
        )

    def create_branch(self, full_name: str, name: str, at: str | None = None) -> str:
        repository = self.repository(full_name)
        sha = repository.git.resolve(at or repository.default_branch)
        assert sha is not None, f"{full_name} has no {at or repository.default_branch}"
        repository.git.set_ref(f"refs/heads/{name}", sha)
        return sha

    # -- issues and pull requests -------------------------------------------------------------------------

    def issue(self, full_name: str, number: int) -> Issue:
        return self.repository(full_name).issues[number]

    def comments(self, full_name: str, number: int) -> list[Comment]:
        return self.issue(full_name, number).comments

    def pulls(self, full_name: str, state: str = "all") -> list[Issue]:
        """Oldest first; the git half of each is its ``pull``."""
        rows = self.repository(full_name).issues.values()
        return [each for each in rows if each.pull is not None and state in {"all", each.state}]

    def check_runs(self, full_name: str) -> list[CheckRun]:
        return self.repository(full_name).check_runs

    def create_issue(
        self,
        full_name: str,
        title: str,
        body: str | None = None,
        *,
        author: str = "alice",
        labels: Sequence[str] = (),
    ) -> int:
        with self.world.lock:
            repository = self.repository(full_name)
            issue = new_issue(self.world, repository, title=title, body=body, author=self.world.user(author))
            issue.labels = [repository_label(self.world, repository, each) for each in labels]
            return issue.number

    def open_pull(
        self,
        full_name: str,
        head: str,
        base: str = "main",
        *,
        title: str = "A change",
        body: str = "",
        author: str = "alice",
    ) -> int:
        with self.world.lock:
            user = self.world.user(author)
            repository = self.repository(full_name)
            return open_pull(
                self.world, repository, title=title, body=body, head=head, base=base, author=user
            ).number

    def close_pull(self, full_name: str, number: int, actor: str = "alice") -> None:
        with self.world.lock:
            issue = self.issue(full_name, number)
            set_pull_state(self.world, self.repository(full_name), issue, "closed", self.world.user(actor))

    def merge_pull(self, full_name: str, number: int, actor: str = "alice") -> str:
        with self.world.lock:
            repository, issue, user = (
                self.repository(full_name),
                self.issue(full_name, number),
                self.world.user(actor),
            )
            assert issue.pull is not None
            head, base = repository.head_of(issue.pull, is_open=True), repository.git.tip(issue.pull.base)
            assert base is not None
            author = Author(name=actor, email=user.email)
            sha = repository.git.merge(base, head, f"Merge pull request #{number}", author)
            repository.git.set_ref(f"refs/heads/{issue.pull.base}", sha)
            set_pull_state(self.world, repository, issue, "closed", user)
            issue.pull.merged, issue.pull.merged_by, issue.pull.merge_sha = self.world.clock.now(), user, sha
            return sha

    def review(
        self, full_name: str, number: int, body: str, *, state: str = "COMMENTED", author: str = "alice"
    ) -> Review:
        with self.world.lock:
            user = self.world.user(author)
            return new_review(
                self.world, self.repository(full_name), self.issue(full_name, number), user, body, state
            )

    # -- webhooks -----------------------------------------------------------------------------------------

    def _installation(self, repository: Repository) -> Installation | None:
        found = (
            each for each in self.world.installations.values() if repository in self.world.reachable(each)
        )
        return next(found, None)

    def signed(
        self, event: str, payload: Json, guid: str | None = None, app_id: int | None = None
    ) -> tuple[dict[str, str], bytes]:
        """Headers and body of a delivery, for a client of one's own."""
        body = json.dumps(payload).encode()
        return webhooks.headers_of(self._app(payload, app_id), event, guid or str(uuid.uuid4()), body), body

    def _app(self, payload: Json, app_id: int | None) -> App:
        number = (payload.get("installation") or {}).get("id")
        if app_id is None and number in self.world.installations:
            return self.world.installations[number].app
        return self.world.apps[app_id] if app_id is not None else next(iter(self.world.apps.values()))

    def deliver(
        self,
        event: str,
        payload: Json,
        to: str | None = None,
        guid: str | None = None,
        app_id: int | None = None,
    ) -> Delivery:
        """Signs, posts and remembers. The App is the one that the payload's installation belongs to, else the first."""
        app = self._app(payload, app_id)
        url = to or app.webhook_url
        assert url is not None, f"App {app.slug} has no webhook_url and no ``to`` was given"
        return self.hooks.deliver(app, event, payload, url, guid)

    def redeliver(self, guid: str) -> Delivery:
        last = [each for each in self.deliveries if each.guid == guid][-1]
        return self.hooks.redeliver(last.id)

    def issues_payload(
        self, full_name: str, number: int, action: str, actor: str, label: str | None = None
    ) -> Json:
        with self.world.lock:
            repository, issue = self.repository(full_name), self.issue(full_name, number)
            named = None if label is None else repository_label(self.world, repository, label)
            user, installation = self.world.user(actor), self._installation(repository)
            return webhooks.issues(self.shapes, repository, action, issue, user, installation, named)

    def label_issue(
        self,
        full_name: str,
        number: int,
        label: str,
        actor: str = "alice",
        *,
        to: str | None = None,
        guid: str | None = None,
    ) -> Delivery:
        """Adds the label and delivers ``issues.labeled``."""
        with self.world.lock:
            issue = self.issue(full_name, number)
            made = repository_label(self.world, self.repository(full_name), label)
            issue.labels = list(dict.fromkeys([*issue.labels, made]))
            issue.updated = self.world.clock.now()
            payload = self.issues_payload(full_name, number, "labeled", actor, label)
        return self.deliver("issues", payload, to, guid)

    def unlabel_issue(
        self,
        full_name: str,
        number: int,
        label: str,
        actor: str = "alice",
        *,
        to: str | None = None,
        guid: str | None = None,
    ) -> Delivery:
        with self.world.lock:
            issue = self.issue(full_name, number)
            issue.labels = [each for each in issue.labels if each.name.lower() != label.lower()]
            payload = self.issues_payload(full_name, number, "unlabeled", actor, label)
        return self.deliver("issues", payload, to, guid)

    def edit_issue(
        self, full_name: str, number: int, *, title: str | None = None, body: str | None = None
    ) -> None:
        """State only: what an outsider may do between the trigger and the run."""
        with self.world.lock:
            issue = self.issue(full_name, number)
            issue.title = issue.title if title is None else title
            issue.body = issue.body if body is None else body
            issue.updated = self.world.clock.now()

    def close_issue(
        self,
        full_name: str,
        number: int,
        actor: str = "alice",
        *,
        to: str | None = None,
        guid: str | None = None,
    ) -> Delivery:
        with self.world.lock:
            set_state(self.world, self.issue(full_name, number), "closed", self.world.user(actor))
            payload = self.issues_payload(full_name, number, "closed", actor)
        return self.deliver("issues", payload, to, guid)

    def add_comment(self, full_name: str, number: int, body: str, author: str = "alice") -> Comment:
        """State only."""
        with self.world.lock:
            return new_comment(self.world, self.issue(full_name, number), body, self.world.user(author))

    def comment_issue(
        self,
        full_name: str,
        number: int,
        body: str,
        actor: str = "alice",
        *,
        to: str | None = None,
        guid: str | None = None,
    ) -> Delivery:
        """Adds the comment and delivers ``issue_comment.created``."""
        with self.world.lock:
            comment = self.add_comment(full_name, number, body, actor)
            repository, issue = self.repository(full_name), self.issue(full_name, number)
            installation = self._installation(repository)
            payload = webhooks.issue_comment(self.shapes, repository, "created", issue, comment, installation)
        return self.deliver("issue_comment", payload, to, guid)
