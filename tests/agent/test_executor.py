"""Applying is exact and pure; measuring asks for what can see the change and for nothing twice."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from agent.baseline import measure_baseline
from agent.codec import decode
from agent.effects import Clock, JournaledRunner, SandboxPool
from agent.errors import EditDoesNotApply
from agent.executor import ENOUGH_REGRESSIONS, Bench, SandboxExecutor, apply_operation, selection
from agent.journal import MemoryJournal, canonical
from agent.patience import PATIENCE
from agent.protocols import Context, JsonObject
from agent.source import HostTree
from agent.types import (
    AddTests,
    EditLines,
    FileChange,
    Outline,
    Patch,
    Plan,
    RunTests,
    State,
    Step,
    TestFile,
    WriteFile,
    WriteOutline,
)
from sandbox import Limits
from sandbox.suites.pytest_suite import PytestSuite
from tests.agent.support import CALC, GOOD, TASK, ZERO, ToySandboxes, ToyWorkbench, action, edit, write_toy


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return write_toy(tmp_path / "toy")


def edits(path: str, first: int, last: int, expected: str, replacement: str) -> EditLines:
    return EditLines(path=path, first=first, last=last, expected=expected, replacement=replacement)


@pytest.mark.parametrize(
    ("before", "operation", "after"),
    [
        ("a\nb\nc\n", edits("f", 2, 2, "b\n", "B\n"), "a\nB\nc\n"),
        ("a\nb\nc\n", edits("f", 1, 3, "a\nb\nc\n", ""), ""),
        ("a\nb\n", edits("f", 2, 1, "", "new\n"), "a\nnew\nb\n"),
        ("a\nb\n", edits("f", 1, 0, "", "new\n"), "new\na\nb\n"),
        ("a\nb\n", edits("f", 3, 2, "", "new\n"), "a\nb\nnew\n"),
        ("a\r\nb\r\n", edits("f", 2, 2, "b\r\n", "B\r\n"), "a\r\nB\r\n"),
        ("a\nb", edits("f", 2, 2, "b", "B"), "a\nB"),
        ("a\x0cb\n\u2028c\n", edits("f", 2, 2, "\u2028c\n", "d\n"), "a\x0cb\nd\n"),
        ("", edits("f", 1, 0, "", "x\n"), "x\n"),
        ("a\n", WriteFile(path="f", content=b"z\n"), "z\n"),
        ("a\n", WriteFile(path="f", content=None), None),
    ],
)
def test_an_edit_gives_exactly_this_text(
    tmp_path: Path, before: str, operation: EditLines, after: str | None
) -> None:
    (tmp_path / "f").write_bytes(before.encode())
    state = apply_operation(State(), operation, HostTree(tmp_path))
    assert state.patch.overlay == {"f": None if after is None else after.encode()}


@pytest.mark.parametrize(
    "operation",
    [
        edits("f", 2, 2, "x\n", "B\n"),
        edits("f", 2, 2, "b", "B\n"),
        edits("f", 4, 4, "", "B\n"),
        edits("f", 0, 0, "a\n", "B\n"),
        edits("f", 3, 1, "", "B\n"),
        edits("f", 5, 4, "", "B\n"),
        edits("missing", 1, 1, "a\n", "B\n"),
        edits(ZERO.path, 1, 1, "from calc import sign\n", "x\n"),
        WriteFile(path=ZERO.path, content=b""),
    ],
)
def test_an_edit_that_does_not_fit_is_refused(tmp_path: Path, operation: EditLines) -> None:
    (tmp_path / "f").write_bytes(b"a\nb\nc\n")
    with pytest.raises(EditDoesNotApply):
        apply_operation(State(tests=(ZERO,)), operation, HostTree(tmp_path))


def test_back_to_base_is_the_same_state(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"a\n")
    source = HostTree(tmp_path)
    there = apply_operation(State(), edits("f", 1, 1, "a\n", "b\n"), source)
    back = apply_operation(there, edits("f", 1, 1, "b\n", "a\n"), source)
    assert back == State()
    assert back.digest == State().digest != there.digest


def test_outlines_and_tests_are_part_of_the_state(tmp_path: Path) -> None:
    source, outline = HostTree(tmp_path), Outline(targets=(), approach="look there")
    state = apply_operation(State(), WriteOutline(outline=outline), source)
    state = apply_operation(state, AddTests(tests=(ZERO,)), source)
    newer = replace(ZERO, content="# other\n")
    assert apply_operation(state, AddTests(tests=(newer,)), source).tests == (newer,)
    assert apply_operation(state, RunTests(), source) is state
    assert state.outline == outline


# --- Measuring ----------------------------------------------------------------------------------------------


class Requests(MemoryJournal):
    """Keeps what was asked for, in order, each once."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[str] = []

    def effect(self, kind: str, request: JsonObject, perform: Callable[[], JsonObject]) -> JsonObject:
        text = canonical(request)
        self.requests += [] if text in self.requests else [text]
        return super().effect(kind, request, perform)


def plan_of(*operations: object) -> Plan:
    steps = tuple(Step(reasoning="r", operation=operation) for operation in operations)  # type: ignore[arg-type]
    return Plan(action=action("a", 1.0), steps=steps)


class Lab:
    """An executor over the toy repository, and the selections that were run."""

    def __init__(self, tree: Path, flaky: tuple[str, ...] = ()) -> None:
        self.sandboxes = ToySandboxes(flaky=flaky)
        workbench = ToyWorkbench(tree, self.sandboxes)
        environment = workbench.prepare(None)
        self.pool = SandboxPool(lambda: workbench.open(environment), workers=2, cancelled=lambda: False)
        self.journal = Requests()
        runner = JournaledRunner(self.journal, self.pool, Clock(), identity={"tree": "toy"})
        baseline, suite, _ = measure_baseline(runner, PytestSuite(), Limits())
        context = Context(task=TASK, source=HostTree(tree), baseline=baseline)
        bench = Bench(runner=runner, suite=suite, limits=Limits(), suite_limits=Limits())
        self.baseline = baseline
        self.executor = SandboxExecutor(context, bench)

    def after(self, *operations: object) -> State:
        return self.executor.measure([self.executor.apply(State(tests=(ZERO,)), plan_of(*operations))])[0]

    @property
    def runs(self) -> list[tuple[str, ...]]:
        return self.sandboxes.runs


@pytest.fixture
def lab(tree: Path):
    made: list[Lab] = []

    def make(flaky: tuple[str, ...] = ()) -> Lab:
        made.append(Lab(tree, flaky))
        return made[-1]

    yield make
    for each in made:
        each.pool.close()


Make = Callable[..., Lab]


def test_the_baseline_is_the_suite_twice_with_coverage(lab: Make) -> None:
    made = lab(flaky=("tests/test_calc.py::test_double",))
    assert made.runs == [(), ()]
    assert made.baseline.flaky == {"tests/test_calc.py::test_double"}
    assert made.baseline.failing == {"tests/test_calc.py::test_known_to_fail"}
    assert made.baseline.passing == {"tests/test_calc.py::test_negative", "tests/test_calc.py::test_positive"}
    assert made.baseline.coverage.lines["calc.py"][10] == {"tests/test_calc.py::test_negative"}


def test_a_reproduction_is_run_twice_and_brings_coverage(lab: Make) -> None:
    made = lab()
    results = made.after().results
    assert results is not None
    assert results.reproduced
    assert made.runs[2:] == [(ZERO.path,), (ZERO.path,)]
    assert results.coverage is not None
    assert 12 in results.coverage.lines["calc.py"]


def test_a_flaky_reproduction_is_none(lab: Make) -> None:
    made = lab(flaky=(f"{ZERO.path}::test_sign_of_zero",))
    stable = replace(ZERO, content=ZERO.content.replace("== 0", "== 1"))
    state = made.executor.measure([State(tests=(stable,))])[0]
    assert state.results is not None
    assert not state.results.reproduced
    assert "same result twice" in state.results.remark


def test_a_patch_is_measured_by_its_own_test_and_by_those_that_see_it(lab: Make) -> None:
    made = lab()
    results = made.after(GOOD).results
    assert results is not None
    assert results.passes
    # test_double and the failing test do not execute sign(): they are not asked
    chosen = ("tests/test_calc.py::test_negative", "tests/test_calc.py::test_positive")
    assert made.runs[2:4] == [(ZERO.path,)] * 2  # on base, for what it takes there; and with the patch
    assert made.runs[4:] in ([chosen], [()])


def test_a_patch_that_fails_its_own_test_costs_no_suite(lab: Make) -> None:
    made = lab()
    results = made.after(edit(12, "        return 1", "        return 5")).results
    assert results is not None
    assert results.suite is None
    assert not results.passes
    assert made.runs[2:] == [(ZERO.path,)] * 2


def test_made_tests_get_the_time_that_their_run_on_base_tells(lab: Make) -> None:
    """A candidate that loops for ever costs seconds, not the cap of a run."""
    made = lab()
    made.after()
    made.after(GOOD)
    asked = [decode(Limits, json.loads(request)["limits"]).seconds for request in made.journal.requests]
    *earlier, own, _suite = asked
    assert PATIENCE <= own < Limits().seconds  # the toy takes next to no time
    assert set(earlier) == {Limits().seconds}
    assert made.runs[2:].count((ZERO.path,)) == 3  # twice on base, once with the patch: asked for no run more


def test_a_given_test_keeps_the_whole_limit(lab: Make) -> None:
    """It may be as dear as any test of the suite, and on base it may have failed at its first line."""
    made = lab()
    state = made.executor.apply(State(tests=(replace(ZERO, given=True),)), plan_of(GOOD))
    made.executor.measure([state])
    asked = [decode(Limits, json.loads(request)["limits"]).seconds for request in made.journal.requests]
    assert set(asked) == {Limits().seconds}


def test_what_passed_on_base_and_fails_now_is_a_regression(lab: Make) -> None:
    made = lab()
    results = made.after(GOOD, edit(13, "    return 1", "    return 0")).results
    assert results is not None
    assert results.regressions == ("tests/test_calc.py::test_positive",)
    assert results.score == 0.0
    assert not results.passes


def test_a_patch_that_breaks_much_is_not_measured_to_the_end(lab: Make, tree: Path) -> None:
    """Showing hundreds of failures takes longer than running the tests; none of them can pass any more."""
    many = "".join(f"\n\ndef test_{n}():\n    assert sign(3) == 1\n" for n in range(30))
    (tree / "tests" / "test_many.py").write_text("from calc import sign\n" + many)
    results = lab().after(GOOD, edit(13, "    return 1", "    return 0")).results
    assert results is not None
    assert results.suite is not None
    assert len(results.regressions) == ENOUGH_REGRESSIONS
    assert len(results.suite.cases) < 30


def test_failures_that_base_has_in_the_same_selection_do_not_end_it_early(lab: Make, tree: Path) -> None:
    """Tests that need another one before them fail in a selection; the one regression is still seen."""
    needy = "".join(f"\n\ndef test_{n}():\n    assert sign(3) == 1 and READY\n" for n in range(12))
    first = "from calc import sign\nREADY = []\n\n\ndef test_a():\n    READY.append(1)\n"
    (tree / "tests" / "test_needy.py").write_text(first + needy)
    (tree / "tests" / "test_z.py").write_text(
        "from calc import sign\n\n\ndef test_z():\n    assert sign(3) == 1\n"
    )
    results = lab().after(GOOD, edit(13, "    return 1", "    return 0")).results
    assert results is not None
    assert "tests/test_z.py::test_z" in results.regressions
    assert not any("needy" in case for case in results.regressions)


def test_a_change_that_no_coverage_knows_asks_for_the_whole_suite(lab: Make) -> None:
    made = lab()
    made.after(GOOD, WriteFile(path="data.txt", content=b"x"))
    assert made.runs[-1] == ()


def test_a_patch_without_a_test_passes_nothing(lab: Make) -> None:
    made = lab()
    patch = Patch.of([FileChange(path="calc.py", content=CALC.encode() + b"\n")])
    state = made.executor.measure([State(patch=patch)])[0]
    assert state.results is not None
    assert not state.results.passes
    assert not state.results.regressions
    assert made.runs[2:] == [()]  # J16: only the suite measures it, the whole of it


def test_states_measured_together_are_measured_as_if_alone(lab: Make) -> None:
    made = lab()
    base = State(tests=(ZERO,))
    states = [
        base,
        made.executor.apply(base, Plan(action=action("a", 1), steps=(Step(reasoning="r", operation=GOOD),))),
        State(),
    ]
    together = made.executor.measure(states)
    assert [state.results for state in together] == [made.executor.measure([s])[0].results for s in states]


def test_a_made_test_runs_whole_and_of_a_given_one_the_chosen_cases_run() -> None:
    made = TestFile(path="tests/test_new.py", content="", verifies="v", select=("tests/test_new.py::test_a",))
    given = replace(made, path="tests/test_old.py", select=("tests/test_old.py::test_b",), given=True)
    whole = replace(given, path="tests/test_third.py", select=())
    assert selection((made, given, whole)) == (
        "tests/test_new.py",
        "tests/test_old.py::test_b",
        "tests/test_third.py",
    )
