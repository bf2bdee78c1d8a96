"""Read files of a repository that nobody vouches for: bounded, and never through a symbolic link to
outside."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

MAX_TEXT = 2 << 20
MAX_FILES = 100_000

# What is never the project's own source: other environments, build output, vendored JavaScript. The second
# set holds names that a package may have too (pypa/build lives in src/build), so only at the top.
_SKIPPED = frozenset({"node_modules", "site-packages", "__pycache__", "venv", "_build", "htmlcov"})
_SKIPPED_AT_TOP = frozenset({"build", "dist", "env"})


def regular_file(tree: Path, path: str) -> Path | None:
    """The file's place when it is a regular file inside the tree, reached through no symbolic link."""
    place = tree
    for part in Path(path).parts:
        if part in ("..", "/"):
            return None
        place = place / part
        if place.is_symlink():
            return None
    try:
        mode = place.lstat().st_mode
    except (OSError, ValueError):
        return None
    return place if stat.S_ISREG(mode) else None


def read_bytes(tree: Path, path: str, limit: int = MAX_TEXT) -> bytes | None:
    """At most ``limit`` bytes; None when there is no such regular file."""
    place = regular_file(tree, path)
    if place is None:
        return None
    try:
        with place.open("rb") as stream:
            return stream.read(limit)
    except OSError:
        return None


def read_text(tree: Path, path: str) -> str | None:
    """Text of a file, whatever bytes are in it; None when there is no such regular file."""
    data = read_bytes(tree, path)
    return None if data is None else data.decode("utf-8", "replace").removeprefix("\ufeff")


def digest(tree: Path, path: str) -> str:
    """SHA-256 of a whole file, read in pieces."""
    place = regular_file(tree, path)
    if place is None:
        return ""
    with place.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def walk(tree: Path, limit: int = MAX_FILES, depth: int = 40) -> Iterator[str]:
    """Regular files of the tree, sorted within each directory; hidden and build directories left out."""
    seen = 0
    for directory, names, files in os.walk(tree):
        base = Path(directory).relative_to(tree)
        skipped = _SKIPPED | _SKIPPED_AT_TOP if base == Path() else _SKIPPED
        names[:] = sorted(
            name
            for name in names
            if not name.startswith(".")
            and name not in skipped
            and not name.endswith(".egg-info")
            and not os.path.islink(os.path.join(directory, name))
        )
        if len(base.parts) >= depth:
            names.clear()
        for name in sorted(files):
            seen += 1
            if seen > limit:
                return
            path = os.path.join(directory, name)
            if stat.S_ISREG(os.lstat(path).st_mode):
                yield (base / name).as_posix()


def top_files(tree: Path) -> Iterator[str]:
    """Files at the top and one directory below."""
    return walk(tree, depth=1)
