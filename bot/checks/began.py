"""What a branch has changed since it began, as far as that is little."""

from __future__ import annotations

import filecmp
import os
from collections.abc import Iterator
from pathlib import Path

from agent.types import FileChange, Patch

MOST_FILES = 200
MOST_BYTES = 1 << 20


def undoing(now: Path, then: Path) -> Patch | None:
    """What makes of one tree the other, links aside; None when nothing differs, or too much."""
    changes: list[FileChange] = []
    size = 0
    for path in sorted({*_files(now), *_files(then)}):
        here, there = now / path, then / path
        if _regular(here) and _regular(there) and filecmp.cmp(here, there, shallow=False):
            continue
        size += there.stat().st_size if _regular(there) else 0
        if len(changes) == MOST_FILES or size > MOST_BYTES:
            return None
        changes.append(FileChange(path=path, content=there.read_bytes() if _regular(there) else None))
    return Patch.of(changes) if changes else None


def _files(tree: Path) -> Iterator[str]:
    for directory, _, names in os.walk(tree):
        for name in names:
            path = Path(directory) / name
            if _regular(path):
                yield path.relative_to(tree).as_posix()


def _regular(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()
