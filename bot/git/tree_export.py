"""Writes the files of one commit into a directory as plain data, and says which ones it would not write.

A commit's tree is hostile: its names, its links and its size. Nothing here looks at ``.gitattributes``, so no
filter, no LFS download and no export-ignore has any effect.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

from bot.errors import CheckoutError
from bot.git.sealed import GitCall, GitFailed, SealedGit

LONGEST_PATH: Final = 4000
LONGEST_LINK: Final = 4095
LFS_POINTER: Final = b"version https://git-lfs.github.com/spec/v1\n"
CHUNK: Final = 1 << 20

_PARTIAL: Final = "this is a partial clone, or a damaged one. Use a full one (`git fetch --refetch`)."

FILE, EXECUTABLE, LINK, SUBMODULE = "100644", "100755", "120000", "160000"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A leaf of a tree. ``size`` is 0 for a submodule."""

    mode: str
    sha: str
    size: int
    path: str  # bytes that are not UTF-8 as surrogate escapes


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportCaps:
    files: int = 200_000
    total_bytes: int = 2 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """``remarks`` are sentences about what the directory lacks."""

    files: int
    total_bytes: int
    remarks: tuple[str, ...] = ()


@dataclass(slots=True)
class _Skipped:
    """Paths that were left out, by the reason."""

    by_reason: dict[str, list[str]] = field(default_factory=dict)

    def add(self, reason: str, path: str) -> None:
        self.by_reason.setdefault(reason, []).append(path)

    def remarks(self) -> tuple[str, ...]:
        return tuple(f"{reason}: {_listed(paths)}" for reason, paths in sorted(self.by_reason.items()))


def path_fault(path: str) -> str:
    """Why a path of a tree or a patch cannot be written; empty when it can (threat 13)."""
    parts = path.split("/")
    if not path or len(os.fsencode(path)) > LONGEST_PATH:
        return "has no name or one that is too long"
    if any(part in ("", ".", "..") for part in parts):
        return "has an empty, '.' or '..' part"
    if any(_is_git(part) for part in parts):
        return "lies in a .git directory"
    if any(ord(char) < 32 or ord(char) == 127 for char in path):
        return "has control characters in its name"
    return ""


def link_stays_inside(path: str, target: str) -> bool:
    """Whether a symbolic link at ``path`` cannot lead out of the tree, whatever other such links there are.

    Allowed: some ``..`` and then names. The ``..`` climb real directories, not links, so counting them is
    exact; each name after them goes down, or through a link that was judged by the same rule.
    """
    parts = [part for part in target.split("/") if part not in ("", ".")]
    climbs = 0
    while climbs < len(parts) and parts[climbs] == "..":
        climbs += 1
    down = parts[climbs:]
    if not target or target.startswith("/") or "//" in target or "\0" in target or ".." in down:
        return False
    return climbs <= path.count("/") and not any(_is_git(part) for part in down)


def list_entries(git: SealedGit, git_dir: Path, commit: str, caps: ExportCaps) -> list[Entry]:
    """The leaves of a commit's tree. Raises CheckoutError when there are too many or they are too large."""
    call = GitCall(
        arguments=("ls-tree", "-r", "-z", "-l", "--full-tree", commit), git_dir=git_dir, seconds=300
    )
    entries: list[Entry] = []
    total = 0
    try:
        with git.stream(call) as stdout:
            for row in _rows(stdout):
                entries.append(_entry(row))
                total += entries[-1].size
                if len(entries) > caps.files or total > caps.total_bytes:
                    raise CheckoutError(
                        f"Commit {commit} has over {caps.files:,} files or {caps.total_bytes:,} bytes, more "
                        "than CodeAgent works on; ask for work in a smaller repository."
                    )
    except GitFailed as error:
        if "could not get object info" in error.said:
            raise CheckoutError(f"Commit {commit} is not wholly there: {_PARTIAL}") from error
        raise
    return entries


def export_tree(git: SealedGit, git_dir: Path, commit: str, directory: Path, caps: ExportCaps) -> Export:
    """Write the tree into ``directory``, which is made and must be empty."""
    entries = list_entries(git, git_dir, commit, caps)
    skipped = _Skipped()
    wanted = [entry for entry in entries if _writable(entry, skipped)]
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if any(directory.iterdir()):
            raise CheckoutError(f"{directory} is not empty; give an empty directory to export to.")
        writer = _Writer(directory, skipped)
        call = GitCall(
            arguments=("cat-file", "--batch", "--buffer"),
            git_dir=git_dir,
            stdin="".join(f"{entry.sha}\n" for entry in wanted).encode(),
            seconds=900,
        )
        with git.stream(call) as stdout:
            for entry in wanted:
                writer.write(entry, _blob_size(stdout, entry), stdout)
        writer.make_links()
    except OSError as error:
        raise CheckoutError(
            f"The files of commit {commit} could not be written to {directory}: {error.strerror}; "
            "is the disk full or the directory not writable?"
        ) from error
    return Export(files=writer.files, total_bytes=writer.total_bytes, remarks=skipped.remarks())


class _Writer:
    """Files first, links last: while files are written there is no link to go through."""

    def __init__(self, root: Path, skipped: _Skipped) -> None:
        self.files = 0
        self.total_bytes = 0
        self._root = root
        self._skipped = skipped
        self._made = {""}
        self._links: list[tuple[str, str]] = []

    def write(self, entry: Entry, size: int, source: IO[bytes]) -> None:
        """Take exactly one blob from the source."""
        first = _exactly(source, min(size, CHUNK))
        if entry.mode == LINK:
            self._links.append((entry.path, os.fsdecode(first)))
            _pass_over(source, size - len(first))
        elif (descriptor := self._create(entry)) is None:
            _pass_over(source, size - len(first))
        else:
            with os.fdopen(descriptor, "wb", buffering=0) as file:
                file.write(first)
                for part in _parts(source, size - len(first)):
                    file.write(part)
            self.files += 1
            self.total_bytes += size
            if first.startswith(LFS_POINTER):
                self._skipped.add("Git LFS pointers stand for files that were not fetched", entry.path)
        _exactly(source, 1)  # the line end after each blob

    def make_links(self) -> None:
        for path, target in self._links:
            if not link_stays_inside(path, target):
                self._skipped.add("Symbolic links that lead out of the repository were left out", path)
            elif self._parents(path):
                try:
                    os.symlink(target, self._root / path)
                    self.files += 1
                except (FileExistsError, NotADirectoryError):
                    self._skipped.add("Names that stand twice in the tree were left out", path)

    def _create(self, entry: Entry) -> int | None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        if not self._parents(entry.path):
            return None
        try:
            descriptor = os.open(self._root / entry.path, flags, 0o600)
        except (FileExistsError, IsADirectoryError, NotADirectoryError):
            self._skipped.add("Names that stand twice in the tree were left out", entry.path)
            return None
        # whatever the umask is: a sandbox reads the files as another user
        os.fchmod(descriptor, 0o755 if entry.mode == EXECUTABLE else 0o644)
        return descriptor

    def _parents(self, path: str) -> bool:
        parent = path.rpartition("/")[0]
        if parent in self._made:
            return True
        if not self._parents(parent):
            return False
        try:
            (self._root / parent).mkdir()
        except (FileExistsError, NotADirectoryError):
            self._skipped.add("Names that stand twice in the tree were left out", parent)
            return False
        (self._root / parent).chmod(0o755)
        self._made.add(parent)
        return True


def _writable(entry: Entry, skipped: _Skipped) -> bool:
    if entry.mode == SUBMODULE:
        skipped.add("Submodules were not fetched", entry.path)
    elif fault := path_fault(entry.path) or _too_long(entry.path):
        skipped.add(f"Files were left out whose path {fault}", entry.path)
    elif entry.mode == LINK and entry.size > LONGEST_LINK:
        skipped.add("Symbolic links that lead out of the repository were left out", entry.path)
    else:
        return True
    return False


def _too_long(path: str) -> str:
    return "is too long" if any(len(os.fsencode(part)) > 255 for part in path.split("/")) else ""


def _is_git(part: str) -> bool:
    """.git in the spellings that some file system takes for it (git's protectNTFS and protectHFS rules)."""
    if part.isascii() and "git" not in part.lower():
        return False
    plain = "".join(char for char in part if char not in _HFS_IGNORED).lower()
    return plain.split(":")[0].rstrip(" .") in (".git", "git~1")


_HFS_IGNORED: Final = frozenset(
    map(chr, (*range(0x200C, 0x2010), *range(0x202A, 0x202F), *range(0x206A, 0x2070), 0xFEFF))
)


def _rows(stdout: IO[bytes]) -> Iterator[bytes]:
    rest = b""
    while part := stdout.read(1 << 16):
        *rows, rest = (rest + part).split(b"\0")
        yield from rows
    if rest:
        raise EOFError("a row was cut off")


def _entry(row: bytes) -> Entry:
    meta, _, path = row.partition(b"\t")
    mode, _, sha, size = meta.decode("ascii").split()
    return Entry(mode=_mode(mode), sha=sha, size=int(size) if size.isdigit() else 0, path=os.fsdecode(path))


def _mode(mode: str) -> str:
    """Old repositories hold modes such as 100664, which git reads like this too."""
    if mode in (LINK, SUBMODULE):
        return mode
    return EXECUTABLE if int(mode, 8) & 0o100 else FILE


def _blob_size(stdout: IO[bytes], entry: Entry) -> int:
    words = stdout.readline(200).split()
    if not words:
        raise EOFError("no answer for an object")
    if len(words) != 3 or words[1] != b"blob":
        raise CheckoutError(f"{entry.path} is not in the repository that was read: {_PARTIAL}")
    return int(words[2])


def _exactly(source: IO[bytes], size: int) -> bytes:
    data = source.read(size)
    if len(data) != size:
        raise EOFError("an object was cut off")
    return data


def _parts(source: IO[bytes], size: int) -> Iterator[bytes]:
    while size > 0:
        part = _exactly(source, min(size, CHUNK))
        size -= len(part)
        yield part


def _pass_over(source: IO[bytes], size: int) -> None:
    for _ in _parts(source, size):
        pass


def _listed(paths: Iterable[str], most: int = 5) -> str:
    names = [ascii(path) if not path.isprintable() else path for path in paths]
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(name[:200] for name in names[:most]) + more
