"""A run that only explains, with the built-in networks over a toy repository."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from agent.explain import explaining
from agent.journal import MemoryJournal, read_journal
from agent.method import Driver, Method
from agent.networks import networks
from agent.replay import replay
from agent.run import Services, open_journal, repair
from agent.types import Explanation, StopReason, Task, Unsolved
from tests.agent.support import ToySandboxes, ToyWorkbench, script, services, write_toy

CLEAR = Task(
    repository="toy",
    base="b" * 40,
    title="sign(0) returns 1",
    text="`sign(0)` returns `1`, I expect `0`.",
    number=7,
    explain=True,
)
VAGUE = replace(CLEAR, title="The sign of nothing is odd", text="I do not like what sign does.")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return write_toy(tmp_path / "toy")


def built_in() -> Services:
    return replace(services(ToySandboxes(), script()), networks=networks, workers=1)


def explained(task: Task, tree: Path, journal: MemoryJournal | None = None) -> tuple[Unsolved, Explanation]:
    using = built_in()
    outcome = repair(
        task, tree, using, journal or MemoryJournal(), workbench=ToyWorkbench(tree, using.sandboxes)
    )
    assert isinstance(outcome, Unsolved)
    assert outcome.explanation is not None
    return outcome, outcome.explanation


def test_a_clear_issue_is_reproduced_and_localised(tree: Path) -> None:
    before = {path: path.read_bytes() for path in tree.rglob("*") if path.is_file()}
    outcome, explanation = explained(CLEAR, tree)
    assert explanation.report is not None
    assert explanation.report.failing
    assert [test.path for test in explanation.tests] == [test.path for test in outcome.reproduction]
    assert (explanation.suspects[0].path, explanation.suspects[0].symbol) == ("calc.py", "sign")
    assert explanation.suspects[0].reason
    assert any("sign" in word for word in explanation.words)
    assert before == {path: path.read_bytes() for path in tree.rglob("*") if path.is_file()}


def test_a_vague_one_is_localised_by_its_words(tree: Path) -> None:
    outcome, explanation = explained(VAGUE, tree)
    assert outcome.stop is StopReason.NOT_REPRODUCED
    assert outcome.reproduction == ()
    assert "sign" in {place.symbol for place in explanation.suspects}
    assert outcome.advice


def test_no_patch_is_ever_measured(tree: Path, tmp_path: Path) -> None:
    path = tmp_path / "journal"
    using = built_in()
    with open_journal(path, run="r", task=CLEAR) as journal:
        outcome = repair(CLEAR, tree, using, journal, workbench=ToyWorkbench(tree, using.sandboxes))
    answers = [record.get("answer") for record in read_journal(path).records]
    runs = {str(answer.get("for")) for answer in answers if isinstance(answer, dict) and "for" in answer}
    assert "reproduction" in runs
    assert not runs & {"own tests", "suite"}
    assert replay(path, built_in()) == outcome


def test_a_pipeline_explains_as_a_model_does() -> None:
    assert explaining(Method(driver=Driver.PIPELINE)).driver is Driver.MODEL
    assert explaining(Method(driver=Driver.ESCALATE)).driver is Driver.ESCALATE
