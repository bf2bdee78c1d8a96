"""Whether this process can take work now: the answer to /readyz."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

LEAST_FREE: Final = 256 << 20  # bytes: a clone, an environment and their journals


def missing(data: Path, database: Callable[[], bool]) -> str:
    """One line that says what is missing, without paths or addresses; empty: nothing."""
    if not database():
        return "the database does not answer"
    try:
        probe = data / ".probe"
        probe.write_bytes(b"")
        probe.unlink(missing_ok=True)
        free = shutil.disk_usage(data).free
    except OSError as error:
        return f"the data directory cannot be written: {error.strerror}"
    return "" if free >= LEAST_FREE else f"the disk is full: {free >> 20} MiB are free"
