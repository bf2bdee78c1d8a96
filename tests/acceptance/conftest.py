"""One service and one double for the whole session: environments are built once, jobs run side by side, and
every test looks at repositories of its own."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.canaries import Canaries
from tests.acceptance.hostile import Trap, trap
from tests.acceptance.support import Service, remove, running_service
from tests.double.server import GitHubDouble


@pytest.fixture(scope="session")
def place() -> Iterator[Path]:
    """Not pytest's own temporary directory: sandboxes run under another user id, which may not enter it."""
    made = Path(tempfile.mkdtemp(prefix="codeagent-acceptance-"))
    made.chmod(0o755)
    yield made
    remove(made)


@pytest.fixture(scope="session")
def canaries() -> Canaries:
    return Canaries()


@pytest.fixture(scope="session")
def service(place: Path, canaries: Canaries) -> Iterator[Service]:
    home = place / "service"
    home.mkdir()
    variables = {
        **canaries.variables,
        "CODEAGENT_SANDBOX": "bubblewrap",
        "CODEAGENT_WORKERS": "3",
        "CODEAGENT_LIMITS__SECONDS": "30",
        "CODEAGENT_LIMITS__DISK_MIB": "96",
        "CODEAGENT_BUDGET__SECONDS": "150",
    }
    with (
        GitHubDouble(place / "github") as github,
        running_service(home, github, variables, webhook_secret=canaries.webhook_secret) as service,
    ):
        yield service
    github.check()


@pytest.fixture(scope="session")
def host(place: Path, canaries: Canaries) -> Iterator[Trap]:
    """Things of the host that hostile repositories go for: a secret file, a directory that anybody may write,
    a listening socket."""
    with trap(place / "host", canaries.host_file) as made:
        yield made
