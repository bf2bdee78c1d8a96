"""What a journal tells about a place in a pull request, and how it is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.journal import FileJournal
from agent.run import open_journal, repair
from agent.show.model import RunView
from agent.show.read import read_run
from agent.types import Solved
from bot.queue import Ending, request_to_json
from bot.render.review_answers import explained
from bot.review.story import story
from tests.agent.support import TASK, ToySandboxes, ToyWorkbench, script, services, write_toy
from tests.review.support import FACTS, OLD_RUN, Review, asks, world
from tests.workflow.fakes import REQUEST


def solve(place: Path) -> Path:
    tree, sandboxes = write_toy(place / "tree"), ToySandboxes()
    path = place / "journal.jsonl"
    with open_journal(path, run=OLD_RUN, task=TASK) as journal:
        outcome = repair(
            TASK, tree, services(sandboxes, script()), journal, workbench=ToyWorkbench(tree, sandboxes)
        )
    assert isinstance(outcome, Solved)
    return path


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return solve(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def view(journal: Path) -> RunView:
    return read_run(journal)


def test_the_place_that_was_changed(view: RunView) -> None:
    told = story([view], "calc.py", 12)
    assert told is not None
    assert told.here
    assert [each.title for each in told.did] == ["edit lines 12 to 12 of calc.py"]
    assert "because of e7 right" in told.did[0].reasoning[0]
    assert any("test_sign_of_zero fails" in each for each in told.seen)
    rejected = {each.summary: each.why for each in told.rejected}
    assert "still fails" in rejected["Try e1 wrong value"]
    assert "breaks" in rejected["Try e2 breaks others"]
    assert "no-special-case" in rejected["Try e6 special case"]
    assert told.verifies == ("sign(0) is 0.",)
    assert all(gate.passed for gate in told.gates)


def test_a_test_of_the_run(view: RunView) -> None:
    told = story([view], "tests/test_zero.py", 1)
    assert told is not None
    assert told.here
    assert told.verifies == ("sign(0) is 0.",)
    assert told.rejected == ()


def test_another_place(view: RunView) -> None:
    told = story([view], "elsewhere.py", 3)
    assert told is not None
    assert not told.here
    assert told.did  # what led to the pull request at all
    assert story([], "calc.py", 1) is None
    assert story([replace(view, chosen=())], "calc.py", 1) is None


def test_the_newest_run_that_was_there(view: RunView) -> None:
    newer = replace(view, run="newer")
    told = story([view, newer], "calc.py", 12)
    assert told is not None
    assert told.run == "newer"
    assert (story([view, replace(newer, chosen=())], "calc.py", 12) or told).run == OLD_RUN


def test_how_it_is_told(view: RunView) -> None:
    text = explained(FACTS, story([view], "calc.py", 12), "", wished=False)
    for part in (
        "**What I saw**",
        "+        return 0",
        "-        return 1",
        "Try e1 wrong value",
        "**What the tests check**",
        "reproduction-red-on-base",
    ):
        assert part in text
    assert "My journal tells nothing" in explained(FACTS, story([view], "x.py", 1), "", wished=False)
    assert "suggestion block" in explained(FACTS, None, "", wished=True)


def test_a_hostile_journal_is_quoted(view: RunView) -> None:
    step = view.nodes[view.chosen[-1]].arrived
    assert step is not None
    action = replace(step.action, summary="@everyone fixes #1 <script> ```")
    node = replace(view.nodes[view.chosen[-1]], arrived=replace(step, action=action))
    told = story([replace(view, nodes={**view.nodes, node.id: node})], "calc.py", 12)
    text = explained(FACTS, told, "", wished=False)
    assert "@everyone" not in text
    assert "fixes #1" not in text
    assert "<script>" not in text


# --- As a job -----------------------------------------------------------------------------------------------


def kept(review: Review, journal: Path, **changes: Any) -> None:
    """The old run's directory, as the service leaves it."""
    home = review.ports.run_directory(OLD_RUN)
    home.mkdir(parents=True)
    (home / "journal.jsonl").write_bytes(journal.read_bytes())
    task = request_to_json(replace(REQUEST, **changes))
    with FileJournal(home / "steps.jsonl", run=OLD_RUN, task=task):
        pass


@pytest.mark.parametrize(
    ("keep", "said"),
    [
        (kept, "Try e7 right"),
        (lambda _review, _journal: None, "The journal of the run that made this pull request is gone"),
        (lambda review, journal: kept(review, journal, repository_id=999), "is gone"),
        (lambda review, journal: kept(review, journal, installation=999), "is gone"),
    ],
)
def test_a_question_is_answered_from_the_journal(
    tmp_path: Path, journal: Path, keep: Callable[[Review, Path], None], said: str
) -> None:
    review = Review(tmp_path, world(tmp_path))
    keep(review, journal)
    request = asks("Why is this needed?", path="calc.py", line=12)
    assert review.run(request).ending is Ending.ANSWERED
    assert said in review.answer
    assert "mean` divides by" in review.answer or "Try" in review.answer
    state = review.state
    assert (state["resolved"], state["commits"], state["checks"]) == ([], {}, [])
    assert review.repair.tasks == []


def test_a_wish_without_an_example(tmp_path: Path, journal: Path) -> None:
    review = Review(tmp_path, world(tmp_path))
    kept(review, journal)
    assert review.run(asks("Please use a helper here", path="calc.py", line=12)).ending is Ending.ANSWERED
    assert "What I can act on here" in review.answer
    assert "Try e7 right" in review.answer
