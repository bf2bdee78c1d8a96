"""A branch under review: a change that a person proposed is proven, and every change is judged as a part of
the whole that the branch would bring.

Base is the branch's head, so its own tests are part of the suite and have to stay green. What the branch
changed is known as an ``undo``: whole files that take base back to where the branch began.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from agent import strength
from agent.confirm import flaky_on_base
from agent.executor import Bench, selection
from agent.gates import (
    BY_TEXT,
    Evidence,
    SizeCap,
    check_all,
    no_regression,
    reproduction_green,
    reproduction_red,
)
from agent.gates.evidence import is_test_path, listed, passed, refused
from agent.protocols import Context, SourceTree
from agent.reproduction import lies_in
from agent.types import Baseline, FileChange, GateResult, Patch, Proof, Review, State, TestFile
from sandbox.suites.types import SuiteReport

NAME = "whole-change"


@dataclass(frozen=True, slots=True)
class Origin:
    """The files where the branch under review began, as a SourceTree."""

    source: SourceTree
    undo: Mapping[str, bytes | None]

    def paths(self) -> tuple[str, ...]:
        there = (*self.source.paths(), *self.undo)
        return tuple(sorted({path for path in there if self.undo.get(path, b"") is not None}))

    def read(self, path: str) -> bytes | None:
        return self.undo[path] if path in self.undo else self.source.read(path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """All that a branch changes since its origin: its own new tests, and everything else."""

    origin: Origin
    tests: Mapping[str, str]
    rest: Patch


def whole_change(source: SourceTree, undo: Patch, files: Mapping[str, bytes | None]) -> Whole:
    """``files`` come on top of what the branch has already."""
    origin = Origin(source, undo.overlay)
    tests: dict[str, str] = {}
    rest: list[FileChange] = []
    for path in sorted({*undo.paths, *files}):
        there = files[path] if path in files else source.read(path)
        if there == origin.read(path):
            continue
        text = _text(there)
        if text is not None and is_test_path(path) and origin.read(path) is None:
            tests[path] = text
        else:
            rest.append(FileChange(path=path, content=there))
    return Whole(origin=origin, tests=tests, rest=Patch.of(rest))


def judge_whole(
    review: Review, state: State, proof: Proof, source: SourceTree, cap: SizeCap, links: frozenset[str]
) -> GateResult:
    """Whether the branch with this state's change is still something that may be published."""
    evidence = _evidence(whole_change(source, review.undo, state.overlay), (), proof, cap, links)
    before = _evidence(whole_change(source, review.undo, {}), (), proof, cap, links)
    faults = [gate for gate in _by_text(evidence, before) if not gate.passed]
    if faults:
        return refused(NAME, listed([f"{gate.name}: {gate.explanation}" for gate in faults]))
    return passed(NAME, "the pull request as a whole keeps the rules on size, paths, tests and secrets")


def prove(
    review: Review, context: Context, bench: Bench, *, cap: SizeCap, links: frozenset[str]
) -> tuple[Proof, tuple[TestFile, ...]]:
    """The evidence for a proposed change and the verdict of every gate; and the tests that it rests on: those
    that fail without the branch's change."""
    whole = whole_change(context.source, review.undo, review.proposal.overlay)
    proposed = State(patch=review.proposal)
    without, after = bench.reports(
        [
            bench.run(_without(whole), (), fresh=True, label="proof: whole suite without the change"),
            bench.run(proposed, (), fresh=True, label="proof: whole suite with the patch"),
        ]
    )
    edited = tuple(path for path in whole.tests if path in review.proposal.paths)
    baseline = _less(context.baseline, edited)
    tests = _reproduction(without, baseline, whole, edited, context.source)
    chosen = selection(tests)
    green = (
        bench.reports([bench.run(proposed, chosen, fresh=True, label="proof: new tests with the patch")])[0]
        if chosen
        else SuiteReport(problem="no test")
    )
    proof = Proof(red=_shown(without, tests), green=green, after=after, baseline=context.baseline)
    evidence = replace(
        _evidence(whole, tests, proof, cap, links),
        baseline=baseline,
        red=_without_files(proof.red, tests),
        flaky=flaky_on_base(sorted(baseline.passing - after.passing), bench),
    )
    before = _evidence(whole_change(context.source, review.undo, {}), (), proof, cap, links)
    gates = (
        _red(tests, proof.red),
        reproduction_green.check(evidence),
        no_regression.check(evidence),
        *_by_text(evidence, before),
    )
    if not all(gate.passed for gate in gates):
        return replace(proof, gates=gates), tests
    state = State(patch=evidence.patch, tests=tests)
    origin = replace(context, source=whole.origin)
    return replace(proof, gates=gates, mutants=strength.measure(state, origin, bench, green)), tests


def _without(whole: Whole) -> State:
    """The tests as the branch has them over the code where the branch began."""
    tests = [FileChange(path=path, content=text.encode()) for path, text in whole.tests.items()]
    code = [
        each if is_test_path(each.path) else replace(each, content=whole.origin.read(each.path))
        for each in whole.rest.changes
    ]
    return State(patch=Patch.of([*code, *tests]))


def _less(baseline: Baseline, edited: Iterable[str]) -> Baseline:
    """Of a test file that the proposal edits, what passes afterwards counts, not what passed before."""
    gone = frozenset(case for case in baseline.passing if any(lies_in(case, path) for path in edited))
    return replace(baseline, passing=baseline.passing - gone)


def _reproduction(
    without: SuiteReport, baseline: Baseline, whole: Whole, edited: tuple[str, ...], source: SourceTree
) -> tuple[TestFile, ...]:
    """What fails without the branch's change and passes with it, by file: new files, and old ones."""
    new = [path for path in whole.tests if any(lies_in(case, path) for case in without.failing)]
    red = sorted(case for case in without.failing & baseline.passing if not _in_any(case, whole.tests))
    made = [
        TestFile(path=path, content=whole.tests[path], verifies="fails without this pull request's change")
        for path in new
        if path in edited or any(lies_in(case, path) for case in baseline.passing)
    ]
    old = (
        [(path, tuple(case for case in red if lies_in(case, path))) for path in source.paths()] if red else []
    )
    given = [
        TestFile(
            path=path,
            content=(source.read(path) or b"").decode("utf-8", "replace"),
            verifies="failed before this pull request's change",
            select=cases,
            given=True,
        )
        for path, cases in old
        if cases
    ]
    return (*made, *given)


def _red(tests: tuple[TestFile, ...], red: SuiteReport) -> GateResult:
    if not tests:
        return refused(reproduction_red.NAME, "no test fails without the change of this pull request")
    return passed(
        reproduction_red.NAME,
        f"{len(red.failing)} tests fail without the change of this pull request: "
        f"{listed([test.path for test in tests])}",
    )


def _shown(report: SuiteReport, tests: tuple[TestFile, ...]) -> SuiteReport:
    """The failures of the tests that a proof rests on, without the rest of the suite."""
    chosen = [case for case in report.cases if case.failing and any(lies_in(case.id, t.path) for t in tests)]
    return SuiteReport(cases=tuple(chosen), problem="", seconds=report.seconds)


def _without_files(red: SuiteReport, tests: tuple[TestFile, ...]) -> SuiteReport:
    """A file that cannot even be imported without the change is no case that could pass with it."""
    files = {name for test in tests for name in (test.path, test.path.removesuffix(".py").replace("/", "."))}
    return replace(red, cases=tuple(case for case in red.cases if case.id not in files))


def _evidence(
    whole: Whole, tests: tuple[TestFile, ...], proof: Proof, cap: SizeCap, links: frozenset[str]
) -> Evidence:
    """Of the whole change. Without ``tests`` all of the branch's new test files are taken for tests."""
    known = tests or tuple(
        TestFile(path=path, content=text, verifies="") for path, text in whole.tests.items()
    )
    named = {test.path for test in known}
    others = [
        FileChange(path=path, content=text.encode())
        for path, text in whole.tests.items()
        if path not in named
    ]
    return Evidence(
        source=whole.origin,
        patch=Patch.of([*whole.rest.changes, *others]),
        tests=known,
        baseline=proof.baseline,
        red=proof.red,
        green=proof.green,
        after=proof.after,
        links=links,
        cap=cap,
    )


def _by_text(evidence: Evidence, before: Evidence) -> tuple[GateResult, ...]:
    """The gates that judge a change by its text. What the branch is to be blamed for already, because of a
    person's commit, say, does not count against a change that leaves it as it was."""
    known = {gate.explanation for gate in check_all(before, BY_TEXT) if not gate.passed}
    return tuple(
        passed(gate.name, f"as it was before this change: {gate.explanation}")
        if not gate.passed and gate.explanation in known
        else gate
        for gate in check_all(evidence, BY_TEXT)
    )


def _in_any(case: str, paths: Iterable[str]) -> bool:
    return any(lies_in(case, path) for path in paths)


def _text(content: bytes | None) -> str | None:
    try:
        return None if content is None else content.decode("utf-8")
    except UnicodeDecodeError:
        return None
