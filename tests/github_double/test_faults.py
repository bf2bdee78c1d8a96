"""What a test can make go wrong, and that it goes wrong in just that way."""

from __future__ import annotations

import re
import socket
import threading
import time
from pathlib import Path

import httpx
import pytest
from githubkit import AppInstallationAuthStrategy, GitHub
from githubkit.exception import RequestFailed

from tests.double.faults import (
    Fault,
    Garbage,
    PrimaryRateLimit,
    ResetAfter,
    ResetBefore,
    SecondaryRateLimit,
    Slow,
    Status,
    StatusAfter,
)
from tests.double.server import Credentials, GitHubDouble
from tests.github_double.conftest import REPO, Ask, Git

COMMENTS = f"/repos/{REPO}/issues/1/comments"


@pytest.fixture(autouse=True)
def _issue(github: GitHubDouble, ask: Ask) -> None:  # noqa: ARG001
    github.create_issue(REPO, "It breaks")


@pytest.mark.parametrize("status", [401, 403, 404, 409, 422, 429, 500, 502, 503])
def test_a_status_means_that_nothing_was_done(github: GitHubDouble, ask: Ask, status: int) -> None:
    planned = github.faults.add("POST", r"/comments$", Status(status))
    assert ask("POST", COMMENTS, {"body": "x"}).status_code == status
    assert (planned.hits, github.comments(REPO, 1), github.creates["comment"]) == (1, [], 0)
    assert ask("POST", COMMENTS, {"body": "x"}).status_code == 201
    assert [each.status for each in github.requests_to("POST", "comments")] == [status, 201]


@pytest.mark.parametrize("fault", [ResetBefore(), ResetAfter()])
def test_a_reset_connection(github: GitHubDouble, ask: Ask, fault: Fault) -> None:
    github.faults.add("POST", r"/comments$", fault)
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        ask("POST", COMMENTS, {"body": "x"})
    done = isinstance(fault, ResetAfter)
    assert len(github.comments(REPO, 1)) == github.creates["comment"] == int(done)
    assert [(each.status, each.fault) for each in github.requests] == [(0, fault)]
    assert ask("GET", COMMENTS).status_code == 200


def test_an_answer_that_lies(github: GitHubDouble, ask: Ask) -> None:
    github.faults.add("POST", r"/comments$", StatusAfter(502))
    assert ask("POST", COMMENTS, {"body": "x"}).status_code == 502
    assert github.creates["comment"] == 1


def test_garbage(github: GitHubDouble, ask: Ask) -> None:
    github.faults.add("*", r"/issues/1$", Garbage())
    answer = ask("GET", f"/repos/{REPO}/issues/1")
    assert (answer.status_code, answer.text.startswith("<html>")) == (200, True)


def test_rate_limits(github: GitHubDouble, ask: Ask) -> None:
    github.faults.add("GET", r"/issues/1$", PrimaryRateLimit(reset=30))
    primary = ask("GET", f"/repos/{REPO}/issues/1")
    assert (primary.status_code, primary.headers["x-ratelimit-remaining"]) == (403, "0")
    assert 25 <= int(primary.headers["x-ratelimit-reset"]) - time.time() <= 31
    github.faults.add("GET", r"/issues/1$", SecondaryRateLimit(retry_after=3, status=429))
    secondary = ask("GET", f"/repos/{REPO}/issues/1")
    assert (secondary.status_code, secondary.headers["retry-after"]) == (429, "3")
    assert "secondary rate limit" in secondary.json()["message"]


def test_a_slow_answer_runs_into_the_clients_timeout(github: GitHubDouble, ask: Ask) -> None:
    github.faults.add("GET", r"/issues/1$", Slow(30))
    with pytest.raises(httpx.ReadTimeout):
        ask.client.get(f"/repos/{REPO}/issues/1", timeout=0.2)


def test_rows_are_used_up_in_order_and_may_wait(github: GitHubDouble, ask: Ask) -> None:
    github.faults.add("GET", r"/issues/1$", Status(500), times=2, skip=1)
    assert [ask("GET", f"/repos/{REPO}/issues/1").status_code for _ in range(4)] == [200, 500, 500, 200]
    github.faults.add("GET", r"/issues/1$", Status(503), times=None)
    assert {ask("GET", f"/repos/{REPO}/issues/1").status_code for _ in range(4)} == {503}
    github.faults.clear()
    assert ask("GET", f"/repos/{REPO}/issues/1").status_code == 200


def test_githubkit_sees_the_fault(github: GitHubDouble, kit: GitHub[AppInstallationAuthStrategy]) -> None:
    github.faults.add("POST", r"/comments$", StatusAfter(502))
    with pytest.raises(RequestFailed):
        kit.rest.issues.create_comment("octo", "demo", 1, body="x")
    assert (github.creates["comment"], len(github.requests_to("POST", "comments"))) == (1, 1)


@pytest.mark.parametrize(
    ("fault", "arrives"), [(Status(503), False), (ResetBefore(), False), (ResetAfter(), True)]
)
def test_faults_hit_a_push_too(
    github: GitHubDouble, app: Credentials, git: Git, tmp_path: Path, fault: Fault, arrives: bool
) -> None:
    token, clone = github.access_token(app.installation_id), tmp_path / "clone"
    git("clone", "--quiet", github.git_url(REPO), str(clone), token=token)
    # libcurl sends a request once more by itself when a kept connection breaks before any answer
    github.faults.add("POST", re.escape(f"/{REPO}.git/git-receive-pack"), fault, times=None)
    pushed = git("push", "origin", "HEAD:refs/heads/fix", cwd=clone, token=token)
    assert pushed.returncode != 0
    assert (github.repository(REPO).git.tip("fix") is not None) is arrives


def test_half_a_request_is_none(github: GitHubDouble, ask: Ask) -> None:
    """A worker that is killed while it sends is no violation, and nothing comes of it."""
    head = f"POST /api/v3{COMMENTS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ask.token}\r\n"
    address = ("127.0.0.1", int(github.site.rpartition(":")[2]))
    for rest in (
        "Content-Length: 30\r\n\r\n" + '{"body": ',
        "Transfer-Encoding: chunked\r\n\r\n9\r\n" + '{"bod',
    ):
        with socket.create_connection(address) as client:
            client.sendall((head + rest).encode())
            client.shutdown(socket.SHUT_WR)
            assert client.recv(100) == b""
    assert (github.comments(REPO, 1), github.violations, github.bugs) == ([], [], [])


def test_closing_ends_open_connections_and_late_answers(tmp_path: Path) -> None:
    before = set(threading.enumerate())  # other servers leave theirs behind kept connections
    with httpx.Client(timeout=30, trust_env=False) as client:
        with GitHubDouble(tmp_path / "other") as gh:
            assert client.get(f"{gh.api_url}/rate_limit").status_code == 200  # kept alive by the client
            gh.faults.add("GET", "rate_limit", Slow(300))
            late = threading.Thread(target=lambda: httpx.get(f"{gh.api_url}/rate_limit", trust_env=False))
            late.start()
            while not gh.faults.rows[0].hits:
                time.sleep(0.01)
        late.join()
        with pytest.raises(httpx.TransportError):
            client.get(f"{gh.api_url}/rate_limit")
    left = set(threading.enumerate()) - before
    assert not [each.name for each in left if "process_request_thread" in each.name]


def test_many_at_once(github: GitHubDouble, ask: Ask) -> None:
    """Twenty threads on one double: every comment once, no number twice, nothing failed."""

    def work(number: int) -> None:
        with httpx.Client(base_url=github.api_url, timeout=30, trust_env=False) as client:
            assert Ask(client, ask.token)("POST", COMMENTS, {"body": f"{number}"}).status_code == 201

    threads = [threading.Thread(target=work, args=(number,)) for number in range(20)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(int(each.body) for each in github.comments(REPO, 1)) == list(range(20))
    assert len({each.id for each in github.comments(REPO, 1)}) == 20
