"""Which of the suite's tests can see a change: decided from the coverage contexts of the base commit."""

from __future__ import annotations

import ast

from agent.diff import hunks
from agent.protocols import SourceTree
from agent.types import Baseline, FileChange, Patch

WHOLE = ()  # a selection that means the whole suite
MOST = 400  # case ids that still fit on one command line


def affected_tests(patch: Patch, baseline: Baseline, source: SourceTree) -> tuple[str, ...] | None:
    """The ids to run, sorted; ``WHOLE`` when that is safer or cheaper; None when no test sees the change.

    A change that coverage knows nothing about (a file that no test executed, that is new or not Python)
    may be seen through imports or data files, so it asks for the whole suite.
    """
    seen: set[str] = set()
    for change in patch.changes:
        tests = _tests_seeing(change, baseline, source)
        if tests is None:
            return WHOLE
        seen |= tests
    chosen = sorted(seen & baseline.passing)
    if len(chosen) > MOST or len(chosen) * 2 > len(baseline.passing):
        return WHOLE
    return tuple(chosen) if chosen else None


def _tests_seeing(change: FileChange, baseline: Baseline, source: SourceTree) -> set[str] | None:
    old = source.read(change.path)
    lines = baseline.coverage.lines.get(change.path)
    if not lines or old is None or change.content is None:
        return None
    touched = _touched_lines(old, change.content)
    return {test for line, tests in lines.items() if touched is None or line in touched for test in tests}


def _touched_lines(old: bytes, new: bytes) -> set[int] | None:
    """Base lines of the functions that changed; None, for the whole file, when code outside a function
    did."""
    old_spans, new_spans = _functions(old), _functions(new)
    wide: set[int] = set()
    for hunk in hunks(old, new):
        spans = [_around(line, old_spans) for line in hunk.old]
        if not hunk.old:
            if not all(_inside_known(line, hunk.new, new_spans) for line in hunk.new):
                return None
            spans = [_around(hunk.old.start - 1, old_spans) or _around(hunk.old.start, old_spans)]
        for span in spans:
            if span is None:
                return None
            wide |= _body(span)
    return wide


def _functions(text: bytes) -> list[range]:
    """The lines of each function, innermost first; none for what does not parse."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    found = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return sorted((range(node.lineno, (node.end_lineno or node.lineno) + 1) for node in found), key=len)


def _around(line: int, spans: list[range]) -> range | None:
    return next((span for span in spans if line in span), None)


def _inside_known(line: int, inserted: range, new_spans: list[range]) -> bool:
    """Whether an inserted line went into a function that was there before."""
    span = _around(line, new_spans)
    return span is not None and span.start not in inserted


def _body(span: range) -> set[int]:
    """The line of "def" runs at import, for every test that imports: only what follows it tells who calls."""
    return set(span[1:]) or set(span)
