"""What each state changes against the one before it, as lines of a diff."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from agent.diff import Hunk, hunks
from agent.errors import JournalCorrupt
from agent.operations import current
from agent.show.model import NodeView, RunView
from agent.show.rebuild import RecordedRun, Unusable
from agent.types import State

LINES = 200  # of one state
AROUND = 2  # lines of context
LARGEST = 1 << 20  # bytes of a file whose lines are compared

DiffLine = tuple[str, str]
"""("file" | "place" | "same" | "old" | "new", text without its sign)"""


def changes(path: Path, run: RunView, nodes: Iterable[NodeView]) -> Mapping[int, tuple[DiffLine, ...]]:
    """The diffs of those states that change code and can be rebuilt from the journal; the others are not in
    the answer: their plans still tell what was asked for."""
    try:
        recorded = RecordedRun(path, run)
    except (Unusable, JournalCorrupt):
        return {}
    found = {}
    for node in nodes:
        lines = tuple(_lines(recorded, run, node))
        if lines:
            found[node.id] = lines
    return found


def _lines(recorded: RecordedRun, run: RunView, node: NodeView) -> Iterator[DiffLine]:
    if node.parent is None or not node.patched:
        return
    try:
        before, after = recorded.state(run.nodes[node.parent]), recorded.state(node)
    except (Unusable, JournalCorrupt):
        return
    room = LINES
    for path in sorted({*before.patch.paths, *after.patch.paths}):
        for line in _file(path, before, after, recorded):
            if room == 0:
                yield "place", "the rest is left out"
                return
            room -= 1
            yield line


def _file(path: str, before: State, after: State, recorded: RecordedRun) -> Iterator[DiffLine]:
    old, new = current(before, path, recorded.source), current(after, path, recorded.source)
    if old == new:
        return
    yield "file", path + (" (new)" if old is None else " (deleted)" if new is None else "")
    if max(len(old or b""), len(new or b"")) > LARGEST:
        yield "place", "too large to be compared"
        return
    old_lines, new_lines = _text(old), _text(new)
    for hunk in hunks(old, new):
        yield from _hunk(hunk, old_lines, new_lines)


def _hunk(hunk: Hunk, old: list[str], new: list[str]) -> Iterator[DiffLine]:
    yield "place", f"line {hunk.new.start}"
    yield from (("same", line) for line in old[max(0, hunk.old.start - 1 - AROUND) : hunk.old.start - 1])
    yield from (("old", old[number - 1]) for number in hunk.old)
    yield from (("new", new[number - 1]) for number in hunk.new)
    yield from (("same", line) for line in old[hunk.old.stop - 1 : hunk.old.stop - 1 + AROUND])


def _text(content: bytes | None) -> list[str]:
    return [line.decode("utf-8", "replace") for line in (content or b"").splitlines()]
