"""Failing tests in what pytest printed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from bot.checks.failed import LONGEST_NAME, Failed, exception_of

_SUMMARY = re.compile(r"={3,} short test summary info ={3,}")
_RULE = re.compile(r"={3,} .{0,200} ={3,}$|!{3,} .{0,200} !{3,}$")
_VERBOSE = re.compile(r"(?P<test>\S.{0,499}?) (?:FAILED|ERROR)(?:\s+\(.{0,300}\))?\s+\[\s*\d{1,3}%\]$")
_XDIST = re.compile(r"\[gw\d{1,4}\] \[\s*\d{1,3}%\] (?:FAILED|ERROR) (?P<test>.{1,500})$")
_HEADER = re.compile(r"_{3,} (?:ERROR (?:collecting|at \w+ of) )?(?P<name>\S.{0,400}?) _{3,}$")
_FRAME = re.compile(r"(?P<path>[^\s:]{1,300}\.py):\d{1,7}: ")
_SEPARATOR: Final = " - "


def pytest_failures(lines: Sequence[str]) -> Iterator[Failed]:
    """By the short summary; without one by the verbose lines, or else by the headings of the failures."""
    found = tuple(_summary(lines))
    yield from found or tuple(_verbose(lines)) or tuple(_headings(lines))


def _summary(lines: Sequence[str]) -> Iterator[Failed]:
    inside = False
    for line in lines:
        if _SUMMARY.search(line):
            inside = True
        elif inside and _RULE.match(line):
            inside = False
        elif inside and (failed := _named(line)) is not None:
            yield failed


def _named(line: str) -> Failed | None:
    """ "FAILED path::name[parameters] - message": parameters and message may hold anything, " - " too."""
    if not line.startswith(("FAILED ", "ERROR ")):
        return None
    text, at = line.partition(" ")[2], -1
    while (at := text.find(_SEPARATOR, at + 1)) >= 0:
        test = text[:at]
        if _closed(test):
            break
    else:
        test, at = text, len(text)
    test, message = test.strip(), text[at + len(_SEPARATOR) :].strip()
    if not _is_name(test):
        return None
    return Failed(test=test, exception=exception_of(message), message=message[:300])


def _closed(test: str) -> bool:
    opened = test.find("[", max(test.find("::"), 0))
    return opened < 0 or test.endswith("]")


def _is_name(test: str) -> bool:
    path = test.partition("::")[0]
    return 0 < len(test) <= LONGEST_NAME and path.endswith(".py")


def _verbose(lines: Sequence[str]) -> Iterator[Failed]:
    for line in lines:
        match = _VERBOSE.match(line) or _XDIST.match(line)
        if match is not None and _is_name(test := match["test"].strip()):
            yield Failed(test=test)


def _headings(lines: Sequence[str]) -> Iterator[Failed]:
    """ "____ Case.test_name ____", and the first frame below it."""
    name = ""
    for line in lines:
        if (heading := _HEADER.match(line)) is not None:
            name = heading["name"]
            if name.endswith(".py"):  # a file that could not be collected
                yield Failed(test=name)
                name = ""
        elif name and (frame := _FRAME.match(line)) is not None:
            head, bracket, parameters = name.partition("[")
            test = f"{frame['path']}::{head.replace('.', '::')}{bracket}{parameters}"
            name = ""
            if _is_name(test):
                yield Failed(test=test)
