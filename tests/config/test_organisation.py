"""The defaults of a repository's owner: read with a token that can do nothing else, and never in the way."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from bot.config import organisation
from bot.forge import RepositoryRef
from bot.github.client import AppKeys, GitHubForges, Habits, Link
from bot.github.pacing import Pace
from tests.double.fixtures import github  # noqa: F401 - a fixture
from tests.double.server import GitHubDouble

DEMO, SHARED = "octo/demo", "octo/.github"
DRAFTS = {"codeagent.yml": "draft: true\n"}


@pytest.fixture
def world(github: GitHubDouble) -> GitHubDouble:  # noqa: F811
    github.create_repository(DEMO, files={"a.py": "x = 1\n"})
    return github


@pytest.fixture
def opened() -> Iterator[list[GitHubForges]]:
    made: list[GitHubForges] = []
    yield made
    for each in made:
        each.shut()


def read(world: GitHubDouble, opened: list[GitHubForges], *installed: str) -> bytes | None:
    credentials = world.install_app(list(installed), account="octo")
    keys = AppKeys(issuer=str(credentials.app_id), private_key=credentials.private_key)
    quick = Habits(sleep=lambda _seconds: None, pace=Pace(between=0.0, per_minute=10_000, per_hour=10_000))
    opened.append(GitHubForges(keys, Link(api_url=world.api_url), habits=quick))
    ref = RepositoryRef(
        installation=credentials.installation_id,
        repository_id=world.repository(DEMO).id,
        full_name=DEMO,
    )
    return opened[-1].shared_file(ref, organisation.REPOSITORY, organisation.PATH)


def test_it_is_read_with_a_token_for_nothing_else(world: GitHubDouble, opened: list[GitHubForges]) -> None:
    shared = world.create_repository(SHARED, files=DRAFTS)
    assert read(world, opened, DEMO, SHARED) == b"draft: true\n"
    (token,) = world.world.tokens.values()
    assert token.repositories == {shared.id}
    assert token.permissions == {"contents": "read", "metadata": "read"}
    assert token.revoked


def test_without_access_there_is_none(world: GitHubDouble, opened: list[GitHubForges]) -> None:
    world.create_repository(SHARED, files=DRAFTS)
    with capture_logs() as logged:
        assert read(world, opened, DEMO) is None
    assert "no_shared_file" in [each["event"] for each in logged]
    assert not world.world.tokens


def test_without_the_repository_there_is_none(world: GitHubDouble, opened: list[GitHubForges]) -> None:
    assert read(world, opened, DEMO) is None


def test_without_the_file_there_is_none(world: GitHubDouble, opened: list[GitHubForges]) -> None:
    world.create_repository(SHARED, files={"README.md": "Hello.\n"})
    assert read(world, opened, DEMO, SHARED) is None
    assert all(token.revoked for token in world.world.tokens.values())


def test_an_empty_repository_has_none(world: GitHubDouble, opened: list[GitHubForges]) -> None:
    world.create_repository(SHARED)
    assert read(world, opened, DEMO, SHARED) is None


def test_the_file_is_named_after_its_owner() -> None:
    assert organisation.name_of(DEMO) == "codeagent.yml in octo/.github"
