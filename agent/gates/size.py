"""A fix that a reviewer can read: few files, few lines."""

from __future__ import annotations

from agent.diff import changed_line_count
from agent.gates.evidence import Evidence, passed, refused
from agent.types import GateResult

NAME = "size"


def check(evidence: Evidence) -> GateResult:
    cap, source = evidence.cap, evidence.source
    changes = evidence.patch.changes
    lines = sum(changed_line_count(source.read(change.path), change.content) for change in changes)
    test_lines = sum((change.content or b"").count(b"\n") for change in evidence.made_tests)
    if not changes:
        return refused(NAME, "the patch changes nothing")
    if len(changes) > cap.files:
        return refused(NAME, f"{len(changes)} files are changed, at most {cap.files} may be")
    if lines > cap.lines:
        return refused(NAME, f"{lines} lines are changed, at most {cap.lines} may be")
    if test_lines > cap.test_lines:
        return refused(NAME, f"the new tests have {test_lines} lines, at most {cap.test_lines} may be")
    return passed(NAME, f"{len(changes)} files, {lines} lines of code, {test_lines} lines of new tests")
