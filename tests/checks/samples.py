"""Logs as a runner of GitHub Actions writes them."""

from __future__ import annotations

STAMP = "2026-03-04T05:06:07.1234567Z "


def step(*script: str, output: str, code: int = 0, shell: str = "/usr/bin/bash -e {0}") -> str:
    """One ``run:`` step, as the runner prints it."""
    lines = [
        f"##[group]Run {script[0]}",
        *(f"\x1b[36;1m{line}\x1b[0m" for line in script),
        f"shell: {shell}",
        "env:",
        "  pythonLocation: /opt/hostedtoolcache/Python/3.12.9/x64",
        "##[endgroup]",
        *output.strip("\n").split("\n"),
        *([f"##[error]Process completed with exit code {code}."] if code else []),
    ]
    return "".join(f"{STAMP}{line}\r\n" for line in lines)


SETUP = step("actions/checkout@v7", output="Syncing repository: acme/pager") + step(
    "pip install -e .[test]", output="Successfully installed pager-1.0"
)
CLEANUP = "".join(f"{STAMP}{line}\n" for line in ("Post job cleanup.", "##[command]/usr/bin/git version", ""))


def job(*script: str, output: str, code: int = 1) -> bytes:
    """A whole job of which the last step failed."""
    return ("\ufeff" + SETUP + step(*script, output=output, code=code) + CLEANUP).encode()


PYTEST = """
============================= test session starts ==============================
platform linux -- Python 3.12.9, pytest-8.3.5, pluggy-1.5.0
rootdir: /home/runner/work/pager/pager
configfile: pyproject.toml
collected 4 items

tests/test_pages.py .F.F                                                 [100%]

=================================== FAILURES ===================================
_______________________________ test_clamp_below _______________________________

    def test_clamp_below():
>       assert clamp_page(-3, 10) == 1
E       assert -3 == 1
E        +  where -3 = clamp_page(-3, 10)

tests/test_pages.py:12: AssertionError
=========================== short test summary info ============================
FAILED tests/test_pages.py::test_clamp_below - assert -3 == 1
FAILED tests/test_pages.py::Links::test_many[a - b] - AssertionError: assert [1] == [2]
FAILED tests/test_pages.py::test_param[x-[1, 2]] - pager.errors.PageError: no - page
ERROR tests/test_broken.py - ModuleNotFoundError: No module named 'pagr'
ERROR tests/test_fixture.py::test_it - fixture 'db' not found
!!!!!!!!!!!!!!!!!!! Interrupted: 1 error during collection !!!!!!!!!!!!!!!!!!!!
========================= 3 failed, 2 passed in 0.12s ==========================
"""
VERBOSE = """
tests/test_pages.py::test_one PASSED                                     [ 25%]
tests/test_pages.py::test_two[a b] FAILED                                [ 50%]
[gw0] [ 75%] FAILED tests/test_pages.py::test_three
tests/test_pages.py::test_four ERROR                                     [100%]
"""
HEADINGS = """
=================================== FAILURES ===================================
__________________________ Pages.test_clamp[below-1] ___________________________
tests/test_pages.py:12: in test_clamp
    assert clamp_page(-3, 10) == 1
src/pager/__init__.py:4: in clamp_page
    raise ValueError
_____________________ ERROR collecting tests/test_broken.py _____________________
ImportError while importing test module
"""
UNITTEST = """
.FE
======================================================================
ERROR: test_broken (unittest.loader._FailedTest.test_broken)
----------------------------------------------------------------------
ImportError: Failed to import test module: test_broken
Traceback (most recent call last):
  File "/opt/python/unittest/loader.py", line 394, in _find_test_path
    module = self._get_module_from_name(name)
ModuleNotFoundError: No module named 'pagr'


======================================================================
FAIL: test_below (tests.test_pages.Clamp.test_below)
Below the first page.
----------------------------------------------------------------------
Traceback (most recent call last):
  File "/home/runner/work/pager/tests/test_pages.py", line 8, in test_below
    self.assertEqual(clamp_page(-3, 10), 1)
AssertionError: -3 != 1

======================================================================
FAIL: test_old (tests.test_pages.Clamp) (number=3)
----------------------------------------------------------------------
Traceback (most recent call last):
  File "x.py", line 8, in test_old
pager.errors.PageError: no page

----------------------------------------------------------------------
Ran 3 tests in 0.001s

FAILED (failures=2, errors=1)
"""
