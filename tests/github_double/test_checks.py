"""Check runs: made by Apps, completed by a conclusion, bounded as on GitHub."""

from __future__ import annotations

import pytest

from tests.double.server import GitHubDouble
from tests.github_double.conftest import REPO, Ask

RUNS = f"/repos/{REPO}/check-runs"


@pytest.fixture
def sha(github: GitHubDouble, ask: Ask) -> str:  # noqa: ARG001
    tip = github.repository(REPO).git.tip("main")
    assert tip is not None
    return tip


def test_a_run_is_made_completed_and_found(github: GitHubDouble, ask: Ask, sha: str) -> None:
    output = {"title": "Working", "summary": "…"}
    body = {
        "name": "codeagent",
        "head_sha": sha,
        "status": "in_progress",
        "external_id": "m1",
        "output": output,
    }
    made = ask("POST", RUNS, body).json()
    assert (made["status"], made["conclusion"], made["external_id"]) == ("in_progress", None, "m1")
    done = ask("PATCH", f"{RUNS}/{made['id']}", {"conclusion": "success"}).json()
    assert (done["status"], done["conclusion"], done["output"]["title"]) == (
        "completed",
        "success",
        "Working",
    )
    assert done["completed_at"] is not None
    assert github.creates["check_run"] == 1
    assert ask("GET", f"{RUNS}/{made['id']}").json() == done


def test_runs_of_a_commit_are_filtered(github: GitHubDouble, ask: Ask, sha: str) -> None:
    for name in ("one", "two", "one"):
        assert ask("POST", RUNS, {"name": name, "head_sha": sha}).status_code == 201
    app = github.check_runs(REPO)[0].app.id

    def names(query: str) -> list[str]:
        return [
            each["name"]
            for each in ask("GET", f"/repos/{REPO}/commits/main/check-runs{query}").json()["check_runs"]
        ]

    assert names("") == ["one", "two"]
    assert names("?filter=all") == ["one", "two", "one"]
    assert names("?check_name=two") == ["two"]
    assert names(f"?app_id={app}&check_name=one") == ["one"]
    assert names("?app_id=1") == []


@pytest.mark.parametrize(
    "change",
    [
        {"output": {"title": "t", "summary": "x" * 65_536}},
        {"output": {"title": "t", "summary": "s", "text": "x" * 65_536}},
        {"status": "completed"},
        {"head_sha": "0" * 40},
        {
            "output": {
                "title": "t",
                "summary": "s",
                "annotations": [
                    {
                        "path": "a.py",
                        "start_line": 1,
                        "end_line": 1,
                        "annotation_level": "notice",
                        "message": "m",
                    }
                ]
                * 51,
            }
        },
    ],
)
def test_limits(github: GitHubDouble, ask: Ask, sha: str, change: dict[str, object]) -> None:
    assert ask("POST", RUNS, {"name": "x", "head_sha": sha, **change}).status_code == 422
    assert github.check_runs(REPO) == []
    github.violations.clear()  # GitHub's description knows some of these limits too


def test_annotations_add_up(ask: Ask, sha: str) -> None:
    row = {"path": "a.py", "start_line": 1, "end_line": 1, "annotation_level": "notice", "message": "m"}
    output = {"title": "t", "summary": "s", "annotations": [row]}
    made = ask("POST", RUNS, {"name": "x", "head_sha": sha, "output": output}).json()
    ask("PATCH", f"{RUNS}/{made['id']}", {"output": output})
    assert len(ask("GET", f"{RUNS}/{made['id']}/annotations").json()) == 2


def test_only_its_app_may_change_a_run(github: GitHubDouble, ask: Ask, sha: str) -> None:
    made = ask("POST", RUNS, {"name": "x", "head_sha": sha}).json()
    other = github.install_app([REPO], slug="other")
    stranger = Ask(ask.client, github.access_token(other.installation_id))
    answer = stranger("PATCH", f"{RUNS}/{made['id']}", {"conclusion": "success"})
    assert answer.status_code == 403
    assert "can only be modified by the GitHub App that created it" in answer.json()["message"]
