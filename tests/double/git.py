"""A bare repository, asked and changed through git's plumbing: one class, every command a tuple, one
place that runs them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

# Seeded commits carry a fixed date, so that a fixture has the same shas on every machine and every day.
SEED_DATE = "2026-01-02T03:04:05Z"
EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
_SHA = re.compile("[0-9a-f]{40}")


class GitError(Exception):
    """git said no: command, code and what it printed."""


def environment(home: Path) -> dict[str, str]:
    """git's environment: nothing of the machine's or the user's configuration reaches the double."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "LC_ALL": "C.UTF-8",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    name: str
    email: str
    date: str = SEED_DATE


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One row of a tree."""

    mode: str
    kind: str  # blob, tree, commit
    sha: str
    size: int | None
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    sha: str
    tree: str
    parents: tuple[str, ...]
    author: Author
    committer: Author
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    path: str
    status: str  # added, modified, removed
    additions: int
    deletions: int
    sha: str
    patch: str | None


class BareRepository:
    def __init__(self, path: Path) -> None:
        self.path = path

    def run(
        self,
        *command: str,
        data: bytes | None = None,
        extra: Mapping[str, str] | None = None,
        ok: Sequence[int] = (0,),
    ) -> subprocess.CompletedProcess[bytes]:
        done = subprocess.run(
            ("git", "--git-dir", str(self.path), *command),
            input=b"" if data is None else data,
            capture_output=True,
            env={**environment(self.path), **(extra or {})},
            check=False,
        )
        if done.returncode not in ok:
            raise GitError(
                f"git {' '.join(command)}: exit {done.returncode}: {done.stderr.decode(errors='replace')}"
            )
        return done

    def text(self, *command: str, data: bytes | None = None, extra: Mapping[str, str] | None = None) -> str:
        return self.run(*command, data=data, extra=extra).stdout.decode(errors="replace").strip()

    # -- making -------------------------------------------------------------------------------------------

    @classmethod
    def create(cls, path: Path, default_branch: str, hooks: Path) -> BareRepository:
        """Without ``-b`` HEAD would point to master and every clone would be empty."""
        made = cls(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        made.run("init", "--quiet", "--bare", "--template=", "-b", default_branch, str(path))
        with (path / "config").open("a", encoding="utf-8") as config:
            config.write(f'[core]\n\thooksPath = "{hooks}"\n[http]\n\treceivepack = true\n')
            config.write("[gc]\n\tauto = 0\n[receive]\n\tautogc = false\n\tdenyDeleteCurrent = ignore\n")
            config.write("[uploadpack]\n\tallowFilter = true\n\tallowAnySHA1InWant = true\n")
        return made

    def import_repository(self, source: Path) -> None:
        """Every branch and tag of an existing git repository, with its history."""
        self.run("fetch", "--quiet", str(source), "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")

    def import_commit(self, source: Path, sha: str) -> None:
        """A fork's commit: GitHub keeps a fork's objects with those of what it was forked from."""
        if self.kind(sha) is None:
            self.run("fetch", "--quiet", "--no-tags", str(source), sha)

    def import_directory(self, directory: Path, branch: str, message: str, author: Author) -> str:
        """The files of a directory (less .git and what its .gitignore names) as one commit on top of the
        branch."""
        with tempfile.TemporaryDirectory() as scratch:
            extra = {"GIT_INDEX_FILE": str(Path(scratch) / "index")}
            self.run("--work-tree", str(directory), "add", "--all", "--", str(directory), extra=extra)
            tree = self.text("write-tree", extra=extra)
        return self._advance(branch, tree, message, author)

    def commit_files(
        self,
        branch: str,
        files: Mapping[str, str | bytes | None],
        message: str,
        author: Author,
        *,
        executable: Sequence[str] = (),
    ) -> str:
        """One commit on top of the branch (made when it is new); None removes a file."""
        rows = [
            {"path": path, "sha": None}
            if content is None
            else {
                "path": path,
                "mode": "100755" if path in executable else "100644",
                "sha": self.write_blob(content.encode() if isinstance(content, str) else content),
            }
            for path, content in files.items()
        ]
        tip = self.tip(branch)
        tree = self.write_tree(rows, base=None if tip is None else f"{tip}^{{tree}}")
        return self._advance(branch, tree, message, author)

    def _advance(self, branch: str, tree: str, message: str, author: Author) -> str:
        tip = self.tip(branch)
        sha = self.write_commit(tree, () if tip is None else (tip,), message, author, author)
        self.run("update-ref", f"refs/heads/{branch}", sha)
        return sha

    def remove(self) -> None:
        shutil.rmtree(self.path)

    # -- asking -------------------------------------------------------------------------------------------

    def tip(self, branch: str) -> str | None:
        return self.ref(f"refs/heads/{branch}")

    def ref(self, name: str) -> str | None:
        """The object a full ref name points to."""
        if not name.isprintable():
            return None
        done = self.run("show-ref", "--verify", "--hash", "--", name, ok=(0, 1, 128))
        return done.stdout.decode().strip() or None

    def refs(self, prefix: str) -> dict[str, str]:
        lines = self.text("for-each-ref", "--format=%(refname) %(objectname)").splitlines()
        pairs = (line.rsplit(" ", 1) for line in lines)
        return {name: sha for name, sha in pairs if name.startswith(prefix)}

    def kind(self, sha: str) -> str | None:
        """Of a full object name; nothing else has a kind."""
        if not _SHA.fullmatch(sha):
            return None
        done = self.run("cat-file", "--batch-check=%(objecttype)", data=sha.encode() + b"\n")
        kind = done.stdout.decode().strip()
        return kind if kind in {"blob", "tree", "commit", "tag"} else None

    def resolve(self, ref: str) -> str | None:
        """A commit from a sha, a branch, a tag or a ref below refs/; never an option or a revision
        expression."""
        if (
            not ref
            or not ref.isprintable()
            or ref.startswith("-")
            or any(bad in ref for bad in ("..", "^", "~", ":", "@{", " ", "\\", "*", "?", "["))
        ):
            return None
        for candidate in (ref, f"refs/heads/{ref}", f"refs/tags/{ref}", f"refs/{ref}"):
            done = self.run(
                "rev-parse",
                "--verify",
                "--quiet",
                "--end-of-options",
                f"{candidate}^{{commit}}",
                ok=(0, 1, 128),
            )
            if done.returncode == 0 and (lines := done.stdout.decode().split()):
                return lines[-1]
        return None

    def commit(self, sha: str) -> Commit:
        shape = "%H%x00%T%x00%P%x00%an%x00%ae%x00%aI%x00%cn%x00%ce%x00%cI%x00%B"
        parts = self.run("log", "-1", f"--format={shape}", sha).stdout.decode(errors="replace").split("\0")
        return Commit(
            sha=parts[0],
            tree=parts[1],
            parents=tuple(parts[2].split()),
            author=Author(name=parts[3], email=parts[4], date=parts[5]),
            committer=Author(name=parts[6], email=parts[7], date=parts[8]),
            message=parts[9].rstrip("\n"),
        )

    def log(self, *revisions: str, limit: int = 250) -> list[str]:
        return self.text("rev-list", f"--max-count={limit}", *revisions).split()

    def count(self, base: str, head: str) -> int:
        return int(self.text("rev-list", "--count", f"{base}..{head}"))

    def tree(self, treeish: str, *, recursive: bool = False, path: str | None = None) -> list[Entry]:
        command = ["ls-tree", "-z", "--long", *(("-r", "-t") if recursive else ()), treeish]
        if path is not None:
            command += ["--", path]
        rows = (
            self.run(*command, extra={"GIT_LITERAL_PATHSPECS": "1"})
            .stdout.decode(errors="surrogateescape")
            .split("\0")
        )
        return [_entry(row) for row in rows if row]

    def blob(self, sha: str) -> bytes:
        return self.run("cat-file", "blob", sha).stdout

    def merge_base(self, one: str, other: str) -> str | None:
        return self.run("merge-base", one, other, ok=(0, 1)).stdout.decode().strip() or None

    def mergeable(self, base: str, head: str) -> bool:
        return self.run("merge-tree", "--write-tree", base, head, ok=(0, 1)).returncode == 0

    def merge(self, base: str, head: str, message: str, author: Author) -> str:
        tree = self.text("merge-tree", "--write-tree", base, head).splitlines()[0]
        return self.write_commit(tree, (base, head), message, author, author)

    def is_ancestor(self, old: str, new: str) -> bool:
        return self.run("merge-base", "--is-ancestor", old, new, ok=(0, 1)).returncode == 0

    def diff(self, base: str, head: str) -> str:
        return self.run("diff", "--no-ext-diff", "--no-textconv", base, head).stdout.decode(errors="replace")

    def changed_paths(self, base: str, head: str) -> tuple[str, ...]:
        out = self.run("diff", "-z", "--name-only", "--no-renames", base, head).stdout.decode(
            errors="surrogateescape"
        )
        return tuple(name for name in out.split("\0") if name)

    def changes(self, base: str, head: str) -> list[FileChange]:
        common = ("diff", "-z", "--no-renames", "--no-ext-diff", "--no-textconv")
        names = (
            self.run(*common, "--raw", "--no-abbrev", base, head)
            .stdout.decode(errors="surrogateescape")
            .split("\0")
        )
        numbers = (
            self.run(*common, "--numstat", base, head).stdout.decode(errors="surrogateescape").split("\0")
        )
        counted = {row.split("\t")[2]: row.split("\t")[:2] for row in numbers if row}
        found = []
        for meta, path in zip(names[::2], names[1::2], strict=False):
            added, deleted = counted[path]
            patch = self.run(
                "diff",
                "--no-renames",
                "--no-ext-diff",
                "--no-textconv",
                base,
                head,
                "--",
                f":(literal){path}",
            )
            hunks = patch.stdout.decode(errors="replace").partition("\n@@")
            found.append(
                FileChange(
                    path=path,
                    status={"A": "added", "D": "removed"}.get(meta.split()[4], "modified"),
                    additions=0 if added == "-" else int(added),
                    deletions=0 if deleted == "-" else int(deleted),
                    sha=meta.split()[3] if meta.split()[4] != "D" else meta.split()[2],
                    patch=f"@@{hunks[2]}".rstrip("\n") if hunks[1] else None,
                )
            )
        return found

    # -- writing objects ----------------------------------------------------------------------------------

    def write_blob(self, content: bytes) -> str:
        return self.text("hash-object", "-w", "--stdin", data=content)

    def write_tree(self, rows: Sequence[Mapping[str, str | None]], base: str | None) -> str:
        """``rows``: path, mode, sha (None removes). A path that git refuses (.git, ..) raises GitError."""
        with tempfile.TemporaryDirectory() as scratch:
            extra = {"GIT_INDEX_FILE": str(Path(scratch) / "index")}
            if base is not None:
                self.run("read-tree", base, extra=extra)
            for row in rows:
                if row["sha"] is not None and row["mode"] == "040000":
                    self.run("read-tree", "-i", f"--prefix={row['path']}/", str(row["sha"]), extra=extra)
            files = [row for row in rows if row["sha"] is None or row["mode"] != "040000"]
            listing = "".join(f"{_index_line(row)}\0" for row in files).encode(errors="surrogateescape")
            self.run("update-index", "-z", "--index-info", data=listing, extra=extra)
            held = self.run("ls-files", "-z", extra=extra).stdout.decode(errors="surrogateescape").split("\0")
            for row in files:  # update-index only warns about a path that it will not take
                if row["sha"] is not None and row["path"] not in held:
                    raise GitError(f"tree.path contains a malformed path component: {row['path']}")
            return self.text("write-tree", extra=extra)

    def write_commit(
        self, tree: str, parents: Sequence[str], message: str, author: Author, committer: Author
    ) -> str:
        extra = {
            "GIT_AUTHOR_NAME": author.name,
            "GIT_AUTHOR_EMAIL": author.email,
            "GIT_AUTHOR_DATE": author.date,
            "GIT_COMMITTER_NAME": committer.name,
            "GIT_COMMITTER_EMAIL": committer.email,
            "GIT_COMMITTER_DATE": committer.date,
        }
        flags = [word for parent in parents for word in ("-p", parent)]
        return self.text("commit-tree", tree, *flags, "-F", "-", data=message.encode(), extra=extra)

    def set_ref(self, name: str, sha: str, *, only_new: bool = False) -> None:
        self.run("update-ref", "--", name, sha, *(("0" * 40,) if only_new else ()))

    def delete_ref(self, name: str) -> None:
        self.run("update-ref", "-d", "--", name)


def _index_line(row: Mapping[str, str | None]) -> str:
    if row["sha"] is None:
        return f"0 {'0' * 40}\t{row['path']}"
    return f"{row['mode']} {row['sha']}\t{row['path']}"


def _entry(row: str) -> Entry:
    meta, path = row.split("\t", 1)
    mode, kind, sha, size = meta.split()
    return Entry(mode=mode, kind=kind, sha=sha, size=None if size == "-" else int(size), path=path)
