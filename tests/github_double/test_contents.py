"""Files, branches and the git database."""

from __future__ import annotations

import base64

import pytest

from tests.double.server import Credentials, GitHubDouble
from tests.github_double.conftest import REPO, Ask

HERE = f"/repos/{REPO}"


def test_a_file_and_a_directory(ask: Ask) -> None:
    file = ask("GET", f"{HERE}/contents/pkg/b.py?ref=main").json()
    assert (file["type"], file["encoding"], base64.b64decode(file["content"])) == (
        "file",
        "base64",
        b"y = 2\n",
    )
    assert (
        ask("GET", f"{HERE}/contents/a.py", headers={"Accept": "application/vnd.github.raw+json"}).text
        == "x = 1\n"
    )
    assert [each["path"] for each in ask("GET", f"{HERE}/contents/pkg").json()] == ["pkg/b.py"]
    assert {each["name"]: each["type"] for each in ask("GET", f"{HERE}/contents/").json()} == {
        "a.py": "file",
        "pkg": "dir",
        "run.sh": "file",
    }


@pytest.mark.parametrize(
    "path", ["none.py", "pkg/none.py", "a.py?ref=none", "..%2F..%2Fetc%2Fpasswd", "a.py%00"]
)
def test_what_is_not_there(ask: Ask, path: str) -> None:
    assert ask("GET", f"{HERE}/contents/{path}").status_code == 404


def test_an_empty_repository(github: GitHubDouble, app: Credentials, ask: Ask) -> None:
    github.create_repository("octo/empty")
    empty = Ask(ask.client, github.access_token(github.install(app.app_id, "octo", ["octo/empty"])))
    assert empty("GET", "/repos/octo/empty").json()["default_branch"] == "main"
    assert empty("GET", "/repos/octo/empty/branches/main").status_code == 404
    assert empty("GET", "/repos/octo/empty/contents/a").status_code == 404
    assert empty("GET", "/repos/octo/empty/commits").status_code == 409


def test_branches_with_slashes(github: GitHubDouble, ask: Ask) -> None:
    sha = github.create_branch(REPO, "codeagent/issue-1")
    branch = ask("GET", f"{HERE}/branches/codeagent/issue-1").json()
    assert (branch["name"], branch["commit"]["sha"], branch["protected"]) == ("codeagent/issue-1", sha, False)
    assert ask("GET", f"{HERE}/git/ref/heads/codeagent/issue-1").json()["object"]["sha"] == sha
    assert ask("GET", f"{HERE}/commits/heads/codeagent/issue-1").json()["sha"] == sha
    assert [each["name"] for each in ask("GET", f"{HERE}/branches").json()] == ["codeagent/issue-1", "main"]
    assert ask("GET", f"{HERE}/branches/none").status_code == 404


def _commit(ask: Ask, tree: list[dict[str, object]], parent: str) -> str:
    base = ask("GET", f"{HERE}/git/commits/{parent}").json()["tree"]["sha"]
    made = ask("POST", f"{HERE}/git/trees", {"base_tree": base, "tree": tree})
    assert made.status_code == 201, made.text
    body = {"message": "Fix it", "tree": made.json()["sha"], "parents": [parent]}
    commit = ask("POST", f"{HERE}/git/commits", body).json()
    assert (commit["author"]["name"], commit["verification"]["verified"]) == ("codeagent[bot]", True)
    return str(commit["sha"])


def test_a_commit_made_through_the_api(github: GitHubDouble, ask: Ask) -> None:
    main = ask("GET", f"{HERE}/git/ref/heads/main").json()["object"]["sha"]
    content = base64.b64encode(b"x = 2\n").decode()
    blob = ask("POST", f"{HERE}/git/blobs", {"content": content, "encoding": "base64"}).json()["sha"]
    rows: list[dict[str, object]] = [
        {"path": "a.py", "mode": "100644", "type": "blob", "sha": blob},
        {"path": "new/c.py", "mode": "100755", "type": "blob", "content": "z = 3\n"},
        {"path": "run.sh", "mode": "100644", "type": "blob", "sha": None},
    ]
    sha = _commit(ask, rows, main)
    made = ask("POST", f"{HERE}/git/refs", {"ref": "refs/heads/fix", "sha": sha})
    assert made.status_code == 201
    git = github.repository(REPO).git
    assert {each.path: each.mode for each in git.tree("fix", recursive=True) if each.kind == "blob"} == {
        "a.py": "100644",
        "new/c.py": "100755",
        "pkg/b.py": "100644",
    }
    compared = ask("GET", f"{HERE}/compare/main...fix").json()
    assert (compared["status"], compared["ahead_by"], compared["merge_base_commit"]["sha"]) == (
        "ahead",
        1,
        main,
    )
    assert github.creates["ref"] == 1


def test_refs_move_forward_unless_forced(github: GitHubDouble, ask: Ask) -> None:
    old = github.create_branch(REPO, "fix")
    new = github.commit(REPO, "fix", {"a.py": "x = 2\n"})
    back = {"sha": old}
    refused = ask("PATCH", f"{HERE}/git/refs/heads/fix", back)
    assert (refused.status_code, refused.json()["message"]) == (422, "Update is not a fast forward")
    assert ask("PATCH", f"{HERE}/git/refs/heads/fix", {**back, "force": True}).status_code == 200
    assert ask("PATCH", f"{HERE}/git/refs/heads/fix", {"sha": new}).json()["object"]["sha"] == new
    assert ask("DELETE", f"{HERE}/git/refs/heads/fix").status_code == 204
    assert github.repository(REPO).git.tip("fix") is None


@pytest.mark.parametrize(
    ("ref", "sha", "message"),
    [
        ("refs/heads/main", None, "Reference already exists"),
        ("refs/heads/new", "0" * 40, "Object does not exist"),
        ("refs/heads/../../config", None, "not a valid ref name"),
        ("refs/heads/a..b", None, "not a valid ref name"),
        ("heads/new", None, "not a valid ref name"),
        ("refs/heads/--upload-pack=x y", None, "not a valid ref name"),
    ],
)
def test_refs_that_are_refused(
    github: GitHubDouble, ask: Ask, ref: str, sha: str | None, message: str
) -> None:
    tip = github.repository(REPO).git.tip("main")
    answer = ask("POST", f"{HERE}/git/refs", {"ref": ref, "sha": sha or tip})
    assert answer.status_code == 422
    assert message in answer.json()["message"]


@pytest.mark.parametrize("path", ["../x", ".git/config", "/etc/passwd", "a/../../x", "a/.git/hooks/x"])
def test_trees_that_leave_the_repository_are_refused(ask: Ask, path: str) -> None:
    row = {"path": path, "mode": "100644", "type": "blob", "content": "x"}
    assert ask("POST", f"{HERE}/git/trees", {"tree": [row]}).status_code == 422


def test_a_subtree_is_put_in_whole(github: GitHubDouble, ask: Ask) -> None:
    tree = next(each.sha for each in github.repository(REPO).git.tree("main") if each.path == "pkg")
    row = {"path": "copy", "mode": "040000", "type": "tree", "sha": tree}
    made = ask("POST", f"{HERE}/git/trees", {"tree": [row]}).json()["sha"]
    assert [each["path"] for each in ask("GET", f"{HERE}/git/trees/{made}?recursive=1").json()["tree"]] == [
        "copy",
        "copy/b.py",
    ]


def test_workflow_files_need_their_own_permission(github: GitHubDouble, app: Credentials, ask: Ask) -> None:
    main = github.repository(REPO).git.tip("main")
    assert main is not None
    row: dict[str, object] = {
        "path": ".github/workflows/ci.yml",
        "mode": "100644",
        "type": "blob",
        "content": "on: push",
    }
    assert ask("POST", f"{HERE}/git/trees", {"base_tree": main, "tree": [row]}).status_code == 403
    more = {"contents": "write", "workflows": "write"}
    able = Ask(ask.client, github.access_token(app.installation_id, permissions=more))
    sha = _commit(able, [row], main)
    assert ask("POST", f"{HERE}/git/refs", {"ref": "refs/heads/wf", "sha": sha}).status_code == 403
    assert able("POST", f"{HERE}/git/refs", {"ref": "refs/heads/wf", "sha": sha}).status_code == 201
