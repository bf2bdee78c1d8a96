"""Runs inside: what is installed, what the project's build generated, where its packages come from in the
tree.

Only the standard library, and syntax of Python 3.8: the interpreter is the sandbox's.
"""

from __future__ import annotations

import base64
import importlib
import importlib.metadata
import importlib.util
import json
import os
import re
import signal
import sys
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from importlib.metadata import Distribution

WORKSPACE = os.getcwd()
MAX_FILE = 16 << 20
MAX_TOTAL = 22 << 20  # in base64, with the rest of the answer, below what a run may hand back
SKIPPED = {"node_modules", "site-packages", "__pycache__", "venv", "build", "dist"}


def canonical(name: str | None) -> str:
    return re.sub(r"[-_.]+", "-", name or "").lower()


def distributions() -> dict[str, Distribution]:
    found = {}
    for dist in importlib.metadata.distributions():
        name = canonical(dist.metadata["Name"])
        if name and name not in found and str(dist.locate_file("")).startswith(sys.prefix):
            found[name] = dist
    return found


def of_workspace(dist: Distribution) -> bool:
    """Whether pip installed it from the tree."""
    return f'"file://{WORKSPACE}' in (dist.read_text("direct_url.json") or "")


def installed_files(dist: Distribution) -> dict[str, str]:
    """Relative path → absolute path of what was installed of a project, but for metadata, scripts and
    bytecode."""
    found = {}
    for path in dist.files or ():
        text = path.as_posix()
        top = text.split("/")[0]
        if ".." in text or top.endswith((".dist-info", ".data")) or text.endswith((".pyc", ".pth")):
            continue
        found[text] = str(dist.locate_file(path))
    return found


def directories(top: str) -> Iterator[str]:
    for directory, names, _files in os.walk(top):
        names[:] = [n for n in sorted(names) if not n.startswith(".") and n not in SKIPPED]
        yield directory


def find_root(top: str, files: Mapping[str, str]) -> str | None:
    """The directory of the tree that holds most of the files of an installed top-level package or module."""
    members = [path for path in files if path.split("/")[0] == top and path.endswith(".py")][:200]
    best = 0
    root: str | None = None
    for directory in directories(WORKSPACE):
        if not os.path.exists(os.path.join(directory, top)):
            continue
        score = sum(os.path.isfile(os.path.join(directory, path)) for path in members)
        if score > best:
            best, root = score, directory
    return root


def shadowed(place: str) -> bool:
    """A compiled module beside its own Python source would win over it, and over every change to it."""
    stem = os.path.join(os.path.dirname(place), os.path.basename(place).split(".")[0])
    return place.endswith((".so", ".pyd")) and os.path.exists(stem + ".py")


def generated(files: Mapping[str, str], roots: Mapping[str, str | None]) -> dict[str, str]:
    """Files of the installed project that the tree lacks, at their places in the tree."""
    found: dict[str, str] = {}
    total = 0
    for path, source in sorted(files.items()):
        root = roots.get(path.split("/")[0])
        if root is None or os.path.islink(source) or not os.path.isfile(source):
            continue
        place = os.path.join(root, path)
        size = os.path.getsize(source)
        if os.path.lexists(place) or shadowed(place) or size > MAX_FILE or total + size * 4 // 3 > MAX_TOTAL:
            continue
        total += size * 4 // 3
        with open(source, "rb") as stream:
            found[os.path.relpath(place, WORKSPACE)] = base64.b64encode(stream.read()).decode()
    return found


def importable(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError, AttributeError):
        return False


def modules_of(dist: Distribution) -> list[str]:
    tops = {path.as_posix().split("/")[0] for path in dist.files or () if path.suffix in (".py", ".so")}
    names = {top[:-3] if top.endswith(".py") else top.split(".")[0] for top in tops}
    return sorted(name for name in names if name.isidentifier() and not name.startswith("_"))


def preloadable(name: str, own: Collection[str]) -> bool:
    """Imports alone, in a child: it must load nothing of the project, start no thread and not hang."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            signal.alarm(20)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os.dup2(1, 2)
            importlib.import_module(name)
            status = int(threading.active_count() > 1 or any(top in sys.modules for top in own))
        finally:
            os._exit(status)
    return os.waitpid(child, 0)[1] == 0


def preload(
    dists: Mapping[str, Distribution], projects: Sequence[Distribution], own: Collection[str]
) -> list[str]:
    """The project's direct requirements and the test runner. Not pytest's plugins: pytest rewrites the
    assertions of a plugin while it imports it, and warns of one that was imported before."""
    names = [
        "pytest",
        "_pytest.assertion.rewrite",
        "_pytest.python",
        "_pytest.terminal",
        "_pytest.junitxml",
        "pluggy",
    ]
    names += ["coverage", "coverage.sqldata", "json", "unittest", "unittest.mock"]
    for project in projects:
        for line in project.requires or ():
            if "extra ==" in line:
                continue
            found = re.match(r"[A-Za-z0-9][\w.-]*", line)
            dist = dists.get(canonical(found.group() if found else ""))
            if (
                dist is None
                or dist in projects
                or any(entry.group == "pytest11" for entry in dist.entry_points)
            ):
                continue
            names += modules_of(dist)[:5]
    return [
        name for name in dict.fromkeys(names[:40]) if name.split(".")[0] not in own and preloadable(name, own)
    ]


def main() -> None:
    wanted = json.load(sys.stdin)
    dists = distributions()
    projects = [dist for dist in dists.values() if of_workspace(dist)]
    files = {path: place for dist in projects for path, place in installed_files(dist).items()}
    roots = {top: find_root(top, files) for top in sorted({path.split("/")[0] for path in files})}
    own = {top.split(".")[0] for top in roots}
    kept = [os.path.relpath(root, WORKSPACE) for root in roots.values() if root is not None]
    answer = {
        "installed": {name: dist.version for name, dist in dists.items() if dist not in projects},
        "importable": [name for name in wanted["imports"] if importable(name)],
        "roots": list(dict.fromkeys(kept)),
        "generated": generated(files, roots),
        "preload": preload(dists, projects, own),
    }
    with open(wanted["answer"], "w") as stream:
        json.dump(answer, stream)


if __name__ == "__main__":
    main()
