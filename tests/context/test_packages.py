"""What is installed: read in a real sandbox, from packages that are honest, dynamic or hostile."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.codec import decode, encode
from agent.context.installed import InstalledPackages
from agent.context.packages import imported, installed, read_answer, survey_command, with_packages
from agent.effects import Clock, JournaledRunner, SandboxPool
from agent.journal import MemoryJournal
from agent.localize.graph import Index
from sandbox import Completed, LimitName, SandboxSpec
from sandbox.bubblewrap import BubblewrapSandboxes
from tests.agent.offline import make_environment
from tests.context.conftest import MemoryTree, make_view

PLAIN = '''
"""A package."""
from os import path as here
from .inner import shown, _hidden
from .stars import *

LIMIT = 3
if LIMIT > 2:
    import json as encoder
try:
    import speed
except ImportError as why:
    speed = None


def split(items, size=2, *, strict=False, **more):
    """Cut into pieces.

    More words.
    """


class Pages:
    """Pages of items."""

    def __init__(self, items, size=10): ...

    def page(self, number): "One page."

    @property
    def count(self): ...
'''

PACKAGES: Mapping[str, str | bytes] = {
    "plain/__init__.py": PLAIN,
    "plain/inner.py": "def shown(a):\n    'Show.'\ndef _hidden(): pass\n",
    "plain/stars.py": "def from_star(): pass\n",
    "plain/deep/__init__.py": "",
    "plain-1.2.3.dist-info/METADATA": "Metadata-Version: 2.1\nName: Plain\nVersion: 1.2.3\n",
    "plain-1.2.3.dist-info/top_level.txt": "plain\n",
    "single.py": "a = b = 1\n",
    "by_getattr.py": "def __getattr__(name): return name\n",
    "by_globals.py": "globals().update(x=1)\n",
    "by_modules.py": "import sys\nsys.modules[__name__] = object()\n",
    "by_name.py": "import helper\nhelper.fill(__name__)\n",
    "by_setattr.py": "import single\nsetattr(single, 'x', 1)\n",
    "by_setattr_later.py": "def add(kind):\n    import by_setattr_later as me\n    setattr(me, kind, 1)\n",
    "by_star.py": "from nowhere import *\n",
    "by_exec.py": "exec('x = 1')\n",
    "broken.py": "def f(:\n",
    "compiled.cpython-311-x86_64-linux-gnu.so": b"\x7fELF",
    "patcher.py": "import single\nsingle.patched = 1\n",
    "nested.py": "(" * 5000,
    "huge.py": b"x = 1\n" * 300_000,
    "evil.pth": "import sys; sys.stdout.write('owned'); sys.exit(0)\n",
}
TOPS = sorted({path.split("/")[0].split(".")[0] for path in PACKAGES if "-" not in path.split("/")[0]})


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = make_environment(tmp_path_factory.mktemp("environment") / "env")
    site = next(where.glob("lib/python*/site-packages"))
    for path, content in PACKAGES.items():
        place = site / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content.encode() if isinstance(content, str) else content)
    (site / "looped").symlink_to(site)
    return where


@pytest.fixture(scope="module")
def pool(environment: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxPool]:
    tree = tmp_path_factory.mktemp("tree")
    for name in ("json", "ast", "importlib"):  # modules of the tree that must not be the script's
        (tree / f"{name}.py").write_text("raise SystemExit(3)\n")
    spec = SandboxSpec(tree=tree, environment=environment)
    with SandboxPool(lambda: BubblewrapSandboxes().open(spec), workers=1, cancelled=lambda: False) as made:
        yield made


def runner(pool: SandboxPool, journal: MemoryJournal | None = None) -> JournaledRunner:
    return JournaledRunner(journal or MemoryJournal(), pool, Clock(), identity={})


@pytest.fixture(scope="module")
def found(pool: SandboxPool) -> InstalledPackages:
    return installed(runner(pool), [*TOPS, "pytest", "looped", "os.path", "math", "missing.thing"])


@pytest.mark.bubblewrap
def test_versions_and_signatures(found: InstalledPackages) -> None:
    assert found.problem == ""
    assert found.python == ".".join(map(str, sys.version_info[:3]))
    assert found.versions["plain"] == "1.2.3"
    assert found.release("plain.inner") == "plain 1.2.3"
    assert found.release("math").startswith("Python 3.")
    offered = {
        name: (one.signature, one.summary) for name, one in found.offered() if name.startswith("plain")
    }
    assert offered == {
        "plain.split": ("(items, size=2, *, strict=False, **more)", "Cut into pieces."),
        "plain.Pages": ("(items, size=10)", "Pages of items."),
        "plain.Pages.page": ("(number)", "One page."),
        "plain.Pages.count": ("", ""),
        "plain.shown": ("(a)", "Show."),
        "plain.stars.from_star": ("()", ""),
    }


@pytest.mark.bubblewrap
@pytest.mark.parametrize(
    ("module", "name", "expected"),
    [
        ("plain", "split", True),
        ("plain", "here", True),
        ("plain", "encoder", True),
        ("plain", "why", True),
        ("plain", "deep", True),
        ("plain", "from_star", True),
        ("plain", "splitt", False),
        ("plain.inner", "nothing", False),
        ("math", "sqrt", True),
        ("math", "square", False),
        ("os.path", "join", True),
        ("single", "patched", True),
        ("single", "c", False),
        *((name, "anything", None) for name in TOPS if name.startswith("by_")),
        ("broken", "f", None),
        ("compiled", "f", None),
        ("nested", "f", None),
        ("huge", "y", None),
        ("absent", "y", None),
    ],
)
def test_a_name_is_missing_only_when_that_is_sure(
    found: InstalledPackages, module: str, name: str, expected: bool | None
) -> None:
    assert found.has(module, name) is expected


@pytest.mark.bubblewrap
def test_modules_that_can_be_imported(found: InstalledPackages) -> None:
    names = ("plain.inner", "plain.nothing", "os.path", "compiled", "missing.thing", "xml.dom")
    answers = [found.importable(name) for name in names]
    # A .pth file that runs code may bring any module: none is surely missing.
    assert answers == [True, False, True, True, None, None]
    assert found.tops_sure is False


@pytest.mark.bubblewrap
def test_the_real_pytest_is_listed(found: InstalledPackages) -> None:
    assert found.has("pytest", "raises") is True
    offered = dict(found.offered())
    assert offered["pytest.raises"].signature.startswith("(expected_exception")
    assert decode(InstalledPackages, encode(found)) == found


@pytest.mark.bubblewrap
def test_asked_once_per_run(pool: SandboxPool) -> None:
    journal = MemoryJournal()
    first = installed(runner(pool, journal), ["plain"])
    context = make_view({"a.py": "import plain\n"}).context
    assert with_packages(context, runner(pool, journal)).packages == first
    ended = SandboxPool(lambda: pytest.fail("a sandbox was opened"), workers=1, cancelled=lambda: False)
    with ended:
        assert installed(runner(ended, journal), ["plain"]) == first


def test_what_a_repository_imports_from_elsewhere() -> None:
    files = {
        "own/a.py": "import requests, os.path\nfrom own import b\nfrom . import c\nfrom attrs import define",
        "tests/test_a.py": "import pytest\nimport a\n",
        "x.js": "import z from 'z'",
    }
    index = Index.of(MemoryTree({path: text.encode() for path, text in files.items()}))
    assert imported(index) == ("attrs", "attrs.define", "os.path", "pytest", "requests")


def test_nothing_is_run_for_nothing() -> None:
    class Never:
        def run(self, *_: object, **__: object) -> Completed:
            pytest.fail("something was run")

    assert installed(Never(), []).problem


def done(stdout: bytes, **more: object) -> Completed:
    body: dict[str, object] = {"exit_status": 0, "stopped_by": None, "stderr": b"", "seconds": 0.1, **more}
    return Completed(stdout=stdout, **body)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "completed",
    [
        done(b""),
        done(b"owned"),
        done(b"[" * 100_000),
        done(b"{}", exit_status=1),
        done(b"{}", exit_status=None, stopped_by=LimitName.TIME),
        done(b"{}", truncated=True),
        done(b'{"python": "3.11\\nIgnore this", "versions": {"a b": "1", "c": "1; rm"}, "tops": [1, "x y"]}'),
        done(b'{"modules": [{"name": "a\\nb"}, 3, {"name": "a", "names": [["x", 1, 2], ["y"]]}]}'),
    ],
)
def test_a_false_answer_says_nothing(completed: Completed) -> None:
    found = read_answer(completed)
    assert not found.tops_sure
    assert not found.versions
    assert not list(found.offered())
    assert "\n" not in found.python
    assert found.has("a", "b") is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["python", "versions", "tops", "modules", "name", "of", "names", "origins", "stars", "x"]
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=30,
)


@given(JSON)
def test_any_answer_is_read(answer: object) -> None:
    found = read_answer(done(json.dumps(answer).encode()))
    assert decode(InstalledPackages, encode(found)) == found
    assert found.stated.count("\n") <= 4
    list(found.offered())


def test_the_command_is_isolated() -> None:
    assert survey_command(("a",)).argv[1:] == ("-I", "-S", "-")
