"""Reading what was left behind: reports, JUnit, coverage. Everything may be hostile; nothing may raise."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox import Command, Completed, LimitName, Overlay
from sandbox.suites.baseline import baseline, classify, spoilers
from sandbox.suites.command_suite import CASE, CommandSuite
from sandbox.suites.junit import NotJUnit, read_junit
from sandbox.suites.pytest_suite import PytestSuite
from sandbox.suites.records import COVERAGE, REPORT, coverage_of
from sandbox.suites.types import CaseResult, SuiteReport, Verdict


def completed(
    status: int | None = 0, *, stopped: LimitName | None = None, stdout: bytes = b"", **collected: bytes
) -> Completed:
    names = {"report": REPORT, "coverage": COVERAGE, "junit": ".codeagent/junit.xml", "xml": "out/report.xml"}
    return Completed(
        exit_status=status,
        stopped_by=stopped,
        stdout=stdout,
        stderr=b"",
        seconds=1.5,
        collected={names[name]: data for name, data in collected.items()},
    )


def lines(*records: object) -> bytes:
    return b"".join(json.dumps(each).encode() + b"\n" for each in records)


START, FINISH = {"kind": "collected", "count": 2, "missing": []}, {"kind": "finish", "status": 0}

RUNS, NONE = {"kind": "start", "id": "b"}, {"kind": "collected", "count": 0, "missing": list("abcde")}
MEMORY = {"status": None, "stopped": LimitName.MEMORY}


def case(name: str, verdict: str = "passed", **more: object) -> dict[str, object]:
    return {"kind": "case", "id": name, "verdict": verdict, "seconds": 0.1, **more}


@pytest.mark.parametrize(
    ("records", "done", "problem", "failing"),
    [
        ((START, case("a"), case("b", "failed"), FINISH), {"status": 1}, "", {"b"}),
        ((START, case("a"), RUNS), {"status": -9}, "killed by signal 9 in b after 1 of 2 cases", {"b"}),
        ((START, case("a")), MEMORY, "stopped by the memory limit after 1 of 2 cases", set()),
        ((START, case("a"), case("a", "failed"), FINISH), {}, "reported more than once: a", {"a"}),
        ((NONE, FINISH), {"status": 5}, "not found: a, b, c and 2 more", set()),
        ((START, case("a", "nonsense"), FINISH), {}, "", {"a"}),
        ((START, case("a", seconds="long", message=["x"], details=3), FINISH), {}, "", set()),
        ((START, FINISH), {"status": 5}, "no test was run: pytest ended with status 5", set()),
    ],
)  # fmt: skip
def test_reports(
    records: tuple[object, ...], done: dict[str, object], problem: str, failing: set[str]
) -> None:
    report = PytestSuite().report(completed(report=lines(*records), **done))  # type: ignore[arg-type]
    assert report.problem == problem
    assert report.failing == failing


def test_a_line_cut_by_a_kill_is_left_out() -> None:
    data = lines(START, case("a")) + b'{"kind": "case", "id": "b", "verd'
    report = PytestSuite().report(completed(-9, report=data))
    assert report.passing == {"a"}


@given(
    st.binary(max_size=400)
    | st.recursive(
        st.none() | st.integers() | st.text() | st.floats(),
        lambda x: st.lists(x) | st.dictionaries(st.text(), x),
    ).map(
        lambda value: lines(
            value,
            {"kind": value},
            {"kind": "case", "id": value, "seconds": value, "verdict": value},
            {"kind": "collected", "count": value, "missing": value},
        )
    )
)
def test_any_report_is_read(data: bytes) -> None:
    report = PytestSuite().report(completed(report=data, stdout=data))
    for each in report.cases:
        (each.id + each.message + each.details + report.output + report.problem).encode()


def test_a_report_nested_without_end() -> None:
    report = PytestSuite().report(completed(report=b"[" * 100_000 + b"\n" + lines(START, case("a"), FINISH)))
    assert report.passing == {"a"}


# --- Coverage ---------------------------------------------------------------------------------------------


def test_coverage_sets() -> None:
    values = {"cases": ["a", "b", "c"], "sets": ["0", "5", "2"], "files": {"x.py": [1, 0, 2, 1, 9, 2]}}
    coverage = coverage_of(completed(coverage=json.dumps(values).encode()))
    assert coverage.lines == {"x.py": {1: frozenset(), 2: {"a", "c"}, 9: {"b"}}}
    assert coverage.tests_of("x.py") == {"a", "b", "c"}
    assert coverage.tests_of("y.py") == frozenset()


@pytest.mark.parametrize(
    "data",
    [
        b"", b"[]", b"null", b"{", b"[" * 100_000, b'{"cases": 3}',
        b'{"cases": ["a"], "sets": ["ff"], "files": {}}',
        b'{"cases": ["a"], "sets": ["-1"], "files": {}}',
        b'{"cases": ["a"], "sets": ["zz"], "files": {}}',
        b'{"cases": ["a"], "sets": ["1"], "files": {"x": [1, 7]}}',
        b'{"cases": ["a"], "sets": ["1"], "files": {"x": [1]}}',
        b'{"cases": ["a"], "sets": ["1"], "files": {"x": ["a", 0]}}',
        b'{"cases": ["a"], "sets": [1], "files": []}',
    ],
)  # fmt: skip
def test_coverage_of_another_shape_covers_nothing(data: bytes) -> None:
    assert coverage_of(completed(coverage=data)).lines == {}


# --- JUnit ------------------------------------------------------------------------------------------------

JUNIT = b"""<?xml version="1.0" encoding="utf-8"?>
<testsuites><testsuite name="outer"><testsuite name="inner">
<testcase classname="tests.test_a.TestX" file="tests/test_a.py" name="test_1[a b]" time="0.25"/>
<testcase classname="tests.test_a" file="tests/test_a.py" name="test_2"><failure
message="one&#10;two">trace</failure></testcase> </testsuite> <testcase classname="a.B" name="c"><error
message="e"/></testcase> <testcase classname="a.B" name="d"><skipped/></testcase>
</testsuite></testsuites>"""


def test_junit() -> None:
    assert [(each.id, each.verdict.value, each.message) for each in read_junit(JUNIT)] == [
        ("a.B::c", "error", "e"),
        ("a.B::d", "skipped", ""),
        ("tests/test_a.py::TestX::test_1[a b]", "passed", ""),
        ("tests/test_a.py::test_2", "failed", "one"),
    ]


BOMB = b"""<?xml version="1.0"?><!DOCTYPE z [<!ENTITY a "aaaaaaaaaa"><!ENTITY b
"&a;&a;&a;&a;&a;">]><testsuites>&b;</testsuites>"""


@pytest.mark.parametrize(
    "data",
    [
        b"", b"not xml", b"<html/>", b"\xff\xfe<", BOMB,
        BOMB.decode().encode("utf-16"), BOMB.decode().encode("utf-7"),
        b'<?xml version="1.0" encoding="utf-7"?>' + BOMB[21:],
        b'<?xml version="1.0" encoding="latin-1"?><testsuites/>',
        b"<testsuites>" + b"<testsuite>" * 2000 + b"</testsuite>" * 2000 + b"</testsuites>",
        b"<testsuites><testsuite>" + b"\x00",
    ],
)  # fmt: skip
def test_what_is_no_junit_report_is_refused(data: bytes) -> None:
    with pytest.raises(NotJUnit):
        read_junit(data)


@given(st.binary(max_size=200), st.sampled_from((b"", b"<testsuites>", b"<testsuite><testcase/>")))
def test_any_junit_is_read_or_refused(data: bytes, head: bytes) -> None:
    with suppress(NotJUnit):
        read_junit(head + data)


def test_junit_is_the_fallback_of_pytest() -> None:
    report = PytestSuite().report(completed(1, junit=JUNIT))
    assert report.failing == {"tests/test_a.py::test_2", "a.B::c"}
    report = PytestSuite().report(completed(4, junit=BOMB, stdout=b"ERROR: bad option"))
    assert (
        report.problem == "pytest left no report: the runner's process ended with status 4: ERROR: bad option"
    )


# --- Any command ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("done", "verdict", "problem"),
    [
        (completed(0), Verdict.PASSED, ""),
        (completed(2, stdout=b"boom"), Verdict.FAILED, ""),
        (completed(127), Verdict.FAILED, "make was not found in the sandbox"),
        (completed(None, stopped=LimitName.TIME), Verdict.FAILED, "stopped by the time limit"),
    ],
)
def test_a_command_is_one_case(done: Completed, verdict: Verdict, problem: str) -> None:
    report = CommandSuite(argv=("make", "test")).report(done)
    assert [(each.id, each.verdict) for each in report.cases] == [(CASE, verdict)]
    assert report.problem == problem


def test_a_command_that_writes_junit_has_its_cases() -> None:
    suite = CommandSuite(argv=("nose2", "--junit-xml", "out/report.xml"))
    assert suite.command().collect == ("out/report.xml",)
    assert len(suite.report(completed(1, xml=JUNIT)).cases) == 4
    assert CommandSuite(argv=("x", "--junitxml=/etc/passwd")).command().collect == ()


# --- Two runs ---------------------------------------------------------------------------------------------


def report(**verdicts: str) -> SuiteReport:
    return SuiteReport(cases=tuple(CaseResult(id=k, verdict=Verdict(v)) for k, v in verdicts.items()))


def test_classes_of_two_runs() -> None:
    first = report(a="passed", b="failed", c="passed", d="skipped", e="error", f="passed")
    second = report(a="passed", b="failed", c="failed", d="skipped", e="failed", g="passed")
    classes = classify(first, second)
    assert (classes.passing, classes.failing, classes.flaky, classes.skipped) == (
        {"a"}, {"b", "e"}, {"c", "f", "g"}, {"d"},
    )  # fmt: skip


verdicts = st.dictionaries(st.sampled_from("abcde"), st.sampled_from([each.value for each in Verdict]))


@given(verdicts, verdicts)
def test_every_case_is_in_exactly_one_class(first: dict[str, str], second: dict[str, str]) -> None:
    classes = classify(report(**first), report(**second))
    sets = (classes.passing, classes.failing, classes.flaky, classes.skipped)
    assert sorted(name for each in sets for name in each) == sorted(first.keys() | second.keys())
    assert classes == classify(report(**second), report(**first))


@pytest.mark.parametrize(
    ("at", "by_time", "blamed"), [(1.4, True, ()), (0.2, True, ("a::b",)), (1.4, False, ("a::b",))]
)
def test_who_is_to_blame_for_a_run_that_ended(at: float, by_time: bool, blamed: tuple[str, ...]) -> None:
    stopped = LimitName.TIME if by_time else None
    done = completed(
        None if by_time else 3,
        stopped=stopped,
        report=lines(START, {"kind": "start", "id": "a::b", "at": at}),
    )
    assert spoilers(PytestSuite().report(done), by_time=by_time) == ((), blamed)


def test_baseline_without_coverage_where_the_time_is_too_short() -> None:
    runs: list[bool] = []

    def run(command: Command, _overlay: Overlay) -> Completed:
        measured = b'"coverage": true' in command.stdin
        runs.append(measured)
        if measured:
            return completed(
                None, stopped=LimitName.TIME, report=lines(START, {"kind": "start", "id": "b::b", "at": 1.4})
            )
        return completed(report=lines(START, case("a::a"), case("b::b"), FINISH))

    found = baseline(run, PytestSuite())
    assert runs == [True, False, False]
    assert (found.problem, found.classes.passing, found.left_out) == ("", {"a::a", "b::b"}, ())
