"""GitHub's description as a judge: what GitHub does not have is noticed, and fails the test that sent it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.double.description import installed
from tests.double.rest import ROUTES
from tests.double.server import DoubleError, GitHubDouble
from tests.double.web import Request
from tests.github_double.conftest import REPO, Ask

pytestmark = pytest.mark.npm

HERE = f"/repos/{REPO}"


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "violation"),
    [
        (
            "POST",
            f"{HERE}/issues/1/comments",
            {"body": "x", "color": "red"},
            422,
            "GitHub has no field $.color",
        ),
        ("POST", f"{HERE}/issues/1/comments", {"body": 7}, 422, "7 is not of type 'string'"),
        ("POST", f"{HERE}/issues/1/comments", {}, 422, "'body' is a required property"),
        ("POST", f"{HERE}/issues/1/comments", None, 422, "needs a body"),
        (
            "POST",
            f"{HERE}/issue/1/comments",
            {"body": "x"},
            404,
            f"GitHub has no POST {HERE}/issue/1/comments",
        ),
        ("GET", f"{HERE}/issues/one", None, 422, "issue_number='one' does not fit"),
        ("GET", f"{HERE}/issues?status=open", None, 200, "no query parameter 'status'"),
        ("GET", f"{HERE}/issues?state=opened", None, 422, "state='opened' does not fit"),
        (
            "POST",
            f"{HERE}/check-runs",
            {"name": "x", "head_sha": "0", "conclusion": "good"},
            422,
            "'good' is not one of",
        ),
        (
            "POST",
            f"{HERE}/check-runs",
            {"name": "x", "head_sha": "0", "output": {"title": "t", "summary": "s", "html": ""}},
            422,
            "GitHub has no field $.output.html",
        ),
        (
            "POST",
            f"{HERE}/check-runs",
            {
                "name": "x",
                "head_sha": "0",
                "actions": [{"label": "x" * 21, "description": "d", "identifier": "i"}],
            },
            422,
            "is too long",
        ),
        (
            "POST",
            f"{HERE}/git/trees",
            {"tree": [{"path": "a", "data": "x"}]},
            422,
            "GitHub has no field $.tree[0].data",
        ),
        ("POST", f"{HERE}/pulls", {"title": "t", "head": "x"}, 422, "'base' is a required property"),
        ("DELETE", "/installation/token", {"force": True}, 422, "takes no body"),
        ("GET", f"{HERE}/stargazers", None, 404, f"GitHub has, the double has not, GET {HERE}/stargazers"),
    ],
)
def test_violations(
    github: GitHubDouble, ask: Ask, method: str, path: str, body: object, status: int, violation: str
) -> None:
    github.create_issue(REPO, "It breaks")
    assert ask(method, path, body).status_code == status
    assert any(violation in each for each in github.violations), github.violations
    with pytest.raises(DoubleError):
        github.check()
    github.violations.clear()


def test_null_is_taken_only_where_github_takes_it() -> None:
    description = installed()
    assert description is not None

    def problems(path: str, body: bytes) -> list[str]:
        return description.check_request(Request(method="PATCH", path=path, body=body))

    assert problems(f"{HERE}/issues/1", b'{"milestone": null, "body": null}') == []
    assert problems(f"{HERE}/issues/1", b'{"state": null}') != []
    assert problems(f"{HERE}/git/refs/heads/a/b", b'{"sha": "1", "force": true}') == []
    assert problems(f"{HERE}/git/refs/heads/a/b", b"{") != []


def test_the_double_has_nothing_that_github_has_not() -> None:
    description = installed()
    assert description is not None
    for each in ROUTES:
        path = each.template.replace("{", "").replace("}", "")
        found = description.template(each.method, path)
        assert found is not None, each
        assert found[0] == each.template


def test_bodies_that_are_no_json(github: GitHubDouble, ask: Ask) -> None:
    github.create_issue(REPO, "It breaks")
    headers = {"Authorization": f"Bearer {ask.token}"}
    answer = ask.client.post(f"{HERE}/issues/1/comments", content=b"{not json", headers=headers)
    assert answer.status_code == 422
    github.violations.clear()


def test_without_the_description_only_unknown_paths_are_noticed(tmp_path: Path) -> None:
    """make demo on a machine without the npm test tools."""
    with GitHubDouble(tmp_path) as gh:
        gh.rest.description = None
        gh.create_repository(REPO, files={"a": "1"})
        app = gh.install_app([REPO])
        gh.create_issue(REPO, "It breaks")
        headers = {"Authorization": f"Bearer {gh.access_token(app.installation_id)}"}
        with httpx.Client(base_url=gh.api_url, headers=headers, trust_env=False) as client:
            assert client.post(f"{HERE}/issues/1/comments", json={"body": "x", "color": 1}).status_code == 201
            assert gh.violations == []
            assert client.get(f"{HERE}/no-such-thing").status_code == 404
            assert client.post(f"{HERE}/issues/1/comments", content=b"{").status_code == 400
    assert gh.violations == [f"the double does not know GET {HERE}/no-such-thing"]


def test_the_double_runs_without_development_dependencies() -> None:
    """make demo installs the runtime's lock file only."""
    code = (
        "import sys\n"
        "for name in ('jsonschema', 'pytest', 'hypothesis', 'yaml'): sys.modules[name] = None\n"
        "import tests.double.server\n"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run((sys.executable, "-c", code), cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
