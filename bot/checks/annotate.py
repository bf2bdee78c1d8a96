"""Where failing tests point at, beside the lines of the commit."""

from __future__ import annotations

from pathlib import Path

from agent.diff import hunks
from agent.gates.evidence import is_test_path
from agent.localize.traceback import Frame, frames
from agent.types import Patch
from bot.forge import Annotation, Level
from bot.sanitize import one_line
from sandbox.suites.types import SuiteReport

MOST = 20


def pointed_at(red: SuiteReport, tree: Path) -> tuple[Annotation, ...]:
    """The deepest line of the repository's own code in each failure, or of its tests where there is none."""
    paths = _paths(tree)
    found: dict[tuple[str, int], Annotation] = {}
    for case in red.cases:
        frame = _blamed(frames(case.details, paths)) if case.failing else None
        if frame is not None and len(found) < MOST:
            found.setdefault(
                (frame.path, frame.line),
                Annotation(
                    path=frame.path,
                    start_line=frame.line,
                    end_line=frame.line,
                    title=one_line(case.id, 200),
                    message=one_line(case.message or "The test fails.", 500),
                ),
            )
    return tuple(found.values())


def repaired(patch: Patch, tree: Path) -> tuple[Annotation, ...]:
    """The lines that the patch changes, as they are without it."""
    found = []
    for change in patch.changes:
        file = tree / change.path
        old = file.read_bytes() if file.is_file() and not file.is_symlink() else None
        for hunk in hunks(old, change.content):
            if old is None:
                continue
            first = max(1, hunk.old.start)
            found.append(
                Annotation(
                    path=change.path,
                    start_line=first,
                    end_line=max(first, hunk.old.stop - 1),
                    title="Changed by the patch",
                    message="With a change here the failing tests pass.",
                    level=Level.NOTICE,
                )
            )
    return tuple(found[:MOST])


def _blamed(seen: tuple[Frame, ...]) -> Frame | None:
    code = [frame for frame in seen if not is_test_path(frame.path)]
    return (code or list(seen))[-1] if seen else None


def _paths(tree: Path) -> frozenset[str]:
    """Python files; links are not followed."""
    files = (path for path in tree.rglob("*.py") if path.is_file() and not path.is_symlink())
    return frozenset(path.relative_to(tree).as_posix() for path in files)
