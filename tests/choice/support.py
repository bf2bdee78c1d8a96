"""A source tree of a few texts."""

from __future__ import annotations

from collections.abc import Mapping


class Files:
    def __init__(self, files: Mapping[str, str]) -> None:
        self.files = files

    def paths(self) -> tuple[str, ...]:
        return tuple(sorted(self.files))

    def read(self, path: str) -> bytes | None:
        text = self.files.get(path)
        return None if text is None else text.encode()
