"""A small shop whose carts can cost less than nothing, an issue about it that leaves one case open, and a
scripted programmer that repairs it in two files.

The programmer knows the way, not the engine: it designs two tests that fail and one that does not, outlines,
repairs the first file, gets one test further, and then has two ideas for the second file. Both make every
test pass and differ for a negative percentage, of which the issue says nothing.
"""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

from tests.scripted_model.server import Asked

CODES = '''"""Discount codes."""


def percent(code):
    """The percentage that a code stands for: "15%" is 15.0."""
    return float(code.rstrip("%"))
'''
CART = '''"""Carts."""

from codes import percent


def total(prices, code):
    """What a cart costs with a discount code."""
    return sum(prices) * (1 - percent(code) / 100)
'''
TESTS = """from cart import total
from codes import percent


def test_percent():
    assert percent("15%") == 15.0


def test_discount():
    assert total([10.0, 20.0], "50%") == 15.0


def test_no_discount():
    assert total([10.0], "0%") == 10.0
"""
FILES: dict[str, str | bytes] = {
    "pyproject.toml": '[tool.pytest.ini_options]\npythonpath = ["."]\n',
    "codes.py": CODES,
    "cart.py": CART,
    "tests/test_shop.py": TESTS,
}
ISSUE = (
    "A cart can cost less than nothing, and a word as a code breaks it",
    "With the code `150%` a cart of 10.0 costs -5.0. A cart must never cost less than nothing.\n\n"
    "With the code `SUMMER` I get a ValueError. A code that is no percentage is to be ignored.\n",
)
PROBE = "from cart import total\ntotal([10.0], '-10%')"
ANSWER = "Good question! A negative percentage counts as none: the cart costs 10.0 then."
CLAMPED = "    return sum(prices) * (1 - min(max(percent(code), 0), 100) / 100)\n"
FLOORED = "    return max(0, sum(prices) * (1 - percent(code) / 100))\n"
SAFE_PERCENT = '''def percent(code):
    """The percentage that a code stands for: "15%" is 15.0; a code that is none of that counts as none."""
    try:
        return float(code.rstrip("%"))
    except ValueError:
        return 0.0
'''


class Programmer:
    """A handler of tests.scripted_model: what it says follows from what it is asked, and how often."""

    def __init__(self) -> None:
        self._asked: Counter[str] = Counter()
        self._guard = threading.Lock()

    def __call__(self, asked: Asked) -> Any:
        with self._guard:
            self._asked[asked.schema_name] += 1
        return getattr(self, f"_{asked.schema_name}")(asked.user)

    def _Proposals(self, text: str) -> Any:
        if "Possible now: `test designer`." in text:
            return actions(("test designer", "tests/test_shop.py", "Test both complaints of the issue", 90))
        if "`architect`" in text:
            return actions(("architect", "codes.py", "Outline a repair of codes and of carts", 80))
        if "return 0.0" not in text:
            return actions(("implementer", "codes.py", "Let codes that are no percentage count as none", 70))
        return actions(
            ("debugger", "cart.py", "Keep the percentage between 0 and 100", 60),
            ("debugger", "cart.py", "Let no total be below nothing", 50),
        )

    def _DesignReply(self, _text: str) -> Any:
        return {
            "preamble": "from cart import total",
            "cases": [
                case("never_below_nothing", "basic", 'assert total([10.0], "150%") == 0', "AssertionError"),
                case("word_is_ignored", "edge", 'assert total([10.0], "SUMMER") == 10.0', "ValueError"),
                case("all_of_it", "edge", 'assert total([10.0], "100%") == 0', None),
            ],
        }

    def _OutlineReply(self, _text: str) -> Any:
        return {
            "targets": [
                {"path": "codes.py", "symbol": "percent", "reason": "float() refuses words"},
                {"path": "cart.py", "symbol": "total", "reason": "nothing bounds the discount"},
            ],
            "approach": "Read words as no discount, then bound what a cart costs.",
            "steps": ["percent: words count as none", "total: bound it"],
        }

    def _EditsReply(self, _text: str) -> Any:
        return {
            "edits": [
                {
                    "reasoning": "float() raises ValueError for a word.",
                    "kind": "rewrite",
                    "path": "codes.py",
                    "symbol": "percent",
                    "text": SAFE_PERCENT,
                }
            ]
        }

    def _RepairReply(self, text: str) -> Any:
        line = CLAMPED if "Keep the percentage between" in text else FLOORED
        return {
            "bug_class": "missing bound",
            "explanation": "A discount above 100 % makes the total negative.",
            "edits": [
                {
                    "reasoning": "Bound it where it is used.",
                    "path": "cart.py",
                    "first": 8,
                    "last": 8,
                    "expected": "    return sum(prices) * (1 - percent(code) / 100)\n",
                    "replacement": line,
                }
            ],
        }

    def _Verdict(self, _text: str) -> Any:
        return {"reason": "It does what the issue asks for.", "use": True}

    def _Explanations(self, _text: str) -> Any:
        return {
            "explanations": [
                {
                    "test": 1,
                    "explanation": "The discount of 150 % is taken as it is, so that the total is negative.",
                    "suspects": [{"path": "cart.py", "symbol": "total", "line": 8}],
                    "confidence": 10,  # its proposals come before what follows from this
                }
            ]
        }

    def _Inputs(self, _text: str) -> Any:
        return {"inputs": [PROBE]}

    def _Ruling(self, _text: str) -> Any:
        return {
            "why": "The issue speaks of codes above 100 % and of words only.",
            "determined": False,
            "question": "What should a cart cost with a negative percentage?",
        }

    def _Meant(self, text: str) -> Any:
        """The output that the answer names."""
        listed = text.split("10.0")[0].count("\n2.") + 1 if "10.0" in text else 0
        return {"why": "The answer names the output.", "output": listed}


def actions(*rows: tuple[str, str, str, int]) -> Any:
    names = ("skill", "path", "summary", "confidence")
    return {"actions": [dict(zip(names, row, strict=True)) for row in rows]}


def case(name: str, kind: str, check: str, fails_with: str | None) -> Any:
    return {
        "name": f"test_{name}",
        "kind": kind,
        "verifies": f"The cart: {check.removeprefix('assert ')}.",
        "code": f"def test_{name}():\n    {check}\n",
        "expects_failure_now": fails_with is not None,
        "fails_with": fails_with,
    }
