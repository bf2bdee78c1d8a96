"""What runs in this process now, and how it is told to stop."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from bot.queue import Halt


class Abandoned(BaseException):
    """Ends a job's thread and leaves its row as it is, to be taken up again. Not an Exception, because the
    queue would write that down as the job's end."""


class Flag:
    """Why one running job is to stop, if at all. The first reason stays."""

    def __init__(self, stopping: threading.Event) -> None:
        self._stopping = stopping
        self._reason: Halt | None = None

    def set(self, reason: Halt) -> None:
        self._reason = self._reason or reason

    def __call__(self) -> Halt | None:
        return self._reason or (Halt.INTERRUPTED if self._stopping.is_set() else None)


class Running:
    """The jobs that run in this process now, and those that it has let go of."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._flags: dict[str, Flag] = {}
        self._let_go: set[str] = set()

    @contextmanager
    def enter(self, job_id: str, stopping: threading.Event) -> Iterator[Flag]:
        """Raises Abandoned when it runs here already."""
        flag = Flag(stopping)
        with self._guard:
            if job_id in self._flags:
                raise Abandoned
            self._flags[job_id] = flag
            self._let_go.discard(job_id)
        try:
            yield flag
        except Abandoned:
            with self._guard:
                self._let_go.add(job_id)
            raise
        finally:
            with self._guard:
                del self._flags[job_id]

    def ids(self) -> tuple[str, ...]:
        with self._guard:
            return tuple(sorted(self._flags))

    def take_let_go(self, job_ids: Collection[str]) -> frozenset[str]:
        """Those of the jobs whose threads have left them as they were; each is told of once."""
        with self._guard:
            found = self._let_go.intersection(job_ids)
            self._let_go -= found
            return frozenset(found)

    def halt(self, job_ids: Collection[str], reason: Halt) -> None:
        with self._guard:
            for job_id in job_ids:
                if job_id in self._flags:
                    self._flags[job_id].set(reason)

    def halt_all(self, reason: Halt) -> None:
        self.halt(self.ids(), reason)
