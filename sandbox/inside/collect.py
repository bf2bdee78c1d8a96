"""Take files out of the workspace after a run: regular ones only, never through a symbolic link, bounded."""

from __future__ import annotations

import os
import stat

_NOT_FOLLOWING = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def collect(root: str, names: list[str], cap: int) -> tuple[dict[int, bytes], bool]:
    """Content by index into ``names``, and whether a file was dropped because all together exceed ``cap``."""
    found: dict[int, bytes] = {}
    dropped = False
    for index, name in enumerate(names):
        content = _read(root, name, cap)
        if content is None:
            continue
        if len(content) > cap:
            dropped = True
            continue
        cap -= len(content)
        found[index] = content
    return found, dropped


def _read(root: str, name: str, cap: int) -> bytes | None:
    """At most one byte more than ``cap``; None when there is no such regular file."""
    fd = _open(root, name)
    if fd is None:
        return None
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        return None
    with os.fdopen(fd, "rb") as stream:
        return stream.read(cap + 1)


def _open(root: str, name: str) -> int | None:
    *parents, last = name.split("/")
    where = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in parents:
            inner = os.open(part, _NOT_FOLLOWING | os.O_DIRECTORY, dir_fd=where)
            os.close(where)
            where = inner
        return os.open(last, _NOT_FOLLOWING, dir_fd=where)
    except OSError:  # missing, a link, a socket, without permission: not there, says the contract
        return None
    finally:
        os.close(where)
