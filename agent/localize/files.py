"""The code of one state: the base tree with the state's patch on top, parsed on demand."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property, lru_cache
from pathlib import PurePosixPath

from agent.localize.source import PythonFile, Unreadable, read_python
from agent.protocols import SourceTree
from agent.types import State

MAX_FILES = 600
TEST_FOLDERS = frozenset({"tests", "test"})
SIDE_FOLDERS = frozenset(
    {"doc", "docs", "example", "examples", "benchmark", "benchmarks", "build", "node_modules"}
)
SIDE_FILES = frozenset({"setup.py", "conftest.py", "noxfile.py", "tasks.py", "versioneer.py"})

_read = lru_cache(maxsize=64)(read_python)  # a tree takes a hundred times its text


def is_test_path(path: str) -> bool:
    """A file that tests rather than is tested."""
    pure = PurePosixPath(path)
    name = pure.name
    in_folder = any(part.lower() in TEST_FOLDERS for part in pure.parts[:-1])
    return in_folder or name.startswith("test_") or name.endswith("_test.py") or name == "conftest.py"


def is_product_path(path: str) -> bool:
    """A Python file that a repair may be looked for in."""
    pure = PurePosixPath(path)
    aside = any(part.lower() in SIDE_FOLDERS or part.startswith(".") for part in pure.parts[:-1])
    return pure.suffix == ".py" and not aside and pure.name not in SIDE_FILES and not is_test_path(path)


class CodeBase:
    """Files as the state has them. Cheap to make: parsed files are shared between states."""

    def __init__(self, source: SourceTree, state: State) -> None:
        self._source = source
        self._overlay = state.patch.overlay
        self._tests = frozenset(test.path for test in state.tests)

    def read(self, path: str) -> bytes | None:
        return self._overlay[path] if path in self._overlay else self._source.read(path)

    def open(self, path: str) -> PythonFile | Unreadable:
        raw = self.read(path)
        return Unreadable(path=path, reason="there is no such file") if raw is None else _read(path, raw)

    def file(self, path: str) -> PythonFile | None:
        opened = self.open(path)
        return opened if isinstance(opened, PythonFile) else None

    @cached_property
    def all_paths(self) -> frozenset[str]:
        return frozenset(self._source.paths()) | frozenset(self._overlay)

    @cached_property
    def paths(self) -> tuple[str, ...]:
        """The files that a repair may be looked for in, sorted."""
        return tuple(p for p in sorted(self.all_paths) if is_product_path(p) and p not in self._tests)

    @cached_property
    def test_paths(self) -> frozenset[str]:
        return frozenset(path for path in self.all_paths if is_test_path(path)) | self._tests

    def files(self, paths: tuple[str, ...] | None = None) -> Iterator[PythonFile]:
        """Those that can be read, at most :data:`MAX_FILES`."""
        for path in (self.paths if paths is None else paths)[:MAX_FILES]:
            file = self.file(path)
            if file is not None:
                yield file
