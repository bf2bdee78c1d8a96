"""``codeagent fix --answer``: the same command once more, with the answer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from agent.types import Asking, Budget, Solved
from bot.fix import Fixed, Wanted, fix
from bot.issue_text import IssueText
from tests.agent.support import CALC, TEST_CALC, Script, ToySandboxes, ToyWorkbench, services
from tests.checkout.support import Work
from tests.clarify.world import DOUBLES, FOUR, KEEPS, LITERAL, THREE, made_tests


@pytest.fixture
def wanted(tmp_path: Path) -> Wanted:
    (tmp_path / "work").mkdir()
    work = Work(tmp_path / "work")
    work.git("init", "--quiet", "--initial-branch=main")
    work.commit({"calc.py": CALC, "tests/test_calc.py": TEST_CALC})
    issue = IssueText(title="sign(0) is wrong", body="It gives 1, expected 0.")
    return Wanted(repository=str(work.path), issue=issue, out=tmp_path / "out")


def run(wanted: Wanted, scratch: Path) -> tuple[Fixed, int]:
    sandboxes = ToySandboxes()
    parts = Script(tests=(made_tests(THREE, FOUR),), edits=(DOUBLES, KEEPS))
    done = fix(
        wanted,
        services(sandboxes, parts, clarifier=LITERAL),
        scratch,
        budget=Budget(),
        progress=lambda *_args, **_more: None,
        workbench=lambda tree: ToyWorkbench(tree, sandboxes),
    )
    return done, len(sandboxes.runs)


def test_the_answer_is_given_to_the_same_command(wanted: Wanted, tmp_path: Path) -> None:
    asked, first = run(wanted, tmp_path / "scratch")
    assert isinstance(asked.outcome, Asking)
    (answer,) = asked.files
    assert "unseen(4)" in answer.read_text()
    assert "--answer" in answer.read_text()
    again, nothing = run(wanted, tmp_path / "scratch")
    assert (again.outcome, nothing) == (asked.outcome, 0)

    done, rest = run(replace(wanted, answer="8"), tmp_path / "scratch")
    assert isinstance(done.outcome, Solved)
    assert rest < first
    assert b"2 * x" in (tmp_path / "out" / "fix.patch").read_bytes()
    assert not answer.exists()
    assert run(wanted, tmp_path / "scratch") == (done, 0)  # the journal has the answer
