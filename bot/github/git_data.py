"""Commits through GitHub's Git data API: objects first, which nobody sees, then the branch.

GitHub signs a commit that an App makes without author and committer ("Verified"); a pushed one it does not.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from bot.errors import CheckoutError, ForgeRefused
from bot.forge import NewCommit
from bot.git.checkout import planned_modes, valid_branch
from bot.git.tree_export import Entry
from bot.github.line import Line
from bot.github.requests import RepositoryRequests
from bot.github.shapes import CommitShape, ComparisonShape, RefShape, ShaShape, TreeShape

WORKFLOWS: Final = ".github/workflows/"
INLINE: Final = (
    256 << 10
)  # bytes of text that travel in the tree itself: each blob is a request, and a second
DIRECTORY: Final = "040000"


class GitRequests(RepositoryRequests):
    def ref(self, branch: str) -> RefShape:
        return self._ask(
            "GET",
            f"find branch {branch}",
            lambda gh: gh.rest.git.get_ref(self.owner, self.name, f"heads/{quote(branch, safe='/')}"),
            RefShape.model_validate,
        )

    def commit(self, sha: str) -> CommitShape:
        return self._ask(
            "GET",
            f"read commit {sha}",
            lambda gh: gh.rest.git.get_commit(self.owner, self.name, quote(sha, safe="")),
            CommitShape.model_validate,
        )

    def tree(self, sha: str) -> TreeShape:
        return self._ask(
            "GET",
            f"list tree {sha}",
            lambda gh: gh.rest.git.get_tree(self.owner, self.name, quote(sha, safe="")),
            TreeShape.model_validate,
        )

    def compare(self, base: str, head: str) -> ComparisonShape:
        """Without the files, which are on the first page only."""
        span = f"{quote(base, safe='/')}...{quote(head, safe='/')}"
        return self._ask(
            "GET",
            f"compare {base} with {head}",
            lambda gh: gh.rest.repos.compare_commits(self.owner, self.name, span, page=2, per_page=1),
            ComparisonShape.model_validate,
        )

    def create_blob(self, content: bytes) -> ShaShape:
        encoded = base64.b64encode(content).decode()
        return self._ask(
            "POST",
            "store a file",
            lambda gh: gh.rest.git.create_blob(self.owner, self.name, content=encoded, encoding="base64"),
            ShaShape.model_validate,
        )

    def create_tree(self, base: str, rows: list[dict[str, Any]]) -> ShaShape:
        return self._ask(
            "POST",
            "store a tree",
            lambda gh: gh.rest.git.create_tree(self.owner, self.name, data={"base_tree": base, "tree": rows}),
            ShaShape.model_validate,
        )

    def create_commit(self, message: str, tree: str, parents: list[str]) -> ShaShape:
        data = {"message": message, "tree": tree, "parents": parents}
        return self._ask(
            "POST",
            "store a commit",
            lambda gh: gh.rest.git.create_commit(self.owner, self.name, data=data),
            ShaShape.model_validate,
        )

    def create_ref(self, branch: str, sha: str) -> None:
        self._ask(
            "POST",
            f"make branch {branch}",
            lambda gh: gh.rest.git.create_ref(self.owner, self.name, ref=f"refs/heads/{branch}", sha=sha),
            lambda _: None,
        )

    def update_ref(self, branch: str, sha: str) -> None:
        self._ask(
            "PATCH",
            f"move branch {branch}",
            lambda gh: gh.rest.git.update_ref(
                self.owner, self.name, f"heads/{quote(branch, safe='/')}", sha=sha, force=False
            ),
            lambda _: None,
        )


class Commits:
    """What is made of these requests; every method may be repeated."""

    def __init__(self, at: GitRequests, line: Line) -> None:
        self._at = at
        self._line = line

    def tip(self, branch: str) -> str | None:
        try:
            return self._at.ref(branch).object.sha
        except ForgeRefused as error:
            if error.status in (404, 409):  # 409: an empty repository
                return None
            raise

    def merge_base(self, base: str, head: str) -> str:
        return self._at.compare(base, head).merge_base_commit.sha

    def create(self, new: NewCommit) -> str:
        if workflows := sorted(path for path in new.files if path.startswith(WORKFLOWS)):
            raise ForgeRefused(
                f"GitHub lets an App without the permission `workflows` change no workflow, and this one "
                f"never asks for it: leave out {workflows[0]}.",
                status=403,
            )
        tree = self._at.commit(new.parent).tree.sha
        rows = self._rows(new.files, self._near(tree, new.files))
        made = self._line.settle(lambda: self._at.create_tree(tree, rows)).sha if rows else tree
        if (same := self._same(new, tree, made)) is not None:
            return same
        parents = [new.parent, *new.also]
        # What nobody sees may be made twice, when an answer is lost.
        return self._line.settle(lambda: self._at.create_commit(new.message, made, parents)).sha

    def _same(self, new: NewCommit, before: str, made: str) -> str | None:
        """A commit that says all this already: no second one is made for nothing."""
        for sha in new.also:
            there = self._at.commit(sha)
            if there.tree.sha == made and new.parent in (sha, *(each.sha for each in there.parents)):
                return sha
        return new.parent if made == before and not new.also else None

    def move(self, branch: str, sha: str, expected: str | None) -> bool:
        return self._line.settle(lambda: self._move(branch, sha, expected))

    def _move(self, branch: str, sha: str, expected: str | None) -> bool:
        """GitHub refuses what is not forward of where the branch is by then, so nothing is overwritten."""
        if expected is None and not valid_branch(branch):  # others' branches have the names that they have
            raise ForgeRefused(f"{branch[:200]!r} is no name for a branch that is made here.", status=422)
        now = self.tip(branch)
        if now == sha:
            return True
        if now != expected:
            return False
        try:
            if expected is None:
                self._at.create_ref(branch, sha)
            else:
                self._at.update_ref(branch, sha)
        except ForgeRefused as error:
            if error.status not in (409, 422) or (now := self.tip(branch)) == expected:
                raise
            return now == sha  # somebody was there between the look and the move
        return True

    def _rows(self, files: Mapping[str, bytes | None], near: Mapping[str, Entry]) -> list[dict[str, Any]]:
        try:
            modes = planned_modes(near, files)
        except CheckoutError as error:
            raise ForgeRefused(str(error), status=422) from error
        return [self._row(path, mode, files[path]) for path, mode in modes.items()]

    def _row(self, path: str, mode: str, content: bytes | None) -> dict[str, Any]:
        if content is None:
            return {"path": path, "mode": "100644", "type": "blob", "sha": None}
        row = {"path": path, "mode": mode, "type": "blob"}
        if (text := _inline(content)) is not None:
            return {**row, "content": text}
        return {**row, "sha": self._line.settle(lambda: self._at.create_blob(content)).sha}

    def _near(self, tree: str, files: Mapping[str, bytes | None]) -> dict[str, Entry]:
        """What lies in the directories of these files, and below a directory where a file is to be."""
        found: dict[str, Entry] = {}
        waiting = [("", tree)]
        while waiting:
            prefix, sha = waiting.pop()
            listed = self._at.tree(sha)
            if listed.truncated:
                raise ForgeRefused(f"The directory {prefix or '/'} has too many entries to be changed.")
            for row in listed.tree:
                path = prefix + row.path
                if row.mode != DIRECTORY:
                    found[path] = Entry(mode=row.mode, sha=row.sha, size=row.size, path=path)
                elif any(_touches(path, file) for file in files):
                    waiting.append((f"{path}/", row.sha))
        return found


def _touches(directory: str, file: str) -> bool:
    return file.startswith(f"{directory}/") or f"{directory}/".startswith(f"{file}/")


def _inline(content: bytes) -> str | None:
    """The text that JSON carries unchanged; None for what needs a blob of its own."""
    if len(content) > INLINE or b"\0" in content:
        return None
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None
