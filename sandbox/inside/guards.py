"""Limits that no kernel mechanism holds here, looked at while a command runs."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from sandbox.inside.processes import memory_bytes


class MemoryGuard:
    """All processes together, where no cgroup counts them."""

    def __init__(self, cap: int) -> None:
        self._cap = cap

    def __call__(self) -> str | None:
        return "memory" if memory_bytes(self._cap) > self._cap else None


class GrowthGuard:
    """A directory on the host's disk that is being filled: the environment, while it is built.

    Counting it takes a while, so it is done only when the disk has lost more than the cap, to whomever.
    """

    PAUSE_SECONDS = 1.0

    def __init__(self, path: str, cap: int) -> None:
        self._path = path
        self._cap = cap
        self._before = used(path)
        self._free = free(path)
        self._next = 0.0

    def __call__(self) -> str | None:
        now = time.monotonic()
        if now < self._next:
            return None
        self._next = now + self.PAUSE_SECONDS
        if self._free - free(self._path) <= self._cap:
            return None
        return "output" if used(self._path) - self._before > self._cap else None


def all_of(guards: list[Callable[[], str | None]]) -> Callable[[], str | None] | None:
    if not guards:
        return None
    return lambda: next((reached for guard in guards if (reached := guard())), None)


def free(path: str) -> int:
    status = os.statvfs(path)
    return status.f_bfree * status.f_frsize


def used(path: str) -> int:
    total = 0
    for where, _, names in os.walk(path):
        for name in names:
            try:
                total += os.lstat(os.path.join(where, name)).st_blocks * 512
            except OSError:  # removed meanwhile
                continue
    return total
