"""What else a log may show: the failures that are not those of a Python test."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

# The first that fits is told; what is surest comes first. Every repetition is bounded: a log is hostile.
_KINDS: Final[dict[str, tuple[str, ...]]] = {
    "a job that was cancelled or ran out of time": (
        r"The operation was canceled",
        r"exceeded the maximum execu",
    ),
    "a machine without disk space": (r"No space left on device",),
    "a machine without memory": (r"\bOOMKilled\b", r"JavaScript heap out of memory"),
    "a failing test of Go": (r"--- FAIL: \w", r"^FAIL\t\S"),
    "a failing test of Rust": (r"test result: FAILED", r"error: test failed, to rerun pass"),
    "a failing test of JavaScript": (
        r"^Tests: {1,9}\d{1,7} failed",
        r"^ {1,9}\d{1,7} failing$",
        r"^# fail [1-9]",
        r"^ {0,9}(?:Test Files|Tests) {1,9}\d{1,7} failed",
    ),
    "a failing test of Java": (
        r"^\[ERROR\] {1,9}Tests run: \d",
        r"There were failing tests\. See the report",
    ),
    "a failing test of Ruby": (
        r"^\d{1,7} (?:examples?|runs), (?:\d{1,7} assertions, )?[1-9]\d{0,6} failure",
    ),
    "a failing test of .NET": (r"^Failed! {1,9}- Failed:", r"^Test Run Failed\."),
    "a failing test of PHP": (r"^FAILURES!$", r"^Tests: \d{1,7}, Assertions: \d{1,7}, (?:Err|Fail)"),
    "a failing test of C or C++": (r"^\d{1,3}% tests passed, [1-9]", r"^\[  FAILED  \]"),
    "a type checker's finding": (
        r"^Found \d{1,7} errors? in \d{1,7} files?",
        r"^\d{1,7} errors?, \d{1,7} warn",
    ),
    "a linter's or formatter's finding": (
        r"^would reformat ",
        r"^Found \d{1,7} errors?\.",
        r"modified by this hook",
    ),
    "a linter's finding": (
        r"^Your code has been rated at",
        r"^✖ \d{1,7} problem",
        r":\d{1,7}:\d{1,7}: [EFWCR]\d{3,4} ",
    ),
    "a coverage threshold that was missed": (
        r"^(?:FAIL|ERROR:?) Required test coverage",
        r"^Coverage failure:",
    ),
    "a dependency that could not be installed": (
        r"^ERROR: (?:Could not find a version|No matching distrib)",
        r"^npm ERR!",
        r"ResolutionImpossible",
        r"SolverProblemError",
    ),
    "a build of documents that failed": (
        r"^Sphinx error:",
        r"^build finished with problems",
        r"^Aborted with \d",
    ),
    "a program that could not be found": (r"(?:command )not found$", r": not found$"),
    "a run of Python's tests in which none ran": (
        r"^collected 0 items",
        r"^Ran 0 tests in",
        r"no tests ran in \d",
    ),
    "an error of Python outside of a test": (r"^ {0,9}Traceback \(most recent call last\):",),
}
_PATTERNS: Final = {kind: re.compile("|".join(patterns)) for kind, patterns in _KINDS.items()}


def other_failure(lines: Sequence[str]) -> str:
    """In a few words; empty when nothing is recognised."""
    return next((kind for kind, pattern in _PATTERNS.items() if any(map(pattern.search, lines))), "")
