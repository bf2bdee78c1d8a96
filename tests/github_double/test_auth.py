"""Who may ask what: App JWTs, installation tokens, their scope, permissions and end."""

from __future__ import annotations

import re

import httpx
import pytest

from tests.double.auth import key_pair
from tests.double.server import Credentials, GitHubDouble
from tests.github_double.conftest import REPO, Ask, app_jwt

ISSUE = f"/repos/{REPO}/issues/1"


def test_an_app_asks_with_a_real_signature(ask_app: Ask, app: Credentials) -> None:
    answer = ask_app("GET", "/app")
    assert answer.status_code == 200
    assert (answer.json()["id"], answer.json()["slug"]) == (app.app_id, "codeagent")


@pytest.mark.parametrize(
    ("issued", "lifetime", "message"),
    [
        (-700, 600, "must be a numeric value representing the future time"),
        (0, 3600, "is too far in the future"),
        (120, 300, "'Issued at' claim"),
    ],
)
def test_times_of_a_jwt(
    app: Credentials, http: httpx.Client, issued: float, lifetime: float, message: str
) -> None:
    answer = Ask(http, app_jwt(app, issued=issued, lifetime=lifetime))("GET", "/app")
    assert answer.status_code == 401
    assert message in answer.json()["message"]


def test_a_jwt_signed_by_another_key(app: Credentials, http: httpx.Client) -> None:
    answer = Ask(http, app_jwt(app, key=key_pair(7)[0]))("GET", "/app")
    assert (answer.status_code, answer.json()["message"]) == (401, "A JSON web token could not be decoded")


def test_token_has_githubs_long_form(ask_app: Ask, app: Credentials) -> None:
    body = {"repositories": ["demo"], "permissions": {"issues": "read"}}
    answer = ask_app("POST", f"/app/installations/{app.installation_id}/access_tokens", body)
    assert answer.status_code == 201
    made = answer.json()
    assert re.fullmatch(rf"ghs_{app.app_id}_[\w-]+\.[\w-]+\.[\w-]+", made["token"])
    assert 500 <= len(made["token"]) <= 540
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", made["expires_at"])
    assert made["permissions"] == {"metadata": "read", "issues": "read"}
    assert [each["full_name"] for each in made["repositories"]] == [REPO]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"repositories": ["other"]}, 422),
        ({"repository_ids": [1]}, 422),
        ({"permissions": {"administration": "write"}}, 422),
        ({"permissions": {"checks": "write"}}, 201),
        (None, 201),
    ],
)
def test_a_token_never_gets_more_than_the_installation(
    ask_app: Ask, app: Credentials, body: object, status: int
) -> None:
    assert (
        ask_app("POST", f"/app/installations/{app.installation_id}/access_tokens", body).status_code == status
    )


def test_unknown_and_suspended_installations(
    github: GitHubDouble, ask_app: Ask, app: Credentials, ask: Ask
) -> None:
    assert ask_app("POST", "/app/installations/1/access_tokens").status_code == 404
    github.suspend(app.installation_id)
    assert ask_app("POST", f"/app/installations/{app.installation_id}/access_tokens").status_code == 403
    assert ask("GET", f"/repos/{REPO}").status_code == 403


def test_a_token_ends(github: GitHubDouble, ask: Ask) -> None:
    assert ask("GET", f"/repos/{REPO}").status_code == 200
    github.clock.advance(3599)
    assert ask("GET", f"/repos/{REPO}").status_code == 200
    github.clock.advance(2)
    assert (ask("GET", f"/repos/{REPO}").status_code, ask("GET", f"/repos/{REPO}").json()["message"]) == (
        401,
        "Bad credentials",
    )


def test_a_revoked_token_is_dead(ask: Ask) -> None:
    assert ask("DELETE", "/installation/token").status_code == 204
    assert ask("GET", f"/repos/{REPO}").status_code == 401


def test_repositories_outside_the_token_do_not_exist_for_it(
    github: GitHubDouble, app: Credentials, http: httpx.Client
) -> None:
    github.create_repository("octo/other", files={"a": "1"})
    both = github.install(app.app_id, "octo", [REPO, "octo/other"])
    narrow = Ask(http, github.access_token(both, repositories=["octo/other"]))
    assert narrow("GET", "/repos/octo/other").status_code == 200
    assert narrow("GET", f"/repos/{REPO}").status_code == 404
    names = [each["name"] for each in narrow("GET", "/installation/repositories").json()["repositories"]]
    assert names == ["other"]


@pytest.mark.parametrize(
    ("permissions", "method", "path", "body", "status"),
    [
        ({"issues": "read"}, "GET", ISSUE, None, 200),
        ({"pull_requests": "read"}, "GET", ISSUE, None, 200),
        ({"contents": "write"}, "GET", ISSUE, None, 403),
        ({"issues": "read"}, "POST", f"{ISSUE}/comments", {"body": "x"}, 403),
        ({"issues": "write"}, "POST", f"{ISSUE}/comments", {"body": "x"}, 201),
        ({"issues": "write"}, "GET", f"/repos/{REPO}/contents/a.py", None, 403),
        ({"contents": "read"}, "GET", f"/repos/{REPO}/contents/a.py", None, 200),
        (
            {"contents": "write"},
            "POST",
            f"/repos/{REPO}/pulls",
            {"title": "t", "head": "x", "base": "main"},
            403,
        ),
        ({"checks": "read"}, "POST", f"/repos/{REPO}/check-runs", {"name": "x", "head_sha": "0" * 40}, 403),
        ({"contents": "read"}, "POST", f"/repos/{REPO}/git/blobs", {"content": "x"}, 403),
        ({}, "GET", f"/repos/{REPO}/collaborators/alice/permission", None, 200),
    ],
)
def test_each_endpoint_wants_its_permission(
    github: GitHubDouble,
    app: Credentials,
    http: httpx.Client,
    permissions: dict[str, str],
    method: str,
    path: str,
    body: object,
    status: int,
) -> None:
    github.create_issue(REPO, "It breaks")
    token = github.access_token(app.installation_id, permissions=permissions)
    answer = Ask(http, token)(method, path, body)
    assert answer.status_code == status, answer.text
    if status == 403:
        assert answer.json()["message"] == "Resource not accessible by integration"
        assert "=" in answer.headers["X-Accepted-GitHub-Permissions"]


def test_without_credentials_only_public_repositories_are_seen(
    github: GitHubDouble, http: httpx.Client
) -> None:
    github.create_repository("octo/open", files={"a": "1"}, private=False)
    github.create_repository("octo/closed", files={"a": "1"})
    nobody = Ask(http, None)
    assert nobody("GET", "/repos/octo/open").status_code == 200
    assert nobody("GET", "/repos/octo/closed").status_code == 404
    assert nobody("POST", "/repos/octo/open/issues", {"title": "x"}).status_code == 401
    assert Ask(http, "ghs_1_no.such.token")("GET", "/repos/octo/open").status_code == 401


@pytest.mark.parametrize(
    ("login", "permission", "role"),
    [
        ("octo", "admin", "admin"),
        ("alice", "write", "write"),
        ("mona", "write", "maintain"),
        ("tess", "read", "triage"),
        ("codeagent[bot]", "none", "none"),
        ("bystander", "none", "none"),
    ],
)
def test_roles(github: GitHubDouble, ask: Ask, login: str, permission: str, role: str) -> None:
    github.user("bystander")
    answer = ask("GET", f"/repos/{REPO}/collaborators/{login}/permission").json()
    assert (answer["permission"], answer["role_name"]) == (permission, role)


def test_a_user_is_looked_up(ask: Ask, app: Credentials) -> None:  # noqa: ARG001
    bot = ask("GET", "/users/codeagent[bot]").json()
    assert (bot["login"], bot["type"]) == ("codeagent[bot]", "Bot")
    assert ask("GET", "/users/ghost").status_code == 404


def test_an_unknown_user_has_no_role(ask: Ask) -> None:
    assert ask("GET", f"/repos/{REPO}/collaborators/ghost/permission").status_code == 404
