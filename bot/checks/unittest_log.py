"""Failing tests in what unittest printed, by itself or through Django."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from bot.checks.failed import Failed, exception_of

_HEADING = re.compile(r"(?:FAIL|ERROR): (?P<name>[^\s()]{1,200}) \((?P<where>[\w.<>]{1,400})\)")
_IMPORT = re.compile(r"(?:unittest\.)?(?:loader\.)?_FailedTest(?:\.(?P<module>[\w.]{1,400}))?")
_RULE = re.compile(r"={20,}$|-{20,}$")
_FRAME = ("  ", "Traceback ", "-----", "=====")


def unittest_failures(lines: Sequence[str]) -> Iterator[Failed]:
    for at, line in enumerate(lines):
        match = _HEADING.match(line)
        # Only below a rule: a program may print "ERROR: x (y)" as well.
        if match is None or at == 0 or not _RULE.match(lines[at - 1]):
            continue
        message = _message(lines[at + 1 : at + 400])
        yield Failed(
            test=_name(match["name"], match["where"]), exception=exception_of(message), message=message[:300]
        )


def _name(name: str, where: str) -> str:
    """Until Python 3.11 the parentheses hold the class only; and a module that cannot be imported is called a
    test of a class of unittest's own."""
    if (failed := _IMPORT.fullmatch(where)) is not None:
        return failed["module"] or name
    return where if where.rpartition(".")[2] == name else f"{where}.{name}"


def _message(lines: Sequence[str]) -> str:
    """The first line after a traceback that is not indented."""
    inside = False
    for line in lines:
        if line.startswith("Traceback "):
            inside = True
        elif line.startswith("====="):
            break
        elif inside and line and not line.startswith(_FRAME):
            return line
    return ""
