"""Who is alive: every worker holds a lock under its own name for as long as it lives.

A lock needs no clock and no heartbeat: the kernel (a lock on a file) or the database server (an advisory lock
of a session) lets go of it when the process dies, however it dies. Whoever can take a worker's lock knows
that it is gone.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError


class Locks(Protocol):
    """Locks with names, shared by all workers of one queue."""

    def hold(self, name: str) -> bool:
        """Take a lock and keep it; False when somebody else has it. Asked again: whether it is still held,
        taking it anew if it was lost."""
        ...

    @contextmanager
    def if_free(self, name: str) -> Iterator[bool]:
        """Holds the lock inside when nobody else did, and says so. Not for a name that this process holds."""
        ...

    def forget(self, name: str) -> None:
        """Tidy up after a name that will not come back. Only while its lock is held here."""
        ...

    def close(self) -> None: ...


class FileLocks:
    """For SQLite: all workers are on this machine."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._directory = directory
        self._held: dict[str, int] = {}

    def hold(self, name: str) -> bool:
        if name not in self._held:
            file = self._try(name)
            if file is None:
                return False
            self._held[name] = file
        return True

    @contextmanager
    def if_free(self, name: str) -> Iterator[bool]:
        file = self._try(name)
        try:
            yield file is not None
        finally:
            if file is not None:
                os.close(file)

    def forget(self, name: str) -> None:
        self._path(name).unlink(missing_ok=True)

    def close(self) -> None:
        for name, file in self._held.items():
            self._path(name).unlink(missing_ok=True)
            os.close(file)
        self._held.clear()

    def _path(self, name: str) -> Path:
        return self._directory / f"{name}.lock"

    def _try(self, name: str) -> int | None:
        file = os.open(self._path(name), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return None
        except BaseException:
            os.close(file)
            raise
        return file


class PostgresLocks:
    """Advisory locks of one session. Needs a connection of its own: no pooler in transaction mode between."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._connection: sa.Connection | None = None
        self._guard = threading.Lock()
        self._held: set[str] = set()

    def hold(self, name: str) -> bool:
        with self._guard:
            try:
                if self._connection is not None and name in self._held:
                    self._connection.execute(sa.text("SELECT 1"))
                    return True
                taken = self._take(name)
            except SQLAlchemyError:
                self._drop()
                return False
            if taken:
                self._held.add(name)
            return taken

    @contextmanager
    def if_free(self, name: str) -> Iterator[bool]:
        with self._guard:
            taken = self._take(name)
            try:
                yield taken
            finally:
                if taken and self._connection is not None:
                    self._connection.execute(sa.text("SELECT pg_advisory_unlock(:key)"), {"key": _key(name)})

    def forget(self, name: str) -> None:
        """Nothing is left of an advisory lock."""

    def close(self) -> None:
        with self._guard:
            self._drop()

    def _take(self, name: str) -> bool:
        if self._connection is None:
            self._connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        answer = self._connection.execute(sa.text("SELECT pg_try_advisory_lock(:key)"), {"key": _key(name)})
        return bool(answer.scalar())

    def _drop(self) -> None:
        self._held.clear()
        if self._connection is not None:
            self._connection.invalidate()  # ends the session, and with it its locks
            self._connection.close()
            self._connection = None


def _key(name: str) -> int:
    """A signed 64-bit number, as advisory locks are named."""
    digest = hashlib.sha256(b"codeagent " + name.encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)
