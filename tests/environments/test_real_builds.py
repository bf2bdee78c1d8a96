"""Real builds: real pip, real registry, real sandbox; then the suite runs in what was built."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox import Limits, SandboxSpec
from sandbox.bubblewrap import BubblewrapSandboxes
from sandbox.environments import BuildFailed, Environment, build, detect
from sandbox.environments.types import Recipe
from sandbox.suites.baseline import BaselineRuns, baseline
from sandbox.suites.table import NoSuite, detect_suite

pytestmark = [pytest.mark.bubblewrap, pytest.mark.network, pytest.mark.slow]


def built(tree: Path, cache: Path) -> Environment:
    recipe = detect(tree)
    assert isinstance(recipe, Recipe)
    environment = build(recipe, tree, BubblewrapSandboxes(), cache)
    assert not isinstance(environment, BuildFailed), environment
    return environment


def measured(tree: Path, environment: Environment) -> BaselineRuns:
    suite = detect_suite(tree, environment)
    assert not isinstance(suite, NoSuite)
    spec = SandboxSpec(tree=tree, environment=environment.directory, limits=Limits(seconds=60))
    with BubblewrapSandboxes().open(spec) as sandbox:
        return baseline(sandbox.run, suite)


def test_a_version_from_git_is_generated_and_overlaid(make_tree, tmp_path) -> None:
    """src layout, hatch-vcs with a version file, a dependency, a script, an unobtainable test requirement."""
    tree = make_tree(
        {
            "pyproject.toml": """
[build-system]
requires = ["hatchling", "hatch-vcs"]
build-backend = "hatchling.build"
[project]
name = "some-pkg"
dynamic = ["version"]
dependencies = ["six"]
[project.optional-dependencies]
test = ["pytest", "iniconfig", "surely-no-such-distribution-0a1b2c3d"]
[project.scripts]
some-script = "some_pkg:main"
[tool.hatch.version]
source = "vcs"
[tool.hatch.build.hooks.vcs]
version-file = "src/some_pkg/_version.py"
[tool.hatch.build.targets.wheel]
packages = ["src/some_pkg"]
""",
            "CHANGELOG.md": "# Changes\n## 3.4.0\n",
            "src/some_pkg/__init__.py": "import six\nfrom some_pkg._version import version\n"
            "def main():\n    print('ran', version)\n",
            "tests/test_it.py": """
import importlib.metadata, subprocess
import iniconfig, some_pkg

def test_version():
    assert some_pkg.version == importlib.metadata.version("some-pkg") == "3.4.0"

def test_from_the_tree():
    assert some_pkg.__file__ == "/workspace/src/some_pkg/__init__.py"

def test_script():
    assert subprocess.check_output(["some-script"]) == b"ran 3.4.0\\n"
""",
        }
    )
    environment = built(tree, tmp_path / "cache")
    assert list(environment.generated) == ["src/some_pkg/_version.py"]
    assert environment.import_roots == ("src", ".")
    assert "six" in environment.preload
    assert not any(name.startswith("some_pkg") for name in environment.preload)
    assert "surely-no-such-distribution" in environment.remarks[0]
    runs = measured(tree, environment)
    assert runs.problem == ""
    assert len(runs.classes.passing) == 3
    assert runs.coverage.lines["src/some_pkg/__init__.py"][2] == frozenset()


def test_a_hostile_build_reaches_nothing(make_tree, tmp_path, monkeypatch) -> None:
    """setup.py runs when pip asks what the project needs: inside, with no way to the host's files."""
    marker = tmp_path / "marker"
    tree = make_tree(
        {
            "setup.py": f"""
import os
from setuptools import setup
for path in ({str(marker)!r}, "/base/evil.py", "/workspace/../evil"):
    try:
        with open(path, "w") as stream:
            stream.write("x")
    except OSError:
        pass
os.makedirs("pkg", exist_ok=True)
with open("pkg/made.py", "w") as stream:
    stream.write("canary = %r" % os.environ.get("CODEAGENT_CANARY"))
if not os.path.lexists("pkg/link.py"):
    os.symlink("/etc/passwd", "pkg/link.py")
setup(name="pkg", version="1", packages=["pkg"], python_requires=">=3.8")
""",
            "pkg/__init__.py": "",
            "test_pkg.py": "import unittest, pkg.made\nclass T(unittest.TestCase):\n"
            "    def test_1(self): assert pkg.made.canary is None\n",
        }
    )
    monkeypatch.setenv("CODEAGENT_CANARY", "secret")
    environment = built(tree, tmp_path / "cache")
    assert not marker.exists()
    assert not (tree / "evil.py").exists()
    assert environment.generated["pkg/made.py"] == b"canary = None"
    assert Path("/etc/passwd").read_bytes() not in environment.generated.values()
    assert measured(tree, environment).classes.passing == {"test_pkg.py::T::test_1"}


def test_a_hostile_conftest_finds_no_network_and_nothing_to_write_to(make_tree, tmp_path) -> None:
    """Whether pytest starts is seen by running the repository's conftest: it would put code into every later
    run, or fetch some, if it could. Each thing that it can do it reports by refusing to start."""
    tree = make_tree(
        {
            "conftest.py": """
import os, socket, subprocess, sys
import pytest

can = []
for directory in (sys.prefix, next(path for path in sys.path if path.endswith("site-packages"))):
    try:
        with open(os.path.join(directory, "evil.pth"), "w") as stream:
            stream.write("import os")
        can.append("write to " + directory)
    except OSError:
        pass
try:
    os.chmod(sys.prefix, 0o777)
    can.append("change modes")
except OSError:
    pass
can += ["be told of " + name for name in os.environ if name.upper().endswith("_PROXY")]
try:
    socket.create_connection(("127.0.0.1", 3128), timeout=5).close()
    can.append("reach the proxy")
except OSError:
    pass
fetch = [sys.executable, "-m", "pip", "download", "--no-deps", "--retries=0", "--timeout=5", "six"]
if subprocess.run(fetch, capture_output=True).returncode == 0:
    can.append("fetch packages")
if can:
    raise pytest.UsageError(", ".join(can))
""",
            "test_it.py": "import conftest\ndef test_it(): assert conftest.can == []\n",
        }
    )
    environment = built(tree, tmp_path / "cache")
    assert environment.remarks == ()  # pytest was not seen to refuse
    assert not list(environment.directory.rglob("evil.pth"))
    assert measured(tree, environment).classes.passing == {"test_it.py::test_it"}
