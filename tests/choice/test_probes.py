"""Probes: what assertions are about, and what a candidate gives there."""

from __future__ import annotations

import builtins
import json
import types
from collections.abc import Mapping

import pytest

from agent.choice.probes import LONGEST_OUTPUT, MARK, Probe, outputs_of, probe_of_case, probe_of_code
from agent.types import TestFile
from sandbox.suites.pytest_suite import PytestSuite
from sandbox.suites.types import CaseResult, SuiteReport, Verdict
from tests.agent.support import run_toy

PATH = "tests/test_w.py"
CALC = b"def sign(x):\n    if x is None: raise ValueError('no none')\n    return (x > 0) - (x < 0)\n"


def made(body: str) -> TestFile:
    return TestFile(path=PATH, content=f"from calc import sign\n\n\n{body}", verifies="v")


def run(probe: Probe, calc: bytes = CALC) -> dict[str, str]:
    """As the toy runner reports it."""
    files: Mapping[str, bytes] = {"calc.py": calc, probe.test.path: probe.test.content.encode()}
    command = PytestSuite().command((probe.select,))
    completed = run_toy(files, json.loads(command.stdin), frozenset())
    return outputs_of(PytestSuite().report(completed), probe)


ASSERTIONS = [
    ("assert sign(0) == 5", {"sign(0)": "0"}),
    ("assert 5 == sign(0), 'message'", {"sign(0)": "0"}),
    ("assert sign(-2)", {"sign(-2)": "-1"}),
    ("assert not sign(2)", {"sign(2)": "1"}),
    ("x = 3\n    'text'\n    y = -x\n    assert sign(y) in (1, 2)", {"x = 3\ny = -x\nsign(y)": "-1"}),
    ("assert sign(None) == 1", {"sign(None)": "raises ValueError: no none"}),
    ("assert sign(1) == 1\n    assert sign(2) == 2", {"sign(1)": "1", "sign(2)": "1"}),
    ("import pytest\n    with pytest.raises(ValueError):\n        sign(1)", {"import pytest\nsign(1)": "1"}),
    ("assert [sign(1)] * 999 == 0", {"[sign(1)] * 999": ("[" + "1, " * 999)[:LONGEST_OUTPUT]}),
    ("assert object() == sign(1)", {"object()": "<object object at 0x…>"}),
    ("assert sign.__call__ == 1", {"sign.__call__": "<method-wrapper '__call__' of function object at 0x…>"}),
    ("assert 'ü\\n\\0' + str(sign(1)) == 1", {"'ü\\n\\x00' + str(sign(1))": "'ü\\n\\x001'"}),
]


@pytest.mark.parametrize(("body", "outputs"), ASSERTIONS)
def test_what_an_assertion_is_about(body: str, outputs: dict[str, str]) -> None:
    probe = probe_of_case(made(f"def test_a():\n    {body}\n"), f"{PATH}::test_a")
    assert probe is not None
    assert probe.test.path == "tests/test_w_probe.py"
    assert run(probe) == outputs


def test_a_probe_that_breaks_before_it_gets_there_says_nothing() -> None:
    probe = probe_of_case(
        made("def test_a():\n    x = sign(None)\n    assert sign(x) == 1\n"), f"{PATH}::test_a"
    )
    assert probe is not None
    assert run(probe) == {}


def test_methods_and_parameters() -> None:
    body = (
        "class T:\n    def test_a(self, n):\n        self.assertEqual(1, sign(n))\n"
        "        self.assertRaises(ValueError, sign, n)\n"
    )
    probe = probe_of_case(made(body), f"{PATH}::T::test_a[0]")
    assert probe is not None
    assert probe.select == "tests/test_w_probe.py::T::test_a[0]"
    assert probe.inputs == ("sign(n)", "sign(n)")
    said = MARK + '{"given": {"n": "0"}, "notes": [[0, "0"], [1, "0"]]}'
    assert outputs_of(told(f"AssertionError: {said}"), probe) == {"n = 0\nsign(n)": "0"}
    unittest = probe_of_case(made(body), "tests.test_w.T.test_a")
    assert unittest is not None
    assert unittest.select == "tests.test_w_probe.T.test_a"


@pytest.mark.parametrize(
    ("body", "case"),
    [
        ("def test_a():\n    sign(0)\n", "test_a"),
        ("def test_a():\n    for n in (1, 2):\n        assert sign(n)\n", "test_a"),
        ("async def test_a():\n    assert await sign(0)\n", "test_a"),
        ("def test_b():\n    assert sign(0)\n", "test_a"),
        ("def (", "test_a"),
    ],
)
def test_what_cannot_be_probed(body: str, case: str) -> None:
    assert probe_of_case(made(body), f"{PATH}::{case}") is None


def test_proposed_lines_are_run_as_a_test_of_their_own() -> None:
    probe = probe_of_code("from calc import sign\nx = 0\nsign(x)\n", PATH)
    assert probe is not None
    assert probe.inputs == ("from calc import sign\nx = 0\nsign(x)",)
    assert probe.select == probe.test.path == "tests/test_w_probe.py"
    calc = types.ModuleType("calc")
    exec(CALC, vars(calc))

    def load(name: str, *rest: object) -> object:
        return calc if name == "calc" else builtins.__import__(name, *rest)  # type: ignore[arg-type]

    space: dict[str, object] = {"__builtins__": {**vars(builtins), "__import__": load}}
    exec(probe.test.content, space)
    with pytest.raises(AssertionError) as raised:
        space["CodeagentProbe"]("test_input").test_input()  # type: ignore[operator]
    assert outputs_of(told(f"AssertionError: {raised.value}"), probe) == {probe.inputs[0]: "0"}


@pytest.mark.parametrize(
    "code", ["", "x = 1", "return 1", "def (", "await f()", "yield 1", "x" * 2000, "\udc80", "1\nassert 2"]
)
def test_what_is_no_input(code: str) -> None:
    assert probe_of_code(code, PATH) is None


def told(*messages: str) -> SuiteReport:
    return SuiteReport(
        cases=tuple(
            CaseResult(id=f"c{number}", verdict=Verdict.FAILED, message=message)
            for number, message in enumerate(messages)
        )
    )


@pytest.mark.parametrize(
    "message",
    [
        "",
        MARK,
        MARK + "{",
        MARK + "[" * 5000,
        MARK + "[]",
        MARK + '{"given": [], "notes": {}}',
        MARK + '{"given": {}, "notes": [1, [1], ["0", "x"], [7, "x"], [-1, "x"], [true, null, 1]]}',
    ],
)
def test_a_hostile_message_tells_nothing(message: str) -> None:
    probe = probe_of_code("1", PATH)
    assert probe is not None
    assert outputs_of(told(message), probe) == {}
