"""One double, one copy of the Action and one place for environments for the whole session."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.support import remove
from tests.action.support import OWNER, Workplace, copy_of_the_action
from tests.double.server import GitHubDouble


@pytest.fixture(scope="session")
def workplace() -> Iterator[Workplace]:
    """Not pytest's own temporary directory: sandboxes run under another user id, which may not enter it."""
    place = Path(tempfile.mkdtemp(prefix="codeagent-action-"))
    place.chmod(0o755)
    with GitHubDouble(place / "github") as github:
        github.user(OWNER)
        app = github.install_app(None, account=OWNER, slug="github-actions")
        yield Workplace(github=github, app=app, place=place, action=copy_of_the_action(place / "codeagent"))
    github.check()
    remove(place)
