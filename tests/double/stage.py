"""Setting the scene: Apps, installations, users with roles, repositories with real git. Part of
``GitHubDouble``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.double.auth import issue_token, key_pair
from tests.double.clock import Clock
from tests.double.git import Author, BareRepository
from tests.double.githttp import install_hooks
from tests.double.state import App, Installation, Repository, User, World

# What the bot asks for in its manifest; tests may ask for less.
PERMISSIONS: Mapping[str, str] = {
    "actions": "read",
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
    "check_suite",
    "workflow_run",
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


class Stage:
    def __init__(self, directory: Path, site: str) -> None:
        self.directory = directory
        self.site = site
        self.world = World()
        self._git_hooks = install_hooks(directory / "hooks")

    @property
    def clock(self) -> Clock:
        return self.world.clock

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
        author = Author(name=repository.owner.login, email=repository.owner.email)
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
