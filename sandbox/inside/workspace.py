"""A fresh copy of the tree for every run.

The copy is not made anew each time: what a run left is compared with the pristine tree and only what
differs is written again. The comparison reads every byte, for times prove nothing: on tmpfs a page of a
shared mapping that was first read can then be written without any time stamp changing (seen on Linux
6.18). No process but the runner is alive while this works, so there are no races.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import time
from dataclasses import dataclass, field
from typing import Union

CACHED_FILE = 256 << 10
CACHED_TREE = 64 << 20
CHUNK = 1 << 20
CLOCK_REALTIME_COARSE = 5  # the clock of time stamps; Python has no name for it


class Refused(Exception):
    """An overlay that may not be applied; the message names the path and the reason."""


class Unfit(Exception):
    """The tree cannot be copied; the message says what to do."""


Signature = tuple[int, int, int, int, int]
"""Inode, mode, size, mtime and ctime."""


@dataclass
class File:
    source: str
    mode: int
    size: int
    mtime_ns: int
    content: bytes | None = None  # None: not kept in memory, read from the source when needed
    laid: Signature | None = None


@dataclass
class Link:
    target: str
    mtime_ns: int


@dataclass
class Directory:
    mode: int
    mtime_ns: int
    entries: dict[str, Node] = field(default_factory=dict)
    laid: Signature | None = None


Node = Union[File, Link, Directory]  # noqa: UP007 - evaluated, and Python 3.9 has no "|" for types


def signature(status: os.stat_result) -> Signature:
    return (status.st_ino, status.st_mode, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def remove(path: str) -> None:
    """Remove a file or a directory with all that is in it, also where permissions were taken away."""
    if not stat.S_ISDIR(os.lstat(path).st_mode):
        os.unlink(path)
        return
    try:
        shutil.rmtree(path)
    except PermissionError:
        os.chmod(path, 0o700)
        for where, names, _ in os.walk(path):
            for name in names:
                if not os.path.islink(os.path.join(where, name)):
                    os.chmod(os.path.join(where, name), 0o700)
        shutil.rmtree(path)


def unlock(path: str) -> None:
    """Make a directory usable again after a command took its permissions away.

    A mount point may belong to another user; then no command can have done that.
    """
    status = os.lstat(path)
    if status.st_uid == os.getuid() and status.st_mode & 0o700 != 0o700:
        os.chmod(path, 0o755)


def strip(path: str) -> None:
    """Take off extended attributes: a default access list would change every file made below."""
    for name in _attributes(path):
        os.removexattr(path, name)


def empty(path: str) -> None:
    unlock(path)
    strip(path)
    with os.scandir(path) as entries:
        names = [entry.path for entry in entries]
    for name in names:
        remove(name)


class Workspace:
    """The directory that commands run in, and the pristine tree that it is restored from."""

    def __init__(self, root: str, base: str | None) -> None:
        self._root = root
        self._cached = 0
        self._started_ns = 0
        self._pristine = Directory(0o755, 0) if base is None else self._read(base)

    def started(self) -> None:
        """A command is about to run: whatever is stamped from now on may be its doing."""
        self._started_ns = time.clock_gettime_ns(CLOCK_REALTIME_COARSE)

    def restore(self) -> None:
        """Make the workspace equal to the tree."""
        try:
            self._sync(self._root, self._pristine)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise Unfit("the tree does not fit: give the sandbox more than its disk_mib") from error
            raise

    def skeleton(self) -> None:
        """Make the workspace equal to the tree's directories, with no file in any of them."""
        empty(self._root)
        self._forget(self._pristine)
        self._directories(self._root, self._pristine)

    def apply(self, overlay: list[tuple[str, bytes | None]]) -> None:
        """Deletions first, so that a file may give way to a directory of its name."""
        for path, content in overlay:
            if content is None:
                self._delete(path)
        for path, content in overlay:
            if content is not None:
                self._write(path, content)

    # -- the pristine tree

    def _read(self, base: str) -> Directory:
        status = os.stat(base)
        directory = Directory(0o755, status.st_mtime_ns)
        try:
            with os.scandir(base) as found:
                entries = sorted(found, key=lambda entry: entry.name)
            for entry in entries:
                node = self._node(entry)
                if node is not None:
                    directory.entries[entry.name] = node
        except PermissionError as error:
            raise Unfit(
                f"{error.filename} of the tree may not be read by other users: chmod -R a+rX it"
            ) from error
        return directory

    def _node(self, entry: os.DirEntry[str]) -> Node | None:
        if entry.is_symlink():
            return Link(os.readlink(entry.path), entry.stat(follow_symlinks=False).st_mtime_ns)
        if entry.is_dir():
            return self._read(entry.path)
        if not entry.is_file():
            return None
        status = entry.stat()
        file = File(entry.path, (status.st_mode & 0o755) | 0o600, status.st_size, status.st_mtime_ns)
        if status.st_size <= CACHED_FILE and self._cached + status.st_size <= CACHED_TREE:
            with open(entry.path, "rb") as stream:
                file.content = stream.read()
            file.size = len(file.content)
            self._cached += file.size
        return file

    def _forget(self, directory: Directory) -> None:
        directory.laid = None
        for node in directory.entries.values():
            if isinstance(node, Directory):
                self._forget(node)
            elif isinstance(node, File):
                node.laid = None

    def _directories(self, path: str, directory: Directory) -> None:
        for name, node in directory.entries.items():
            if isinstance(node, Directory):
                os.mkdir(os.path.join(path, name))
                self._directories(os.path.join(path, name), node)

    # -- restoring

    def _sync(self, path: str, directory: Directory) -> None:
        missing = dict(directory.entries)
        for entry in self._entries(path):
            node = missing.pop(entry.name, None)
            if node is None or not self._same_kind(entry, node):
                remove(entry.path)
                if node is not None:
                    self._lay(entry.path, node)
            elif isinstance(node, Directory):
                self._sync(entry.path, node)
            elif isinstance(node, File) and not self._untouched(entry, node):
                os.unlink(entry.path)
                self._lay(entry.path, node)
        for name, node in missing.items():
            self._lay(os.path.join(path, name), node)
        self._seal(path, directory)

    def _entries(self, path: str) -> list[os.DirEntry[str]]:
        unlock(path)
        with os.scandir(path) as found:
            return list(found)

    def _same_kind(self, entry: os.DirEntry[str], node: Node) -> bool:
        if isinstance(node, Directory):
            return entry.is_dir(follow_symlinks=False)
        if isinstance(node, File):
            return entry.is_file(follow_symlinks=False)
        if not entry.is_symlink() or os.readlink(entry.path) != node.target:
            return False
        return entry.stat(follow_symlinks=False).st_mtime_ns == node.mtime_ns

    def _untouched(self, entry: os.DirEntry[str], file: File) -> bool:
        """The same inode with the same attributes, stamped before the command began, and the same bytes."""
        now = signature(entry.stat(follow_symlinks=False))
        if now != file.laid or now[4] >= self._started_ns > 0:
            return False
        with open(entry.path, "rb", buffering=0) as stream:
            if file.content is not None:
                return stream.read(file.size + 1) == file.content
            with open(file.source, "rb", buffering=0) as source:
                while True:
                    ours, theirs = stream.read(CHUNK), source.read(CHUNK)
                    if ours != theirs or not ours:
                        return ours == theirs

    def _lay(self, path: str, node: Node) -> None:
        if isinstance(node, Link):
            os.symlink(node.target, path)
            os.utime(path, ns=(node.mtime_ns, node.mtime_ns), follow_symlinks=False)
        elif isinstance(node, File):
            self._lay_file(path, node)
        else:
            os.mkdir(path)
            for name, inner in node.entries.items():
                self._lay(os.path.join(path, name), inner)
            self._seal(path, node)

    def _lay_file(self, path: str, file: File) -> None:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, file.mode)
        try:
            if file.content is not None:
                _write(fd, file.content)
            else:
                self._copy(fd, file)
            os.fchmod(fd, file.mode)
            os.utime(fd, ns=(file.mtime_ns, file.mtime_ns))
            file.laid = signature(os.fstat(fd))
        finally:
            os.close(fd)

    def _copy(self, fd: int, file: File) -> None:
        try:
            with open(file.source, "rb", buffering=0) as source:
                while os.sendfile(fd, source.fileno(), None, CHUNK):
                    pass
        except PermissionError as error:
            raise Unfit(
                f"{file.source} of the tree may not be read by other users: chmod -R a+rX it"
            ) from error

    def _seal(self, path: str, directory: Directory) -> None:
        """Give the directory its mode and times back, and take off what may have been put onto it."""
        if directory.laid == signature(os.lstat(path)) and 0 < directory.laid[4] < self._started_ns:
            return
        strip(path)
        if path != self._root:
            os.chmod(path, directory.mode)
            os.utime(path, ns=(directory.mtime_ns, directory.mtime_ns))
        directory.laid = signature(os.lstat(path))

    # -- the overlay

    def _parent(self, path: str) -> str | None:
        """The directory that ``path`` lies in; None when it does not exist."""
        where = self._root
        for part in path.split("/")[:-1]:
            where = os.path.join(where, part)
            try:
                mode = os.lstat(where).st_mode
            except FileNotFoundError:
                return None
            if stat.S_ISLNK(mode):
                raise Refused(f"{path}: goes through a symbolic link")
            if not stat.S_ISDIR(mode):
                raise Refused(f"{path}: goes through a file")
        return where

    def _delete(self, path: str) -> None:
        if self._parent(path) is None:
            return
        where = os.path.join(self._root, path)
        try:
            if stat.S_ISDIR(os.lstat(where).st_mode):
                raise Refused(f"{path}: is a directory")
            os.unlink(where)
        except FileNotFoundError:
            return

    def _write(self, path: str, content: bytes) -> None:
        parent = self._parent(path)
        where, mode = os.path.join(self._root, path), 0o644
        try:
            if parent is None:
                os.makedirs(os.path.dirname(where), 0o755)
            old = os.lstat(where).st_mode
        except FileNotFoundError:
            pass
        except OSError as error:
            raise Refused(f"{path}: {error.strerror}") from error
        else:
            if stat.S_ISDIR(old):
                raise Refused(f"{path}: is a directory")
            mode = stat.S_IMODE(old) if stat.S_ISREG(old) else mode
            os.unlink(where)
        self._create(where, mode, content)

    def _create(self, where: str, mode: int, content: bytes) -> None:
        try:
            fd = os.open(where, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
        except OSError as error:
            raise Refused(f"{os.path.relpath(where, self._root)}: {error.strerror}") from error
        try:
            _write(fd, content)
            os.fchmod(fd, mode)
        except OSError as error:
            raise Unfit("the overlay does not fit: give the sandbox more than its disk_mib") from error
        finally:
            os.close(fd)


def _write(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def _attributes(path: str) -> list[str]:
    try:
        return os.listxattr(path)
    except OSError as error:
        if error.errno == errno.ENOTSUP:
            return []
        raise
