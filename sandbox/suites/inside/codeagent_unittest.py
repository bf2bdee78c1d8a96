"""Runs inside: the standard library's unittest with the same report as the pytest plugin. Needs nothing
installed.

Cases have addresses of the form ``tests/test_x.py::Class::method``, so that a case's file can be read off
its address whatever the runner.
"""

from __future__ import annotations

import inspect
import os
import sys
import unittest
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from sandbox.suites.inside import codeagent_record as record
else:
    import codeagent_record as record


class Result(unittest.TextTestResult):
    recorder: record.Recorder
    contexts: record.Contexts | None = None
    case_seconds = 0.0
    stop_after = 0  # failures; 0: never

    def startTest(self, test: unittest.TestCase) -> None:
        super().startTest(test)
        self._verdict, self._message, self._details = "passed", "", ""
        self._watch, self._limit = record.Stopwatch(), ExitStack()
        self.recorder.start(address(test))
        if self.contexts is None:
            self._limit.enter_context(record.time_limit(self.case_seconds))
        else:
            self.contexts.enter(address(test))
            self._limit.enter_context(self.contexts.watching())
            self._limit.enter_context(record.time_limit(self.case_seconds, self.contexts.enough))

    def stopTest(self, test: unittest.TestCase) -> None:
        self._limit.close()
        if self.contexts is not None:
            self.contexts.leave()
        self.recorder.case(address(test), self._verdict, self._watch.seconds, self._message, self._details)
        super().stopTest(test)
        self._enough()

    def addFailure(self, test: Any, err: Any) -> None:
        super().addFailure(test, err)
        self._became("failed", *record.describe(err[1]))

    def addError(self, test: Any, err: Any) -> None:
        super().addError(test, err)
        message, details = record.describe(err[1])
        if isinstance(test, unittest.TestCase):
            self._became("failed", message, details)
        else:  # a class or module whose preparation failed: its cases did not start
            self.recorder.case(str(test), "error", 0.0, message, details)
            self._enough()

    def _enough(self) -> None:
        failed = len(self.failures) + len(self.errors) + len(self.unexpectedSuccesses)
        if 0 < self.stop_after <= failed:
            self.stop()

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._became("failed", *record.describe(err[1]))

    def addSkip(self, test: Any, reason: str) -> None:
        super().addSkip(test, reason)
        if isinstance(test, unittest.TestCase):
            self._became("skipped", reason, "")

    def addExpectedFailure(self, test: Any, err: Any) -> None:
        super().addExpectedFailure(test, err)
        self._became("skipped", "expected failure", "")

    def addUnexpectedSuccess(self, test: Any) -> None:
        super().addUnexpectedSuccess(test)
        self._became("failed", "unexpected success", "")

    def _became(self, verdict: str, message: str, details: str) -> None:
        if self._verdict != "failed":
            self._verdict, self._message, self._details = verdict, message, details


def address(test: unittest.TestCase) -> str:
    kind = type(test)
    method = getattr(test, "_testMethodName", "runTest")
    return "::".join([file_of(kind), *kind.__qualname__.split("."), method])


def file_of(kind: type) -> str:
    try:
        return os.path.relpath(inspect.getfile(kind), record.WORKSPACE)
    except (TypeError, OSError):
        return kind.__module__


def flat(suite: Iterable[Any]) -> Iterator[unittest.TestCase]:
    for test in suite:
        if isinstance(test, unittest.TestCase):
            yield test
        else:
            yield from flat(test)


def load(request: dict[str, Any], recorder: record.Recorder) -> list[unittest.TestCase]:
    """Every case below the start directories, less those that were not asked for."""
    cases: dict[str, unittest.TestCase] = {}
    for start, top in request.get("starts", [[".", "."]]):
        loader = unittest.TestLoader()
        for case in flat(loader.discover(start, top_level_dir=top)):
            if type(case).__name__ == "_FailedTest":
                failed(case, top, recorder)
            else:
                cases.setdefault(address(case), case)
    wanted = frozenset(request.get("select", ()))
    named = {name: [name, *prefixes(name)] for name in cases}
    found = wanted.intersection(each for names in named.values() for each in names)
    chosen = [case for name, case in cases.items() if not wanted or wanted.intersection(named[name])]
    unwanted = frozenset(request.get("deselect", ()))
    chosen = [case for case in chosen if address(case) not in unwanted]
    recorder.write("collected", count=len(chosen), missing=sorted(wanted - found)[:1000])
    return chosen


def prefixes(name: str) -> list[str]:
    parts = name.split("::")
    return ["::".join(parts[:length]) for length in range(1, len(parts))]


def failed(case: unittest.TestCase, top: str, recorder: record.Recorder) -> None:
    """A file that could not be imported."""
    path = os.path.normpath(os.path.join(top, *case._testMethodName.split(".")) + ".py")
    error = getattr(case, "_exception", None)
    message, details = record.describe(error) if error is not None else ("could not be imported", "")
    lines = [line for line in str(error).splitlines() if line.strip()]
    recorder.write(
        "collect", id=path, message=record.one_line(lines[-1] if lines else message), details=details
    )


def main() -> int:
    request = record.read_request()
    recorder = record.Recorder()
    contexts = None
    if request.get("coverage"):
        try:
            contexts = record.Contexts()
        except (ImportError, AttributeError, TypeError, OSError) as problem:
            recorder.write("remark", text=f"no coverage: {type(problem).__name__}: {problem}")
    sys.argv = ["python -m unittest"]
    sys.path.insert(0, record.WORKSPACE)
    suite = unittest.TestSuite(load(request, recorder))
    Result.recorder, Result.contexts = recorder, contexts
    Result.case_seconds = float(request.get("case_seconds", 0))
    Result.stop_after = int(request.get("stop_after", 0))
    runner = unittest.TextTestRunner(resultclass=cast("Any", Result))
    result = runner.run(suite)
    if contexts is not None:
        contexts.write()
    status = 0 if result.wasSuccessful() else 1
    recorder.write("finish", status=status)
    return status


if __name__ == "__main__":
    sys.exit(main())
