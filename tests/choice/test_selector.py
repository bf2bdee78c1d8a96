"""Whole runs over the toy repository: witnesses vote, gate nothing and are never published (U22, L5, A9)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from agent.method import Agreement, Method
from agent.types import AddTests, Solved, StopReason, TestFile, Unsolved
from tests.agent.support import Script, ToySandboxes, script, write_toy
from tests.clarify.world import DOUBLES, KEEPS, PATH, THREE, WITNESS, Notes, by_model, made_tests, run


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return write_toy(tmp_path / "toy")


def changed(outcome: object) -> str:
    assert isinstance(outcome, Solved), outcome
    return (outcome.patch.changes[0].content or b"").decode()


def test_a_file_that_reproduces_in_part_is_taken_apart_and_only_that_part_published(tree: Path) -> None:
    sandboxes = ToySandboxes()
    outcome = run(tree, extra=(THREE,), sandboxes=sandboxes)
    assert isinstance(outcome, Solved)
    assert [test.path for test in outcome.tests] == [PATH]
    assert "test_three" not in outcome.tests[0].content
    for report in (outcome.proof.red, outcome.proof.green, outcome.proof.after):
        assert not any("test_three" in case.id for case in report.cases)
    # Twice as it was made, twice without its other cases; then the proof.
    assert [select for select in sandboxes.runs if select == (PATH,)][:4] == [(PATH,)] * 4
    # Each survivor runs the witnesses once.
    assert sandboxes.runs.count((WITNESS,)) == 2


@pytest.mark.parametrize(
    ("agreement", "first"),
    [(Agreement.CODET, "keeps"), (Agreement.CODET_ROOT, "keeps"), (Agreement.SCORE, "doubles")],
)
def test_witnesses_decide_over_the_policys_score(tree: Path, agreement: Agreement, first: str) -> None:
    journal = Notes()
    outcome = run(tree, journal, extra=(THREE,), method=Method(agreement=agreement))
    assert ("2 * x" in changed(outcome)) == (first == "doubles")
    (choice,) = journal.all("choice")
    assert choice["rule"] == agreement.value
    assert choice["candidates"][0]["action"] == first
    # A9: the accepted patch's share of generated cases that pass.
    by_action = {each["action"]: each for each in choice["candidates"]}
    assert by_action["keeps"]["validity"] == 1.0
    assert by_action["doubles"]["validity"] == 0.5


def test_b4_follows_those_that_agree(tree: Path) -> None:
    journal = Notes()
    run(tree, journal, extra=(THREE,), method=Method(agreement=Agreement.B4))
    (choice,) = journal.all("choice")
    assert choice["candidates"][0]["action"] == "keeps"


def test_without_witnesses_the_smaller_change_comes_first(tree: Path) -> None:
    journal = Notes()
    outcome = run(tree, journal, extra=())
    assert "2 * x" not in changed(outcome)
    (choice,) = journal.all("choice")
    assert choice["witness_cases"] == 0
    assert [each["lines"] for each in choice["candidates"]] == [2, 4]


def test_a_witness_that_fails_on_the_right_patch_stops_nothing(tree: Path) -> None:
    journal = Notes()
    wrong = "\n\ndef test_nonsense():\n    assert unseen(1) == 7\n"
    outcome = run(tree, journal, extra=(wrong,), edits=(KEEPS,))
    assert isinstance(outcome, Solved)
    (choice,) = journal.all("choice")
    assert choice["candidates"][0]["validity"] == 0.5


def test_built_in_candidates_stay_in_the_order_of_their_ranker(tree: Path) -> None:
    journal = Notes()
    outcome = run(tree, journal, parts=script())
    assert isinstance(outcome, Solved)
    assert journal.all("choice") == []


def test_a_built_in_test_that_passes_in_part_reproduces_nothing(tree: Path) -> None:
    parts = Script(tests=(replace(made_tests(THREE), origin="built-in"),), edits=(KEEPS,))
    outcome = run(tree, parts=parts)
    assert isinstance(outcome, Unsolved)
    assert outcome.stop is StopReason.NOT_REPRODUCED


def test_a_test_that_came_after_a_patch_gets_its_role_from_base(tree: Path) -> None:
    """One that passes there is a witness, however well it fits the patch."""
    late = TestFile(path="tests/test_late.py", content="def test_late():\n    assert True\n", verifies="v")
    both = by_model(replace(DOUBLES, id="both", operations=(*DOUBLES.operations, AddTests(tests=(late,)))))
    journal = Notes()
    outcome = run(tree, journal, extra=(), edits=(both,))
    assert isinstance(outcome, Solved)
    assert [test.path for test in outcome.tests] == [PATH]
    (choice,) = journal.all("choice")
    assert choice["witness_cases"] == 1
