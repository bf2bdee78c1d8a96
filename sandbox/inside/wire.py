"""Frames between host and inside: a JSON header of known length, then the raw bytes that it announces."""

from __future__ import annotations

import json
import os
from typing import Any

HEADER_CAP = 64 << 20
"""A request names every file of its overlay; an answer is capped far lower, by the host."""


class Closed(Exception):
    """The other side is gone."""


def pack(header: dict[str, Any], blobs: tuple[bytes, ...] = ()) -> bytes:
    text = json.dumps({**header, "blobs": [len(blob) for blob in blobs]}).encode("ascii")
    return b"".join((len(text).to_bytes(4, "big"), text, *blobs))


def read_exactly(fd: int, count: int) -> bytes:
    parts = []
    while count:
        part = os.read(fd, min(count, 1 << 20))
        if not part:
            raise Closed
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def read_frame(fd: int) -> tuple[dict[str, Any], list[bytes]]:
    """For the inside only: blocks, and believes the lengths. The host has its own, distrusting reader."""
    length = int.from_bytes(read_exactly(fd, 4), "big")
    if length > HEADER_CAP:
        raise Closed
    header: dict[str, Any] = json.loads(read_exactly(fd, length))
    return header, [read_exactly(fd, size) for size in header["blobs"]]


def write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
