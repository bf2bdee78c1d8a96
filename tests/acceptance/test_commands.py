"""Commands, buttons and ends of issues as signed webhooks to the real service: what runs is stopped within
seconds, its sandbox with it; status and help are answered while every worker is busy."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.acceptance.support import ISSUE, LABEL, Asked, Service, answer_of, until, with_files
from tests.double.faults import LOSSY
from tests.double.state import CheckRun, Comment, Delivery

pytestmark = [pytest.mark.bubblewrap, pytest.mark.network, pytest.mark.slow]

SECONDS = 30.0  # "within seconds", also on a busy machine; what it waits for would go on for ten minutes


def hanging(mark: str) -> dict[str, str | bytes | None]:
    """A suite that never ends, and can be seen from outside by its mark."""
    return {
        "tests/test_hanging.py": (
            "import subprocess\nimport sys\n\n\n"
            f"def test_hangs():\n    code = 'import time; time.sleep(600)  # {mark}'\n"
            "    subprocess.run([sys.executable, '-c', code], check=True)\n"
        )
    }


def running(mark: str) -> int:
    """How many processes carry it."""
    found = 0
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                found += f"# {mark}".encode() in (entry / "cmdline").read_bytes()
    return found


class Hanging:
    """An issue of a repository whose tests hang in their sandbox."""

    def __init__(self, service: Service, name: str, mark: str) -> None:
        self.service, self.github, self.name, self.mark = service, service.github, name, mark
        self.others = running(mark)
        self.asked: Asked = service.ask(name)

    def at_work(self) -> Hanging:
        until(
            lambda: running(self.mark) > self.others,
            lambda: f"{self.asked.number} to hang: {self.service.logged()[-3000:]}",
        )
        return self

    def stopped(self, stop: Callable[[], object], seconds: float = SECONDS) -> None:
        """It says so within seconds, which it does when its sandbox is gone."""
        assert running(self.mark)
        stop()
        until(self._over, lambda: f"{self.asked.number} to stop: {self.words}", seconds=seconds)
        assert self.check().conclusion == "cancelled"
        assert self.asked.pulls == []

    def _over(self) -> bool:
        return "**Stopped,**" in self.words and self.check().status == "completed"

    def check(self) -> CheckRun:
        mark = f"codeagent/issue/{self.asked.number}"
        (check,) = [each for each in self.asked.checks if each.external_id == mark]
        return check

    @property
    def words(self) -> str:
        return "\n".join(comment.body for comment in self.comments)

    @property
    def comments(self) -> list[Comment]:
        return self.github.comments(self.name, self.asked.number)

    def say(self, words: str, actor: str = "alice") -> Delivery:
        return self.github.comment_issue(self.name, self.asked.number, words, actor)

    def answer(self, words: str, *expected: str) -> str:
        """What is said to a command, in a comment of its own."""
        before = {comment.id for comment in self.comments}
        assert self.say(words).status_code == 202

        def found() -> list[str]:
            new = [each for each in self.comments if each.id not in before and each.user.login != "alice"]
            return [each.body for each in new if all(word in each.body for word in expected)]

        until(found, lambda: f"{words} to be answered with {expected}: {self.words}")
        return found()[0]


def test_what_runs_can_be_stopped_in_every_way(service: Service) -> None:
    github, mark = service.github, f"mark-{time.time_ns()}"
    name = service.repository("hanging", with_files(hanging(mark)))
    commanded, closed, unlabelled = (Hanging(service, name, mark).at_work() for _ in range(3))
    # All three workers are busy now: the next one waits, and that is said at once.
    pressed = Hanging(service, name, mark)
    pressed.answer("/codeagent status", "fixing this issue", "waits, and is next")
    commanded.answer("/codeagent status", "at work: baseline")
    commanded.answer("/codeagent halp", "no command that I know", "`/codeagent help`")

    # Whoever may not write stops nothing, and neither does the word inside a quotation.
    assert answer_of(commanded.say("> /codeagent stop"))["status"] == "ignored"
    refused = answer_of(commanded.say("/codeagent stop", "bob"))
    until(lambda: service.state(str(refused["job"])) == "done", lambda: "bob's command to be looked at")
    assert "**Stopped" not in commanded.words

    before = running(mark)
    commanded.answer("/codeagent stop", "**Stopped.**")
    until(lambda: running(mark) < before, lambda: "its sandbox to be gone", seconds=SECONDS)
    commanded.stopped(lambda: None)
    commanded.answer("/codeagent stop", "nothing to stop")
    closed.stopped(lambda: github.close_issue(name, closed.asked.number))
    unlabelled.stopped(lambda: github.unlabel_issue(name, unlabelled.asked.number, LABEL))
    until(lambda: running(mark), lambda: "the turn of the one that waited")
    # The button, while a fifth of all requests fails: the same end, and one of everything.
    github.faults.at_random(0.2, 5, *LOSSY)
    pressed.stopped(lambda: github.deliver_check_run(name, pressed.check(), button="stop"), 4 * SECONDS)
    github.faults.clear()
    assert pressed.words.count("**Stopped,**") == 1
    until(lambda: not running(mark), lambda: "every sandbox to be gone", seconds=SECONDS)


def test_an_issue_is_explained_and_nothing_changed(service: Service) -> None:
    github = service.github
    name = service.repository("explained", with_files())
    number = github.create_issue(name, *ISSUE, author="bob")
    delivery = github.comment_issue(name, number, "/codeagent explain\n\nWhat is it?")
    asked = Asked(github=github, repository=name, number=number, delivery=delivery)
    until(
        lambda: any("I reproduced this issue" in comment.body for comment in asked.comments),
        lambda: f"an explanation: {[comment.body for comment in asked.comments]}",
    )
    (answer,) = [each.body for each in asked.comments if "I reproduced" in each.body]
    for word in ("clamp_page", "pager", "The test that shows it", "/codeagent fix", "no money"):
        assert word in answer, word
    asked.finished()
    (check,) = asked.checks
    assert check.external_id == f"codeagent/issue/{number}/explain"
    assert asked.pulls == []
    assert list(github.repository(name).git.refs("refs/heads/")) == ["refs/heads/main"]
