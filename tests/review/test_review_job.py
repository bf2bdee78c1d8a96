"""A review job over fakes: every ending, and one commit and one reply whatever happens."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from agent.method import Driver
from agent.types import GateResult, StopReason, Unsolved
from bot.config.terms import Terms
from bot.errors import ForgeRefused
from bot.names import names_for
from bot.queue import Ending, Halt, JobFailed
from bot.review.rounds import Round, read_rounds, with_round
from bot.workflow import run_job
from tests.review.support import (
    BRANCH,
    HEAD,
    JOB,
    PULL,
    SUGGESTED,
    SUGGESTION,
    Review,
    asks,
    world,
)
from tests.workflow.fakes import ASKING, REQUEST, SOLVED, SPEND, UNRUNNABLE, UNSOLVED

REFUSED = replace(
    UNSOLVED,
    stop=StopReason.GATES,
    refused=replace(
        SOLVED.proof,
        gates=(GateResult(name="no-regression", passed=False, explanation="1 tests do not pass now: @all"),),
    ),
)


@pytest.fixture
def review(tmp_path: Path) -> Review:
    return Review(tmp_path, world(tmp_path))


def test_a_suggestion_becomes_a_commit(review: Review) -> None:
    result = review.run(asks(SUGGESTION))
    assert result.ending is Ending.SOLVED
    state = review.state
    (sha,) = state["commits"]
    commit = state["commits"][sha]
    assert commit["parents"] == [HEAD]
    assert commit["files"] == {"code.py": "x = 2\ny = 4\n"}
    assert "Co-authored-by: bob <bob@users.noreply.github.com>" in commit["message"]
    assert state["branches"][BRANCH] == sha
    assert sha in review.answer
    assert state["answers"][0]["marker"] == "<!-- codeagent:answer c50 -->"
    assert state["resolved"] == [50]
    (row,) = read_rounds(review.body)
    assert (row.key, row.who, row.sha, row.seconds) == ("c50", "bob", sha, 4.0)
    assert "What was wrong" in review.body
    (task,) = review.repair.tasks
    assert task.base == HEAD
    assert task.review is not None
    assert task.review.proposal.overlay == {"code.py": b"x = 2\ny = 4\n"}
    assert task.review.undo.overlay == {"code.py": b"x = 1\n", "tests/test_issue_3.py": None}
    (check,) = state["checks"]
    assert (check["sha"], check["conclusion"], check["external_id"]) == (
        HEAD,
        "success",
        f"codeagent/pull/{PULL}",
    )


def test_a_later_run_on_the_issue_does_not_undo_what_reviewers_asked_for(review: Review) -> None:
    """The label set once more: the branch holds a reviewer's words now."""
    branch = names_for(2, 3).branch
    with review.world.change() as state:
        state["pulls"][0]["head"] = branch
        state["branches"] = {branch: HEAD}
    review.run(asks(SUGGESTION))
    tip = review.state["branches"][branch]
    assert tip != HEAD
    review.repair.outcome = SOLVED
    assert review.run(REQUEST, job="5" * 32).ending is Ending.HELD_BACK
    assert review.state["branches"] == {branch: tip}


def test_an_example_becomes_a_test_and_a_change(review: Review) -> None:
    review.repair.outcome = SOLVED
    result = review.run(asks("`mean(None)` should return `0`"))
    assert result.ending is Ending.SOLVED
    (commit,) = review.state["commits"].values()
    assert set(commit["files"]) == {"code.py", "tests/test_issue_3.py"}
    assert "mean of nothing is 0" in review.answer
    (task,) = review.repair.tasks
    assert task.text == "`mean(None)` should return `0`"
    assert task.review is not None
    assert not task.review.proposal.changes
    assert "+y = 3" in task.said


@pytest.mark.parametrize(
    ("outcome", "body", "said", "ending"),
    [
        (REFUSED, SUGGESTION, "`no-regression`: 1 tests do not pass now: @ all", Ending.UNSOLVED),
        (UNSOLVED, "`f(1)` should be 2", "found no change that satisfies it", Ending.UNSOLVED),
        (
            replace(UNSOLVED, stop=StopReason.NOT_REPRODUCED, reproduction=(), red=None),
            "`f(1)` should be 2",
            "I could make no test from this comment",
            Ending.UNSOLVED,
        ),
        (ASKING, "`f(1)` should be 2", "What is the mean of nothing?", Ending.UNSOLVED),
        (UNRUNNABLE, SUGGESTION, "could not run the tests", Ending.UNRUNNABLE),
    ],
)
def test_no_commit_but_an_answer(review: Review, outcome: Any, body: str, said: str, ending: Ending) -> None:
    review.repair.outcome = outcome
    assert review.run(asks(body)).ending is ending
    assert said in review.answer
    state = review.state
    assert (state["commits"], state["resolved"], state["branches"][BRANCH]) == ({}, [], HEAD)
    assert len(read_rounds(review.body)) == 1
    assert state["checks"][0]["conclusion"] == "neutral"


def test_a_suggestion_for_lines_that_are_no_longer_there(review: Review) -> None:
    request = asks(SUGGESTION, head_sha="d" * 40, hunk="@@ -1 +1 @@\n+gone")
    assert review.run(request).ending is Ending.UNSOLVED
    assert "changed since the comment was written" in review.answer
    assert review.repair.tasks == []


@pytest.mark.parametrize(
    ("changes", "asked", "config", "ending"),
    [
        ({"permission": "read"}, {}, None, Ending.REFUSED),
        ({"roles": {"bob": "triage"}}, {}, None, Ending.REFUSED),
        ({"pulls": []}, {}, None, Ending.REFUSED),
        ({}, {}, "triggers:\n  review: false\n", Ending.REFUSED),
        ({}, {"body": "Thanks!"}, None, Ending.ANSWERED),
    ],
)
def test_silence(
    tmp_path: Path,
    changes: dict[str, Any],
    asked: dict[str, Any],
    config: str | None,
    ending: Ending,
) -> None:
    review = Review(tmp_path, world(tmp_path, config=config, **changes))
    assert review.run(replace(asks(SUGGESTION), **asked)).ending is ending
    state = review.state
    assert (state["answers"], state["comments"], state["commits"], state["checks"]) == ([], [], {}, [])


@pytest.mark.parametrize(
    "spoilt", [{"open": False}, {"head": "feature"}, {"body": "no mark"}, {"head_repository": "eve/name"}]
)
def test_a_pull_request_that_is_none_of_ours(review: Review, spoilt: dict[str, Any]) -> None:
    with review.world.change() as state:
        state["pulls"][0].update(spoilt)
        state["branches"]["feature"] = HEAD
    assert review.run(asks(SUGGESTION)).ending is Ending.REFUSED
    assert review.state["answers"] == []


def test_who_may_not_ask_may_be_told(review: Review) -> None:
    with review.world.change() as state:
        state["permission"] = "read"
    assert review.run(asks(SUGGESTION), answer_refused=True).ending is Ending.REFUSED
    assert "The role of `bob` here is `read`" in review.answer


def test_a_whole_review_is_answered_by_a_comment(review: Review) -> None:
    review.repair.outcome = SOLVED
    review.run(asks("`mean(None)` should return `0`", comment=0, thread=0, path="", line=0, hunk=""))
    state = review.state
    assert (len(state["commits"]), state["answers"], state["resolved"]) == (1, [], [])
    (comment,) = state["comments"]
    assert comment["marker"] == "<!-- codeagent:answer r9 -->"
    assert comment["issue"] == PULL


@pytest.mark.parametrize("body", ["Please use a helper here", "`mean(None)` should return `0`"])
def test_with_a_model_a_wish_is_worked_on(review: Review, body: str) -> None:
    review.repair.outcome = SOLVED
    result = review.run(asks(body), terms=Terms(driver=Driver.ESCALATE))
    assert result.ending is Ending.SOLVED
    (task,) = review.repair.tasks
    assert task.text == body
    assert task.review is not None
    assert "code.py:2" in task.said


def test_with_a_model_too_a_question_changes_nothing(review: Review) -> None:
    review.run(asks("Why?"), terms=Terms(driver=Driver.ESCALATE))
    assert review.repair.tasks == []
    assert review.state["commits"] == {}


@pytest.mark.parametrize(
    ("body", "notes", "answers"),
    [
        ("See my comments.", 2, 0),  # they are answered one by one
        ("Why not use a library?", 2, 0),
        ("`mean(None)` should return `0`", 2, 1),  # says something of its own
        ("See my comments.", 0, 1),
    ],
)
def test_the_text_of_a_review_with_comments(review: Review, body: str, notes: int, answers: int) -> None:
    review.repair.outcome = SOLVED
    rows = [{"id": 60 + n, "author": "bob", "body": "x", "review": 9} for n in range(notes)]
    with review.world.change() as state:
        state["reviews"] = {str(PULL): rows}
    review.run(asks(body, comment=0, thread=0, path="", line=0, hunk=""))
    assert len(review.state["comments"]) == answers
    assert review.state["answers"] == []


def test_protected_files(tmp_path: Path) -> None:
    review = Review(tmp_path, world(tmp_path, config="protected: ['*.py']\n"))
    assert review.run(asks(SUGGESTION)).ending is Ending.HELD_BACK
    assert "protects: `code.py`" in review.answer
    assert review.state["commits"] == {}


# --- The limit ----------------------------------------------------------------------------------------------


def test_the_limit(tmp_path: Path) -> None:
    review = Review(tmp_path, world(tmp_path, config="review:\n  limit: 1\n"))
    assert review.run(asks(SUGGESTION)).ending is Ending.SOLVED
    assert review.run(asks(SUGGESTION, comment=51), job="3" * 32).ending is Ending.REFUSED
    assert "that is the limit here" in review.state["answers"][1]["body"]
    assert len(review.state["commits"]) == 1
    assert len(read_rounds(review.body)) == 1


# --- People who push meanwhile ------------------------------------------------------------------------------


def pushes(review: Review, *times: int) -> None:
    """Somebody pushes when the pull request is about to be read for the n-th time."""

    def push(read: int) -> None:
        if read in times:
            with review.world.change() as state:
                state["branches"][BRANCH] = f"{read}" * 40

    review.forge.before_pull = push


def test_a_push_meanwhile_starts_again_once(review: Review) -> None:
    pushes(review, 1)
    assert review.run(asks(SUGGESTION)).ending is Ending.SOLVED
    (commit,) = review.state["commits"].values()
    assert commit["parents"] == ["1" * 40]
    assert [task.base for task in review.repair.tasks] == [HEAD, "1" * 40]


def test_two_pushes_meanwhile_are_said(review: Review) -> None:
    pushes(review, 1, 2)
    assert review.run(asks(SUGGESTION)).ending is Ending.HELD_BACK
    assert "somebody pushed to this pull request" in review.answer
    assert review.state["commits"] == {}


def test_a_push_in_the_last_moment(review: Review) -> None:
    """Between the look and the move; what was pushed is not overwritten."""

    move = review.forge.move_branch

    def late(name: str, sha: str, expected: str | None) -> bool:
        if expected == HEAD:
            with review.world.change() as state:
                state["branches"][name] = "e" * 40
        return move(name, sha, expected)

    review.forge.move_branch = late  # type: ignore[method-assign]
    assert review.run(asks(SUGGESTION)).ending is Ending.SOLVED
    last = review.state["branches"][BRANCH]
    assert review.state["commits"][last]["parents"] == ["e" * 40]


# --- Stopped, killed, broken --------------------------------------------------------------------------------


def test_a_stop(review: Review) -> None:
    halts = iter([None] * 2)
    result = run_job(JOB, asks(SUGGESTION), review.ports, lambda: next(halts, Halt.CANCELLED))
    assert result.ending is Ending.CANCELLED
    assert "asked to stop" in review.answer
    assert review.state["commits"] == {}


@pytest.mark.parametrize("before", [True, False])
def test_killed_at_every_effect(review: Review, before: bool) -> None:
    """Killed after its first effect, after the next one, and so on; before or after it was written down."""
    for _ in range(100):
        # Performed and not written down, it would be performed for ever: every other life goes on.
        result = review.killed_after(1, asks(SUGGESTION), before=before)
        if result is None and before:
            result = review.killed_after(1, asks(SUGGESTION), before=False)
        state = review.state
        assert len(state["answers"]) <= 1
        assert len(state["resolved"]) <= 1
        assert len(state["checks"]) <= 1
        assert len(read_rounds(review.body)) <= 1
        if result is not None:
            break
    assert result is not None
    assert result.ending is Ending.SOLVED
    (row,) = read_rounds(review.body)
    published = review.state["branches"][BRANCH]
    assert row.sha == published
    assert review.state["commits"][published]["parents"] == [HEAD]  # one commit on the branch
    assert published in review.answer


def test_what_breaks_is_told_to_the_reviewer(review: Review) -> None:
    review.forge.faults["merge_base"] = [ForgeRefused("GitHub says no.", status=403)]
    with capture_logs(), pytest.raises(JobFailed):
        review.run(asks(SUGGESTION))
    assert "GitHub says no." in review.answer


def test_what_breaks_after_the_answer_leaves_the_answer(review: Review) -> None:
    review.forge.faults["pull"] = [ForgeRefused("Not this description.", status=422)]
    assert review.run(asks(SUGGESTION)).ending is Ending.SOLVED
    assert "I put the suggestion in its place" in review.answer
    assert read_rounds(review.body) == ()


def test_what_breaks_at_once_is_told_to_nobody(review: Review) -> None:
    review.forge.faults["permission"] = [ForgeRefused("GitHub says no.", status=403)]
    with capture_logs(), pytest.raises(JobFailed):
        review.run(asks(SUGGESTION))
    assert review.state["answers"] == []


# --- The record in the description --------------------------------------------------------------------------


def test_rounds_add_up_and_stand_once() -> None:
    body = "Fixes #3\n\n## Proof\n"
    first = Round(key="c1", who="bob", did="explained", run="a" * 32)
    second = Round(key="c2", who="eve--><b>", did="x | y", sha="a" * 40, seconds=3.0, money=0.5)
    body = with_round(with_round(body, first, "https://bot/runs/{run}"), second)
    again = with_round(body, replace(second, seconds=4.0))
    assert read_rounds(again) == (first, replace(second, seconds=4.0))
    assert again.count("## After review") == 1
    assert "All rounds together: 4 s, $0.50." in again
    assert again.startswith("Fixes #3\n\n## Proof\n")


ROWS = [
    "<!-- codeagent:reviewed -->",
    "<!-- codeagent:reviewed end -->",
    '<!-- codeagent:round {"key":"c1","who":"b","did":"x"} -->',
    '<!-- codeagent:round {"key":"c9","who":"b","did":"x"} -->',
    "<!-- codeagent:round {} -->",
    "```",
]


@pytest.mark.parametrize(
    "spoilt",
    [
        "<!-- codeagent:round {} -->",
        "<!-- codeagent:round {nothing} -->",
        '<!-- codeagent:round {"key":"c1","who":"b","did":1} -->',
        '<!-- codeagent:round {"key":"c1","who":"b","did":"x","seconds":1e999} -->',
        "<!-- codeagent:round " + "{" * 1_000 + "} -->",
    ],
)
def test_a_spoilt_row_is_left_out(spoilt: str) -> None:
    assert read_rounds(spoilt) == ()


def test_a_long_description_is_cut_and_the_rows_stay() -> None:
    row = Round(key="c1", who="bob", did="explained")
    body = with_round("x\n" * 40_000, row)
    assert len(body) <= 65_000
    assert read_rounds(body) == (row,)


def test_the_spend_is_known() -> None:
    assert isinstance(UNSOLVED, Unsolved)
    assert SUGGESTED.spend == SPEND


@given(st.text(max_size=400), st.lists(st.sampled_from(ROWS), max_size=6))
def test_any_description_takes_a_row(text: str, rows: list[str]) -> None:
    """Whatever people made of it: the row is there once, and what they wrote before it stays."""
    row = Round(key="c9", who="bob", did="explained")
    body = text + "\n" + "\n".join(rows)
    twice = with_round(with_round(body, row), row)
    assert [each for each in read_rounds(twice) if each.key == "c9"] == [row]
    if "codeagent:reviewed" not in body:
        assert twice.startswith(body.rstrip("\n"))
