"""JUnit XML, the report that every runner speaks, read through junitparser. The text is a stranger's."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import islice

from junitparser import Error, Failure, JUnitXml, JUnitXmlError, Skipped, TestCase, TestSuite

from sandbox.suites.records import MAX_CASES, MAX_DETAILS, MAX_ID, MAX_MESSAGE, text
from sandbox.suites.types import CaseResult, Verdict

MAX_BYTES = 32 << 20


class NotJUnit(ValueError):
    """The bytes are no JUnit report, or one that is not safe to parse."""


def read_junit(data: bytes, name: Callable[[TestCase], str] | None = None) -> tuple[CaseResult, ...]:
    """The cases of a report. A document type is refused before anything parses it: entities are how a short
    text becomes a long one or reads a file."""
    _check(data)
    naming = name or pytest_name
    try:
        document = JUnitXml.fromstring(data)
        found = [_result(case, naming(case)) for case in islice(_cases(document), MAX_CASES)]
    except (JUnitXmlError, SyntaxError, ValueError, RecursionError) as error:
        raise NotJUnit(f"no JUnit report: {type(error).__name__}: {error}"[:300]) from error
    cases: dict[str, CaseResult] = {}
    for result in found:
        cases.setdefault(result.id, result)
    return tuple(cases.values())


def _check(data: bytes) -> None:
    if len(data) > MAX_BYTES:
        raise NotJUnit(f"larger than {MAX_BYTES} bytes")
    try:
        content = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotJUnit("not UTF-8") from error
    declared = re.match(r"""\s*<\?xml[^>]*encoding=["']([\w.-]+)""", content)
    if "\x00" in content or (declared and declared[1].lower() not in ("utf-8", "utf8", "ascii", "us-ascii")):
        raise NotJUnit("not UTF-8")
    if "<!DOCTYPE" in content or "<!ENTITY" in content:
        raise NotJUnit("it has a document type")


def _cases(document: JUnitXml | TestSuite) -> Iterator[TestCase]:
    """A suite yields its own cases and those of the suites in it."""
    for each in document:
        if isinstance(each, TestCase):
            yield each
        elif isinstance(each, TestSuite):
            yield from _cases(each)


def pytest_name(case: TestCase) -> str:
    """A pytest node id, as far as the report tells: ``classname`` is dotted, ``file`` is there in the
    xunit1 family."""
    classname, name = str(case.classname or ""), str(case.name or "")
    file = str(case._elem.get("file") or "")
    if not file:
        return "::".join(part for part in (classname, name) if part)
    module = file.removesuffix(".py").replace("/", ".")
    inner = classname.removeprefix(module).strip(".")
    return "::".join([file, *(part for part in inner.split(".") if part), name])


def _result(case: TestCase, name: str) -> CaseResult:
    verdict, message, details = Verdict.PASSED, "", ""
    for result in case.result:
        kind = _VERDICTS.get(type(result), Verdict.ERROR)
        if verdict is Verdict.PASSED or kind is Verdict.ERROR:
            verdict, message, details = kind, str(result.message or ""), str(result.text or "")
    seconds = case.time if isinstance(case.time, float) and 0 <= case.time < 1e9 else 0.0
    return CaseResult(
        id=text(name, MAX_ID),
        verdict=verdict,
        seconds=seconds,
        message=text(next(iter(message.strip().splitlines()), ""), MAX_MESSAGE),
        details=text(details, MAX_DETAILS),
    )


_VERDICTS = {Failure: Verdict.FAILED, Error: Verdict.ERROR, Skipped: Verdict.SKIPPED}
