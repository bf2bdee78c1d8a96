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
import sys
import threading
import time
import traceback
from array import array
from collections.abc import Callable, Iterator
from typing import Any

DIRECTORY = ".codeagent"
REPORT = DIRECTORY + "/report.jsonl"
COVERAGE = DIRECTORY + "/coverage.json"
WORKSPACE = os.getcwd()

MAX_MESSAGE = 500
MAX_DETAILS = 16_000
MAX_REPORT = 8 << 20  # then details are left out; verdicts never are
MAX_FRAMES = 40
SOON = 5.0
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
        self._watch = Stopwatch()

    def start(self, case: str) -> None:
        self.write("start", id=case, at=round(self._watch.seconds, 3))

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
def time_limit(seconds: float, soon: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Raise CaseTimeout in a case that takes longer: one infinite loop must not hide every test after it.
    Should it be swallowed all the same, it comes again. A loop inside compiled code only ends with the
    limit of the whole run. ``soon`` is called once, after SOON seconds."""
    if seconds <= 0 or threading.current_thread() is not threading.main_thread():
        yield
        return
    called = seconds <= SOON

    def stop(_signal: int, _frame: object) -> None:
        nonlocal called
        if called:
            raise CaseTimeout(f"ran longer than {seconds:g} s")
        called = True
        soon()
        signal.setitimer(signal.ITIMER_REAL, seconds - SOON, 2.0)

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, min(seconds, SOON), 2.0)
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
    """Which case executed which line. coverage.py's tracer gathers lines per file; after each case they are
    taken out of its hands. Its own contexts go through a database, which would have to be taken apart again
    here: the host does not open an SQLite file that a stranger's code could have written."""

    def __init__(self) -> None:
        import coverage

        # The monitoring core of new interpreters reports a line once only; the tracer in C reports it every
        # time.
        before = os.environ.get("COVERAGE_CORE")
        os.environ["COVERAGE_CORE"] = "ctrace"
        try:
            measured = coverage.Coverage(
                data_file=None,
                config_file=False,
                include=[WORKSPACE + "/*"],
                omit=["*/" + DIRECTORY + "/*"],
            )
            # a repository may turn warnings into errors
            measured._warn = lambda *_args, **_more: None  # type: ignore[method-assign]
            measured.start()
        finally:
            os.environ.pop("COVERAGE_CORE")
            if before is not None:
                os.environ["COVERAGE_CORE"] = before
        self._coverage = measured
        self._lines: dict[str, Any] = measured._collector.data  # type: ignore[union-attr]
        self._tracer: Any = sys.gettrace()
        self._cases: list[str] = []
        self._imports: dict[str, set[int]] = {}
        self._alike: dict[str, dict[bytes, list[int]]] = {}  # file → lines → cases that executed just these

    def pause(self) -> None:
        """The runner's own lines cost time too, as the tracer is asked about each of them: half of what
        coverage costs. From 3.12 on, switching a tracer makes the interpreter rewrite the code it meets, so
        it stays on."""
        if sys.version_info < (3, 12):
            sys.settrace(None)

    def enough(self) -> None:
        """Called in a case that takes long: a loop has shown its lines by now, and being traced makes it
        five times as slow (a test of primes in more-itertools). Lines that only come after it are
        missed."""
        sys.settrace(None)

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        if sys.gettrace() is not self._tracer:
            sys.settrace(self._tracer)
        try:
            yield
        finally:
            self.pause()

    def enter(self, case: str) -> None:
        """What was executed since the last case belongs to none: imports, collection."""
        for path, lines in list(self._lines.items()):
            self._imports.setdefault(path, set()).update(lines)
            lines.clear()
        self._cases.append(case)

    def leave(self) -> None:
        case = len(self._cases) - 1
        for path, lines in list(self._lines.items()):
            if lines:
                key = array("I", sorted(lines)).tobytes()
                self._alike.setdefault(path, {}).setdefault(key, []).append(case)
                lines.clear()

    def write(self) -> None:
        self._coverage.stop()
        self.enter("")
        sets: dict[int, int] = {}
        files: dict[str, list[int]] = {}
        for path, imported in sorted(self._imports.items()):
            lines = dict.fromkeys(imported, 0)
            for key, cases in self._alike.get(path, {}).items():
                together = bitmap(cases)
                for line in array("I", key):
                    lines[line] = lines.get(line, 0) | together
            flat = files.setdefault(os.path.relpath(path, WORKSPACE), [])
            for line, cases_of_line in sorted(lines.items()):
                flat += [line, sets.setdefault(cases_of_line, len(sets))]
        answer = {"cases": self._cases[:-1], "sets": [f"{each:x}" for each in sets], "files": files}
        with open(os.path.join(WORKSPACE, COVERAGE), "w") as stream:
            json.dump(answer, stream, separators=(",", ":"))


def bitmap(numbers: list[int]) -> int:
    data = bytearray(max(numbers) // 8 + 1)
    for number in numbers:
        data[number // 8] |= 1 << number % 8
    return int.from_bytes(data, "little")
