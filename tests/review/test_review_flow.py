"""The review loop as people see it: signed webhooks, the real service, GitHub's double, real sandboxes."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.review.rounds import read_rounds
from tests.acceptance.support import (
    Asked,
    Service,
    answer_of,
    remove,
    running_service,
    until,
    with_files,
)
from tests.double.faults import LOSSY, Slow
from tests.double.server import GitHubDouble
from tests.double.state import Issue, ReviewComment

pytestmark = [pytest.mark.bubblewrap, pytest.mark.network, pytest.mark.slow]

SECRET = "a-secret-that-only-this-test-has"
PAGES = "src/pager/pages.py"
SHORTER = "    return max(1, min(number, pages))"
WRONG = "    return max(1, number)"
ITEMS = "src/pager/items.py"
FILES = {
    ".github/codeagent.yml": "review:\n  limit: 5\n",
    ITEMS: "def first_item(number, size):\n    return (number - 1) * size + 2\n",
}


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    place = Path(tempfile.mkdtemp(prefix="codeagent-review-"))  # sandboxes run under another user id
    place.chmod(0o755)
    home = place / "service"
    home.mkdir()
    variables = {
        "CODEAGENT_SANDBOX": "bubblewrap",
        "CODEAGENT_WORKERS": "2",
        "CODEAGENT_LIMITS__SECONDS": "30",
        "CODEAGENT_BUDGET__SECONDS": "150",
    }
    try:
        with (
            GitHubDouble(place / "github") as github,
            running_service(home, github, variables, webhook_secret=SECRET) as running,
        ):
            yield running
        github.check()
    finally:
        remove(place)


@dataclass(frozen=True)
class Reviewed:
    """A pull request of the bot, and reviewers who write on it."""

    service: Service
    repository: str
    number: int

    @property
    def github(self) -> GitHubDouble:
        return self.service.github

    @property
    def issue(self) -> Issue:
        return self.github.issue(self.repository, self.number)

    @property
    def branch(self) -> str:
        assert self.issue.pull is not None
        return self.issue.pull.head

    @property
    def head(self) -> str:
        tip = self.github.repository(self.repository).git.tip(self.branch)
        assert tip is not None
        return tip

    @property
    def commits(self) -> list[str]:
        return self.github.repository(self.repository).git.log(f"main..{self.branch}")

    def file(self, path: str) -> str:
        return self.github.repository(self.repository).git.text("show", f"{self.head}:{path}")

    def on_clamp_page(self, body: str, *, author: str = "alice") -> tuple[ReviewComment, str]:
        """A comment on the whole body of the function that the bot repaired; and the job's id."""
        lines = self.file(PAGES).splitlines()
        first = next(at for at, line in enumerate(lines) if line.startswith("def clamp_page")) + 2
        last = next(at for at in range(first, len(lines)) if not lines[at]) - 1
        hunk = "\n".join([f"@@ -1 +1,{last + 1} @@", *(f" {line}" for line in lines[: last + 1])])
        return self.comment(body, line=last + 1, start_line=first + 1, hunk=hunk, author=author)

    def comment(
        self,
        body: str,
        *,
        line: int = 1,
        start_line: int | None = None,
        hunk: str = "",
        author: str = "alice",
    ) -> tuple[ReviewComment, str]:
        made = self.github.comment_on_lines(
            self.repository,
            self.number,
            body,
            path=PAGES,
            line=line,
            start_line=start_line,
            hunk=hunk,
            author=author,
        )
        delivery = self.github.deliver_review_comment(self.repository, self.number, made)
        assert delivery.status_code == 202, delivery.response_body
        return made, str(answer_of(delivery).get("job", ""))

    def replies(self, made: ReviewComment) -> list[ReviewComment]:
        pull = self.issue.pull
        assert pull is not None
        return [each for each in pull.review_comments if each.in_reply_to == made.id]

    def answered(self, made: ReviewComment) -> str:
        """Wait for the one reply of the bot."""
        until(lambda: self.replies(made), lambda: f"a reply: {self.service.logged()[-3000:]}")
        (only,) = self.replies(made)
        assert only.user.login.endswith("[bot]")
        return only.body

    def over(self, job: str) -> None:
        def state() -> str:
            return self.service.state(job).partition(",")[0]  # "done, asked to stop"

        until(lambda: state() in ("done", "failed"), lambda: f"the end of {job}")
        assert state() == "done", self.service.logged()[-3000:]

    def resolved(self, made: ReviewComment) -> bool:
        assert self.issue.pull is not None
        return made.id in self.issue.pull.resolved


def reviewed(service: Service, name: str, files: dict[str, str]) -> tuple[Reviewed, Asked]:
    """Labelled, solved, opened."""
    asked = service.ask(service.repository(name, with_files(files))).finished()
    (pull,) = asked.pulls
    return Reviewed(service, asked.repository, pull.number), asked


def suggestion(text: str) -> str:
    return f"How about\n\n```suggestion\n{text}\n```"


def test_the_review_loop(service: Service) -> None:
    """One pull request from the label to the limit; each part stands on the one before."""
    pull, asked = reviewed(service, "loop", FILES)
    at_first = pull.head

    # A question is answered from the journal of the run that made the pull request.
    why, job = pull.on_clamp_page("Why is this needed?")
    answer = pull.answered(why)
    pull.over(job)
    assert "What I changed, and why" in answer
    assert "What I saw" in answer
    assert (pull.head, pull.resolved(why)) == (at_first, False)

    # Stopped while it works; what stood in line is not begun.
    stopped(pull)
    assert pull.head == at_first

    # A good suggestion is proven and committed, in the reviewer's name too; GitHub answers badly meanwhile.
    service.github.faults.at_random(0.2, 20, *LOSSY)
    try:
        good, job = pull.on_clamp_page(suggestion(SHORTER))
        pull.over(job)
    finally:
        service.github.faults.clear()
    assert pull.head in pull.answered(good)
    assert SHORTER in pull.file(PAGES)
    assert pull.resolved(good)
    assert len(pull.commits) == 2
    message = pull.github.repository(pull.repository).git.commit(pull.head).message
    assert re.search(r"Co-authored-by: alice <\d+\+alice@users\.noreply\.github\.com>", message)

    # One that breaks things is refused with the check that says so.
    wrong, job = pull.on_clamp_page(suggestion(WRONG))
    answer = pull.answered(wrong)
    pull.over(job)
    assert "no-regression" in answer
    assert "test_clamp_page" in answer
    assert (len(pull.commits), pull.resolved(wrong)) == (2, False)

    # An example that the code does not satisfy becomes a test and a change in one commit.
    example, job = pull.comment("`first_item(1, 10)` returns `2`, but it should return `1`.")
    answer = pull.answered(example)
    pull.over(job)
    assert pull.head in answer
    assert pull.resolved(example)
    assert len(pull.commits) == 3
    assert SHORTER in pull.file(PAGES)
    source, test = pull.github.repository(pull.repository).git.changed_paths(pull.commits[1], pull.head)
    assert (source, test.startswith("tests/test_")) == (ITEMS, True)

    # Somebody who may not write is not answered; and at the limit nobody is, but for being told so.
    outsider, job = pull.comment("`page_of(3, -9)` should be `1`", author="bob")
    pull.over(job)
    assert pull.replies(outsider) == []
    over, job = pull.on_clamp_page(suggestion("    return 1"))
    assert "that is the limit here" in pull.answered(over)
    pull.over(job)
    assert len(pull.commits) == 3

    # The record stands in the description, the proof of the first run above it; nothing is there twice.
    body = pull.issue.body or ""
    did = [each.did for each in read_rounds(body)]
    assert did == ["explained", "cancelled", "suggestion applied", "a check refused it", "changed"]
    assert body.index("## Proof") < body.index("## After review")
    assert asked.job in body
    assert len(asked.pulls) == 1
    assert len(asked.comments) == 1


def stopped(pull: Reviewed) -> None:
    """By a command while it fetches, which takes it a while."""
    service = pull.service
    service.github.faults.add("*", rf"/{pull.repository}\.git/git-upload-pack$", Slow(3.0))
    made, job = pull.on_clamp_page(suggestion(SHORTER))
    waiting, later = pull.on_clamp_page(suggestion(WRONG))
    until(lambda: service.state(job) == "running", lambda: "the job to run")
    pull.github.comment_issue(pull.repository, pull.number, "/codeagent stop", actor="alice")
    pull.over(job)
    assert "asked to stop" in pull.answered(made)
    pull.over(later)  # without having begun
    assert pull.replies(waiting) == []
