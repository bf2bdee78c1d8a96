"""Others' checks, workflow runs and their logs, review threads: every answer fits GitHub's description, every
delivery has the fields that Octokit knows."""

from __future__ import annotations

import httpx
import pytest

from tests.double import payloads
from tests.double.server import GitHubDouble
from tests.github_double.conftest import REPO, Ask
from tests.github_double.test_webhooks import _missing

HERE = f"/repos/{REPO}"


@pytest.fixture
def pull(github: GitHubDouble, ask: Ask) -> int:
    assert ask is not None, "the App is there"
    github.create_branch(REPO, "fix")
    github.commit(REPO, "fix", {"a.py": "x = 2\n"})
    return github.open_pull(REPO, "fix", author="mona")


def test_a_failed_workflow_and_its_log(github: GitHubDouble, ask: Ask) -> None:
    run = github.run_workflow(REPO, "main", {"test": "1 failed\n", "gone": None})
    assert ask("GET", f"{HERE}/actions/runs/{run.id}").json()["conclusion"] == "failure"
    jobs = ask("GET", f"{HERE}/actions/runs/{run.id}/jobs").json()["jobs"]
    assert [(each["name"], each["steps"][1]["conclusion"]) for each in jobs] == [
        ("test", "failure"),
        ("gone", "failure"),
    ]
    sent = ask("GET", f"{HERE}/actions/jobs/{jobs[0]['id']}/logs")
    assert sent.status_code == 302
    assert httpx.get(sent.headers["location"], trust_env=False).text == "1 failed\n"
    assert ask("GET", f"{HERE}/actions/jobs/{jobs[1]['id']}/logs").status_code == 410
    assert ask("GET", f"{HERE}/commits/main/check-runs").json()["total_count"] == 2


def test_a_token_sent_to_the_logs_host_is_a_violation(github: GitHubDouble, ask: Ask) -> None:
    run = github.run_workflow(REPO, "main", {"test": "1 failed\n"})
    there = ask("GET", f"{HERE}/actions/jobs/{run.jobs[0].id}/logs").headers["location"]
    httpx.get(there, headers={"Authorization": "Bearer x"}, trust_env=False)
    assert "another host" in github.violations.pop()


def test_reviews_and_their_threads(github: GitHubDouble, ask: Ask, pull: int) -> None:
    review = github.review(REPO, pull, "Hm.", author="alice")
    first = github.comment_on_lines(REPO, pull, "Why?", path="a.py", line=1, hunk="@@", review=review)
    reply = ask("POST", f"{HERE}/pulls/{pull}/comments/{first.id}/replies", {"body": "So."}).json()
    assert reply["in_reply_to_id"] == first.id
    again = ask("POST", f"{HERE}/pulls/{pull}/comments/{reply['id']}/replies", {"body": "So."})
    assert again.status_code == 422
    edited = ask("PATCH", f"{HERE}/pulls/comments/{reply['id']}", {"body": "Because."})
    assert edited.json()["body"] == "Because."
    assert ask("PATCH", f"{HERE}/pulls/comments/{first.id}", {"body": "No."}).status_code == 403
    of_review = ask("GET", f"{HERE}/pulls/{pull}/reviews/{review.id}/comments").json()
    assert [each["id"] for each in of_review] == [first.id]
    assert ask("GET", f"{HERE}/pulls/comments/{first.id}").json()["diff_hunk"] == "@@"


def test_reviewers_are_taken_together_or_not_at_all(github: GitHubDouble, ask: Ask, pull: int) -> None:
    where = f"{HERE}/pulls/{pull}/requested_reviewers"
    assert ask("POST", where, {"reviewers": ["alice", "nobody"]}).status_code == 422
    assert ask("POST", where, {"reviewers": ["mona"]}).status_code == 422
    github.repository(REPO).teams.add("core")
    made = ask("POST", where, {"reviewers": ["alice"], "team_reviewers": ["core"]}).json()
    assert [each["login"] for each in made["requested_reviewers"]] == ["alice"]
    assert [each["slug"] for each in made["requested_teams"]] == ["core"]


def test_a_pull_request_from_a_fork(github: GitHubDouble, ask: Ask) -> None:
    fork = github.fork(REPO, "mallory")
    github.create_branch(fork.full_name, "patch")
    sha = github.commit(fork.full_name, "patch", {"a.py": "x = 9\n"}, author="mallory")
    number = github.open_fork_pull(REPO, fork.full_name, "patch")
    head = ask("GET", f"{HERE}/pulls/{number}").json()["head"]
    assert (head["repo"]["full_name"], head["repo"]["fork"], head["sha"]) == (fork.full_name, True, sha)
    assert ask("GET", f"{HERE}/pulls/{number}/files").json()[0]["filename"] == "a.py"
    assert len(ask("GET", f"{HERE}/pulls?head=mallory:patch").json()) == 1
    assert ask("GET", f"{HERE}/pulls?head=octo:patch").json() == []


@pytest.mark.npm
def test_deliveries_have_every_field_that_octokit_knows(github: GitHubDouble, pull: int) -> None:
    shapes, repository = github.shapes, github.repository(REPO)
    issue, alice = github.issue(REPO, pull), github.user("alice")
    installation = next(iter(github.world.installations.values()))
    run = github.run_workflow(REPO, "fix", {"test": "1 failed\n"})
    check = github.check_runs(REPO)[0]
    review = github.review(REPO, pull, "Hm.", state="CHANGES_REQUESTED")
    comment = github.comment_on_lines(REPO, pull, "Why?", path="a.py", line=1, review=review)
    same = (shapes, repository)
    rows = {
        "check_run$completed": payloads.check_run(*same, "completed", check, "fix", alice, installation),
        "check_run$requested_action": payloads.check_run(
            *same, "requested_action", check, "fix", alice, installation, "stop"
        ),
        "check_suite$completed": payloads.check_suite(*same, "completed", check, "fix", alice, installation),
        "workflow_run$completed": payloads.workflow_run(*same, "completed", run, installation),
        "pull_request$opened": payloads.pull_request(*same, "opened", issue, alice, installation),
        "pull_request_review$submitted": payloads.review(*same, "submitted", issue, review, installation),
        "pull_request_review_comment$created": payloads.review_comment(
            *same, "created", issue, comment, installation
        ),
    }
    assert {name: found for name, payload in rows.items() if (found := _missing(name, payload))} == {}
