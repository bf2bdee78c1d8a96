"""A repository on this machine that is read as data (threat 12).

No git program ever runs in it, because git obeys the configuration that it finds there: core.fsmonitor,
uploadpack.packObjectsHook, promisor remotes and more name commands, and `git clone /path` runs
git-upload-pack there. A private repository borrows its objects and has copies of its refs, and git runs in
that one. Who owns the directory does not matter then either.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bot.errors import CheckoutError

LARGEST_REF: Final = 1024
LARGEST_PACKED_REFS: Final = 256 << 20
LARGEST_INDEX: Final = 512 << 20
MOST_REFS: Final = 100_000
_VALUE: Final = re.compile(rb"(ref: refs/(?!\S*\.\.)\S+|[0-9a-f]{40}|[0-9a-f]{64})\s*", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalRepository:
    """``git_dir`` has HEAD and the index, ``common`` everything else: they differ in a linked work tree."""

    top: Path
    git_dir: Path
    common: Path
    work_tree: Path | None
    sha_length: int
    hint: str = ""

    def lend(self, directory: Path) -> None:
        """Let the bare repository in ``directory`` see the objects and refs of this one."""
        try:
            borrowed = directory / "borrowed"
            borrowed.symlink_to(self.common.resolve() / "objects")  # its own name may need quoting
            (directory / "objects" / "info").mkdir(parents=True, exist_ok=True)
            (directory / "objects" / "info" / "alternates").write_text(f"{borrowed}\n", encoding="utf-8")
            for name, path in self._refs():
                if (value := _read(path, LARGEST_REF)) is not None and _VALUE.fullmatch(value):
                    (directory / name).parent.mkdir(parents=True, exist_ok=True)
                    (directory / name).write_bytes(value)
            for name, most in (("packed-refs", LARGEST_PACKED_REFS), ("shallow", LARGEST_PACKED_REFS)):
                if (value := _read(self.common / name, most)) is not None:
                    (directory / name).write_bytes(value)
        except OSError as error:
            raise CheckoutError(f"{self.top} cannot be read: {error}; check its permissions.") from error

    def lend_index(self, directory: Path) -> bool:
        """A copy of the index, in which git finds what changed without reading every file."""
        index = _read(self.git_dir / "index", LARGEST_INDEX)
        if index is None:
            return False
        (directory / "index").write_bytes(index)
        # git looks into files as young as the index: a younger copy would hide a change of that moment
        status = (self.git_dir / "index").lstat()
        os.utime(directory / "index", ns=(status.st_atime_ns, status.st_mtime_ns))
        return True

    def _refs(self) -> Iterator[tuple[str, Path]]:
        yield "HEAD", self.git_dir / "HEAD"
        count = 0
        for folder, folders, files in os.walk(self.common / "refs"):
            folders[:] = [name for name in sorted(folders) if not name.startswith(".") and name != "replace"]
            for name in sorted(files):
                path = Path(folder, name)
                yield path.relative_to(self.common).as_posix(), path
                count += 1
                if count > MOST_REFS:
                    raise CheckoutError(
                        f"{self.top} has over {MOST_REFS:,} loose refs; run `git pack-refs --all`."
                    )


def find_local(path: Path) -> LocalRepository:
    """The repository at a path or above it. Raises CheckoutError that says what to do when there is none."""
    start = Path(os.path.abspath(path))  # not resolve(): messages say what was typed
    if not start.exists():
        raise CheckoutError(f"{path} does not exist; give the path or URL of a git repository.")
    for place in (start, *start.parents):
        if _is_git_dir(place):
            return _described(place, None, place)
        dot_git = place / ".git"
        if _is_git_dir(dot_git):
            return _described(place, place, dot_git)
        if dot_git.is_file():
            return _described(place, place, _pointed_to(dot_git))
    raise CheckoutError(
        f"{path} is not a git repository. Give the path of one, or make it one: "
        "git init && git add --all && git commit -m 'first commit'"
    )


def _described(top: Path, work_tree: Path | None, git_dir: Path) -> LocalRepository:
    common = git_dir
    if (text := _read(git_dir / "commondir", LARGEST_REF)) is not None:
        common = git_dir / os.fsdecode(text.rstrip(b"\n"))
    if not (common / "objects").is_dir():
        raise CheckoutError(f"{top} is a damaged git repository: {common / 'objects'} is no directory.")
    hint = ""
    if (common / "reftable").is_dir():
        hint = " (its refs are in the reftable format, which is not read here: only full commit ids work)"
    length = (
        64 if re.search(rb"objectformat\s*=\s*sha256", _read(common / "config", 1 << 20) or b"", re.I) else 40
    )
    return LocalRepository(
        top=top, git_dir=git_dir, common=common, work_tree=work_tree, sha_length=length, hint=hint
    )


def _is_git_dir(place: Path) -> bool:
    return (place / "HEAD").is_file() and ((place / "objects").is_dir() or (place / "commondir").is_file())


def _pointed_to(dot_git: Path) -> Path:
    text = _read(dot_git, 8192) or b""
    if not text.startswith(b"gitdir: "):
        raise CheckoutError(f"{dot_git} does not say where its repository is; clone it anew.")
    git_dir = dot_git.parent / os.fsdecode(text.removeprefix(b"gitdir: ").rstrip(b"\n"))
    if not _is_git_dir(git_dir):
        raise CheckoutError(f"{dot_git} points to {git_dir}, which is no git repository; clone it anew.")
    return git_dir


def _read(path: Path, most: int) -> bytes | None:
    """A regular file that is not too long, or None. A pipe put there must not stop us."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):  # a link, a socket
            return None
        raise
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_size > most:
            return None
        return file.read(most)
