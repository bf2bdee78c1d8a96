"""Small buggy functions with a failing test: the right edit is proposed, and soon enough."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import pytest

from agent.builtin.policy import BuiltinPolicy
from agent.protocols import View
from agent.types import Action, WriteOutline


@dataclass(frozen=True)
class Bug:
    """``wrong`` → ``right`` (any of them) is the repair; the test fails on the code as it stands."""

    name: str
    code: str
    test: str
    wrong: str
    right: tuple[str, ...]
    most: int
    issue: str = "It does not work"


CLAMP = """
def clamp(value, low, high):
    if value < low:
        return low
    if value > high:
        return low
    return value
"""
COUNT = """
def count_up(start, stop):
    found = []
    for number in range(start, stop):
        found.append(number)
    return found
"""
MEAN = """
def mean(values):
    total = sum(values)
    return total / len(values)
"""
FIRST = """
def first(items):
    return items[0]
"""
DISCOUNT = """
def discount(price, percent=None):
    percent = percent or 10
    return price - price * percent / 100
"""
OPTION = """
class Options:
    def __init__(self, values=None):
        self.values = values or {}

    def get(self, name, default=None):
        value = self.values.get(name)
        if not value:
            return default
        return value
"""
PARSE = """
def to_number(text, default=0):
    try:
        return int(text)
    except TypeError:
        return default
"""
POINT = """
class Point:
    def __init__(self, x, y):
        self.x = x
        self.y = y

    def __eq__(self, other):
        return self.x == other.x and self.y == other.y
"""
BITS = """
class Bits:
    def __init__(self, value, length):
        if value < 0:
            raise ValueError("negative")
        if value > 2 ** length:
            raise ValueError("does not fit")
        self.value = value
"""
ROOT = """
def isqrt(number):
    guess = number
    while guess * guess > number:
        guess = (guess + number // guess) // 2
    return guess


def half(number):
    if number < 0:
        raise ValueError("must not be negative")
    return number / 2
"""
LEAP = """
def is_leap(year):
    return year % 4 == 0 and year % 100 != 0 and year % 400 == 0
"""
FIND = """
def find(items, wanted):
    for index, item in enumerate(items):
        if item == wanted:
            return index
        return -1
"""
JOIN = """
def title(words):
    parts = [word.capitalize() for word in words]
    return ", ".join(parts)
"""
SIZE = """
def size(number):
    if number < 1000:
        return f"{number} B"
    return f"{number / 1000:.1f} kB"
"""
CHUNKS = """
def chunks(items, n):
    return [items[i : i + n] for i in range(0, len(items) - 1, n)]
"""
SPELLING = """
class Box:
    def __init__(self):
        self.content = []

    def add(self, thing):
        self.contents.append(thing)
        return len(self.content)
"""
AREA = """
def scale(factor, value):
    return value ** factor


def grow(value, factor):
    return scale(value, factor)
"""
LOOKUP = """
PRICES = {"tea": 2}


def price(name):
    return PRICES[name]
"""
FLAG = """
def visible(items, hidden):
    return [item for item in items if item in hidden]
"""
CHAIN = """
def build(values, result=[]):
    for value in values:
        result.append(value)
    return result
"""
TAIL = """
def last_line(text):
    lines = text.split("\\n")
    return lines[0]
"""
EXTEND = """
def flatten(lists):
    found = []
    for one in lists:
        found.append(one)
    return found
"""
MISSING = """
def total(order):
    result = 0
    for price in order:
        result += price
"""
NAMES = """
def greet(first, last):
    full = first + " " + first
    return full.strip()
"""
PASSING = """
def render(text, width=80, fill=" "):
    return text.ljust(width, fill)


def banner(text, width=80, fill=" "):
    return render(text, width)
"""
EQUAL = """
def same(one, two):
    if isinstance(one, str):
        return one == two
    return one == two
"""
NEGATIVE = """
def factorial(n):
    result = 1
    while n != 0:
        if n < -50:
            break
        result *= n
        n -= 1
    return result
"""
SEARCH = """
def lookup(table, key):
    found = table.get(key)
    return found.upper()
"""


def checks(fails: str, holds: str = "") -> str:
    """A test that fails, and one of the repository's own that passes and must go on to."""
    suite = f"\n\ndef test_ok():\n{textwrap.indent(holds, '    ')}\n" if holds else ""
    return f"def test_it():\n{textwrap.indent(fails, '    ')}\n{suite}"


BUGS = [
    Bug(
        "wrong variable",
        CLAMP,
        checks("equal(clamp(9, 1, 5), 5)", "equal(clamp(3, 1, 5), 3)"),
        "if value > high:\n        return low",
        ("if value > high:\n        return high",),
        8,
    ),
    Bug(
        "off by one",
        COUNT,
        checks("equal(count_up(1, 3), [1, 2, 3])"),
        "stop):\n        found",
        ("stop + 1):\n        found",),
        10,
    ),
    Bug(
        "zero guard",
        MEAN,
        checks("equal(mean([]), 0)", "equal(mean([1, 3]), 2)"),
        "    total = sum(values)\n",
        ("    if not values:\n        return 0\n    total = sum(values)\n",),
        12,
        "mean of nothing should be 0",
    ),
    Bug(
        "empty guard",
        FIRST,
        checks("equal(first([]), None)", "equal(first([1]), 1)"),
        "    return items[0]",
        ("    if not items:\n        return None\n    return items[0]",),
        5,
    ),
    Bug(
        "zero is a value",
        DISCOUNT,
        checks("equal(discount(50, 0), 50)", "equal(discount(100), 90)"),
        "percent or 10",
        ("10 if percent is None else percent",),
        4,
    ),
    Bug(
        "false is a value",
        OPTION,
        checks("equal(Options({'a': 0}).get('a', 5), 0)", "equal(Options().get('b', 5), 5)"),
        "if not value:",
        ("if value is None:",),
        4,
    ),
    Bug(
        "except too narrow",
        PARSE,
        checks("equal(to_number('x'), 0)", "equal(to_number('3'), 3)"),
        "except TypeError",
        ("except (TypeError, ValueError)",),
        2,
    ),
    Bug(
        "comparison with another type",
        POINT,
        checks("equal(Point(1, 2) == 'x', False)", "equal(Point(1, 2) == Point(1, 2), True)"),
        "        return self.x == other.x",
        (
            "        if not isinstance(other, Point):\n"
            "            return NotImplemented\n"
            "        return self.x == other.x",
        ),
        4,
    ),
    Bug(
        "bound not excluded",
        BITS,
        checks("with raises(ValueError):\n    Bits(4, 2)", "Bits(3, 2)"),
        "value > 2 ** length",
        ("value >= 2 ** length",),
        3,
    ),
    Bug(
        "negative input (B7)",
        ROOT,
        checks("with raises(ValueError):\n    isqrt(-4)", "equal(isqrt(9), 3)"),
        "    guess = number\n    while",
        (
            "    if number < 0:\n        raise ValueError('must not be negative')\n"
            "    guess = number\n    while",
        ),
        5,
        "isqrt does not handle input less than 0\nisqrt(-4) should raise ValueError.",
    ),
    Bug(
        "and for or",
        LEAP,
        checks("equal(is_leap(2000), True)\nequal(is_leap(2004), True)", "equal(is_leap(1900), False)"),
        "year % 100 != 0 and year",
        ("year % 100 != 0 or year",),
        30,
    ),
    Bug(
        "return inside the loop",
        FIND,
        checks("equal(find([1, 2], 2), 1)", "equal(find([1, 2], 1), 0)"),
        "        return -1",
        ("    return -1",),
        10,
    ),
    Bug("separator", JOIN, checks("equal(title(['a', 'b']), 'A B')"), '", "', ('" "',), 8),
    Bug(
        "decimals",
        SIZE,
        checks("equal(size(1.5), '1 B')", "equal(size(2000), '2.0 kB')"),
        "{number} B",
        ("{int(number)} B",),
        3,
    ),
    Bug(
        "last chunk lost",
        CHUNKS,
        checks("equal(chunks([1, 2, 3], 2), [[1, 2], [3]])"),
        "len(items) - 1",
        ("len(items)",),
        6,
    ),
    Bug(
        "misspelled attribute",
        SPELLING,
        checks("equal(Box().add(1), 1)"),
        "self.contents",
        ("self.content",),
        2,
    ),
    Bug(
        "arguments swapped",
        AREA,
        checks("equal(grow(2, 3), 8)"),
        "scale(value, factor)",
        ("scale(factor, value)",),
        3,
    ),
    Bug(
        "missing key",
        LOOKUP,
        checks("equal(price('milk'), None)", "equal(price('tea'), 2)"),
        "PRICES[name]",
        ("PRICES.get(name)",),
        4,
    ),
    Bug(
        "missing not",
        FLAG,
        checks("equal(visible([1, 2], [2]), [1])"),
        "item in hidden",
        ("item not in hidden",),
        5,
    ),
    Bug(
        "shared default",
        CHAIN,
        checks("build([1])\nequal(build([2]), [2])"),
        "result=[]):\n",
        ("result=None):\n    if result is None:\n        result = []\n",),
        12,
    ),
    Bug(
        "wrong end",
        TAIL,
        checks("equal(last_line('a\\nb'), 'b')"),
        "lines[0]",
        ("lines[-1]",),
        8,
    ),
    Bug(
        "append for extend",
        EXTEND,
        checks("equal(flatten([[1], [2]]), [1, 2])"),
        "found.append",
        ("found.extend",),
        12,
    ),
    Bug(
        "forgotten return",
        MISSING,
        checks("equal(total([1, 2]), 3)"),
        "        result += price\n",
        ("        result += price\n    return result\n",),
        3,
    ),
    Bug(
        "name used twice",
        NAMES,
        checks("equal(greet('A', 'B'), 'A B')"),
        '" " + first',
        ('" " + last',),
        8,
    ),
    Bug(
        "argument not passed on",
        PASSING,
        checks("equal(banner('a', 3, '*'), 'a**')"),
        "render(text, width)",
        ("render(text, width, fill=fill)",),
        3,
    ),
    Bug(
        "same object",
        EQUAL,
        checks("nan = float('nan')\nequal(same(nan, nan), True)"),
        "    if isinstance(one, str):",
        ("    if one is two:\n        return True\n    if isinstance(one, str):",),
        5,
    ),
    Bug(
        "endless for negatives",
        NEGATIVE,
        checks("equal(factorial(-2), None)"),
        "    result = 1\n",
        ("    if n < 0:\n        return None\n    result = 1\n",),
        40,
        "factorial of a negative number should be None",
    ),
    Bug(
        "None used",
        SEARCH,
        checks("equal(lookup({}, 'a'), None)", "equal(lookup({'a': 'b'}, 'a'), 'B')"),
        "    return found.upper()",
        (
            "    if found is None:\n        return None\n    return found.upper()",
            "    if not found:\n        return None\n    return found.upper()",
        ),
        4,
    ),
]


def proposals(scene: Any, most: int) -> list[Action]:
    """Repairs in the order in which the search would take them up."""
    policy = BuiltinPolicy()
    (outline, *_) = policy.propose(scene.view, 5)
    (operation,) = outline.operations
    assert isinstance(operation, WriteOutline)
    state = replace(scene.state, outline=operation.outline)
    view = View(context=scene.context, state=state)
    return list(islice(policy.propose(view, most), most))


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_the_right_edit_is_proposed_soon(
    bug: Bug, scene: Callable[..., Any], record_property: Callable[[str, object], None]
) -> None:
    assert bug.code.count(bug.wrong) == 1, "the row's own mistake"
    ground = scene(bug.code, bug.test, bug.issue)
    wanted = {ast.dump(ast.parse(bug.code.replace(bug.wrong, right))) for right in bug.right}
    texts = [ground.file_after(action, "package/module.py").decode() for action in proposals(ground, 200)]
    ranks = [rank for rank, text in enumerate(texts, 1) if ast.dump(ast.parse(text)) in wanted]
    assert ranks, "not proposed"
    record_property("rank", ranks[0])
    print(f"{bug.name}: rank {ranks[0]}")
    assert ranks[0] <= bug.most, "\n".join(texts[: ranks[0]])
