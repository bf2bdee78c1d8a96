"""Review threads and reviewers: read whole, answered once, resolved when that can be."""

from __future__ import annotations

import dataclasses

import pytest

from bot.forge import Forge, NewPullRequest
from tests.double.endpoints.pulls import new_review_comment
from tests.double.faults import Fault, Garbage, ResetAfter, ResetBefore, Status, StatusAfter
from tests.double.state import ReviewComment
from tests.forge.conftest import DEMO, Stage

MARKER = "<!-- codeagent:answer 1 -->"
BRANCH = "codeagent/issue-1-abcd"
LOST = (ResetBefore(), ResetAfter(), Status(502), StatusAfter(502), Garbage())
NEW = NewPullRequest(head=BRANCH, base="main", title="Fix it", body="Because.", marker="<!-- m -->")


@pytest.fixture
def pull(stage: Stage, forge: Forge) -> int:
    stage.github.create_branch(DEMO, BRANCH)
    stage.github.commit(DEMO, BRANCH, {"a.py": "x = 2\n"})
    return forge.upsert_pull_request(NEW).number


def test_a_thread_and_a_review_as_they_are(stage: Stage, forge: Forge, pull: int) -> None:
    double = stage.github
    review = double.review(DEMO, pull, "Not yet.", state="CHANGES_REQUESTED")
    first = double.comment_on_lines(
        DEMO, pull, "Why 2?", path="a.py", line=1, hunk="@@ -1 +1 @@\n+x = 2", review=review
    )
    reply = double.comment_on_lines(
        DEMO, pull, "Indeed.", path="a.py", line=1, reply_to=first.id, author="bob"
    )
    other = double.comment_on_lines(DEMO, pull, "Elsewhere", path="b.py")
    for asked in (first, reply):
        one, two = forge.review_thread(pull, asked.id)
        assert (one.id, one.author, one.body, one.reply_to) == (first.id, "alice", "Why 2?", 0)
        assert (one.path, one.line, one.hunk) == ("a.py", 1, "@@ -1 +1 @@\n+x = 2")
        assert (two.id, two.author, two.reply_to) == (reply.id, "bob", first.id)
    assert [each.id for each in forge.review_thread(pull, other.id)] == [other.id]
    assert [each.id for each in forge.review_notes(pull, review.id)] == [first.id]
    assert forge.review_notes(pull, 1) == ()
    assert forge.review_thread(pull, 1) == ()
    assert forge.review_thread(99, first.id) == ()


def test_a_thread_is_answered_once_and_then_edited(stage: Stage, forge: Forge, pull: int) -> None:
    first = stage.github.comment_on_lines(DEMO, pull, "Why?", path="a.py", line=1)
    stage.github.comment_on_lines(DEMO, pull, f"{MARKER} me", path="a.py", line=1, reply_to=first.id)
    url = forge.answer_thread(pull, first.id, MARKER, f"{MARKER}\nBecause.")
    assert forge.answer_thread(pull, first.id, MARKER, f"{MARKER}\nBecause.") == url
    assert forge.answer_thread(pull, first.id, MARKER, f"{MARKER}\nOn reflection: because.") == url
    other = stage.github.comment_on_lines(DEMO, pull, "And here?", path="a.py", line=1)
    assert forge.answer_thread(pull, other.id, MARKER, "Here too.") != url
    mine = [each for each in comments(stage, pull) if each.user.login == "codeagent[bot]"]
    assert [(each.in_reply_to, each.body) for each in mine] == [
        (first.id, f"{MARKER}\nOn reflection: because."),
        (other.id, f"{MARKER}\nHere too."),
    ]


def comments(stage: Stage, pull: int) -> list[ReviewComment]:
    issue = stage.github.issue(DEMO, pull)
    assert issue.pull is not None
    return issue.pull.review_comments


@pytest.mark.parametrize("fault", LOST, ids=lambda fault: str(fault)[:24])
def test_an_answer_that_was_lost_is_not_given_twice(
    fault: Fault, stage: Stage, forge: Forge, pull: int
) -> None:
    first = stage.github.comment_on_lines(DEMO, pull, "Why?", path="a.py", line=1)
    stage.github.faults.add("POST", "/replies$", fault, times=2)
    forge.answer_thread(pull, first.id, MARKER, "Because.")
    assert len(comments(stage, pull)) == 2


@pytest.mark.parametrize("fault", LOST, ids=lambda fault: str(fault)[:24])
def test_a_thread_is_resolved(fault: Fault, stage: Stage, forge: Forge, pull: int) -> None:
    issue = stage.github.issue(DEMO, pull)
    assert issue.pull is not None
    with stage.github.world.lock:  # so many threads that there are two pages of them
        repository, user = stage.github.repository(DEMO), stage.github.user("alice")
        for number in range(120):
            new_review_comment(
                stage.github.world, repository, issue, user, {"body": f"{number}", "path": "a.py", "line": 1}
            )
    last = issue.pull.review_comments[-1]
    for skip in range(3):
        stage.github.faults.add("POST", "^/api/graphql$", fault, skip=skip)
    assert forge.resolve_thread(pull, last.id)
    assert issue.pull.resolved == {last.id}
    assert forge.resolve_thread(pull, last.id), "it is"


def test_a_thread_that_cannot_be_resolved(stage: Stage, forge: Forge, pull: int) -> None:
    first = stage.github.comment_on_lines(DEMO, pull, "Why?", path="a.py", line=1)
    assert not forge.resolve_thread(pull, 1)
    assert not forge.resolve_thread(99, first.id), "GraphQL says NOT_FOUND with status 200"
    stage.time.pass_by(100)
    stage.github.faults.add("POST", "^/api/graphql$", Status(403), skip=1)
    assert not forge.resolve_thread(pull, first.id)


# --- pull requests as they are now -------------------------------------------------------------------------


def test_a_pull_request_by_its_number(stage: Stage, forge: Forge, pull: int) -> None:
    found = forge.pull_request(pull)
    assert found is not None
    assert (found.title, found.author, found.draft, found.labels) == ("Fix it", "codeagent[bot]", False, ())
    assert (found.head, found.head_repository, found.base) == (BRANCH, DEMO, "main")
    assert forge.pull_request(stage.issue) is None
    assert forge.pull_request(99) is None


def test_a_pull_request_from_a_fork(stage: Stage, forge: Forge) -> None:
    fork = stage.github.fork(DEMO, "mallory")
    stage.github.create_branch(fork.full_name, "patch-1")
    sha = stage.github.commit(fork.full_name, "patch-1", {"a.py": "x = 3\n"}, author="mallory")
    number = stage.github.open_fork_pull(DEMO, fork.full_name, "patch-1")
    found = forge.pull_request(number)
    assert found is not None
    assert (found.head_repository, found.head, found.head_sha) == ("mallory/demo", "patch-1", sha)
    assert found.author == "mallory"
    assert forge.find_pull_request("patch-1", "<!-- none -->") is None, "that branch is another repository's"


@pytest.mark.parametrize(
    ("wanted", "asked"),
    [
        ((), []),
        (("carol", "dave"), ["carol", "dave"]),
        (("carol", "nobody", "codeagent[bot]", "dave", "carol"), ["carol", "dave"]),
        (("team:core", "carol"), ["carol", "team:core"]),
        (("team:secret", "carol"), ["carol"]),
        (("nobody",), []),
    ],
)
def test_reviews_are_requested_and_who_may_not_is_left_out(
    wanted: tuple[str, ...], asked: list[str], stage: Stage, forge: Forge, pull: int
) -> None:
    for login in ("carol", "dave"):
        stage.github.set_role(DEMO, login, "write")
    stage.github.repository(DEMO).teams.add("core")
    new = dataclasses.replace(NEW, reviewers=wanted)
    for _ in range(2):
        forge.upsert_pull_request(new)
    found = stage.github.issue(DEMO, pull).pull
    assert found is not None
    assert [*(each.login for each in found.reviewers), *(f"team:{each}" for each in found.teams)] == asked


def test_who_has_reviewed_is_not_asked_again(stage: Stage, forge: Forge, pull: int) -> None:
    stage.github.set_role(DEMO, "carol", "write")
    new = dataclasses.replace(NEW, reviewers=("carol",))
    forge.upsert_pull_request(new)
    stage.github.review(DEMO, pull, "Fine.", author="carol")
    forge.upsert_pull_request(new)
    assert stage.github.creates["review_request"] == 1
