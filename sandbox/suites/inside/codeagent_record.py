"""Runs inside: what the runners share. A report as JSON lines, a time limit per case, coverage per case.

Every case is written the moment that it ends, so a run that is killed still tells what it finished. Only
the standard library and syntax of Python 3.8: the interpreter is the sandbox's. Coverage is read out of its
database here, so that the host never opens an SQLite file that a stranger's code could have written.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from typing import Any

DIRECTORY = ".codeagent"
REPORT = DIRECTORY + "/report.jsonl"
COVERAGE = DIRECTORY + "/coverage.json"
WORKSPACE = os.getcwd()

MAX_MESSAGE = 500
MAX_DETAILS = 16_000
MAX_REPORT = 8 << 20  # then details are left out; verdicts never are
MAX_FRAMES = 40
_OURS = (
    os.sep + "_pytest" + os.sep,
    os.sep + "pluggy" + os.sep,
    os.sep + DIRECTORY + os.sep,
    "/unittest/case.py",
)


def read_request() -> dict[str, Any]:
    """What the host wants, from standard input; tests then find it empty."""
    try:
        request = json.loads(sys.stdin.buffer.read() or b"{}")
    except (ValueError, OSError, AttributeError):
        return {}
    return request if isinstance(request, dict) else {}


class Recorder:
    """Appends to the report. A test that forks and forgets to leave must not write twice: only one process
    writes."""

    def __init__(self) -> None:
        os.makedirs(os.path.join(WORKSPACE, DIRECTORY), exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_TRUNC | os.O_CLOEXEC
        self._file = os.open(os.path.join(WORKSPACE, REPORT), flags, 0o644)
        self._process = os.getpid()
        self._written = 0

    def write(self, kind: str, **values: object) -> None:
        if os.getpid() != self._process:
            return
        line = json.dumps(dict(values, kind=kind)).encode() + b"\n"
        self._written += len(line)
        os.write(self._file, line)

    def case(self, case: str, verdict: str, seconds: float, message: str, details: str) -> None:
        if self._written > MAX_REPORT:
            details = ""
        self.write(
            "case",
            id=case,
            verdict=verdict,
            seconds=round(seconds, 6),
            message=one_line(message),
            details=shortened(details, MAX_DETAILS),
        )


def one_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[0][:MAX_MESSAGE] if lines else ""


def shortened(text: str, limit: int) -> str:
    """Head and tail: a traceback's end says what happened, its head where it came from."""
    if len(text) <= limit:
        return text
    half = limit // 2
    return text[:half] + "\n[...]\n" + text[-half:]


# --- Exceptions -------------------------------------------------------------------------------------------


def describe(error: BaseException) -> tuple[str, str]:
    """("AssertionError: assert 3 == 2", traceback). Paths of the tree are relative; the runner's own frames
    are left out. The exception is a stranger's: its ``__str__`` may do anything."""
    try:
        report = traceback.TracebackException.from_exception(error, limit=-200)
        _trim(report, 0)
        message = "".join(report.format_exception_only()).strip()
        details = "".join(report.format()).replace('File "' + WORKSPACE + os.sep, 'File "')
    except BaseException as problem:  # noqa: BLE001
        name = type(error).__name__
        return name, name + ": could not be formatted: " + type(problem).__name__
    return _unqualified(error, one_line(message)), details


def _unqualified(error: BaseException, message: str) -> str:
    """Class names without their module, as the report's readers compare them."""
    kind = type(error)
    return message.replace(kind.__module__ + "." + kind.__qualname__, kind.__name__, 1)


def _trim(report: traceback.TracebackException, depth: int) -> None:
    kept = [frame for frame in report.stack if not any(part in frame.filename for part in _OURS)]
    frames = kept or list(report.stack)
    if len(frames) > MAX_FRAMES:
        frames = frames[: MAX_FRAMES // 2] + frames[-MAX_FRAMES // 2 :]
    report.stack = traceback.StackSummary.from_list(frames)
    for inner in (report.__cause__, report.__context__):
        if inner is not None and depth < 10:
            _trim(inner, depth + 1)


# --- Time -------------------------------------------------------------------------------------------------


class CaseTimeout(BaseException):
    """Not an Exception, so that a test's own handler does not swallow it."""


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise CaseTimeout in a case that takes longer: one infinite loop must not hide every test after it.
    Should it be swallowed all the same, it comes again. A loop inside compiled code only ends with the
    limit of the whole run."""
    if seconds <= 0 or threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(_signal: int, _frame: object) -> None:
        raise CaseTimeout(f"ran longer than {seconds:g} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds, 2.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class Stopwatch:
    """Seconds since it was made; the clock is taken now, as tests replace the one in ``time``."""

    clock = staticmethod(time.perf_counter)

    def __init__(self) -> None:
        self.start = self.clock()

    @property
    def seconds(self) -> float:
        return self.clock() - self.start


# --- Coverage ---------------------------------------------------------------------------------------------


class Contexts:
    """Line coverage with one context per case; the context's name is the case's index."""

    def __init__(self) -> None:
        import coverage

        self._file = os.path.join(os.environ.get("TMPDIR", "/tmp"), f"codeagent-coverage-{os.getpid()}")
        # The monitoring core of new interpreters cannot switch contexts; the tracer in C can, and is fast.
        before = os.environ.get("COVERAGE_CORE")
        os.environ["COVERAGE_CORE"] = "ctrace"
        try:
            self._coverage = coverage.Coverage(
                data_file=self._file,
                config_file=False,
                include=[WORKSPACE + "/*"],
                omit=["*/" + DIRECTORY + "/*"],
            )
            self._coverage._warn = lambda *_args, **_more: None  # type: ignore[method-assign]  # a repository may turn warnings into errors
            self._coverage.start()
        finally:
            os.environ.pop("COVERAGE_CORE")
            if before is not None:
                os.environ["COVERAGE_CORE"] = before
        self._cases: list[str] = []

    def enter(self, case: str) -> None:
        self._coverage.switch_context(str(len(self._cases)))
        self._cases.append(case)

    def leave(self) -> None:
        self._coverage.switch_context("")

    def write(self) -> None:
        self._coverage.stop()
        self._coverage.save()
        answer = lines_by_case(self._file, self._cases)
        with open(os.path.join(WORKSPACE, COVERAGE), "w") as stream:
            json.dump(answer, stream, separators=(",", ":"))


def lines_by_case(database: str, cases: Sequence[str]) -> dict[str, Any]:
    """{"cases": [id…], "sets": [bitmap of cases, in hex…], "files": {path: [line, set, line, set…]}}. Lines
    that no case executed but the import did have the empty set. Sets are few, as many lines are executed by
    the same cases."""
    connection = sqlite3.connect(database)
    contexts = {key: int(name) for key, name in connection.execute("select id, context from context") if name}
    sets: dict[int, int] = {}
    files: dict[str, list[int]] = {}
    for key, path in connection.execute("select id, path from file").fetchall():
        if not path.startswith(WORKSPACE + os.sep):
            continue
        rows = connection.execute("select context_id, numbits from line_bits where file_id = ?", (key,))
        flat = files.setdefault(os.path.relpath(path, WORKSPACE), [])
        for line, bitmap in sorted(_lines(rows, contexts).items()):
            flat += [line, sets.setdefault(bitmap, len(sets))]
    connection.close()
    return {"cases": list(cases), "sets": [f"{bitmap:x}" for bitmap in sets], "files": files}


def _lines(rows: Iterator[tuple[int, bytes]], contexts: dict[int, int]) -> dict[int, int]:
    """Line → bitmap of cases. Cases that executed the same lines of a file are taken together first."""
    alike: dict[bytes, int] = {}
    for context, numbits in rows:
        case = contexts.get(context)
        alike[numbits] = alike.get(numbits, 0) | (0 if case is None else 1 << case)
    lines: dict[int, int] = {}
    for numbits, bitmap in alike.items():
        for index, byte in enumerate(numbits):
            while byte:
                lowest = byte & -byte
                line = index * 8 + lowest.bit_length() - 1
                lines[line] = lines.get(line, 0) | bitmap
                byte ^= lowest
    return lines
