"""Pull requests: GitHub's conditions for opening one, and what git says of them afterwards."""

from __future__ import annotations

from typing import Any

import pytest
from githubkit import AppInstallationAuthStrategy, GitHub

from tests.double.server import GitHubDouble
from tests.github_double.conftest import REPO, Ask

PULLS = f"/repos/{REPO}/pulls"


@pytest.fixture
def fix(github: GitHubDouble, ask: Ask) -> str:  # noqa: ARG001
    github.create_branch(REPO, "fix")
    return github.commit(REPO, "fix", {"a.py": "x = 2\n", "pkg/b.py": None, "new.py": "z = 3\n"})


def test_a_pull_request_is_opened_and_found(
    github: GitHubDouble, kit: GitHub[AppInstallationAuthStrategy], fix: str
) -> None:
    made: Any = kit.rest.pulls.create(
        "octo", "demo", title="Fix", head="fix", base="main", body="Fixes #1"
    ).json()
    assert (made["number"], made["head"]["sha"], made["base"]["ref"]) == (1, fix, "main")
    assert (made["commits"], made["changed_files"], made["additions"], made["deletions"]) == (1, 3, 2, 2)
    assert (made["mergeable"], made["user"]["login"]) == (True, "codeagent[bot]")
    listed = kit.rest.pulls.list("octo", "demo", head="octo:fix", state="all").json()
    assert [each["number"] for each in listed] == [1]
    assert kit.rest.pulls.list("octo", "demo", head="octo:other").json() == []
    assert github.creates["pull"] == 1
    issue: Any = kit.rest.issues.get("octo", "demo", 1).json()
    assert issue["pull_request"]["url"].endswith("/pulls/1")


def test_a_head_filter_without_owner_filters_nothing(github: GitHubDouble, ask: Ask, fix: str) -> None:  # noqa: ARG001
    github.open_pull(REPO, "fix")
    assert len(ask("GET", f"{PULLS}?head=no-such-branch").json()) == 1


@pytest.mark.parametrize(
    ("head", "base", "error"),
    [
        ("main", "main", "No commits between main and main"),
        ("same", "main", "No commits between main and same"),
        ("gone", "main", "head"),
        ("fix", "gone", "base"),
        ("other:fix", "main", "head"),
        ("open", "main", "A pull request already exists for octo:open."),
        ("orphan", "main", "has no history in common"),
    ],
)
def test_conditions(github: GitHubDouble, ask: Ask, fix: str, head: str, base: str, error: str) -> None:  # noqa: ARG001
    github.create_branch(REPO, "same")
    github.create_branch(REPO, "open")
    github.commit(REPO, "open", {"o": "1"})
    github.commit(REPO, "orphan", {"o": "1"})
    github.open_pull(REPO, "open")
    answer = ask("POST", PULLS, {"title": "t", "head": head, "base": base})
    assert (answer.status_code, answer.json()["message"]) == (422, "Validation Failed")
    assert error in str(answer.json()["errors"])
    assert len(github.pulls(REPO)) == 1


def test_a_push_moves_the_head_and_closing_freezes_it(github: GitHubDouble, ask: Ask, fix: str) -> None:
    github.open_pull(REPO, "fix")
    moved = github.commit(REPO, "fix", {"a.py": "x = 4\n"})
    assert ask("GET", f"{PULLS}/1").json()["head"]["sha"] == moved != fix
    github.close_pull(REPO, 1)
    github.commit(REPO, "fix", {"a.py": "x = 5\n"})
    closed = ask("GET", f"{PULLS}/1").json()
    assert (closed["state"], closed["head"]["sha"]) == ("closed", moved)
    assert ask("PATCH", f"{PULLS}/1", {"state": "open"}).json()["state"] == "open"


def test_a_conflict_is_not_mergeable(github: GitHubDouble, ask: Ask, fix: str) -> None:  # noqa: ARG001
    github.open_pull(REPO, "fix")
    github.commit(REPO, "main", {"a.py": "x = 7\n"})
    found = ask("GET", f"{PULLS}/1").json()
    assert (found["mergeable"], found["mergeable_state"]) == (False, "dirty")


def test_merged(github: GitHubDouble, ask: Ask, fix: str) -> None:  # noqa: ARG001
    github.open_pull(REPO, "fix")
    sha = github.merge_pull(REPO, 1)
    found = ask("GET", f"{PULLS}/1").json()
    assert (found["merged"], found["merge_commit_sha"], found["state"]) == (True, sha, "closed")
    assert github.repository(REPO).git.tip("main") == sha
    assert ask("PATCH", f"{PULLS}/1", {"state": "open"}).status_code == 422


def test_title_and_body_are_edited(github: GitHubDouble, ask: Ask, fix: str) -> None:  # noqa: ARG001
    github.open_pull(REPO, "fix")
    assert ask("PATCH", f"{PULLS}/1", {"title": "Better", "body": "b"}).json()["title"] == "Better"
    assert ask("PATCH", f"{PULLS}/1", {"body": "x" * 65_537}).status_code == 422
    assert github.issue(REPO, 1).body == "b"


def test_files_commits_and_diff(github: GitHubDouble, ask: Ask, fix: str) -> None:
    github.open_pull(REPO, "fix")
    files = {each["filename"]: each for each in ask("GET", f"{PULLS}/1/files").json()}
    assert {name: each["status"] for name, each in files.items()} == {
        "a.py": "modified",
        "new.py": "added",
        "pkg/b.py": "removed",
    }
    assert files["a.py"]["patch"] == "@@ -1 +1 @@\n-x = 1\n+x = 2"
    assert [each["sha"] for each in ask("GET", f"{PULLS}/1/commits").json()] == [fix]
    diff = ask("GET", f"{PULLS}/1", headers={"Accept": "application/vnd.github.diff"})
    assert diff.text.startswith("diff --git a/a.py b/a.py")


def test_reviews(github: GitHubDouble, ask: Ask, fix: str) -> None:
    github.open_pull(REPO, "fix", author="codeagent[bot]")
    github.review(REPO, 1, "Please change it", state="CHANGES_REQUESTED")
    assert [each["state"] for each in ask("GET", f"{PULLS}/1/reviews").json()] == ["CHANGES_REQUESTED"]
    own = ask("POST", f"{PULLS}/1/reviews", {"event": "APPROVE"})
    assert (own.status_code, own.json()["errors"]) == (422, ["Can not approve your own pull request"])
    line = {"body": "here", "path": "a.py", "line": 1, "commit_id": fix}
    first = ask("POST", f"{PULLS}/1/comments", line).json()
    reply = ask("POST", f"{PULLS}/1/comments/{first['id']}/replies", {"body": "done"}).json()
    assert reply["in_reply_to_id"] == first["id"]
    assert len(ask("GET", f"{PULLS}/1/comments").json()) == 2
    answer = ask("POST", f"/repos/{REPO}/pulls/comments/{first['id']}/reactions", {"content": "+1"})
    assert answer.status_code == 201
