"""Deliveries of the GitHub double, kept instead of sent: one small world for each kind of repository."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from bot.deliveries.webhook import Delivery as Verified
from bot.deliveries.webhook import parse
from bot.triggers import TriggerPolicy, decide
from bot.triggers.policy import Decision
from tests.double.server import GitHubDouble
from tests.double.state import Delivery, Json

GUID = "72d3162e-cc78-11e3-81ab-4c9367dc0958"
LABEL = "codeagent"
OWN_BRANCH = "codeagent/issue-1-0a1b2c3d"


class Repo(StrEnum):
    """Kinds of repositories that the App is installed on."""

    PUBLIC = "public"
    PRIVATE = "private"
    FORK = "itself a fork"
    EMPTY = "without a commit"
    NO_ISSUES = "issues switched off"
    ARCHIVED = "archived"
    DISABLED = "disabled by GitHub"
    NOT_ALLOWED = "not on the operator's list"


@dataclass
class Kept:
    """What would have been sent."""

    event: str
    payload: Json


class Double(GitHubDouble):
    """Keeps its deliveries."""

    kept: list[Kept]

    def deliver(
        self,
        event: str,
        payload: Json,
        to: str | None = None,
        guid: str | None = None,
        app_id: int | None = None,
    ) -> Delivery:
        self.kept.append(Kept(event, json.loads(json.dumps(payload))))
        return Delivery(
            id=self.world.id(),
            guid=guid or GUID,
            app=self._app(payload, app_id),
            event=event,
            payload=payload,
            url=to or "",
            delivered=self.world.clock.now(),
            redelivery=False,
        )


@dataclass
class Place:
    """One repository of a kind, with an issue, pull requests and checks."""

    github: Double
    app: str  # slug
    kind: Repo
    name: str
    issue: int = 0
    pull: int = 0
    foreign: int = 0  # a pull request from a fork
    own: int = 0  # the App's own pull request
    shas: Mapping[str, str] = field(default_factory=dict)

    @property
    def bot(self) -> str:
        return f"{self.app}[bot]"

    def decided(self, ask: Callable[[Place], object], policy: TriggerPolicy) -> Decision:
        """What the delivery that ``ask`` leads to means."""
        return decided(self.delivery(ask), policy)

    def delivery(self, ask: Callable[[Place], object]) -> Kept:
        self.github.kept = []
        ask(self)
        (kept,) = self.github.kept
        repository = kept.payload.get("repository")
        if isinstance(repository, dict):
            repository["archived"] = self.kind is Repo.ARCHIVED
            repository["disabled"] = self.kind is Repo.DISABLED
            repository["has_issues"] = self.kind is not Repo.NO_ISSUES
        return kept


def decided(kept: Kept, policy: TriggerPolicy) -> Decision:
    found = parse(kept.event, GUID, json.dumps(kept.payload).encode())
    assert isinstance(found, Verified)
    return decide(found, policy)


class Stage:
    """The double with the App on it."""

    def __init__(self, github: Double) -> None:
        self.github = github
        self.github.kept = []
        self.github.user("acme")
        app = self.github.install_app(
            None, account="acme", webhook_url="http://127.0.0.1:9/none", webhook_secret="not used here"
        )
        self.app = app.slug
        self.places: dict[Repo, Place] = {}

    @property
    def policy(self) -> TriggerPolicy:
        return TriggerPolicy(app_login=f"{self.app}[bot]")

    def place(self, kind: Repo) -> Place:
        if kind not in self.places:
            self.places[kind] = self._made(kind)
        return self.places[kind]

    def _made(self, kind: Repo) -> Place:
        github, name = self.github, f"acme/{kind.name.lower().replace('_', '-')}"
        files: dict[str, str | bytes | None] = {"code.py": "x = 1\n"}
        if kind is Repo.FORK:
            github.create_repository(f"upstream/{name.split('/')[1]}", files=files, private=False)
            github.fork(f"upstream/{name.split('/')[1]}", "acme")
        else:
            github.create_repository(
                name, files=None if kind is Repo.EMPTY else files, private=kind is Repo.PRIVATE
            )
        place = Place(github=github, app=self.app, kind=kind, name=name)
        place.issue = github.create_issue(name, "It breaks", "Really.", author="ann")
        if kind is not Repo.EMPTY:
            self._with_pulls(place)
        return place

    def _with_pulls(self, place: Place) -> None:
        github, name = self.github, place.name
        for branch in ("feature", "lonely", OWN_BRANCH):
            github.create_branch(name, branch)
            github.commit(name, branch, {f"{branch.replace('/', '-')}.py": "y = 1\n"}, "A change", "ann")
        fork = github.fork(name, f"mallory-{place.kind.name.lower()}".replace("_", "-")).full_name
        github.create_branch(fork, "theirs")
        github.commit(fork, "theirs", {"z.py": "z = 1\n"}, "A change", "ann")
        place.pull = github.open_pull(name, "feature", author="ann")
        place.own = github.open_pull(name, OWN_BRANCH, author=place.bot)
        place.foreign = github.open_fork_pull(name, fork, "theirs")
        tips = {branch: github.repository(name).git.tip(branch) for branch in ("main", "feature", "lonely")}
        tips["theirs"] = github.repository(fork).git.tip("theirs")
        place.shas = {branch: tip for branch, tip in tips.items() if tip is not None}


@contextmanager
def staged() -> Iterator[Stage]:
    with tempfile.TemporaryDirectory() as made, Double(Path(made) / "github") as github:
        yield Stage(github)


def changed(payload: Json, **values: Any) -> Json:
    """``a__b`` changes a nested field."""
    for path, value in values.items():
        *parents, last = path.split("__")
        inner = payload
        for parent in parents:
            inner = inner[parent]
        inner[last] = value
    return payload
