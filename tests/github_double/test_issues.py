"""Issues, comments, labels, reactions, paging and ETags, as the bot uses them."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from githubkit import AppInstallationAuthStrategy, GitHub

from tests.double.server import GitHubDouble
from tests.github_double.conftest import REPO, Ask

ISSUE = f"/repos/{REPO}/issues/1"


@pytest.fixture(autouse=True)
def _issue(github: GitHubDouble, ask: Ask) -> None:  # noqa: ARG001
    github.create_issue(REPO, "It breaks", "A traceback", author="bob", labels=["bug"])


def test_an_issue_as_githubkit_reads_it(kit: GitHub[AppInstallationAuthStrategy]) -> None:
    issue: Any = kit.rest.issues.get("octo", "demo", 1).json()
    assert (issue["title"], issue["user"]["login"], issue["state"]) == ("It breaks", "bob", "open")
    assert [each["name"] for each in issue["labels"]] == ["bug"]
    assert issue["html_url"].endswith("/octo/demo/issues/1")


def test_a_comment_is_made_found_and_edited(
    github: GitHubDouble, kit: GitHub[AppInstallationAuthStrategy]
) -> None:
    made: Any = kit.rest.issues.create_comment("octo", "demo", 1, body="<!-- mark --> working").json()
    assert (made["user"]["login"], made["user"]["type"]) == ("codeagent[bot]", "Bot")
    assert made["performed_via_github_app"]["slug"] == "codeagent"
    kit.rest.issues.update_comment("octo", "demo", made["id"], body="<!-- mark --> done")
    assert [each.body for each in github.comments(REPO, 1)] == ["<!-- mark --> done"]
    assert github.creates["comment"] == 1


def test_pages_follow_absolute_links(github: GitHubDouble, kit: GitHub[AppInstallationAuthStrategy]) -> None:
    for number in range(65):
        github.add_comment(REPO, 1, f"comment {number}")
    pages: Any = kit.rest.paginate(kit.rest.issues.list_comments, owner="octo", repo="demo", issue_number=1)
    assert [each.body for each in pages] == [f"comment {number}" for number in range(65)]


def test_link_header(github: GitHubDouble, ask: Ask) -> None:
    for number in range(5):
        github.add_comment(REPO, 1, f"comment {number}")
    answer = ask("GET", f"{ISSUE}/comments?per_page=2&page=2")
    assert {name: link["url"].rpartition("page=")[2] for name, link in answer.links.items()} == {
        "prev": "1",
        "next": "3",
        "last": "3",
        "first": "1",
    }
    assert answer.links["next"]["url"].startswith(f"{github.api_url}{ISSUE}/comments?per_page=2")
    assert "Link" not in ask("GET", f"{ISSUE}/comments").headers


def test_an_unchanged_answer_is_304(github: GitHubDouble, ask: Ask) -> None:
    etag = ask("GET", ISSUE).headers["ETag"]
    again = ask("GET", ISSUE, headers={"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")
    github.edit_issue(REPO, 1, title="It breaks badly")
    assert ask("GET", ISSUE, headers={"If-None-Match": etag}).status_code == 200


def test_labels_are_made_added_and_removed(github: GitHubDouble, ask: Ask) -> None:
    names = [each["name"] for each in ask("POST", f"{ISSUE}/labels", {"labels": ["new one", "BUG"]}).json()]
    assert names == ["bug", "new one"]
    assert github.creates["label"] == 2  # "bug" came with the issue
    assert ask("DELETE", f"{ISSUE}/labels/new%20one").status_code == 200
    gone = ask("DELETE", f"{ISSUE}/labels/new%20one")
    assert (gone.status_code, gone.json()["message"]) == (404, "Label does not exist")
    assert ask("PUT", f"{ISSUE}/labels", {"labels": ["x"]}).status_code == 200
    assert github.issue(REPO, 1).label_names == ("x",)


def test_the_same_reaction_twice_is_one(github: GitHubDouble, ask: Ask) -> None:
    assert ask("POST", f"{ISSUE}/reactions", {"content": "eyes"}).status_code == 201
    assert ask("POST", f"{ISSUE}/reactions", {"content": "eyes"}).status_code == 200
    assert len(github.issue(REPO, 1).reactions) == 1


def _refused(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, str(answer.json().get("errors"))


def test_limits(ask: Ask) -> None:
    status, errors = _refused(ask("POST", f"{ISSUE}/comments", {"body": "x" * 65_537}))
    assert (status, "body is too long (maximum is 65536 characters)" in errors) == (422, True)
    assert ask("POST", f"{ISSUE}/comments", {"body": "x" * 65_536}).status_code == 201
    assert ask("POST", f"{ISSUE}/comments", {"body": " "}).status_code == 422
    status, errors = _refused(ask("POST", f"{ISSUE}/labels", {"labels": ["x" * 51]}))
    assert (status, "name is too long" in errors) == (422, True)
    assert ask("POST", f"/repos/{REPO}/issues", {"title": "x" * 257}).status_code == 422


def test_closing_and_opening(github: GitHubDouble, ask: Ask) -> None:
    closed = ask("PATCH", ISSUE, {"state": "closed", "state_reason": "not_planned"}).json()
    assert (closed["state"], closed["state_reason"]) == ("closed", "not_planned")
    assert closed["closed_at"] is not None
    assert ask("PATCH", ISSUE, {"state": "open"}).json()["closed_at"] is None
    assert github.issue(REPO, 1).state == "open"


def test_what_is_not_there(ask: Ask) -> None:
    for path in (f"/repos/{REPO}/issues/99", f"/repos/{REPO}/issues/comments/99", "/repos/octo/none"):
        assert ask("GET", path).status_code == 404
