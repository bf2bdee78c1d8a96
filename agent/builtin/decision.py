"""The built-in decision model: use a plan or go on; go deeper into what was reached, or back (C6, U13)."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import assert_never

from agent.gates.paths import malformed
from agent.gates.protected_paths import is_protected
from agent.localize.files import is_test_path
from agent.localize.traceback import frames
from agent.protocols import View
from agent.types import (
    AddTests,
    Decision,
    Edit,
    EditLines,
    MarkTestWrong,
    Plan,
    ReplacePassage,
    Results,
    RewriteSymbol,
    RunTests,
    State,
    Transition,
    WriteFile,
    WriteOutline,
)

DEEPEST = 5  # nodes from the root: tests, outline, and three edits on top of each other
PROMISING = -2.0  # a score below which getting further is more likely luck than half of a repair
ENOUGH_TESTS = 3  # files; each reproduces the issue by itself
PROTECTED = (".github/", ".gitlab/", ".circleci/", ".git/")
PROTECTED_NAMES = frozenset({"CODEOWNERS", "codeagent.yml", "conftest.py", "action.yml"})


class BuiltinDecision:
    """A :class:`agent.protocols.DecisionModel`; reasons are given in words."""

    def decide(self, view: View, plan: Plan) -> Decision:
        reason = protections(view.state, plan)
        return Decision(use=not reason, reason=reason or "nothing speaks against measuring it")

    def descend(self, view: View, transition: Transition) -> Decision:
        before, after = transition.before, transition.after
        if after is None or after.results is None:
            return Decision(use=False, reason="nothing was measured")
        results = after.results
        if not after.patch.changes:
            return _reproduction(before, after, results)
        if results.passes:
            return Decision(use=False, reason="all tests pass: there is nothing left to repair here")
        if results.regressions:
            return Decision(
                use=False, reason=f"{len(results.regressions)} tests that passed on base fail now"
            )
        return _progress(view, before, results, transition.plan.action.score)


def protections(state: State, plan: Plan, *, untested: bool = False) -> str:
    """Why a plan must not be used, whoever made it and whatever a model says; empty when nothing forbids it.

    ``untested`` allows code without a test that reproduces the issue: runs without generated tests (J16).
    """
    for step in plan.steps:
        match step.operation:
            case EditLines() | WriteFile() | RewriteSymbol() | ReplacePassage() as edit:
                reason = _against_edit(state, edit, untested)
            case AddTests(tests=tests):
                reason = _against_tests(state, tuple(test.path for test in tests))
            case WriteOutline(outline=outline):
                reason = "" if outline.targets else "the outline names no place to look at"
            case MarkTestWrong() | RunTests():
                reason = ""
            case _:
                assert_never(step.operation)
        if reason:
            return reason
    return ""


def _against_path(path: str) -> str:
    if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
        return f"{path[:200]} lies outside the repository"
    fault = malformed(path)
    if fault:
        return f"the path {path[:100]!r} {fault}"
    folded = path.lower()
    if folded.startswith(PROTECTED) or PurePosixPath(path).name in PROTECTED_NAMES or is_protected(path):
        return f"{path} is a protected file"
    return ""


def _against_edit(state: State, edit: Edit, untested: bool) -> str:
    fault = _against_path(edit.path)
    if fault:
        return fault
    if is_test_path(edit.path) or any(test.path == edit.path for test in state.tests):
        return f"{edit.path} is a test: a repair must not change what it is measured by"
    if not state.reproduction and not untested:
        return "no test reproduces the issue yet: there is nothing to measure a change by"
    if isinstance(edit, EditLines) and edit.expected == edit.replacement:
        return "the edit changes nothing"
    return ""


def _against_tests(state: State, paths: tuple[str, ...]) -> str:
    for path in paths:
        fault = _against_path(path)
        if fault:
            return fault
        if not is_test_path(path):
            return f"{path} is no test file"
    if state.patch.changes:
        return "the code is changed already: a test made now would not be seen to fail on base"
    reproduced = state.results is not None and state.results.reproduced
    if reproduced and len(state.reproduction) >= ENOUGH_TESTS:
        return f"{len(state.reproduction)} tests reproduce the issue already"
    if set(paths) <= {test.path for test in state.tests}:
        return "these tests are there already"
    return ""


def _reproduction(before: State, after: State, results: Results) -> Decision:
    if not results.reproduced:
        return Decision(
            use=False, reason=f"the issue is not reproduced: {results.remark or 'no test failed'}"
        )
    if after.outline is not None and before.outline != after.outline:
        return Decision(use=True, reason="the outline says where to look")
    return Decision(use=True, reason=f"the issue is reproduced: {results.remark or 'the test fails on base'}")


def _progress(view: View, before: State, results: Results, score: float) -> Decision:
    if before.results is None:
        return Decision(use=False, reason="there is nothing to compare with")
    if view.depth > DEEPEST:
        return Decision(use=False, reason="too many edits on top of each other")
    if results.generated.problem:
        return Decision(use=False, reason=f"the tests did not run to their end: {results.generated.problem}")
    old, new = before.results.score, results.score
    if new > old:
        return Decision(use=True, reason=f"better than before: {new:.0%} of the tests pass, not {old:.0%}")
    if new == old and score >= PROMISING and _further(view, before.results, results):
        return Decision(use=True, reason="the failing test gets further than before")
    return Decision(use=False, reason="no better than before")


def _further(view: View, before: Results, after: Results) -> bool:
    """Every test that failed fails at a later line of its own file now."""
    paths = frozenset(test.path for test in view.state.tests)
    old, new = _test_lines(before, paths), _test_lines(after, paths)
    return bool(old) and old.keys() == new.keys() and all(new[case] > old[case] for case in old)


def _test_lines(results: Results, paths: frozenset[str]) -> dict[str, int]:
    """Failing case → the line of the test file that it failed at."""
    found = {}
    for case in results.generated.cases:
        if case.failing:
            inside = frames(case.details, paths)
            found[case.id] = inside[-1].line if inside else 0
    return found
