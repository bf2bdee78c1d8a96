"""The harness over own problems in this process: what is submitted and scored, resumed, and never shown."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.journal import read_journal
from agent.method import Driver, Method
from agent.run import silent
from agent.types import Budget, FileChange, Patch, Spend, StopReason, Unsolved
from bot.bench import humaneval
from bot.bench.harness import Harness, forget
from bot.bench.judge import Patience, judge
from bot.bench.problems import Key
from bot.bench.rows import JOURNAL, ROW, Label, Row, Submitted, settle
from bot.bench.workplace import Place, lay_out
from bot.errors import ConfigError
from sandbox import Limits, Overlay
from sandbox.environments import Environment
from tests.agent.support import ToySandboxes
from tests.bench.support import (
    CANARY,
    CLAMP,
    RIGHT,
    TESTS,
    WRONG,
    WRONG_TESTS,
    Programmer,
    Recording,
    harness,
    write_humaneval,
)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_humaneval(tmp_path / "HumanEval.jsonl.gz")


def measure(bench: Harness, runs: int = 1, *, null: bool = False) -> dict[str, Row]:
    problems = humaneval.problems(bench.data, "python")
    rows = bench.measure(problems, runs, null_hypothesis=null, progress=silent)
    return {f"{row.problem} {row.run} {row.label}": row for row in rows}


def test_what_is_proven_is_submitted_and_scored(data: Path, tmp_path: Path) -> None:
    rows = measure(harness(tmp_path / "out", data, ToySandboxes()))
    clamp, initials = rows["Own/0 1 main"], rows["Own/1 1 main"]
    assert (clamp.stop, clamp.submitted) == ("solved", Submitted.PROVEN)
    assert (clamp.passed, clamp.total, clamp.solved) == (4, 4, True)  # the constant assert does not count
    assert clamp.exact  # H3: the docstring aside
    assert (clamp.tests, clamp.valid, clamp.gating, clamp.gating_valid) == (2, 2, 2, 2)
    assert initials.solved
    assert clamp.iterations == 2
    assert [each.tests for each in clamp.rounds] == [1, 0]  # J12
    assert clamp.steps == 3
    assert clamp.sandbox_runs > 3


@pytest.mark.parametrize(
    ("sources", "tests", "submitted", "passed", "valid"),
    [
        # D4: nothing passes the made tests; the best branch is scored (three of four hidden cases)
        ((WRONG["clamp"],), TESTS["clamp"], Submitted.BEST, 2, (2, 2)),
        # A9: the made test is wrong; what satisfies it is proven and fails the hidden ones
        (("def clamp(x, low, high):\n    return 4\n",), WRONG_TESTS["clamp"], Submitted.PROVEN, 0, (1, 0)),
        ((), TESTS["clamp"], Submitted.NOTHING, 0, (2, 2)),
        (("def clamp(x, low, high):\n    return (\n",), TESTS["clamp"], Submitted.NOTHING, 0, (2, 2)),
    ],
    ids=["best branch", "wrong test", "nothing proposed", "does not parse"],
)
def test_what_is_scored_when_it_is_not_right(
    tmp_path: Path, sources: tuple[str, ...], tests: str, submitted: Submitted, passed: int, valid: Any
) -> None:
    data = write_humaneval(tmp_path / "data.jsonl", [CLAMP])
    parts = Programmer(tests={"clamp": (tests,)}, sources={"clamp": sources})
    row = measure(harness(tmp_path / "out", data, ToySandboxes(), lambda: parts))["Own/0 1 main"]
    assert (row.submitted, row.passed, row.total) == (submitted, passed, 4)
    assert not row.solved
    assert row.exact is False
    assert (row.tests, row.valid) == valid


def test_without_tests_the_first_code_is_submitted(tmp_path: Path) -> None:
    """J16: no test is made, the suite alone measures, the first sound code ends the search."""
    data = write_humaneval(tmp_path / "data.jsonl", [CLAMP])
    parts = Programmer(tests={}, sources={"clamp": (WRONG["clamp"], RIGHT["clamp"])})
    method = Method(clarify=False, generated_tests=False)
    row = measure(harness(tmp_path / "out", data, ToySandboxes(), lambda: parts, method=method))[
        "Own/0 1 main"
    ]
    assert row.submitted is Submitted.BEST
    assert (row.passed, row.tests) == (2, 0)
    assert row.iterations <= 2


# --- Hidden tests (A2) --------------------------------------------------------------------------------------


def test_hidden_tests_are_nowhere_until_the_search_is_over(tmp_path: Path) -> None:
    """A2: neither in a tree, an overlay, a command, what the parts are shown, nor in any file of the run."""
    out, log, phase = tmp_path / "out", [], ["search"]

    def note(command: str, overlay: Overlay) -> None:
        log.append((phase[0], f"{command} {sorted(overlay.items())!r}"))

    class Late:
        """The benchmark; its key is asked for when the outcome is in the journal, and not before."""

        NAME, ITERATIONS = humaneval.NAME, humaneval.ITERATIONS
        problems = staticmethod(humaneval.problems)

        @staticmethod
        def key(data: Path, language: str, problem: str) -> Key:
            (journal,) = out.rglob(JOURNAL)
            assert read_journal(journal).records[-1].get("note") == "outcome"
            assert not any(CANARY.encode() in file.read_bytes() for file in out.rglob("*.*"))
            phase[0] = "judging"
            return humaneval.key(data, language, problem)

    parts = Programmer()
    data = write_humaneval(tmp_path / "HumanEval.jsonl", [CLAMP])
    measure(harness(out, data, Recording(ToySandboxes(), note), lambda: parts, benchmark=Late))
    shown = [text for when, text in log if when == "search"] + parts.seen
    assert len(shown) > 20
    assert not any(CANARY in text for text in shown)
    assert any(CANARY in text for when, text in log if when == "judging")  # so it would have been noticed


def test_a_branch_that_no_gate_saw_cannot_steer_how_it_is_judged(tmp_path: Path) -> None:
    data = write_humaneval(tmp_path / "data.jsonl", [CLAMP])
    (problem,) = humaneval.problems(data, "python")
    given: list[Overlay] = []
    place = Place(
        tree=lay_out(problem, tmp_path / "tree"),
        language="python",
        environment=Environment(directory=tmp_path, key="toy"),
        sandboxes=Recording(ToySandboxes(), lambda _command, overlay: given.append(overlay)),
        limits=Limits(),
    )
    names = ("conftest.py", "tests/conftest.py", "pytest.ini", "solution.py", "helper.py")
    outcome = Unsolved(
        stop=StopReason.EXHAUSTED,
        summary="",
        reproduction=(),
        red=None,
        attempts=(),
        advice=(),
        baseline=None,
        spend=Spend(),
        best=Patch.of(FileChange(path=path, content=b"x = 1\n") for path in names),
    )
    judged = judge(place, problem, humaneval.key(data, "python", "Own/0"), outcome, (), Patience())
    assert (judged.passed, judged.total) == (0, 4)
    ours = {path for path in given[-1] if not path.startswith(".codeagent/")}
    assert ours == {"solution.py", "helper.py", "tests/test_hidden.py"}


# --- Going on -----------------------------------------------------------------------------------------------


def test_a_second_call_goes_on_and_a_complete_one_runs_nothing(data: Path, tmp_path: Path) -> None:
    out, count = tmp_path / "out", [0]

    def dying() -> Programmer:
        def before() -> None:
            count[0] += 1
            if count[0] == 4:
                raise KeyboardInterrupt

        return Programmer(before=before)

    with pytest.raises(KeyboardInterrupt):
        measure(harness(out, data, ToySandboxes(), dying), runs=2)
    kept = sorted(out.rglob(ROW))
    assert len(kept) == 1
    assert len(list(out.rglob(JOURNAL))) == 2  # the second was begun
    before = kept[0].read_bytes()
    rows = measure(harness(out, data, ToySandboxes()), runs=2)
    assert len(rows) == 4
    assert all(row.solved for row in rows.values())
    assert kept[0].read_bytes() == before
    idle = ToySandboxes()
    assert measure(harness(out, data, idle), runs=2) == rows
    assert idle.runs == []


def test_workers_do_not_change_the_rows(data: Path, tmp_path: Path) -> None:
    one = measure(harness(tmp_path / "one", data, ToySandboxes()), runs=2)
    three = measure(harness(tmp_path / "three", data, ToySandboxes(), workers=3), runs=2)
    assert {name: replace(row, seconds=0) for name, row in one.items()} == {
        name: replace(row, seconds=0) for name, row in three.items()
    }


def test_a_directory_keeps_to_its_setup(data: Path, tmp_path: Path) -> None:
    bench = harness(tmp_path / "out", data, ToySandboxes())
    settle(tmp_path / "out", bench.setup)
    other = replace(bench.setup, budget=Budget(max_iterations=1))
    with pytest.raises(ConfigError, match=r"budget\.max_iterations was 5, is 1"):
        settle(tmp_path / "out", other)


def test_rows_that_ended_for_want_of_a_model_are_set_aside(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    measure(harness(out, data, ToySandboxes()))
    place = out / "main" / "run-1" / "Own-0"
    row = json.loads((place / ROW).read_text())
    (place / ROW).write_text(json.dumps(row | {"stop": StopReason.MODEL.value}))
    assert forget(out, StopReason.MODEL) == 1
    assert (place / "set-aside-0" / JOURNAL).is_file()
    assert all(row.solved for row in measure(harness(out, data, ToySandboxes())).values())


def test_a_damaged_row_is_named(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    measure(harness(out, data, ToySandboxes()))
    path = out / "main" / "run-1" / "Own-0" / ROW
    path.write_text('{"is": "Row"}')
    with pytest.raises(ConfigError, match=r"row\.json"):
        measure(harness(out, data, ToySandboxes()))


# --- The null hypothesis ------------------------------------------------------------------------------------


def test_the_null_hypothesis_has_the_proposals_that_the_search_considered(data: Path, tmp_path: Path) -> None:
    bench = harness(tmp_path / "out", data, ToySandboxes())
    rows = measure(bench, null=True)
    assert set(rows) == {f"Own/{n} 1 {label}" for n in (0, 1) for label in ("main", "null hypothesis")}
    for number in (0, 1):
        main, null = rows[f"Own/{number} 1 main"], rows[f"Own/{number} 1 null hypothesis"]
        assert null.label is Label.NULL
        assert null.steps <= main.steps
        assert null.solved  # tests and repairs are the same, so here it does as well
    settings = json.dumps(
        read_journal(tmp_path / "out" / "null" / "run-1" / "Own-0" / JOURNAL).records[0], default=str
    )
    assert Driver.PIPELINE.value in settings
