"""Which relative paths may name a file of a tree: decided without touching a disk."""

from __future__ import annotations

PATH_CAP = 4096
NAME_CAP = 255


def problem(path: str) -> str | None:
    """Why ``path`` may not be used, or None. POSIX, relative, normal: one file has one name."""
    if not path:
        return "is empty"
    if "\0" in path:
        return "contains a NUL"
    if path.startswith("/"):
        return "is absolute"
    parts = path.split("/")
    if ".." in parts:
        return "contains '..'"
    if "." in parts or "" in parts:
        return "is not normal (an empty or '.' component)"
    try:
        encoded = [part.encode("utf-8", "surrogateescape") for part in parts]
    except UnicodeEncodeError:
        return "cannot be encoded"
    if sum(map(len, encoded)) + len(parts) > PATH_CAP - 64 or max(map(len, encoded)) > NAME_CAP:
        return "is too long"
    return None


def require(path: str) -> str:
    """The path itself, or ValueError saying what is wrong with it."""
    reason = problem(path)
    if reason is not None:
        raise ValueError(f"path {path[:200]!r} {reason}")
    return path
