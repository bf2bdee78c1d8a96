"""The repository's files at the base commit: from a host directory, or from the journal.

The host directory holds a stranger's files: symbolic links are listed, never followed; only regular files
are read; names that are not UTF-8 and files over ``LARGEST`` bytes are treated as not there (their content
still counts in the digest).
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import zlib
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from agent.errors import JournalDiverged
from agent.journal import canonical
from agent.protocols import Journal, JsonObject

LARGEST = 16 << 20
SNAPSHOT_FILE = 512 << 10  # larger ones are recorded one by one, when something reads them
SNAPSHOT_TOTAL = 32 << 20
SNAPSHOT_SUFFIXES = (
    *(".py", ".pyi", ".toml", ".cfg", ".ini", ".txt", ".md", ".rst", ".json", ".yml", ".yaml"),
    *(".js", ".jsx", ".mjs", ".cjs", ".ts", ".mts", ".cts", ".tsx"),  # agent.localize.grammars
)


class HostTree:
    """A SourceTree over a host directory that nothing writes to meanwhile. Its ``.git`` is not part of it."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def paths(self) -> tuple[str, ...]:
        return self._listing[0]

    def links(self) -> tuple[str, ...]:
        """Symbolic links and other entries that are neither file nor directory, sorted."""
        return self._listing[1]

    def read(self, path: str) -> bytes | None:
        if path not in self._regular:
            return None
        try:
            file = os.open(self._root / path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return None  # unreadable is as good as not there
        with os.fdopen(file, "rb") as stream:
            status = os.fstat(file)
            if not stat.S_ISREG(status.st_mode) or status.st_size > LARGEST:
                return None
            return stream.read(LARGEST)

    @cached_property
    def digest(self) -> str:
        """Identity of the whole tree: names, kinds, executable bits and contents."""
        whole = hashlib.sha256()
        for name, entry in _walk(self._root):
            whole.update(os.fsencode(name) + b"\0")
            whole.update(_fingerprint(entry))
        return whole.hexdigest()

    @cached_property
    def _regular(self) -> frozenset[str]:
        return frozenset(self.paths())

    @cached_property
    def _listing(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        files: list[str] = []
        links: list[str] = []
        for name, entry in _walk(self._root):
            if _is_utf8(name):
                (files if entry.is_file(follow_symlinks=False) else links).append(name)
        return tuple(sorted(files)), tuple(sorted(links))


def _walk(root: Path) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Everything but directories, in a fixed order, without following a link."""
    pending = [""]
    while pending:
        folder = pending.pop()
        with os.scandir(root / folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
        for entry in entries:
            name = folder + entry.name
            if name == ".git":
                continue
            if entry.is_dir(follow_symlinks=False):
                pending.append(name + "/")
            else:
                yield name, entry


def _fingerprint(entry: os.DirEntry[str]) -> bytes:
    if entry.is_symlink():
        return b"link" + hashlib.sha256(os.fsencode(os.readlink(entry.path))).digest()
    status = entry.stat(follow_symlinks=False)
    if not stat.S_ISREG(status.st_mode):
        return b"other"
    try:
        with open(entry.path, "rb") as stream:
            content = hashlib.file_digest(stream, "sha256").digest()
    except OSError:
        return b"unreadable"
    return (b"exec" if status.st_mode & stat.S_IXUSR else b"file") + content


def _is_utf8(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


class RecordedTree:
    """A SourceTree whose every answer is in the journal.

    One record holds the listing and the texts that parts of the engine read as a matter of course; any other
    file is recorded when it is read for the first time.
    """

    def __init__(self, journal: Journal, host: Callable[[], HostTree]) -> None:
        self._journal = journal
        self._host = host
        answer = journal.effect("source", {}, lambda: {"digest": host().digest, "tree": _snapshot(host())})
        self.digest = str(answer["digest"])
        body: Any = unpack(str(answer["tree"]))
        self._paths: tuple[str, ...] = tuple(body["paths"])
        self._links: tuple[str, ...] = tuple(body["links"])
        self._regular = frozenset(self._paths)
        blobs = [_bytes(blob) for blob in body["blobs"]]
        self._contents: dict[str, bytes | None] = {path: blobs[at] for path, at in body["files"].items()}

    def paths(self) -> tuple[str, ...]:
        return self._paths

    def links(self) -> tuple[str, ...]:
        return self._links

    def read(self, path: str) -> bytes | None:
        if path not in self._regular:
            return None
        if path not in self._contents:
            self._contents[path] = self._record(path)
        return self._contents[path]

    def _record(self, path: str) -> bytes | None:
        def perform() -> JsonObject:
            content = self._host().read(path)
            return {"content": None if content is None else pack(_text(content))}

        packed = self._journal.effect("read", {"path": path}, perform)["content"]
        return None if packed is None else _bytes(str(unpack(str(packed))))

    def verify(self) -> None:
        """Raise JournalDiverged when the host directory is not the tree that was recorded."""
        if self._host().digest != self.digest:
            raise JournalDiverged("the checked-out tree is not the one that this journal was begun with")


def _snapshot(host: HostTree) -> str:
    numbers: dict[bytes, int] = {}
    files: dict[str, int] = {}
    room = SNAPSHOT_TOTAL
    for path in host.paths():
        if not path.endswith(SNAPSHOT_SUFFIXES):
            continue
        content = host.read(path)
        if content is None or len(content) > min(SNAPSHOT_FILE, room):
            continue
        if content not in numbers:
            room -= len(content)
        files[path] = numbers.setdefault(content, len(numbers))
    blobs = [_text(content) for content in numbers]
    return pack({"paths": host.paths(), "links": host.links(), "files": files, "blobs": blobs})


def _text(content: bytes) -> str:
    """Any bytes as text, one character each: compresses across files, which base64 inside would not."""
    return content.decode("latin-1")


def _bytes(text: str) -> bytes:
    return text.encode("latin-1")


def pack(body: Mapping[str, object] | str) -> str:
    """JSON, compressed as one piece."""
    return b64encode(zlib.compress(canonical(body).encode("ascii"), 6)).decode("ascii")


def unpack(packed: str) -> object:
    return json.loads(zlib.decompress(b64decode(packed)))
