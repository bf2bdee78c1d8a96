"""action.yml from the file itself, step by step as a runner takes them, on the double: each way it ends."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from tests.acceptance.canaries import Needle, found_in, searched, tokens, unpacked, watching
from tests.acceptance.hostile import hostile_files, trap
from tests.action.emulation import Ran
from tests.action.support import MODEL_KEY, Workplace

pytestmark = [pytest.mark.network, pytest.mark.slow]

STRANGER = "raise SystemExit('the workspace was imported')\n"
WORKSPACE = {
    **{f"{name}.py": STRANGER for name in ("sitecustomize", "json", "typing", "pip", "venv")},
    "bot/__init__.py": STRANGER,
    "agent/__init__.py": STRANGER,
    "pip.conf": "[global]\nindex-url = http://127.0.0.1:1/\n",
    "requirements.lock": "nothing==1\n",
}
"""What an untrusted checkout in the workspace may bring along."""


def ended(ran: Ran, status: str, code: int = 0) -> None:
    assert (ran.outputs["status"], ran.codes["run"]) == (status, code), ran.log
    assert ran.outcome == ("failure" if code else "success")


@pytest.mark.docker
def test_a_label_becomes_a_pull_request(workplace: Workplace) -> None:
    """In Docker, as on a hosted runner, with a repository that looks for secrets from inside."""
    secret = "canary-hostfile-3c9d"
    with (
        trap(workplace.place / "trap", secret) as host,
        watching(0, [workplace.place / "data" / "runs"]) as sample,
    ):
        repository = workplace.repository("labelled", hostile_files(host))
        number, event = workplace.labelled(repository)
        key = {"model": "never-asked", "model-api-key": MODEL_KEY, "driver": "built-in", "sandbox": ""}
        ran = workplace.job(repository, "issues", event, key, workspace=WORKSPACE)
        ended(ran, "solved")
        host.is_untouched()
    github = workplace.github
    (pull,) = github.pulls(repository)
    (comment,) = github.comments(repository, number)
    assert ran.outputs["pull-request-url"].endswith(f"/pull/{pull.number}")
    assert ran.outputs["pull-request-url"] in comment.body
    assert ran.outputs["cost"] == "0.00"
    assert ran.outputs["run-url"].endswith("/attempts/1")
    assert "With the patch they pass" in ran.summary
    assert "```mermaid" in ran.summary
    assert "no workflow has been started" in ran.summary
    assert {each.where["file"] for each in ran.annotations if "file" in each.where} == {"src/pager/pages.py"}
    assert {"sandbox", "baseline", "search"} <= {group.split()[0].lower() for group in ran.groups}, ran.groups
    kept = workplace.artifacts[Path(ran.outputs["directory"]).name]
    assert {"fix.patch", "journal.jsonl", "steps.jsonl", "summary.md"} <= {
        path.name for path in kept.iterdir()
    }
    assert Path(ran.outputs["patch-path"]).read_bytes().startswith(b"diff --git a/")

    needles = (
        *tokens(github.world.tokens),
        Needle(name="model key", text=MODEL_KEY.encode()),
        Needle(name="host file", text=secret.encode()),
    )
    journal = unpacked((kept / "journal.jsonl").read_text())
    assert "ENVIRON PATH=" in journal, "the spy did not run"
    published = "\n".join(str(each.body) for each in github.requests if each.method != "GET")
    everything = "\n".join((ran.log, ran.summary, json.dumps(ran.outputs), journal, published))
    assert found_in(everything.encode(), needles) == []
    assert searched(kept, needles) == {}
    assert searched(workplace.place / "data", needles) == {}
    assert [line for line in sample.arguments if found_in(line, needles)] == []


@pytest.mark.bubblewrap
def test_could_not_reproduce(workplace: Workplace) -> None:
    repository = workplace.repository("vague")
    number, event = workplace.labelled(repository, ("It is slow sometimes", "Please make it better."))
    ran = workplace.job(repository, "issues", event, {"fail-on": "error, not-reproduced"})
    ended(ran, "not-reproduced", code=6)
    assert "could not reproduce" in ran.summary
    assert "could not reproduce" in workplace.github.comments(repository, number)[0].body
    assert Path(ran.outputs["directory"]).name in workplace.artifacts, "kept although the step is red"
    assert ran.said("error")


@pytest.mark.bubblewrap
def test_reproduced_and_not_repaired(workplace: Workplace) -> None:
    """By a task in words, and nothing is written to the repository."""
    repository = workplace.repository("hard")
    before = len(workplace.github.requests)
    task = "Wrong last page\n\n`clamp_page(7, 3)` returns `3`, I expect `'the seventh of three'`."
    inputs = {"task": task, "pull-request": "false"}
    ran = workplace.job(repository, "workflow_dispatch", {}, inputs)
    ended(ran, "no-patch")
    assert ran.outputs["patch-path"] == ""
    assert ran.outcome == "success"
    assert "Tests that show the problem" in ran.summary
    assert any("not repaired" in each.message for each in ran.annotations if each.level == "warning")
    wrote = [
        each.path
        for each in workplace.github.requests[before:]
        if each.method != "GET" and "git-upload-pack" not in each.path
    ]
    assert wrote == []


@pytest.mark.bubblewrap
def test_over_budget(workplace: Workplace) -> None:
    repository = workplace.repository("short-of-time")
    number, event = workplace.labelled(repository)
    ran = workplace.job(
        repository, "issues", event, {"config": "budget: {iterations: 1}", "fail-on": "unsolved"}
    )
    ended(ran, "over-budget", code=7)
    assert "iteration cap" in workplace.github.comments(repository, number)[0].body


@pytest.mark.bubblewrap
def test_a_missing_permission(workplace: Workplace) -> None:
    repository = workplace.repository("forbidden")
    _, event = workplace.labelled(repository)
    token = workplace.token({"contents": "write", "pull_requests": "read", "issues": "read"})
    ran = workplace.job(repository, "issues", event, token=token)
    ended(ran, "no-permission", code=5)
    assert "permissions:\n  contents: write\n  issues: write\n  pull-requests: write" in ran.summary
    assert "issues: write" in ran.said("error")


def test_what_asks_for_nothing_costs_nothing(workplace: Workplace) -> None:
    repository = workplace.repository("quiet")
    _, event = workplace.labelled(repository)
    ran = workplace.job(repository, "issues", {**event, "action": "edited"})
    ended(ran, "nothing-to-do")
    assert ran.outputs["directory"] == ""
    wrong = workplace.job(repository, "issues", event, {"max-minutes": "soon"})
    ended(wrong, "bad-input", code=2)
    assert "max-minutes" in wrong.said("error")
    unknown = workplace.job(repository, "issues", event, {"fail-on": "red"})
    ended(unknown, "bad-input", code=2)


def test_it_installs_itself_on_a_runner(workplace: Workplace) -> None:
    """From nothing but the action's own files, with a checkout in the workspace that is in the way."""
    repository = workplace.repository("installed")
    _, event = workplace.labelled(repository)
    ran = workplace.job(repository, "issues", {**event, "action": "edited"}, workspace=WORKSPACE, ready=False)
    ended(ran, "nothing-to-do")
    assert ran.codes["Install"] == 0
    assert re.search(r"Install CodeAgent", "\n".join(ran.groups))
    assert sys.version_info >= (3, 11)
