"""Putting a change on a branch, through the forge's Git data: nothing of git runs here, nothing is forced.

Objects first, which nobody sees, and their id is written down; then the branch is moved, only from where it
is expected and only forward. A kill in between leaves a commit that nobody sees, or a branch that is found
where it should be. What a person put on the branch is never overwritten (threat 7).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from agent.protocols import JsonObject
from bot.forge import NewCommit
from bot.run import Run
from bot.sanitize import code

STRANGERS: Final = (
    "Somebody has pushed commits to the branch {branch}. They were left alone; delete the branch, or merge "
    "it, if I shall go on."
)
MOVED: Final = (
    "Somebody changed the branch {branch} while I worked. That was left alone, and nothing was pushed."
)


@dataclass(frozen=True, slots=True)
class Published:
    """``sha`` is what the branch points to now."""

    sha: str


@dataclass(frozen=True, slots=True)
class LeftAlone:
    """Nothing was changed; ``reason`` is a sentence for people, in Markdown."""

    reason: str


def own_tip(run: Run, branch: str) -> str | LeftAlone | None:
    """Where a branch of the bot's is, None when there is no such branch yet; LeftAlone when its newest commit
    is somebody else's. Asked once per run."""

    def look() -> JsonObject:
        found = run.forge.branch(branch)
        sha = found.sha if found else ""
        return {"sha": sha, "ours": not sha or sha in run.ours(branch)}

    found = run.effect("github.branch", {"branch": branch}, look)
    if not found["ours"]:
        return LeftAlone(STRANGERS.format(branch=code(branch)))
    return str(found["sha"]) or None


def publish(
    run: Run,
    branch: str,
    *,
    parent: str,
    files: Mapping[str, bytes | None],
    message: str,
    expected: str | None,
    ours: bool = True,
) -> Published | LeftAlone:
    """Put ``parent`` with ``files`` changed (whole contents; None deletes; modes are kept) on a branch.

    ``expected`` is where the branch is now: None makes it. When it is not ``parent`` the commit has both as
    parents, with nothing of the files of ``expected``: a branch of ours goes on from a newer base without
    being forced. The answer may be a commit that was there, if it says the same. ``ours`` False: the commit
    holds people's words, and is no more overwritten by a later run than what they push themselves.

    Every effect is journaled; ``expected`` must be too (``own_tip``, or the head that a request was frozen
    with), so that a resumed run asks the same. Raises ForgeError: ForgeRefused when the repository's rules
    forbid the change.
    """
    also = () if expected in (None, parent) else (expected,)
    new = NewCommit(parent=parent, message=run.text(message), files=files, also=tuple(filter(None, also)))
    sha = run.ask("github.commit", _described(new), lambda: run.forge.create_commit(new))
    if ours:
        run.remember(branch, sha)
    asked: JsonObject = {"branch": branch, "sha": sha, "expected": expected}
    moved = run.effect(
        "github.move_branch", asked, lambda: {"moved": run.forge.move_branch(branch, sha, expected)}
    )
    return Published(sha) if moved["moved"] else LeftAlone(MOVED.format(branch=code(branch)))


def _described(new: NewCommit) -> JsonObject:
    """For the journal: what is in the files is there already, as what the engine did."""
    return {
        "parent": new.parent,
        "also": list(new.also),
        "message": new.message,
        "files": {path: _digest(content) for path, content in sorted(new.files.items())},
    }


def _digest(content: bytes | None) -> str | None:
    return None if content is None else hashlib.sha256(content).hexdigest()
