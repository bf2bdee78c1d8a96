"""Keep the head and the tail of a stream and count the rest."""

from __future__ import annotations

from collections import deque

BOMB_FACTOR = 50
"""A stream of more than this many times what is kept is a bomb."""


class Capture:
    def __init__(self, kept: int) -> None:
        self._head = bytearray()
        self._head_cap = kept - kept // 2
        self._tail: deque[bytes] = deque()
        self._tail_cap = kept // 2
        self._tail_size = 0
        self._total = 0
        self._bomb = kept * BOMB_FACTOR

    def feed(self, data: bytes) -> None:
        self._total += len(data)
        room = self._head_cap - len(self._head)
        if room > 0:
            self._head += data[:room]
            data = data[room:]
        if data:
            self._tail.append(data)
            self._tail_size += len(data)
        while self._tail and self._tail_size - len(self._tail[0]) >= self._tail_cap:
            self._tail_size -= len(self._tail.popleft())

    @property
    def is_bomb(self) -> bool:
        return self._total > self._bomb

    @property
    def truncated(self) -> bool:
        return self._total > self._head_cap + self._tail_cap

    @property
    def kept(self) -> bytes:
        tail = b"".join(self._tail)
        if len(tail) > self._tail_cap:
            tail = tail[len(tail) - self._tail_cap :]
        return bytes(self._head) + tail
