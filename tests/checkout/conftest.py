"""Real repositories, made by the git program itself, and a token for the double."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bot.forge import GitAccess
from bot.git.checkout import Checkouts
from tests.checkout.support import Work
from tests.double.fixtures import github  # noqa: F401 - a fixture
from tests.double.server import GitHubDouble


@pytest.fixture
def work(tmp_path: Path) -> Work:
    path = tmp_path / "work"
    path.mkdir()
    made = Work(path)
    made.git("init", "--quiet", "-b", "main")
    return made


@pytest.fixture
def checkouts() -> Checkouts:
    return Checkouts(sleep=lambda _: None)


@pytest.fixture
def access(github: GitHubDouble) -> Callable[..., GitAccess]:  # noqa: F811
    """A token for a repository, through the App that is installed on it."""

    def made(full_name: str, **permissions: str) -> GitAccess:
        credentials = github.install_app([full_name], account=full_name.split("/")[0])
        token = github.access_token(credentials.installation_id, permissions=permissions or None)
        return GitAccess(url=github.git_url(full_name), token=token)

    return made


@pytest.fixture
def redirecting() -> Iterator[Callable[[str], str]]:
    """Makes a URL whose answers all point to another one."""
    servers: list[ThreadingHTTPServer] = []

    def made(to: str) -> str:
        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(302)
                self.send_header("Location", to + self.path.removeprefix("/o/r"))
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), Answer))
        threading.Thread(target=servers[-1].serve_forever, args=(0.02,)).start()
        return f"http://127.0.0.1:{servers[-1].server_port}/o/r"

    yield made
    for server in servers:
        server.shutdown()
        server.server_close()
