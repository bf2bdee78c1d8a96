"""What is wrong with a plan before any test runs."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from agent.context.flaws import flaws
from agent.context.installed import InstalledModule, InstalledPackages
from agent.protocols import View
from agent.types import AddTests, Plan, ReplacePassage, TestFile, WriteFile

PACKAGES = InstalledPackages(
    python="3.11.7",
    versions={"requests": "2.31.0", "open-ended": "1.0"},
    tops=frozenset({"requests", "open_ended", "unlisted"}),
    tops_sure=True,
    standard=frozenset({"os", "sys", "math", "typing", "json"}),
    patched=frozenset({"set_by_another"}),
    modules={
        "math": InstalledModule(name="math", distribution="python", sure=True, bound=("pi", "sqrt")),
        "requests": InstalledModule(
            name="requests",
            distribution="requests",
            sure=True,
            bound=("get", "Session"),
            inside=("api", "models"),
            stars=("requests.models",),
        ),
        "requests.api": InstalledModule(
            name="requests.api", distribution="requests", sure=True, bound=("get",)
        ),
        "requests.models": InstalledModule(
            name="requests.models", distribution="requests", sure=True, bound=("Response",)
        ),
        "open_ended": InstalledModule(name="open_ended", distribution="open-ended", sure=False),
    },
)

NOT_THERE = "requests 2.31.0 has no requests.foo"

ROWS = [
    ("attribute", "import requests\nrequests.foo(1)\n", [f"a.py, line 2: {NOT_THERE}"]),
    ("from", "from requests import foo\n", [f"a.py, line 1: {NOT_THERE}"]),
    ("alias", "import requests as r\nr.get\nr.foo\n", [f"a.py, line 3: {NOT_THERE}"]),
    ("in a submodule", "from requests import api\napi.post()\n", [
        "a.py, line 2: requests 2.31.0 has no requests.api.post"
    ]),
    ("no such submodule", "import requests.foo\n", [
        "a.py, line 1: requests 2.31.0 has no installed module requests.foo"
    ]),
    ("not installed", "import pandas\n", ["a.py, line 1: there is no installed module pandas"]),
    ("not installed, deep", "import pandas.io\n", ["a.py, line 1: there is no installed module pandas.io"]),
    ("standard library", "import math\nmath.square(2)\n", ["a.py, line 2: Python 3.11.7 has no math.square"]),
    # What is there, or may be
    ("there", "import requests\nfrom requests import get, Session, api, Response\nrequests.Session\n", []),
    ("dunder", "import requests\nrequests.__version__\n", []),
    ("of a class", "import requests\nrequests.Session.foo\n", []),
    ("of an open-ended module", "import open_ended\nopen_ended.anything\n", []),
    ("of a module that was not listed", "import unlisted\nunlisted.anything\nimport json\njson.foo\n", []),
    ("set by another package", "import requests\nrequests.set_by_another\n", []),
    ("set here", "import requests\nrequests.foo = 1\nrequests.foo\n", []),
    ("annotation", "import requests\ndef f(a: requests.foo) -> requests.foo:\n    b: requests.foo = a\n", []),
    ("tried", "import requests\ntry:\n    requests.foo\nexcept AttributeError:\n    pass\n", []),
    ("tried import", "try:\n    from requests import foo\nexcept ImportError:\n    foo = None\n", []),
    ("asked for", "import requests\nif hasattr(requests, 'foo'):\n    requests.foo\n", []),
    ("by version", "import sys, requests\nif sys.version_info > (3, 99):\n    requests.foo\n", []),
    ("by a constant", "import requests\nfrom compat import HAS_FOO\nx = requests.foo if HAS_FOO else 1\n", [
        "a.py, line 2: there is no installed module compat"
    ]),
    ("another requests", "import requests\ndef f(requests):\n    requests.foo\n", []),
    ("relative", "from . import requests\nrequests.foo\n", []),
    ("its own", "import own\nown.foo\nimport folder.thing\nfolder.foo\n", []),
    ("the program itself", "import __main__\n", []),
    ("does not parse", "import requests\nrequests.foo(\n", []),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_names_that_are_not_installed(
    view: Callable[..., View], plan: Callable[..., Plan], text: str, expected: list[str]
) -> None:
    made = view({"own.py": "", "src/folder/x.py": ""}, packages=PACKAGES)
    assert list(flaws(made, plan(WriteFile(path="a.py", content=text.encode())))) == expected


def test_what_base_uses_already_is_no_flaw(view: Callable[..., View], plan: Callable[..., Plan]) -> None:
    made = view({"own.py": "import requests\nrequests.foo\n"}, packages=PACKAGES)
    assert flaws(made, plan(WriteFile(path="a.py", content=b"import requests\nrequests.foo\n"))) == ()


def test_a_made_test_is_looked_at(view: Callable[..., View], plan: Callable[..., Plan]) -> None:
    test = TestFile(path="tests/test_a.py", content="import requests\nrequests.foo\n", verifies="it")
    made = view({"own.py": ""}, packages=PACKAGES)
    assert flaws(made, plan(AddTests(tests=(test,)))) == (f"tests/test_a.py, line 2: {NOT_THERE}",)


def test_nothing_is_said_without_a_survey(view: Callable[..., View], plan: Callable[..., Plan]) -> None:
    assert (
        flaws(view({"own.py": ""}), plan(WriteFile(path="a.py", content=b"import pandas, requests.foo\n")))
        == ()
    )


FILES = {
    "pages.py": "def split(items):\n    return items\n",
    "show.py": "from pages import split\n\n\ndef show(items):\n    return split(items)\n",
}


def test_callers_of_a_changed_signature(view: Callable[..., View], plan: Callable[..., Plan]) -> None:
    change = ReplacePassage(path="pages.py", passage="(items)", replacement="(items, size)")
    assert flaws(view(FILES), plan(change)) == (
        "show.py, line 5 in show calls split, which with this plan needs 'size'",
    )
    caller = ReplacePassage(path="show.py", passage="split(items)", replacement="split(items, 3)")
    assert flaws(view(FILES), plan(change, caller)) == ()


def test_a_call_that_only_may_be_meant_is_not_said(
    view: Callable[..., View], plan: Callable[..., Plan]
) -> None:
    files = {
        "a.py": "class A:\n    def advance(self):\n        pass\n",
        "b.py": "def f(it):\n    it.advance()\n",
    }
    change = ReplacePassage(path="a.py", passage="(self)", replacement="(self, steps)")
    assert flaws(view(files), plan(change)) == ()


def test_a_plan_that_does_not_apply_has_none(view: Callable[..., View], plan: Callable[..., Plan]) -> None:
    assert flaws(view(FILES), plan(ReplacePassage(path="pages.py", passage="nowhere", replacement="x"))) == ()
