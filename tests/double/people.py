"""What people do: issues, labels, comments, pull requests, and the deliveries that follow. Part of
``GitHubDouble``."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from pathlib import Path

from tests.double import webhooks
from tests.double.endpoints.issues import new_comment, new_issue, repository_label, set_state
from tests.double.endpoints.pulls import new_review, open_pull, set_pull_state
from tests.double.git import Author
from tests.double.shapes import Shapes
from tests.double.stage import Stage
from tests.double.state import App, CheckRun, Comment, Delivery, Installation, Issue, Json, Repository, Review


class People(Stage):
    def __init__(self, directory: Path, site: str) -> None:
        super().__init__(directory, site)
        self.shapes = Shapes(site, self.world)
        self.hooks = webhooks.Hooks(self.world)

    @property
    def deliveries(self) -> list[Delivery]:
        return self.world.deliveries

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
        """Signs, posts and remembers. The App is the one that the payload's installation belongs to,
        else the first."""
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
            self.set_label(full_name, number, label, actor)
            payload = self.issues_payload(full_name, number, "labeled", actor, label)
        return self.deliver("issues", payload, to, guid)

    def set_label(self, full_name: str, number: int, label: str, actor: str = "alice") -> None:
        """State only."""
        with self.world.lock:
            issue, now = self.issue(full_name, number), self.world.clock.now()
            made = repository_label(self.world, self.repository(full_name), label)
            issue.labels = list(dict.fromkeys([*issue.labels, made]))
            issue.labelled.append((made, self.world.user(actor), now))
            issue.updated = now

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
