"""Issue 4, "must be shown" no. 3: failing checks, from signed webhooks to what comes of them, in sandboxes.

One repository whose default branch and pull requests fail in different ways, all at once, while a fifth of
all requests goes wrong: one of everything comes of it.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.acceptance.support import Service, answer_of, until, with_files
from tests.checks.samples import job
from tests.double.faults import Fault, Garbage, Planned, ResetAfter, ResetBefore, Status, StatusAfter
from tests.double.server import GitHubDouble
from tests.double.state import CheckRun, Comment, Delivery, Issue

pytestmark = [pytest.mark.bubblewrap, pytest.mark.network, pytest.mark.slow]

OPTED_IN = {".github/codeagent.yml": "triggers:\n  checks: all\n"}
FAILING = (
    "from pager import clamp_page\n\n\n"
    "def test_first_page():\n    assert clamp_page(-3, 10) == 1\n    assert clamp_page(0, 10) == 1\n"
)
SUMMARY = "=== short test summary info ===\nFAILED {test} - assert -3 == 1\n=== 1 failed in 0.1s ===\n"
LOG = job("python -m pytest -q", output=SUMMARY.format(test="tests/test_first.py::test_first_page"))
# One of these fails in some of the runs of the same code, none in all: but once in ten thousand times.
DICE = (
    "import os\n\nimport pytest\n\n\n"
    '@pytest.mark.parametrize("n", range(20))\ndef test_dice(n):\n    assert os.urandom(1)[0] >= 26\n'
)
DICE_LOG = job(
    "pytest",
    output="=== short test summary info ===\n"
    "FAILED tests/test_random.py::test_dice - assert 3 >= 26\n"
    "FAILED tests/test_pages.py::test_page_of - assert 2 == 1\n",
)


class Failing:
    """A repository on the double whose checks fail, and what the bot makes of it."""

    def __init__(self, service: Service, name: str, files: dict[str, str]) -> None:
        self.service = service
        self.github = service.github
        self.name = service.repository(name, with_files({**OPTED_IN, **files}))

    def branch(self, name: str, files: dict[str, str | bytes | None], repository: str = "") -> str:
        where = repository or self.name
        self.github.create_branch(where, name)
        self.github.commit(where, name, files, "A change", "alice")
        return name

    def fails(self, branch: str, log: bytes) -> Delivery:
        run = self.github.run_workflow(self.name, branch, {"tests": log})
        return self.github.deliver_workflow_run(self.name, run)

    def tip(self, branch: str) -> str:
        sha = self.github.repository(self.name).git.tip(branch)
        assert sha is not None
        return sha

    def checks(self, sha: str) -> list[CheckRun]:
        every = self.github.check_runs(self.name)
        return [each for each in every if each.head_sha == sha and each.name.startswith("CodeAgent")]

    def comments(self, pull: int) -> list[Comment]:
        return self.github.comments(self.name, pull)

    def ours(self) -> list[Issue]:
        return [each for each in self.github.pulls(self.name) if each.user.login.endswith("[bot]")]

    def over(self, sha: str) -> Callable[[], bool]:
        return lambda: any(check.status == "completed" for check in self.checks(sha))

    def wait(self, sha: str, what: str) -> CheckRun:
        until(self.over(sha), lambda: f"{what}; the log ends with {self.service.logged()[-3000:]}")
        (check,) = self.checks(sha)
        return check


FAULTS: tuple[Fault, ...] = (Status(502), ResetBefore(), ResetAfter(), StatusAfter(502), Garbage())


@contextmanager
def a_fifth_goes_wrong(github: GitHubDouble, repository: str) -> Iterator[list[Planned]]:
    """Of all requests about a repository, git's too: each fifth one, in one way after the other. But no
    garbage for a log: nobody can tell it from one."""
    place = rf"^(?!.*/logs$).*{repository}\b"
    rows = [
        github.faults.add("*", place, FAULTS[n % len(FAULTS)], times=1, skip=4 * (n + 1)) for n in range(200)
    ]
    try:
        yield rows
    finally:
        for row in rows:
            row.left = 0


def accepted(delivery: Delivery) -> str:
    assert delivery.status_code == 202, delivery.response_body
    return str(answer_of(delivery)["job"])


def test_every_kind_while_a_fifth_of_all_requests_goes_wrong(service: Service, tmp_path: Path) -> None:
    here = Failing(service, "failing-checks", {"tests/test_first.py": FAILING})
    github = here.github
    # The default branch; a pull request of its own; one from a fork; one where a test fails now and then, and
    # another one elsewhere only.
    feature = here.branch("feature", {"README.md": "# Pager\n\nNews.\n"})
    dice = here.branch("dice", {"tests/test_random.py": DICE, "tests/test_first.py": None})
    own = github.open_pull(here.name, feature, title="News", author="alice")
    flaky = github.open_pull(here.name, dice, title="Dice", author="alice")
    fork = github.fork(here.name, "mallory").full_name
    here.branch("theirs", {"README.md": "# Pager\n\nMine.\n"}, fork)
    foreign = github.open_fork_pull(here.name, fork, "theirs")
    theirs = github.repository(fork).git.tip("theirs")
    assert theirs is not None
    github.complete_check(here.name, theirs, "buildbot", app="buildbot", summary=LOG.decode())
    before = {name: here.tip(name) for name in ("main", feature, dice)}

    with a_fifth_goes_wrong(github, here.name) as faults:
        accepted(here.fails("main", LOG))
        accepted(here.fails(feature, LOG))
        accepted(here.fails(dice, DICE_LOG))
        accepted(github.comment_issue(here.name, foreign, "/codeagent fix", "alice"))
        for sha in (*before.values(), theirs):
            here.wait(sha, f"what failed at {sha}")
    assert sum(row.hits for row in faults) >= 20

    # The default branch: a pull request into it, with the proof.
    check = here.wait(before["main"], "the default branch")
    assert check.conclusion == "success"
    # A pull request of the repository: one into its branch, and a comment that says so.
    assert here.wait(before[feature], "the pull request").conclusion == "success"
    by_base = {each.pull.base: each for each in here.ours() if each.pull is not None}
    assert sorted(by_base) == [feature, "main"]
    for base, made in by_base.items():
        assert made.pull is not None
        assert "tests/test_first.py::test_first_page" in made.title
        assert "5 of 5" in made.body
        files = github.repository(here.name).git.changed_paths(before[base], here.tip(made.pull.head))
        assert files == ("src/pager/pages.py",)
        git = github.repository(here.name).git
        assert git.log(f"{before[base]}..{made.pull.head}") == [here.tip(made.pull.head)]  # one commit
    assert here.tip("main") == before["main"]
    assert here.tip(feature) == before[feature]
    assert "Where this branch began: 1 failed as well." in by_base[feature].body
    (comment,) = here.comments(own)
    assert f"/pull/{by_base[feature].number}" in comment.body

    # Flaky: said so with the numbers.
    assert here.wait(before[dice], "the flaky one").conclusion == "neutral"
    (comment,) = here.comments(flaky)
    assert "This failure is flaky" in comment.body
    assert re.search(r"\| [1-4] of 5 \|", comment.body)
    # What cannot be reproduced is said to be so.
    assert "| `tests/test_pages.py::test_page_of` | 0 of 5 | passes here, 5 times of 5 |" in comment.body, (
        comment.body
    )
    # A fork: a comment with a patch that applies; nothing was pushed anywhere.
    assert here.wait(theirs, "the fork").conclusion == "success"
    answers = [each for each in here.comments(foreign) if each.user.login.endswith("[bot]")]
    (comment,) = answers
    diff = comment.body.partition("```diff\n")[2].partition("```")[0]
    (tmp_path / "src" / "pager").mkdir(parents=True)
    target = tmp_path / "src" / "pager" / "pages.py"
    target.write_bytes(source())
    subprocess.run(("git", "apply", "-"), cwd=tmp_path, input=diff.encode(), check=True)
    assert target.read_bytes() != source()
    assert github.repository(fork).git.tip("theirs") == theirs
    assert len(here.ours()) == len(github.repository(here.name).git.refs("refs/heads/codeagent/")) == 2


def source() -> bytes:
    content = with_files()["src/pager/pages.py"]
    return content.encode() if isinstance(content, str) else content
