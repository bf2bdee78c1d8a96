"""One service and one double for the whole session: environments are built once, jobs run side by side, and
every test looks at repositories of its own."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.canaries import Canaries, Sample, watching
from tests.acceptance.hostile import Trap, hostile_files, trap
from tests.acceptance.support import Asked, Service, Typist, remove, running_service, typing
from tests.double.faults import Slow
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


@pytest.fixture(scope="session")
def spied(service: Service, host: Trap) -> tuple[Asked, Sample]:
    """A run of the hostile repository, watched from outside, its clone slow enough to be looked at."""
    repository = service.repository("spied", hostile_files(host))
    service.github.faults.add("*", rf"/{repository}\.git/git-upload-pack$", Slow(1.5), times=2)
    with watching(service.process.pid, [service.data / "runs", service.place / "tmp"]) as sample:
        asked = service.ask(repository).finished()
    return asked, sample


@pytest.fixture(scope="session")
def typist(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Typist]:
    with typing(tmp_path_factory.mktemp("desk")) as found:
        yield found
