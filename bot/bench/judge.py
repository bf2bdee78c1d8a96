"""What a submission is worth: hidden tests and reference, when the search is over (A2, H2 to H5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from agent.codec import decode
from agent.journal import read_journal
from agent.localize.files import is_test_path
from agent.reproduction import lies_in
from agent.types import AddTests, Effect, Outcome, Patch, Solved, Step, TestFile, Unsolved
from agent.workbench import Runner
from bot.bench.exact_match import exact_match
from bot.bench.problems import Key, Problem
from bot.bench.rows import Round, Submitted
from bot.bench.workplace import Place
from sandbox import Limits, Overlay, Sandbox
from sandbox.suites.node_suite import NodeSuite
from sandbox.suites.pytest_suite import PytestSuite
from sandbox.suites.table import NoSuite
from sandbox.suites.types import SuiteReport

MOST_TESTS = 40  # files of made tests that are checked for validity
STEERS = frozenset(
    {
        "conftest.py",
        "pytest.ini",
        "pyproject.toml",
        "setup.cfg",
        "tox.ini",
        "sitecustomize.py",
        "package.json",
    }
)
"""Files that decide how tests are run: no part of a solution, so not taken from a branch that no gate saw."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """A submission that loops for ever loses that case, not the others. ``case_seconds`` bounds a case where
    Python can be interrupted; ``run_seconds`` a run where it cannot: the cases behind it run alone then."""

    case_seconds: float = 10.0
    run_seconds: float = 40.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    passed: int
    total: int
    exact: bool | None
    tests: int = 0
    valid: int = 0
    gating: int = 0
    gating_valid: int = 0
    remark: str = ""


def submission(outcome: Outcome) -> tuple[Submitted, Patch]:
    """The proven patch, else the best branch so far (D4), else nothing."""
    match outcome:
        case Solved(patch=patch):
            return Submitted.PROVEN, patch
        case Unsolved(best=Patch() as best):
            return Submitted.BEST, best
    return Submitted.NOTHING, Patch()


def gating_tests(outcome: Outcome) -> tuple[TestFile, ...]:
    match outcome:
        case Solved(tests=tests):
            return tests
        case Unsolved(reproduction=tests):
            return tests
    return ()


def judge(
    place: Place,
    problem: Problem,
    key: Key,
    outcome: Outcome,
    made: Sequence[TestFile],
    patience: Patience,
) -> Judgement:
    """Run the hidden tests on what was submitted, and the made tests on the reference (A9), in a sandbox
    that the search has not used. Without a submission nothing is run: it passes nothing."""
    submitted, patch = submission(outcome)
    suite = place.suite(place.environment)
    if isinstance(suite, NoSuite):
        raise TypeError(suite.reason)  # a row of LANGUAGES always has one
    passed, remark, exact = 0, "", None if key.reference is None else False
    with place.open(place.environment) as sandbox:
        trial = _Trial(sandbox=sandbox, suite=_hurried(suite, patience), patience=patience)
        if submitted is not Submitted.NOTHING:
            passing, remark = trial.hidden(_solution(patch), key)
            passed = len(passing)
            exact = None if key.reference is None else _exact(problem, patch, key.reference)
        tests, valid = trial.validity(problem, key, made)
        gating, gating_valid = trial.validity(problem, key, gating_tests(outcome))
    return Judgement(
        passed=passed,
        total=len(key.hidden.cases),
        exact=exact,
        tests=tests,
        valid=valid,
        gating=gating,
        gating_valid=gating_valid,
        remark=remark[:300],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trial:
    sandbox: Sandbox
    suite: Runner
    patience: Patience

    def hidden(self, solution: Overlay, key: Key) -> tuple[frozenset[str], str]:
        """The hidden cases that pass, and what was wrong with the run."""
        hidden = {path: content.encode() for path, content in key.hidden.files}
        overlay = {**solution, **hidden}
        whole = self._run(overlay, tuple(hidden))
        passing, told = whole.passing, whole.by_id.keys()
        if told & set(key.hidden.cases):  # else the submission cannot even be loaded
            for case in key.hidden.cases:
                if case not in told:
                    passing |= self._run(overlay, (case,)).passing
        return passing & set(key.hidden.cases), whole.problem

    def validity(self, problem: Problem, key: Key, tests: Sequence[TestFile]) -> tuple[int, int]:
        """(cases, cases that pass on the reference); a file without any case is one that does not."""
        if key.reference is None:
            return 0, 0
        cases = valid = 0
        unique = list(dict.fromkeys((test.path, test.content) for test in tests))[:MOST_TESTS]
        for batch in _batches(unique):
            overlay: dict[str, bytes | None] = {problem.solution: key.reference.encode()}
            overlay |= {path: content.encode("utf-8", "replace") for path, content in batch}
            report = self._run(overlay, tuple(path for path, _ in batch))
            for path, _ in batch:
                ran = [case for case in report.cases if lies_in(case.id, path)]
                cases += max(1, len(ran))
                valid += sum(case.id in report.passing for case in ran)
        return cases, valid

    def _run(self, overlay: Overlay, select: tuple[str, ...]) -> SuiteReport:
        limits = Limits(seconds=self.patience.run_seconds)
        command = self.suite.command(select, limits=limits)
        return self.suite.report(self.sandbox.run(command, {**self.suite.overlay, **overlay}))


def _hurried(suite: Runner, patience: Patience) -> Runner:
    match suite:
        case PytestSuite():
            return replace(suite, case_seconds=patience.case_seconds)
        case NodeSuite():
            return replace(suite, file_seconds=patience.case_seconds)  # each hidden case is a file there
    return suite


def _batches(tests: Sequence[tuple[str, str]]) -> list[list[tuple[str, str]]]:
    """As few runs as there are versions of one path."""
    batches: list[list[tuple[str, str]]] = []
    for path, content in tests:
        free = next((batch for batch in batches if path not in dict(batch)), None)
        if free is None:
            batches.append(free := [])
        free.append((path, content))
    return batches


def _solution(patch: Patch) -> Overlay:
    return {
        path: content
        for path, content in patch.overlay.items()
        if not is_test_path(path) and PurePosixPath(path).name not in STEERS
    }


def _exact(problem: Problem, patch: Patch, reference: str) -> bool:
    if problem.language != "python":
        return False
    content = patch.overlay.get(problem.solution)
    return content is not None and exact_match(content.decode("utf-8", "replace"), reference)


def made_tests(journal: Path) -> tuple[TestFile, ...]:
    """Every test that was measured in a run, gating or not."""
    found: dict[tuple[str, str], TestFile] = {}
    for body in _notes(journal, "transition"):
        if body.get("effect") == Effect.EXECUTED.value:
            for step in body["plan"]:
                operation = decode(Step, step).operation
                if isinstance(operation, AddTests):
                    found |= {(test.path, test.content): test for test in operation.tests}
    return tuple(found.values())


def rounds(journal: Path) -> tuple[Round, ...]:
    """The log of each iteration (J12)."""
    return tuple(
        Round(tests=len(body["tests_added"]), failures=len(body["failures_found"]), best=body["best"])
        for body in _notes(journal, "iteration")
    )


def _notes(journal: Path, kind: str) -> list[dict[str, Any]]:
    records: tuple[dict[str, Any], ...] = read_journal(journal).records
    return [record["body"] for record in records if record.get("note") == kind]
