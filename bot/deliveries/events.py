"""Server-sent events, read from bytes as they come, within bounds. Pure.

After the WHATWG's description of the format: lines end with CR, LF or both; an empty line ends an event; a
field that is not known is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_LINE_END: Final = re.compile(rb"\r\n|\n|\r")


class TooLong(Exception):
    """An event larger than the bound: whoever sends that is no relay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerEvent:
    data: str
    kind: str = "message"


class EventReader:
    """``most``: bytes of one event."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._parts: list[bytes] = []  # of a line that has not ended
        self._half = False  # the last chunk ended with CR
        self._data: list[str] = []
        self._size = 0
        self._kind = ""
        self.retry: float | None = None  # seconds that the server asks to wait before the next connection

    def feed(self, chunk: bytes) -> Iterator[ServerEvent]:
        """The events that are complete with this chunk. Raises TooLong."""
        if self._half and chunk:
            chunk = chunk.removeprefix(b"\n")
            self._half = False
        self._half = self._half or chunk.endswith(b"\r")
        first, *more = _LINE_END.split(chunk)
        self._parts.append(first)
        self._size += len(first)
        for piece in more:
            line = b"".join(self._parts)
            self._parts = [piece]
            yield from self._line(line)
            self._size += len(piece)
            if self._size > self._most:
                raise TooLong
        if self._size > self._most:
            raise TooLong

    def _line(self, line: bytes) -> Iterator[ServerEvent]:
        if not line:
            if self._data:
                yield ServerEvent(data="\n".join(self._data), kind=self._kind or "message")
            self._data, self._size, self._kind = [], 0, ""
            return
        name, _, value = line.decode("utf-8", "replace").partition(":")
        value = value.removeprefix(" ")
        match name:
            case "data":
                self._data.append(value)
            case "event":
                self._kind = value[:64]
            case "retry" if value.isascii() and value.isdigit():
                self.retry = min(int(value[:9]) / 1000, 600.0)
            case _:
                return
