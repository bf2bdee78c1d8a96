"""The host's end of the connection to an inside: every read and write has a deadline, every answer a
size cap.
"""

from __future__ import annotations

import json
import os
import select
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

CHUNK = 1 << 18


class Gone(Exception):
    """The inside closed the connection: it died, or was killed."""


class Late(Exception):
    """The inside missed the deadline."""


class Nonsense(Exception):
    """The inside said what it cannot say: it is not to be used any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    header: dict[str, Any]
    blobs: tuple[bytes, ...]


class Demultiplexer:
    """Docker's framing of an attached container: keep its standard output, remember the end of its errors."""

    def __init__(self) -> None:
        self._pending = bytearray()
        self.errors = b""

    def __call__(self, data: bytes) -> bytes:
        self._pending += data
        out = bytearray()
        while len(self._pending) >= 8:
            size = int.from_bytes(self._pending[4:8], "big")
            if len(self._pending) < 8 + size:
                break
            payload = bytes(self._pending[8 : 8 + size])
            if self._pending[0] == 1:
                out += payload
            else:
                self.errors = (self.errors + payload)[-4096:]
            del self._pending[: 8 + size]
        return bytes(out)


def verbatim(data: bytes) -> bytes:
    return data


class Channel:
    """Frames over a pair of non-blocking descriptors, which it does not own."""

    def __init__(self, *, reads: int, writes: int, decode: Callable[[bytes], bytes] = verbatim) -> None:
        self._reads = reads
        self._writes = writes
        self._decode = decode
        self._received = bytearray()
        os.set_blocking(reads, False)
        os.set_blocking(writes, False)

    def send(self, data: bytes, deadline: float) -> None:
        view = memoryview(data)
        while view:
            self._wait(self._writes, select.POLLOUT, deadline)
            try:
                view = view[os.write(self._writes, view[:CHUNK]) :]
            except BlockingIOError:
                continue
            except (BrokenPipeError, ConnectionResetError):
                raise Gone from None

    def receive(self, deadline: float, *, header_cap: int, blob_cap: int, total_cap: int) -> Answer:
        """One answer, or Nonsense as soon as it announces more than it may."""
        length = int.from_bytes(self._take(4, deadline), "big")
        if length > header_cap:
            raise Nonsense(f"an answer announces a header of {length} bytes")
        header = _header(self._take(length, deadline))
        sizes = header.pop("blobs", None)
        if not isinstance(sizes, list) or not all(type(size) is int and size >= 0 for size in sizes):
            raise Nonsense("an answer does not say what it carries")
        if len(sizes) > blob_cap or sum(sizes) > total_cap:
            raise Nonsense(f"an answer announces {len(sizes)} parts of {sum(sizes)} bytes")
        return Answer(header=header, blobs=tuple(self._take(size, deadline) for size in sizes))

    def _take(self, count: int, deadline: float) -> bytes:
        while len(self._received) < count:
            self._wait(self._reads, select.POLLIN, deadline)
            try:
                data = os.read(self._reads, CHUNK)
            except BlockingIOError:
                continue
            except ConnectionResetError:
                raise Gone from None
            if not data:
                raise Gone
            self._received += self._decode(data)
        taken = bytes(self._received[:count])
        del self._received[:count]
        return taken

    def _wait(self, fd: int, event: int, deadline: float) -> None:
        left = deadline - time.monotonic()
        poll = select.poll()
        poll.register(fd, event)
        if left <= 0 or not poll.poll(left * 1000 + 1):
            raise Late


def _header(text: bytes) -> dict[str, Any]:
    try:
        header = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Nonsense("an answer's header is not JSON") from error
    if not isinstance(header, dict):
        raise Nonsense("an answer's header is not an object")
    return header
