"""One repository, one App, and three ways to ask: plain HTTP as the App or as an installation,
githubkit, git."""

from __future__ import annotations

import os
import subprocess
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
import jwt
import pytest
from githubkit import AppAuthStrategy, AppInstallationAuthStrategy, GitHub

from tests.double.fixtures import github
from tests.double.server import Credentials, GitHubDouble

__all__ = ["github"]

REPO = "octo/demo"
FILES: Mapping[str, str | bytes] = {"a.py": "x = 1\n", "pkg/b.py": "y = 2\n", "run.sh": b"#!/bin/sh\n"}


def app_jwt(app: Credentials, *, issued: float = 0, lifetime: float = 300, key: str | None = None) -> str:
    now = int(time.time() + issued)
    claims = {"iss": str(app.app_id), "iat": now, "exp": int(now + lifetime)}
    return jwt.encode(claims, key or app.private_key, algorithm="RS256")


@dataclass(frozen=True)
class Ask:
    """Plain HTTP, so that every status is seen as it is."""

    client: httpx.Client
    token: str | None

    def __call__(
        self, method: str, path: str, json: object = None, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        own = {} if self.token is None else {"Authorization": f"Bearer {self.token}"}
        return self.client.request(method, path, json=json, headers={**own, **(headers or {})})


@pytest.fixture
def app(github: GitHubDouble) -> Credentials:
    github.rest.check_answers = True
    github.create_repository(
        REPO, files=FILES, roles={"alice": "write", "tess": "triage", "mona": "maintain"}
    )
    return github.install_app([REPO])


@pytest.fixture
def http(github: GitHubDouble) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=github.api_url, timeout=10, trust_env=False) as client:
        yield client


@pytest.fixture
def ask(github: GitHubDouble, app: Credentials, http: httpx.Client) -> Iterator[Ask]:
    """As the installation, with all its permissions; every answer must fit GitHub's description."""
    yield Ask(http, github.access_token(app.installation_id))
    assert github.rest.answer_violations == []


@pytest.fixture
def ask_app(app: Credentials, http: httpx.Client) -> Ask:
    return Ask(http, app_jwt(app))


@pytest.fixture
def kit(github: GitHubDouble, app: Credentials) -> Iterator[GitHub[AppInstallationAuthStrategy]]:
    """githubkit as the bot sets it up: App auth, one repository, timeouts, no retry of its own."""
    auth = AppAuthStrategy(app.app_id, app.private_key)
    with GitHub(
        auth.as_installation(app.installation_id, repositories=["demo"]),
        base_url=github.api_url,
        timeout=httpx.Timeout(10, read=30),
        auto_retry=False,
    ) as client:
        yield client


Git = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def git(tmp_path: Path) -> Git:
    """Runs git with a token in a header, never in the address, and nothing of this machine's
    configuration."""

    def run(
        *command: str,
        cwd: Path | None = None,
        token: str | None = None,
        config: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        settings = {"user.name": "Test", "user.email": "test@example.org", **(config or {})}
        if token is not None:
            basic = b64encode(f"x-access-token:{token}".encode()).decode()
            settings["http.extraHeader"] = f"Authorization: Basic {basic}"
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "LC_ALL": "C",
            "GIT_CONFIG_COUNT": str(len(settings)),
        }
        for index, (name, value) in enumerate(settings.items()):
            env |= {f"GIT_CONFIG_KEY_{index}": name, f"GIT_CONFIG_VALUE_{index}": value}
        return subprocess.run(
            ("git", *command),
            cwd=cwd or tmp_path,
            env=env,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return run
