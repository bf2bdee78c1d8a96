"""What a branch changed, from the files where it began and those that it has now."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from agent.source import HostTree
from agent.types import FileChange, Patch


def undo(origin: Path, head: Path) -> Patch:
    """Takes the branch's files back to what they were, in whole files. Links are left as they are."""
    return Patch.of(_changes(HostTree(origin), HostTree(head)))


def _changes(origin: HostTree, head: HostTree) -> Iterator[FileChange]:
    for path in sorted({*origin.paths(), *head.paths()}):
        before = origin.read(path)
        if before != head.read(path):
            yield FileChange(path=path, content=before)
