"""Which calls a changed signature breaks: rows of (definition before, after, caller, what is said)."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from agent.impact import broken_calls, changed_signatures
from agent.localize.symbols import SymbolIndex
from tests.context.conftest import MemoryTree


def broken(before: str, after: str, callers: Mapping[str, str]) -> list[tuple[str, int, str]]:
    rest = {"pkg/__init__.py": b"", **{path: text.encode() for path, text in callers.items()}}
    then = SymbolIndex(MemoryTree({"pkg/lib.py": before.encode(), **rest}))
    now = SymbolIndex(MemoryTree({"pkg/lib.py": after.encode(), **rest}))
    found = broken_calls(then, now, changed_signatures(then, now, ["pkg/lib.py"]))
    return [(one.site.path, one.site.line, one.reason) for one in found]


ROWS = [
    # name, before, after, caller, reasons
    ("required added", "def f(a): pass", "def f(a, b): pass", "from pkg.lib import f\nf(1)", ["needs 'b'"]),
    ("optional added", "def f(a): pass", "def f(a, b=1): pass", "from pkg.lib import f\nf(1)", []),
    ("already adapted", "def f(a): pass", "def f(a, b): pass", "from pkg.lib import f\nf(1, 2)", []),
    (
        "removed parameter",
        "def f(a, b): pass",
        "def f(a): pass",
        "import pkg.lib\npkg.lib.f(1, 2)",
        ["takes at most 1 positional arguments and is given 2"],
    ),
    (
        "renamed keyword",
        "def f(a, size=1): pass",
        "def f(a, width=1): pass",
        "from pkg import lib\nlib.f(1, size=2)",
        ["takes no argument 'size'"],
    ),
    ("now by **", "def f(size=1): pass", "def f(**more): pass", "from pkg.lib import f\nf(size=2)", []),
    ("keyword only", "def f(a, b): pass", "def f(a, *, b): pass", "from pkg.lib import f as g\ng(1, 2)", [
        "takes at most 1 positional arguments and is given 2"
    ]),
    ("unpacked", "def f(a): pass", "def f(a, b): pass", "from pkg.lib import f\nx = [1]\nf(*x)\nf(**{})", []),
    ("moved before", "def f(a): pass", "def f(b, a): pass", "from pkg.lib import f\nf(1, a=2)", []),
    ("gone", "def f(a): pass\n", "x = 1\n", "from pkg.lib import f\nf(1)", ["is gone"]),
    ("gone but imported", "def f(a): pass\n", "from os import f\n", "from pkg.lib import f\nf(1)", []),
    ("gone but aliased", "def f(a): pass\n", "def g(a): pass\nf = g\n", "from pkg.lib import f\nf(1)", []),
    ("another f", "def f(a): pass", "def f(a, b): pass", "from other import f\nf(1)", []),
    ("own f", "def f(a): pass", "def f(a, b): pass", "def f(a): pass\nf(1)", []),
    ("a parameter f", "def f(a): pass", "def f(a, b): pass", "from pkg.lib import f\ndef g(f): f(1)", []),
    ("decorated", "@wrap\ndef f(a): pass", "@wrap\ndef f(a, b): pass", "from pkg.lib import f\nf(1)", []),
    ("cached", "@cache\ndef f(): 1", "@cache\ndef f(b): 1", "from pkg.lib import f\nf()", ["needs 'b'"]),
    (
        "constructor",
        "class A:\n    def __init__(self): pass",
        "class A:\n    def __init__(self, x): pass",
        "from pkg.lib import A\nA()\nA(1)\nclass B(A):\n    def g(self):\n        super().__init__()\n",
        ["needs 'x'", "needs 'x'"],
    ),
    (
        "dataclass",
        "from dataclasses import dataclass\n@dataclass\nclass A:\n    x: int\n",
        "from dataclasses import dataclass\n@dataclass\nclass A:\n    x: int\n    y: int\n",
        "from pkg.lib import A\nA(1)\nA(x=1, y=2)",
        ["needs 'y'"],
    ),
    (
        "method of its own name",
        "class A:\n    def advance(self): pass",
        "class A:\n    def advance(self, steps): pass",
        "def g(a): a.advance()",
        ["needs 'steps'"],
    ),
    (
        "method of a common name",
        "class A:\n    def get(self): pass",
        "class A:\n    def get(self, steps): pass",
        "def g(a): a.get()",
        [],
    ),
    (
        "method through its class",
        "class A:\n    def advance(self, n): pass",
        "class A:\n    def advance(self): pass",
        "from pkg.lib import A\nA.advance(A(), 1)",
        ["takes at most 0 positional arguments and is given 1"],
    ),
    (
        "method through self of a subclass",
        "class A:\n    def advance(self): pass",
        "class A:\n    def advance(self, n): pass",
        "from pkg.lib import A\nclass B(A):\n    def go(self):\n        self.advance()\n",
        ["needs 'n'"],
    ),
    ("does not parse", "def f(a): pass", "def f(a, b: pass", "from pkg.lib import f\nf(1)", []),
]  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after", "caller", "reasons"), [row[1:] for row in ROWS], ids=[r[0] for r in ROWS]
)
def test_calls_that_do_not_fit_any_more(before: str, after: str, caller: str, reasons: list[str]) -> None:
    assert [one[2] for one in broken(before, after, {"pkg/user.py": caller})] == reasons


def test_where_it_is_called_is_said() -> None:
    caller = "from pkg import lib\n\n\ndef page():\n    return lib.f(1)\n"
    assert broken("def f(a): pass", "def f(a, b): pass", {"tests/test_it.py": caller}) == [
        ("tests/test_it.py", 5, "needs 'b'")
    ]
