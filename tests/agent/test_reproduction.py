"""When a failing test counts as a reproduction: for the stated reason, each time, and not by its own
fault."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.reproduction import disagreement, exception_name, judge, same_verdicts
from agent.types import FailureSign, TestFile
from sandbox.suites.types import CaseResult, SuiteReport, Verdict

PATH = "tests/test_new.py"
TEST = TestFile(path=PATH, content="", verifies="something")
IN_TEST = "tests/test_new.py:7: in test_a\n    assert f() == 1"
IN_CODE = f"{IN_TEST}\nsrc/code.py:3: in f\n    return x"


def failed(
    message: str, details: str = IN_TEST, verdict: Verdict = Verdict.FAILED, name: str = "test_a"
) -> CaseResult:
    return CaseResult(id=f"{PATH}::{name}", verdict=verdict, message=message, details=details)


def sign(exception: str = "", fragment: str = "") -> FailureSign:
    return FailureSign(exception=exception, fragment=fragment)


@pytest.mark.parametrize(
    ("stated", "case", "expected"),
    [
        (sign(), failed("AssertionError: assert 1 == 2"), True),
        (sign(), failed("assert 1 == 2"), True),
        (sign(), failed("ValueError: bad", IN_CODE), True),
        (sign("AssertionError"), failed("assert 1 == 2"), True),
        (sign("AssertionError"), failed("ValueError: bad", IN_CODE), False),
        (sign("ValueError"), failed("ValueError: bad", IN_CODE), True),
        (sign("pkg.errors.ParseError"), failed("pkg.errors.ParseError: bad", IN_CODE), True),
        (sign("ParseError"), failed("pkg.errors.ParseError", IN_CODE), True),
        (sign("ValueError"), failed("Failed: DID NOT RAISE", f"{IN_CODE}\nE   ValueError: bad"), True),
        (sign("ValueError"), failed("TypeError: not a ValueError at all", IN_CODE), False),
        (sign("", "two  words"), failed("AssertionError: two\nwords"), True),
        (sign("", "absent"), failed("AssertionError: assert 1 == 2"), False),
        # the test's own fault, unless that is the point
        (sign(), failed("NameError: name 'g' is not defined"), False),
        (sign(), failed("NameError: name 'g' is not defined", IN_CODE), True),
        (sign(), failed("NameError: name 'g' is not defined", ""), False),
        (sign("NameError"), failed("NameError: name 'g' is not defined"), True),
        (sign(), failed("ImportError: cannot import name 'f'"), False),
        (sign("ImportError"), failed("ImportError: cannot import name 'f'", IN_TEST, Verdict.ERROR), True),
        (sign(), failed("fixture 'db' not found", "", Verdict.ERROR), False),
        (sign(), failed("RuntimeError: in setup", IN_CODE, Verdict.ERROR), False),
        # no failure
        (sign(), CaseResult(id=f"{PATH}::test_a", verdict=Verdict.PASSED), False),
        (sign(), CaseResult(id=f"{PATH}::test_a", verdict=Verdict.SKIPPED), False),
        (sign(), CaseResult(id="tests/other.py::test_a", verdict=Verdict.PASSED), False),
    ],
)
def test_judge(stated: FailureSign, case: CaseResult, expected: bool) -> None:
    reproduced, remark = judge(SuiteReport(cases=(case,)), [replace(TEST, sign=stated)])
    assert reproduced is expected, remark
    assert remark


def test_every_case_of_every_test_must_fail() -> None:
    other = replace(TEST, path="tests/test_other.py")
    bad, good = failed("assert 0"), CaseResult(id=f"{PATH}::test_b", verdict=Verdict.PASSED)
    elsewhere = CaseResult(id="tests/test_other.py::test_c", verdict=Verdict.FAILED, message="assert 0")
    assert judge(SuiteReport(cases=(bad,)), [TEST])[0]
    assert not judge(SuiteReport(cases=(bad, good)), [TEST])[0]
    assert judge(SuiteReport(cases=(bad, good)), [replace(TEST, select=(bad.id,))])[0]
    assert not judge(SuiteReport(cases=(bad,)), [TEST, other])[0]
    assert judge(SuiteReport(cases=(bad, elsewhere)), [TEST, other])[0]
    assert not judge(SuiteReport(cases=(bad,)), [])[0]


def test_a_given_test_only_has_to_fail() -> None:
    given = replace(TEST, given=True)
    passing = CaseResult(id=f"{PATH}::test_b", verdict=Verdict.PASSED)
    assert judge(SuiteReport(cases=(failed("NameError: g"), passing)), [given])[0]
    assert not judge(SuiteReport(cases=(passing,)), [given])[0]
    assert not judge(SuiteReport(problem="stopped by the time limit"), [given])[0]


BAD, GOOD = failed("assert 0"), CaseResult(id=f"{PATH}::test_a", verdict=Verdict.PASSED)
HUNG = CaseResult(id=f"{PATH}::test_a", verdict=Verdict.ERROR, message="the run ended in this test")
STOPPED = SuiteReport(cases=(HUNG,), problem=f"stopped by the time limit in {PATH}::test_a")


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (SuiteReport(cases=(BAD,)), SuiteReport(cases=(BAD,)), ""),
        (STOPPED, STOPPED, ""),  # it hangs each time: that is a result
        (SuiteReport(cases=(GOOD,)), SuiteReport(cases=(BAD,)), "same result twice"),
        (SuiteReport(cases=(GOOD,)), STOPPED, "did not come to its end: stopped by the time limit"),
        (STOPPED, SuiteReport(cases=(GOOD,)), "did not come to its end: stopped by the time limit"),
        (SuiteReport(cases=(BAD,)), STOPPED, "did not come to its end: stopped by the time limit"),
        (SuiteReport(cases=(BAD,)), SuiteReport(problem="killed by signal 9"), "killed by signal 9"),
    ],
)
def test_a_run_that_was_stopped_is_no_test_that_changes_its_mind(
    first: SuiteReport, second: SuiteReport, said: str
) -> None:
    remark = disagreement(first, second)
    assert bool(remark) is bool(said)
    assert said in remark


def test_parameters_and_unittest_ids_belong_to_their_file() -> None:
    selected = replace(TEST, select=(f"{PATH}::test_a",))
    parameter = CaseResult(id=f"{PATH}::test_a[1-2]", verdict=Verdict.FAILED, message="assert 0")
    assert judge(SuiteReport(cases=(parameter,)), [selected])[0]
    unittest = CaseResult(
        id="tests.test_new.Case.test_a", verdict=Verdict.FAILED, message="AssertionError: 1 != 2"
    )
    other = CaseResult(id="tests.test_newer.Case.test_a", verdict=Verdict.PASSED)
    assert judge(SuiteReport(cases=(unittest, other)), [TEST])[0]


def test_two_runs_agree_only_case_by_case() -> None:
    bad, good = failed("assert 0"), CaseResult(id=f"{PATH}::test_a", verdict=Verdict.PASSED)
    assert same_verdicts(SuiteReport(cases=(bad,)), SuiteReport(cases=(failed("assert 1"),)))
    assert not same_verdicts(SuiteReport(cases=(bad,)), SuiteReport(cases=(good,)))
    assert not same_verdicts(SuiteReport(cases=(bad,)), SuiteReport())


@pytest.mark.parametrize(
    ("message", "name"),
    [
        ("ValueError: x", "ValueError"),
        ("a.b.C: x", "C"),
        ("KeyError", "KeyError"),
        ("assert 1 == 2", ""),
        ("", ""),
        ("Failed: DID NOT RAISE", "Failed"),
    ],
)
def test_exception_name(message: str, name: str) -> None:
    assert exception_name(CaseResult(id="x", verdict=Verdict.FAILED, message=message)) == name
