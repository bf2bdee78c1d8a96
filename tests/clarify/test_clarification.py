"""One question where the issue leaves open what is right; the answer resumes the run (issue 3)."""
# ruff: noqa: ARG002 (the fakes have the signatures of what they stand for)

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from agent.clarify import (
    Clarifier,
    Determined,
    Difference,
    Heard,
    Judgement,
    LiteralClarifier,
    Unjudged,
)
from agent.method import Method
from agent.protocols import Context, Survivor
from agent.replay import replay
from agent.run import open_journal
from agent.show.read import read_run
from agent.types import Asking, Question, Solved, StopReason, Unsolved
from tests.agent.support import TASK, Script, ToySandboxes, edit, services, write_toy
from tests.clarify.world import DOUBLES, FOUR, KEEPS, LITERAL, THREE, WRONG, Notes, made_tests, run

SPECIAL_CASE = edit(8, "def sign(x):", "def sign(x):\n    import pytest  # test_zero")
"""What no gate lets through."""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return write_toy(tmp_path / "toy")


def doubles(outcome: object) -> bool:
    assert isinstance(outcome, Solved), outcome
    return b"2 * x" in (outcome.patch.changes[0].content or b"")


def test_a_question_with_the_input_and_the_outputs(tree: Path) -> None:
    outcome = run(tree, clarifier=LITERAL)
    assert isinstance(outcome, Asking)
    assert outcome.stop is StopReason.QUESTION
    assert outcome.question.input in ("unseen(3)", "unseen(4)")
    assert outcome.question.outputs in (("3", "6"), ("4", "8"))
    assert outcome.reproduction
    assert outcome.red is not None
    assert outcome.red.failing


CLEAR = [
    ("the issue mentions the input", {"task": replace(TASK, text="unseen(4) is fine, unseen( 3 ) too")}),
    ("the tests support one of them more", {"extra": (THREE,)}),
    ("they do not differ on any test", {"extra": ()}),
    ("there is only one", {"edits": (KEEPS,)}),
    ("questions are switched off", {"method": Method(clarify=False)}),
    ("nobody could judge", {"clarifier": None}),
]


@pytest.mark.parametrize(("why", "changes"), CLEAR)
def test_a_clear_issue_gets_no_question(tree: Path, why: str, changes: dict) -> None:
    outcome = run(tree, **{"clarifier": LITERAL, **changes})
    assert isinstance(outcome, Solved), why


@pytest.mark.parametrize(("answer", "chosen"), [("6, please: `6`.", True), ("3", False), ("It is 3!", False)])
def test_the_answer_resumes_the_run_where_it_was(
    tree: Path, tmp_path: Path, answer: str, chosen: bool
) -> None:
    path = tmp_path / "journal"
    first, second = ToySandboxes(), ToySandboxes()
    with open_journal(path, run="r", task=TASK) as journal:
        asked = run(tree, journal, clarifier=LITERAL, sandboxes=first)
        assert isinstance(asked, Asking)
    with open_journal(path, run="r", task=TASK) as journal:  # nothing was said yet: still asking
        assert run(tree, journal, clarifier=LITERAL, sandboxes=second) == asked
    assert second.runs == []
    with open_journal(path, run="r", task=TASK) as journal:
        outcome = run(
            tree, journal, clarifier=LITERAL, sandboxes=second, answers=of_three(asked.question, answer)
        )
    assert doubles(outcome) == chosen
    assert isinstance(outcome, Solved)
    assert outcome.proof.gates[-1].name == "answer-obeyed"
    assert outcome.proof.gates[-1].passed
    # Nothing that ran before runs again; only the proof is new.
    assert outcome.spend.sandbox_runs == len(first.runs) + len(second.runs)


def of_three(question: Question, answer: str) -> Callable[[Question], str]:
    """The answers are about unseen(3)."""
    if question.input == "unseen(4)":
        answer = answer.replace("3", "4").replace("6", "8")
    return lambda asked: answer if asked == question else "not this one"


@pytest.mark.parametrize("said", [None, "thanks", "6 or 8"])
def test_a_run_that_asked_can_be_replayed(tree: Path, tmp_path: Path, said: str | None) -> None:
    path = tmp_path / "journal"
    with open_journal(path, run="r", task=TASK) as journal:
        outcome = run(tree, journal, clarifier=LITERAL, answers=lambda _question: said)
    parts = Script(tests=(made_tests(THREE, FOUR),), edits=(WRONG, DOUBLES, KEEPS))
    assert replay(path, services(ToySandboxes(), parts, clarifier=LITERAL)) == outcome


class Understanding(LiteralClarifier):
    """Takes everything for an answer."""

    def chosen(self, context: Context, question: Question, answer: str) -> int | Heard:
        return Heard.OTHER


def test_an_answer_that_is_none_of_the_outputs_changes_no_order(tree: Path) -> None:
    outcome = run(tree, clarifier=Understanding(), answers=lambda _question: "another thing")
    assert isinstance(outcome, Solved)
    assert all(gate.name != "answer-obeyed" for gate in outcome.proof.gates)


def test_what_is_no_answer_leaves_the_question_open(tree: Path, tmp_path: Path) -> None:
    for said in ("thanks for looking", "thanks for looking", "give me a day", None):
        with open_journal(tmp_path / "journal", run="r", task=TASK) as journal:
            outcome = run(tree, journal, clarifier=LITERAL, answers=lambda _question, said=said: said)
        assert isinstance(outcome, Asking)
    with open_journal(tmp_path / "journal", run="r", task=TASK) as journal:
        assert doubles(run(tree, journal, clarifier=LITERAL, answers=twice))


def test_talk_without_end_comes_to_an_end(tree: Path) -> None:
    words = iter(range(100))
    outcome = run(tree, clarifier=LITERAL, answers=lambda _question: f"word {'x' * next(words)}")
    assert isinstance(outcome, Solved)
    assert next(words) == 20


def test_a_patch_that_contradicts_the_answer_is_no_way_out(tree: Path) -> None:
    """The one that obeys is refused by another gate, the other one by the answer."""
    journal = Notes()
    spoilt = replace(DOUBLES, operations=(*DOUBLES.operations, SPECIAL_CASE))
    outcome = run(
        tree,
        journal,
        clarifier=LITERAL,
        answers=twice,
        edits=(spoilt, KEEPS),
    )
    assert isinstance(outcome, Unsolved)
    assert outcome.stop is StopReason.GATES
    refused = [
        {gate["name"] for gate in body["gates"] if not gate["passed"]} for body in journal.all("gates")
    ]
    assert [("answer-obeyed" in names) for names in refused] == [False, True]


def twice(asked: Question) -> str:
    return "6" if asked.input == "unseen(3)" else "8"


class Judging(LiteralClarifier):
    """Without a rule of its own."""

    def __init__(self, *judgements: Judgement, inputs: tuple[str, ...] = ()) -> None:
        self.judgements = list(judgements)
        self.proposed = inputs
        self.asked: list[Difference] = []

    def inputs(self, context: Context, survivors) -> tuple[str, ...]:
        return self.proposed

    def judge(self, context: Context, difference: Difference) -> Judgement:
        self.asked.append(difference)
        return self.judgements.pop(0) if self.judgements else Unjudged(why="")


@pytest.mark.parametrize(("value", "chosen"), [("6", True), (" `3` ", False), ("nothing of it", False)])
def test_what_the_issue_determines_comes_first(tree: Path, value: str, chosen: bool) -> None:
    clarifier = Judging(Determined(value=value, why="says so"), Determined(value=value, why="says so"))
    outcome = run(tree, clarifier=clarifier, extra=("\n\ndef test_three():\n    assert unseen(3) == 3\n",))
    assert doubles(outcome) == chosen
    assert clarifier.asked[0].outputs == ("3", "6")
    assert not clarifier.asked[0].tied


def test_the_run_goes_on_with_the_answer_in_the_task(tree: Path) -> None:
    """For all later prompts; those before it stay as they were paid for."""

    class Watching(Script):
        def propose(self, view, k):
            texts.append(view.context.task.text)
            return super().propose(view, k)

    texts: list[str] = []
    # The K first candidates pass and are both refused by a gate, so that the search goes on.
    refused = tuple(replace(each, operations=(*each.operations, SPECIAL_CASE)) for each in (DOUBLES, KEEPS))
    parts = Watching(tests=(made_tests(THREE, FOUR),), edits=refused)
    outcome = run(
        tree, parts=parts, clarifier=LITERAL, answers=lambda asked: f"Twice as much: {twice(asked)}"
    )
    assert isinstance(outcome, Unsolved)
    assert outcome.stop is StopReason.GATES
    assert texts[0] == TASK.text
    assert texts[-1].startswith(TASK.text)
    assert "Twice as much" in texts[-1]


def test_one_question_at_most(tree: Path) -> None:
    asked: list[Question] = []

    def answers(question: Question) -> str:
        asked.append(question)
        return "none of these"

    refused = tuple(
        replace(each, id=f"{each.id} {number}", operations=(*each.operations, SPECIAL_CASE))
        for number in range(4)
        for each in (DOUBLES, KEEPS)
    )
    outcome = run(tree, edits=refused, clarifier=Understanding(), answers=answers)
    assert isinstance(outcome, Unsolved)
    assert len(asked) == 1


def test_the_order_is_that_of_the_protocol() -> None:
    clarifiers: list[Clarifier] = [LITERAL, Judging()]
    survivors: list[Survivor] = []
    assert [clarifier.inputs(None, survivors) for clarifier in clarifiers] == [(), ()]  # type: ignore[arg-type]


def test_a_run_that_waits_is_shown_as_one_that_waits(tree: Path, tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    for said in (None, "thanks"):
        with open_journal(path, run="r", task=TASK) as journal:
            outcome = run(tree, journal, clarifier=LITERAL, answers=lambda _question, said=said: said)
        assert isinstance(outcome, Asking)
        shown = read_run(path)
        assert shown.stop == StopReason.QUESTION.value
        assert shown.summary == outcome.question.text
    with open_journal(path, run="r", task=TASK) as journal:
        run(tree, journal, clarifier=LITERAL, answers=twice)
    assert read_run(path).stop == StopReason.SOLVED.value
