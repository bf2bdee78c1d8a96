"""The append-only record of every effect of one run: the source of resume, replay, viewer and training data.

A journal is a file of JSON lines. The first line is a header (format version, run, task); each further one
is an *effect* (kind, request, answer), found again by the digest of kind and request, or a *note* (kind,
body), found again by its position. Every line ends with a checksum of itself.

A killed run is resumed by running the same deterministic code again: its effects are answered from the
record, its notes are compared with the record, and where the record ends it goes on. An effect is on disk
(fsync) before its answer is used, so none that was seen to finish is performed again; a note is only
flushed, since the same run makes it again.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from agent.errors import JournalBusy, JournalCorrupt, JournalDiverged
from agent.protocols import JsonObject

FORMAT = 1
LONGEST = 256 << 20  # bytes of a line; the longest that is written holds a snapshot of a repository


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The first line of a journal."""

    run: str
    task: JsonObject
    format: int = FORMAT


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What a journal file holds. ``end`` is the length of its sound part in bytes; ``header`` None: nothing
    yet."""

    header: Header | None = None
    records: tuple[JsonObject, ...] = ()
    end: int = 0


def canonical(value: object) -> str:
    """The one JSON text of a value: sorted keys, ASCII only (so that lone surrogates survive), no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def key_of(kind: str, request: JsonObject) -> str:
    return hashlib.sha256(canonical([kind, request]).encode("ascii")).hexdigest()


class MemoryJournal:
    """A journal without a file; the two others add where records go."""

    def __init__(self, records: Iterable[JsonObject] = ()) -> None:
        self._answers: dict[str, JsonObject] = {}
        self._notes: list[str] = []
        self._position = 0
        self._turns: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()  # over everything above, and over appending
        for record in records:
            self._learn(record)

    def effect(self, kind: str, request: JsonObject, perform: Callable[[], JsonObject]) -> JsonObject:
        key = key_of(kind, request)
        with self._turn(key):
            known = self._answers.get(key)
            if known is not None:
                return known
            self._expect_missing(kind, request)
            # Through JSON at once: the first run must see exactly what a resumed one will (lists, not
            # tuples).
            answer: JsonObject = json.loads(canonical(perform()))
            with self._guard:
                self._append({"effect": kind, "key": key, "request": request, "answer": answer}, durable=True)
                self._answers[key] = answer
            return answer

    def note(self, kind: str, body: JsonObject) -> None:
        record: JsonObject = {"note": kind, "body": body}
        text = canonical(record)
        with self._guard:
            if self._position < len(self._notes):
                self._compare(self._notes[self._position], text)
            else:
                self._append(record, durable=False)
                self._notes.append(text)
            self._position += 1

    @property
    def resumed(self) -> bool:
        """Whether recorded notes are left that this run has not come to yet."""
        return self._position < len(self._notes)

    def _turn(self, key: str) -> threading.Lock:
        """One caller at a time per effect; others with the same key wait for its answer."""
        with self._guard:
            return self._turns.setdefault(key, threading.Lock())

    def _learn(self, record: JsonObject) -> None:
        answer, key = record.get("answer"), record.get("key")
        if isinstance(answer, dict) and isinstance(key, str):
            self._answers[key] = answer
        elif "note" in record:
            self._notes.append(canonical(record))

    def _compare(self, recorded: str, now: str) -> None:
        if recorded != now:
            at = next((i for i, (a, b) in enumerate(zip(recorded, now, strict=False)) if a != b), 0)
            near = slice(max(0, at - 60), at + 60)
            raise JournalDiverged(
                f"note {self._position + 1} was recorded as …{recorded[near]}… and is now …{now[near]}…: "
                "the journal was made by another version or from another input"
            )

    def _expect_missing(self, kind: str, request: JsonObject) -> None:
        """Called before an effect is performed; a read-only journal refuses here."""

    def _append(self, record: JsonObject, *, durable: bool) -> None:
        """Store a record before it is relied on."""


class FileJournal(MemoryJournal):
    """A journal in a file, for one process at a time. A context manager."""

    def __init__(self, path: Path, *, run: str, task: JsonObject) -> None:
        """Open or create. Raises JournalBusy, JournalCorrupt, or JournalDiverged when it is another
        task's."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            _lock(self._file, path)
            recorded = _read(path)
            super().__init__(recorded.records)
            os.ftruncate(self._file, recorded.end)
            self._end = os.lseek(self._file, recorded.end, os.SEEK_SET)
            self.header = recorded.header or Header(run=run, task=task)
            if recorded.header is None:
                self._append(_header_record(self.header), durable=True)
                _sync_directory(path.parent)
            elif canonical(recorded.header.task) != canonical(task):
                raise JournalDiverged(
                    f"{path} is the journal of another task; give this run a journal of its own"
                )
        except BaseException:
            os.close(self._file)
            raise

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)  # and with it the lock
            self._file = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _append(self, record: JsonObject, *, durable: bool) -> None:
        line = _line(record)
        try:
            rest = memoryview(line)
            while rest:
                rest = rest[os.write(self._file, rest) :]
            if durable:
                os.fsync(self._file)
        except OSError:
            # A full disk must not leave half a line that the next record would be glued to.
            os.ftruncate(self._file, self._end)
            os.lseek(self._file, self._end, os.SEEK_SET)
            raise
        self._end += len(line)


class ReplayJournal(MemoryJournal):
    """A finished journal, read-only: what is not recorded cannot be had."""

    def __init__(self, path: Path) -> None:
        recorded = _read(path)
        if recorded.header is None:
            raise JournalCorrupt(f"{path} holds no journal")
        super().__init__(recorded.records)
        self.header = recorded.header

    def _expect_missing(self, kind: str, request: JsonObject) -> None:
        if kind == "answer":
            return  # nobody has given one: the run ended there, asking, and so does its replay
        raise JournalDiverged(f"the journal has no answer for the {kind} {canonical(request)[:300]}")

    def _append(self, record: JsonObject, *, durable: bool) -> None:  # noqa: ARG002
        raise JournalDiverged(f"the journal ends before the note {canonical(record)[:300]}")


def read_journal(path: Path) -> Recorded:
    """What a journal holds, without opening it for writing: for viewers and exports."""
    return _read(path)


def scan_journal(path: Path) -> Iterator[tuple[int, JsonObject]]:
    """Every record with its place in bytes, the header first, one line in memory at a time: for journals of
    any size and origin, also of runs that still go on. Ends before a torn last line; raises JournalCorrupt.
    """
    with path.open("rb") as stream:
        number, at = 0, 0
        while line := stream.readline(LONGEST + 1):
            number += 1
            record = _parse_strange(line)
            if record is None:
                if not stream.read(1) and len(line) <= LONGEST:
                    return  # the last line alone may be damaged: it was being written
                raise JournalCorrupt(f"{path}, line {number}: damaged")
            if number == 1:
                _header(path, record)
            yield at, record
            at += len(line)


def record_at(path: Path, place: int) -> JsonObject:
    """The record at a place that ``scan_journal`` told."""
    with path.open("rb") as stream:
        stream.seek(place)
        record = _parse_strange(stream.readline(LONGEST + 1))
    if record is None:
        raise JournalCorrupt(f"{path}: no record at byte {place}; it was changed meanwhile")
    return record


def _parse_strange(line: bytes) -> JsonObject | None:
    """A line that somebody else may have written: also what only looks like JSON is damage."""
    if not line.endswith(b"\n"):
        return None
    try:
        return _parse(line[:-1])
    except (ValueError, RecursionError):
        return None


def _read(path: Path) -> Recorded:
    data = path.read_bytes()
    lines = data.split(b"\n")
    lines.pop()  # what follows the last line end: nothing, or a line torn by a kill
    records: list[JsonObject] = []
    end = 0
    for number, line in enumerate(lines, start=1):
        record = _parse(line)
        if record is None:
            if number == len(lines) and end + len(line) + 1 == len(data):
                break  # the last line alone may be damaged: it was being written
            raise JournalCorrupt(
                f"{path}, line {number}: damaged; the run cannot be resumed from this journal"
            )
        records.append(record)
        end += len(line) + 1
    if not records:
        return Recorded()
    return Recorded(header=_header(path, records[0]), records=tuple(records[1:]), end=end)


def _line(record: JsonObject) -> bytes:
    body = canonical(record).encode("ascii")
    return b'%s,"sum":"%08x"}\n' % (body[:-1], zlib.crc32(body))


def _parse(line: bytes) -> JsonObject | None:
    body, separator, checksum = line.rpartition(b',"sum":"')
    whole = body + b"}"
    if not separator or checksum != b'%08x"}' % zlib.crc32(whole):
        return None
    record = json.loads(whole)
    return record if isinstance(record, dict) else None


def _header_record(header: Header) -> JsonObject:
    return {"journal": header.format, "run": header.run, "task": header.task}


def _header(path: Path, record: JsonObject) -> Header:
    match record:
        case {"journal": int(version), "run": str(run), "task": dict(task)}:
            if version != FORMAT:
                raise JournalCorrupt(f"{path} has format {version}, this program reads format {FORMAT}")
            return Header(run=run, task=task)
    raise JournalCorrupt(f"{path}, line 1: not the header of a journal")


def _lock(file: int, path: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise JournalBusy(f"{path} is in use by another process; wait for it or stop it") from None


def _sync_directory(path: Path) -> None:
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
