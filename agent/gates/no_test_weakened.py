"""No existing test is edited or deleted, nothing is skipped, no test configuration is touched.

Any edit of an existing test file is refused, not only those that look like weakening: the suite that judges
the patch must be the one that the repository had. New tests stand in files of their own.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from agent.diff import added_lines
from agent.gates.evidence import Evidence, is_test_path, listed, passed, refused
from agent.types import FileChange, GateResult

NAME = "no-test-weakened"

CONFIGURATION = frozenset(
    {"conftest.py", "pytest.ini", ".pytest.ini", "pytest.toml", ".pytest.toml", "tox.ini", "noxfile.py"}
    | {".coveragerc", "sitecustomize.py", "usercustomize.py"}
)
SKIPPING = re.compile(
    r"""(?x) \b(?: pytest\.(?:mark\.)?(?:skip|skipif|xfail|importorskip|exit) | mark\.(?:skip|skipif|xfail)
    | skip(?:If|Unless|Test)\b | SkipTest\b | expectedFailure\b | unittest\.skip\b | __test__\s*=\s*False |
    collect_ignore\w* | pytest_\w+\s*\( )"""
)
SETTINGS = re.compile(r"(?i)^(?:tool[.:])?(?:pytest|coverage|unittest|nose|tox|hatch\.envs)")


def check(evidence: Evidence) -> GateResult:
    faults = [fault for change in evidence.patch.changes for fault in _faults(change, evidence)]
    faults += [f"{path} is one of the failing tests" for path in _given(evidence)]
    faults += [f"{path} exists already: a new test must not replace it" for path in _replaced(evidence)]
    faults += [
        f"{change.path} skips: {line.strip()[:100]}"
        for change in evidence.made_tests
        for _, line in _skips(change, None)
    ]
    if faults:
        return refused(NAME, listed(faults))
    return passed(NAME, "no existing test or test configuration is touched, nothing is skipped")


def _faults(change: FileChange, evidence: Evidence) -> list[str]:
    path, name = change.path, PurePosixPath(change.path).name
    old = evidence.source.read(path)
    if name.lower() in CONFIGURATION:
        return [f"{path} configures the tests"]
    if is_test_path(path) and old is not None:
        return [f"{path} is {'deleted' if change.content is None else 'edited'}"]
    faults = []
    if name in ("pyproject.toml", "setup.cfg") and _test_settings(old) != _test_settings(change.content):
        faults.append(f"{path} changes test settings")
    faults += [f"{path} skips: {line.strip()[:100]}" for _, line in _skips(change, old)]
    return faults


def _given(evidence: Evidence) -> list[str]:
    """A patch repairs the code that a failing test runs, wherever the repository keeps that test."""
    changed = frozenset(evidence.patch.paths)
    return sorted({test.path for test in evidence.tests if test.given and test.path in changed})


def _replaced(evidence: Evidence) -> list[str]:
    return [change.path for change in evidence.made_tests if evidence.source.read(change.path) is not None]


def _skips(change: FileChange, old: bytes | None) -> list[tuple[int, str]]:
    return [(number, line) for number, line in added_lines(old, change.content) if SKIPPING.search(line)]


def _test_settings(content: bytes | None) -> tuple[str, ...]:
    """The lines of the sections that configure test tools, comments and blank lines apart."""
    chosen, kept = False, []
    for line in (content or b"").decode("utf-8", "replace").splitlines():
        header = re.match(r"\s*\[+\s*([^\]]+?)\s*\]", line)
        if header:
            chosen = SETTINGS.match(header.group(1).replace('"', "")) is not None
        if chosen and line.strip() and not line.lstrip().startswith("#"):
            kept.append(line.strip())
    return tuple(kept)
