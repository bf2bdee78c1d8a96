"""A patch as ``git apply`` takes it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator

from agent.types import Patch

_PLAIN = re.compile(r"[A-Za-z0-9._/+-][A-Za-z0-9._/+ -]*")


def git_diff(patch: Patch, read: Callable[[str], bytes | None]) -> str:
    """``read`` gives a file as it was, None where there was none. Empty when a file is no UTF-8 text, or has
    a name that git would quote: then it cannot be shown as text that applies."""
    parts = []
    for change in patch.changes:
        try:
            part = "".join(_file(change.path, read(change.path), change.content))
        except UnicodeDecodeError:
            return ""
        if not _PLAIN.fullmatch(change.path):
            return ""
        parts.append(part)
    return "".join(parts)


def _file(path: str, old: bytes | None, new: bytes | None) -> Iterator[str]:
    before, after = _lines(old), _lines(new)
    if before == after:
        return
    yield f"diff --git a/{path} b/{path}\n"
    if old is None:
        yield "new file mode 100644\n"
    if new is None:
        yield "deleted file mode 100644\n"
    names = ("/dev/null" if old is None else f"a/{path}", "/dev/null" if new is None else f"b/{path}")
    for line in difflib.unified_diff(before, after, *names):
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _lines(content: bytes | None) -> list[str]:
    """Lines end with a line feed alone, as git sees them."""
    return re.findall(r"[^\n]*\n|[^\n]+", content.decode("utf-8")) if content else []
