"""Every path stays inside the repository, goes through no symbolic link and names a regular file."""

from __future__ import annotations

import unicodedata
from pathlib import PurePosixPath

from agent.gates.evidence import Evidence, listed, passed, refused
from agent.types import GateResult

NAME = "paths"

LONGEST = 255  # bytes of one name: what common file systems take
LONGEST_PATH = 1024


def check(evidence: Evidence) -> GateResult:
    folders = {str(parent) for path in evidence.source.paths() for parent in PurePosixPath(path).parents}
    files = frozenset(evidence.source.paths())
    faults = [
        f"{change.path!r} {fault}"
        for change in evidence.changes
        if (fault := malformed(change.path) or _misplaced(change.path, files, folders, evidence.links))
    ]
    if faults:
        return refused(NAME, listed(faults))
    return passed(NAME, "all paths are inside the repository; no link is followed, no file mode changes")


def malformed(path: str) -> str:
    """What keeps a text from being a plain relative path; empty when nothing does."""
    parts = path.split("/")
    if not path or path.startswith("/"):
        return "is empty or absolute"
    if any(part in ("", ".", "..") for part in parts):
        return "is not a plain relative path"
    if "\\" in path or any(unicodedata.category(character) in ("Cc", "Cf", "Cs") for character in path):
        return "contains a backslash or an invisible character"
    encoded = path.encode()
    if len(encoded) > LONGEST_PATH or any(len(part.encode()) > LONGEST for part in parts):
        return "is too long"
    return ""


def _misplaced(path: str, files: frozenset[str], folders: set[str], links: frozenset[str]) -> str:
    above = [str(parent) for parent in PurePosixPath(path).parents]
    if path in links or any(parent in links for parent in above):
        return "is, or lies behind, a symbolic link"
    if any(parent in files for parent in above):
        return "lies below a file"
    if path in folders:
        return "is a folder"
    return ""
