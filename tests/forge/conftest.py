"""The real adapter over real HTTP against the double, with a clock that only moves when somebody sleeps."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from bot.forge import Forge, RepositoryRef
from bot.github.client import AppKeys, GitHubForges, Habits, Link
from bot.github.pacing import Pace
from tests.double.fixtures import github  # noqa: F401 - a fixture
from tests.double.server import Credentials, GitHubDouble

DEMO = "octo/demo"
QUICK = Pace(between=0.0, per_minute=10_000, per_hour=10_000)


@dataclass
class Time:
    """Sleeping moves the clock, here and on the double."""

    double: GitHubDouble | None = None
    now: float = field(default_factory=time.time)
    slept: list[float] = field(default_factory=list)

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.pass_by(seconds)

    def pass_by(self, seconds: float) -> None:
        self.now += seconds
        if self.double is not None:
            self.double.clock.advance(seconds)


@dataclass(frozen=True)
class Stage:
    """The double with one repository, one issue, one installed App, and the adapter under test."""

    github: GitHubDouble
    credentials: Credentials
    ref: RepositoryRef
    time: Time
    issue: int

    def forges(self, pace: Pace = QUICK, redact: Callable[[str], str] = str) -> GitHubForges:
        return GitHubForges(
            AppKeys(issuer=str(self.credentials.app_id), private_key=self.credentials.private_key),
            Link(api_url=self.github.api_url),
            redact=redact,
            habits=Habits(clock=self.time.clock, sleep=self.time.sleep, pace=pace),
        )


@pytest.fixture
def stage(github: GitHubDouble) -> Stage:  # noqa: F811
    repository = github.create_repository(DEMO, files={"a.py": "x = 1\n"}, roles={"alice": "write"})
    credentials = github.install_app([DEMO], account="octo")
    ref = RepositoryRef(
        installation=credentials.installation_id, repository_id=repository.id, full_name=repository.full_name
    )
    issue = github.create_issue(DEMO, "It breaks", "Always.", author="bob")
    return Stage(github, credentials, ref, Time(github), issue)


@pytest.fixture
def forges(stage: Stage) -> Iterator[GitHubForges]:
    made = stage.forges()
    yield made
    made.shut()


@pytest.fixture
def forge(stage: Stage, forges: GitHubForges) -> Iterator[Forge]:
    opened = forges.open(stage.ref)
    yield opened
    forges.close(opened)
