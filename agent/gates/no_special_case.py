"""The patch repairs the code; it does not recognise the test.

Two signs, in added code only: it looks for a running test (an environment variable, a loaded runner, the new
test's name), or it compares with a value out of the new test and answers with another value out of it.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from pathlib import PurePosixPath

from agent.diff import added_lines
from agent.gates.evidence import Evidence, listed, passed, refused
from agent.types import FileChange, GateResult

NAME = "no-special-case"

DETECTION = re.compile(
    r"""(?ix) PYTEST_CURRENT_TEST | PYTEST_XDIST | PYTEST_VERSION | _called_from_test
    | ["'](?:_pytest|pytest|unittest|nose)(?:\.[\w.]+)?["'] \s+ (?:not\s+)? in \b
    | sys\.modules .{0,40} ["'](?:_pytest|pytest|unittest|nose)
    | \b(?:import|from) \s+ (?:_pytest|pytest|unittest|nose)\b
    | (?:argv|_getframe|inspect\.stack|f_back) .{0,80} \b_?(?:py)?tests?\b
    | \b_?(?:py)?tests?\b .{0,80} (?:argv|_getframe|inspect\.stack|f_back)
    | sys\.gettrace | coverage\.Coverage\.current
    | \b(?:TESTING|CI|GITHUB_ACTIONS|TEST_ENV)\b .{0,20} (?:environ|getenv) | (?:environ|getenv) .{0,20}
    \b(?:TESTING|CI|GITHUB_ACTIONS)\b"""
)
TRIVIAL = frozenset({"None", "True", "False", "''", "b''", "0", "1", "-1", "2", "0.0", "1.0", "Ellipsis"})


def check(evidence: Evidence) -> GateResult:
    faults = [fault for change in evidence.patch.changes for fault in _faults(change, evidence)]
    if faults:
        return refused(NAME, listed(faults))
    return passed(
        NAME, "the added code neither looks for a running test nor answers with the test's own values"
    )


def _faults(change: FileChange, evidence: Evidence) -> Iterator[str]:
    old = evidence.source.read(change.path)
    added = added_lines(old, change.content)
    known = (old or b"").decode("utf-8", "replace")
    names = _test_names(evidence)
    for number, line in added:
        match = DETECTION.search(line)
        if match and match.group() not in known:  # a test tool's own code speaks of tests already
            yield f"{change.path}:{number} looks for a running test: {line.strip()[:100]}"
        yield from (f"{change.path}:{number} names the new test {name}" for name in names if name in line)
    if change.path.endswith(".py") and change.content is not None:
        values = _test_values(evidence)
        numbers = frozenset(number for number, _ in added)
        for line_number in _hard_coded(change.content, numbers, values, known):
            yield f"{change.path}:{line_number} answers a value of the new test with another one"


def _test_names(evidence: Evidence) -> tuple[str, ...]:
    stems = {PurePosixPath(test.path).stem for test in evidence.tests}
    functions = {
        name
        for test in evidence.tests
        for name in re.findall(r"^\s*(?:def|class) (\w+)", test.content, re.MULTILINE)
    }
    return tuple(sorted(name for name in stems | functions if "test" in name.lower() and len(name) > 5))


def _test_values(evidence: Evidence) -> frozenset[str]:
    """The constants of the new tests that are telling enough to be recognised."""
    return (
        frozenset().union(*(_constants(_parse(test.content.encode())) for test in evidence.tests)) - TRIVIAL
    )


def _hard_coded(content: bytes, added: frozenset[int], values: frozenset[str], known: str) -> Iterator[int]:
    """Added branches that test for a value of the test by equality and give back another value of it."""
    tree = _parse(content)
    for node in ast.walk(tree) if tree is not None else ():
        if not isinstance(node, ast.If | ast.IfExp) or node.lineno not in added:
            continue
        asked = _compared(node.test) & values
        answers = node.body if isinstance(node, ast.If) else [node.body]
        given = frozenset().union(*(_answered(answer) for answer in answers)) & values
        if {value for value in asked if value not in known} and given:
            yield node.lineno


def _compared(test: ast.expr) -> frozenset[str]:
    """Constants that something is compared with for equality or membership."""
    found: set[str] = set()
    for node in ast.walk(test):
        if isinstance(node, ast.Compare) and any(isinstance(op, ast.Eq | ast.In | ast.Is) for op in node.ops):
            found |= _constants(node)
    return frozenset(found)


def _answered(node: ast.AST) -> frozenset[str]:
    """Constants that a branch returns, yields or assigns, or that it is."""
    if isinstance(node, ast.Return | ast.Assign):
        return _constants(node.value)
    return _constants(node) if isinstance(node, ast.expr) else frozenset()


def _constants(node: ast.AST | None) -> frozenset[str]:
    if node is None:
        return frozenset()
    return frozenset(repr(each.value) for each in ast.walk(node) if isinstance(each, ast.Constant))


def _parse(content: bytes) -> ast.Module | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
