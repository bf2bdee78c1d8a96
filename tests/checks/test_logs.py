"""What is read off logs; and that no log can hurt."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.checks.logs import EXCERPT, LARGEST, MOST_FAILED, read_log
from tests.checks.samples import HEADINGS, PYTEST, SETUP, UNITTEST, VERBOSE, job, step


def found(data: bytes) -> list[tuple[str, str]]:
    return [(each.test, each.exception) for each in read_log(data).failed]


def test_the_short_summary_of_pytest() -> None:
    findings = read_log(job("python -m pip install tox", "pytest -q --color=yes", output=PYTEST))
    assert (findings.command, findings.exit_code) == ("pytest -q --color=yes", 1)
    assert findings.step == "python -m pip install tox"
    assert [(each.test, each.exception) for each in findings.failed] == [
        ("tests/test_pages.py::test_clamp_below", "AssertionError"),
        ("tests/test_pages.py::Links::test_many[a - b]", "AssertionError"),
        ("tests/test_pages.py::test_param[x-[1, 2]]", "PageError"),
        ("tests/test_broken.py", "ModuleNotFoundError"),
        ("tests/test_fixture.py::test_it", ""),
    ]
    assert findings.failed[2].message == "pager.errors.PageError: no - page"
    assert findings.excerpt.startswith("====")
    assert findings.excerpt.endswith("0.12s ==========================")
    assert "\x1b" not in findings.excerpt
    assert findings.other == ""


@pytest.mark.parametrize(
    ("output", "tests"),
    [
        (
            VERBOSE,
            [
                ("tests/test_pages.py::test_two[a b]", ""),
                ("tests/test_pages.py::test_three", ""),
                ("tests/test_pages.py::test_four", ""),
            ],
        ),
        (HEADINGS, [("tests/test_pages.py::Pages::test_clamp[below-1]", ""), ("tests/test_broken.py", "")]),
        (
            UNITTEST,
            [
                ("test_broken", "ModuleNotFoundError"),
                ("tests.test_pages.Clamp.test_below", "AssertionError"),
                ("tests.test_pages.Clamp.test_old", "PageError"),
            ],
        ),
    ],
    ids=["verbose", "headings", "unittest"],
)
def test_other_ways_to_print_a_failing_test(output: str, tests: list[tuple[str, str]]) -> None:
    assert found(job("make test", output=output)) == tests


def test_colours_do_not_matter() -> None:
    line = "\x1b[31mFAILED\x1b[0m tests/test_a.py::\x1b[1mtest_b\x1b[0m - \x1b[31mTypeError\x1b[0m: no"
    output = f"=== \x1b[36m\x1b[1mshort test summary info\x1b[0m ===\n{line}"
    assert found(job("pytest", output=output)) == [("tests/test_a.py::test_b", "TypeError")]


@pytest.mark.parametrize(
    ("message", "exception"),
    [
        ("AssertionError: x", "AssertionError"),
        ("assert 1 == 2", "AssertionError"),
        ("KeyError", "KeyError"),
        ("a.b.Bad: no", "Bad"),
        ("Assert...", ""),
        ("ValueErr...", ""),
        ("Failed: DID NOT RAISE", "Failed"),
        ("fixture 'x' not found", ""),
        ("", ""),
    ],
)
def test_what_was_raised(message: str, exception: str) -> None:
    output = f"=== short test summary info ===\nFAILED t.py::a - {message}"
    assert found(job("pytest", output=output)) == [("t.py::a", exception)]


@pytest.mark.parametrize(
    ("script", "command"),
    [
        (("cd src", "python -m pytest tests"), "python -m pytest tests"),
        (("python -W error -m unittest discover",), "python -W error -m unittest discover"),
        (("tox -e py312",), "tox -e py312"),
        (("pip install nox", "nox -s tests"), "nox -s tests"),
        (("make test",), "make test"),
        (("python manage.py test",), "python manage.py test"),
        (("hatch run test:all",), "hatch run test:all"),
        (("uv sync", "uv run pytest -x"), "uv run pytest -x"),
        (("./ci.sh",), ""),
    ],
)
def test_the_command_that_ran_the_tests(script: tuple[str, ...], command: str) -> None:
    assert read_log(job(*script, output="boom")).command == command


@pytest.mark.parametrize(
    ("output", "other"),
    [
        ("--- FAIL: TestClamp (0.00s)", "a failing test of Go"),
        ("test result: FAILED. 1 passed; 1 failed;", "a failing test of Rust"),
        ("Tests:       1 failed, 3 passed, 4 total", "a failing test of JavaScript"),
        ("[ERROR] Tests run: 4, Failures: 1", "a failing test of Java"),
        ("12 examples, 1 failure", "a failing test of Ruby"),
        ("Found 3 errors in 2 files (checked 9 source files)", "a type checker's finding"),
        ("would reformat src/pager.py", "a linter's or formatter's finding"),
        ("src/a.py:1:80: E501 line too long", "a linter's finding"),
        ("ERROR: No matching distribution found for x", "a dependency that could not be installed"),
        ("FAIL Required test coverage of 90% not reached.", "a coverage threshold that was missed"),
        ("collected 0 items", "a run of Python's tests in which none ran"),
        ("Traceback (most recent call last):\n  File 'x'\nOSError", "an error of Python outside of a test"),
        ("##[error]The operation was canceled.", "a job that was cancelled or ran out of time"),
        ("something else", ""),
    ],
)
def test_a_failure_that_is_not_that_of_a_python_test_is_told_so(output: str, other: str) -> None:
    findings = read_log(job("make", output=output))
    assert (findings.failed, findings.other) == ((), other)


def test_the_step_that_failed_is_read_and_no_other() -> None:
    """A step may fail and be allowed to; and a test may print what looks like a summary."""
    fake = "=== short test summary info ===\nFAILED t.py::fake - E: x\n"
    log = SETUP + step("pytest tests/fast", output=fake) + step("pytest", output=PYTEST, code=1)
    assert ("t.py::fake", "") not in found(log.encode())
    assert read_log(log.encode()).command == "pytest"


def test_a_log_of_another_system_is_one_step() -> None:
    findings = read_log(PYTEST.encode())
    assert (len(findings.failed), findings.command, findings.exit_code) == (5, "", None)


# --- Hostile ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [b"", b"\n", b"\xff\xfe\x00", b"##[group]Run ", b"##[error]", b"=" * 9999])
def test_nothing_much_is_nothing(data: bytes) -> None:
    assert read_log(data).failed == ()


@pytest.mark.parametrize(
    "line",
    [
        "=",
        "_",
        " ",
        "1",
        "FAILED ",
        "[",
        "a.",
        "::",
        " - ",
        "\x1b[",
        "\x1b]",
        "FAIL: a (",
        "E",
        "____ a ",
        ": ",
    ],
)
def test_a_log_of_one_thing_over_and_over_is_read_in_no_time(line: str) -> None:
    """Long lines and many of them: no pattern goes back and forth."""
    head = "##[group]Run pytest\n##[endgroup]\n=== short test summary info ===\n"
    long = head + (line * 3_000 + "\n") * 100
    many = head + (line * 9 + "\n") * 20_000
    endless = head + line * (1 << 20)
    started = time.process_time()
    for text in (long, many, endless):
        read_log(text.encode())
    assert time.process_time() - started < 20  # seconds of work; a pattern that goes wrong needs hours


def test_a_log_is_bounded_and_so_is_what_is_read_off_it() -> None:
    lines = "".join(
        f"FAILED tests/test_{n}.py::test_{'x' * 600 if n % 2 else n} - E\n" for n in range(90_000)
    )
    findings = read_log(("=== short test summary info ===\n" + lines).encode())
    assert len(findings.failed) <= MOST_FAILED
    assert all(len(each.test) <= 500 and len(each.message) <= 300 for each in findings.failed)
    assert len(findings.excerpt) <= EXCERPT
    assert len(lines) > LARGEST


TEXT = st.text(alphabet=st.sampled_from("FAILEDRO :/[]().=-_pytest\n\x1b\t#09é\u2028"), max_size=400)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.one_of(TEXT, st.text(max_size=60), st.sampled_from([PYTEST, UNITTEST, HEADINGS])), max_size=6)
)
def test_any_text_is_read(parts: list[str]) -> None:
    findings = read_log("\n".join(parts).encode("utf-8", "surrogatepass"))
    for each in findings.failed:
        assert 0 < len(each.test) <= 700
        assert "\n" not in each.test


NAMES = st.from_regex(r"[a-z]{1,8}/test_[a-z]{1,8}\.py::(Test[A-Z]::)?test_[a-z0-9_]{1,10}", fullmatch=True)
PARAMETERS = st.text(alphabet=st.characters(codec="ascii", categories=("L", "N", "P", "Zs")), max_size=20)


@settings(max_examples=150, deadline=None)
@given(NAMES, st.none() | PARAMETERS, st.sampled_from(["", " - TypeError: [no] - x", " - assert [1] == [2]"]))
def test_every_id_of_pytest_is_read_back(name: str, parameters: str | None, message: str) -> None:
    """But one whose parameters end as an id does: it cannot be told from a message."""
    test = name if parameters is None else f"{name}[{parameters}]"
    if parameters is not None and "] - " in f"{parameters}":
        return
    output = f"=== short test summary info ===\nFAILED {test}{message}"
    assert [failed.test for failed in read_log(job("pytest", output=output)).failed] == [test]
