"""What the log of a failed job says: the command that ran the tests, which tests failed, how it ended. Pure.

A log is written by the code of the repository, so everything in it may be a lie or an attack. Nothing of it
is believed: a name that it gives is looked for among the tests that are really there, and what fails is
measured in the sandbox. What is guarded here is time and size.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from bot.checks.failed import Failed
from bot.checks.others import other_failure
from bot.checks.pytest_log import pytest_failures
from bot.checks.unittest_log import unittest_failures

LARGEST = 2 << 20  # bytes of a log, from its end
LONGEST = 2_000  # characters of a line
MOST_LINES = 60_000
MOST_FAILED = 300
EXCERPT = 6_000  # characters

_STAMP = re.compile(r"\ufeff?\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z ?")
_ESCAPE = re.compile(r"\x1b(?:\[[0-?]{0,64}[ -/]{0,16}[@-~]|\][^\x07\x1b]{0,200}(?:\x07|\x1b\\)|[@-Z\\-_])")
_BLUE = re.compile(r"\x1b\[36;1m")  # how a runner prints the lines of a script
_EXIT = re.compile(r"##\[error\]Process completed with exit code (\d{1,5})")
_COMMAND = re.compile(
    r"(?:^|[\s;&|(/])(?:(?P<pytest>pytest|py\.test)|(?P<unittest>-m\s+unittest|manage\.py\s+test|setup\.py\s+test)"
    r"|(?P<other>tox|nox|hatch\s+(?:run|test)|make|just|invoke|uv\s+run|poetry\s+run|pdm\s+run|rye\s+(?:run|test)))"
    r"(?=$|[\s;&|)])"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFindings:
    """``command`` is the line that ran the tests, as far as it could be told; ``other`` says what kind of
    failure it looks like when no Python test failed; ``excerpt`` is the end of the failed step."""

    command: str = ""
    step: str = ""  # what the runner calls the failed step
    exit_code: int | None = None
    failed: tuple[Failed, ...] = ()
    other: str = ""
    excerpt: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    title: str
    script: tuple[str, ...]
    lines: tuple[str, ...]
    exit_code: int | None


def read_log(data: bytes) -> LogFindings:
    """Of one job of GitHub Actions, or of any other text that shows how tests failed."""
    steps = tuple(_steps(_lines(data)))
    broken = [step for step in steps if step.exit_code] or list(steps[-1:])
    findings = [_read(step) for step in broken]
    if not findings:
        return LogFindings()
    telling = next((found for found in findings if found.failed), None)
    # A job may go on after a step that failed; the last one is the one that ended it.
    return telling or findings[-1]


def _read(step: _Step) -> LogFindings:
    failed = _unique((*pytest_failures(step.lines), *unittest_failures(step.lines)))
    return LogFindings(
        command=_command(step.script),
        step=step.title,
        exit_code=step.exit_code,
        failed=failed,
        other="" if failed else other_failure(step.lines),
        excerpt="\n".join(step.lines)[-EXCERPT:].strip("\n"),
    )


def _unique(found: Iterable[Failed]) -> tuple[Failed, ...]:
    by_test: dict[str, Failed] = {}
    for each in found:
        if len(by_test) >= MOST_FAILED:
            break
        if each.test not in by_test or not by_test[each.test].exception:
            by_test[each.test] = each
    return tuple(by_test.values())


def _command(script: Sequence[str]) -> str:
    """The last line of the script that runs a test runner; else the last that runs something which may."""
    matches = [(line, match) for line in script if (match := _COMMAND.search(line))]
    direct = [line for line, match in matches if match["other"] is None]
    chosen = direct or [line for line, _ in matches]
    return chosen[-1].strip()[:500] if chosen else ""


# --- Lines and steps ----------------------------------------------------------------------------------------


def _lines(data: bytes) -> Iterator[str]:
    """The last lines, each bounded, without time stamps."""
    text = data[-LARGEST:].decode("utf-8", "replace")
    lines = text.split("\n")[-MOST_LINES:]
    for line in lines:
        yield _STAMP.sub("", line[: LONGEST + 64].rstrip("\r"), count=1)[:LONGEST]


def _steps(lines: Iterable[str]) -> Iterator[_Step]:
    """A step begins where the runner says what it runs. Text without such lines is one step."""
    title, script, body = "", list[str](), list[str]()
    code: int | None = None
    heading = False  # between "Run …" and the end of that group: the script, the shell, the environment
    for raw in lines:
        line = _ESCAPE.sub("", raw)
        if line.startswith("##[group]Run "):
            if body or script:
                yield _Step(title=title, script=tuple(script), lines=tuple(body), exit_code=code)
            title = line.removeprefix("##[group]Run ").strip()
            script, body, code, heading = [title], [], None, True
        elif heading and line.startswith("##[endgroup]"):
            heading = False
        elif heading:
            if _BLUE.match(raw):
                script.append(line)
        elif (match := _EXIT.match(line)) is not None:
            code = int(match[1])
        elif code is not None or line.startswith(("##[group]", "##[endgroup]", "##[debug]")):
            continue  # what comes after the end of a step is the runner tidying up
        else:
            body.append(line.removeprefix("##[error]").removeprefix("##[warning]"))
    if body or script:
        yield _Step(title=title, script=tuple(script), lines=tuple(body), exit_code=code)
