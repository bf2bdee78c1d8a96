"""Runs inside: a plugin for pytest that reports each case as it ends, bounds its time and measures its
coverage.

It also takes back what a repository's default options may ask for and a measured run cannot have: parallel
workers, a random order, stopping at the first failure, coverage of its own, a debugger, linters posing as
tests. That is done on the parsed options, as a flag for a plugin that happens to be switched off would be a
usage error.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from sandbox.suites.inside import codeagent_record as record
else:
    import codeagent_record as record

_OPTIONS = {
    "continue_on_collection_errors": True, "color": "no", "usepdb": False, "trace": False,
    "lf": False, "failedfirst": False, "newfirst": False, "stepwise": False,
    "numprocesses": None, "dist": "no", "tx": [], "looponfail": False, "forked": False,
    "no_cov": True, "cov_source": [],
    "randomly_reorganize": False, "randomly_seed": 0, "hypothesis_seed": "0", "benchmark_disable": True,
    "black": False, "flake8": False, "isort": False, "mypy": False, "pylint": False, "ruff": False,
}  # fmt: skip


class State:
    """Of the one session that this plugin is loaded into."""

    def __init__(self) -> None:
        self.request = record.read_request()
        self.recorder = record.Recorder()
        self.contexts: record.Contexts | None = None
        self.seconds = float(self.request.get("case_seconds", 0))
        self.verdict, self.message, self.details, self.took = "passed", "", "", 0.0


_state = State()


def _settle(option: Any) -> None:
    values = dict(_OPTIONS, maxfail=int(_state.request.get("stop_after", 0)))
    for name, value in values.items():
        if hasattr(option, name):
            setattr(option, name, value)


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: Any) -> Iterator[None]:
    _settle(early_config.known_args_namespace)
    if _state.request.get("coverage"):
        try:
            _state.contexts = record.Contexts()
        except (ImportError, AttributeError, TypeError, OSError) as problem:
            _state.recorder.write("remark", text=f"no coverage: {type(problem).__name__}: {problem}")
    yield


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_cmdline_main(config: Any) -> Iterator[None]:
    _settle(config.option)
    yield


# --- Collection -------------------------------------------------------------------------------------------


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: Any, items: list[Any]) -> None:
    wanted = frozenset(_state.request.get("select", ()))
    unwanted = frozenset(_state.request.get("deselect", ()))
    found: set[str] = set()
    kept: list[Any] = []
    left: list[Any] = []
    for item in items:
        matching = wanted.intersection(addresses(item.nodeid))
        found |= matching
        (kept if (matching or not wanted) and item.nodeid not in unwanted else left).append(item)
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = kept
    if _state.contexts is not None:
        _state.contexts.pause()
    _state.recorder.write("collected", count=len(items), missing=sorted(wanted - found)[:1000])


def addresses(nodeid: str) -> list[str]:
    """What names a case: its id, the id without parameters, its class, its file."""
    base, bracket, _parameters = nodeid.partition("[")
    parts = base.split("::")
    names = ["::".join(parts[:length]) for length in range(1, len(parts) + 1)]
    return [nodeid, *names] if bracket else names


def pytest_collectreport(report: Any) -> None:
    if report.failed:
        text = str(getattr(report, "longreprtext", "") or report.longrepr)
        lines = [line[1:].strip() for line in text.splitlines() if line.startswith("E ")]
        _state.recorder.write(
            "collect",
            id=report.nodeid,
            message=record.one_line(lines[-1] if lines else text),
            details=record.shortened(text, record.MAX_DETAILS),
        )


# --- One case ---------------------------------------------------------------------------------------------


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: Any) -> Iterator[None]:
    if _state.contexts is not None:
        _state.contexts.enter(item.nodeid)
    yield
    if _state.contexts is not None:
        _state.contexts.leave()


@contextmanager
def _watched() -> Iterator[None]:
    """Innermost: what pytest and its plugins do around a phase is neither timed nor measured."""
    contexts = _state.contexts
    if contexts is None:
        with record.time_limit(_state.seconds):
            yield
    else:
        with contexts.watching(), record.time_limit(_state.seconds, contexts.enough):
            yield


@pytest.hookimpl(hookwrapper=True, trylast=True)
def pytest_runtest_setup() -> Iterator[None]:
    with _watched():
        yield


@pytest.hookimpl(hookwrapper=True, trylast=True)
def pytest_runtest_call() -> Iterator[None]:
    with _watched():
        yield


@pytest.hookimpl(hookwrapper=True, trylast=True)
def pytest_runtest_teardown() -> Iterator[None]:
    with _watched():
        yield


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_makereport(call: Any) -> Generator[None, Any, None]:
    outcome = yield
    report = outcome.get_result()
    if call.excinfo is not None and report.failed:
        report.codeagent = record.describe(call.excinfo.value)


def pytest_runtest_logstart(nodeid: str) -> None:
    _begin()
    _state.recorder.start(nodeid)


def _begin() -> None:
    _state.verdict, _state.message, _state.details, _state.took = "passed", "", "", 0.0


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_logreport(report: Any) -> None:
    if report.outcome == "rerun":  # by a plugin that repeats failing tests: what counts is yet to come
        _begin()
        return
    _state.took += getattr(report, "duration", 0.0)
    if report.failed and _state.verdict != "failed":
        _state.verdict = "failed" if report.when == "call" else "error"
        message, details = getattr(report, "codeagent", None) or _described(report)
        output = [f"{title}:\n{record.shortened(text, 4000)}" for title, text in report.sections]
        _state.message, _state.details = message, "\n".join([details, *output])
    elif report.skipped and _state.verdict == "passed":
        _state.verdict = "skipped"
        reason = getattr(report, "wasxfail", None)
        where = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
        _state.message = f"expected failure: {reason}" if reason is not None else str(where)


def _described(report: Any) -> tuple[str, str]:
    crash = getattr(getattr(report, "longrepr", None), "reprcrash", None)
    text = str(getattr(report, "longreprtext", "") or report.longrepr)
    return str(getattr(crash, "message", text)), text


def pytest_runtest_logfinish(nodeid: str) -> None:
    _state.recorder.case(nodeid, _state.verdict, _state.took, _state.message, _state.details)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(exitstatus: int) -> None:
    if _state.contexts is not None:
        _state.contexts.write()
    _state.recorder.write("finish", status=int(exitstatus))
