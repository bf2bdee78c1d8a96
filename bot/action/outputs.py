"""What the runner reads of a step: workflow commands on standard output, the files for outputs and summary.

Whatever a step prints is searched for commands (``::set-env …``). What is printed here comes from
repositories too, so commands are switched off for all of the output but for the lines that are meant.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TextIO

SUMMARY_LIMIT: Final = 1_000_000  # bytes; GitHub takes 1 MiB of each step
MESSAGE_LIMIT: Final = 4_000
ANNOTATIONS: Final = 10  # GitHub shows ten of each kind for a step


class WorkflowLog:
    """Standard output as a runner reads it. Also a text stream, for logs. May be used from any thread.

    ``redact`` is applied to everything.
    """

    def __init__(self, stream: TextIO, redact: Callable[[str], str] = str) -> None:
        self._stream = stream
        self._redact = redact
        self._word = secrets.token_hex(32)  # whoever knew it could switch commands on again
        self._lock = threading.RLock()
        self._group = False
        self.encoding = "utf-8"

    def __enter__(self) -> Self:
        self._put(f"::stop-commands::{self._word}\n")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end_group()
        self._put(f"::{self._word}::\n")

    # --- a stream for logs ---

    def write(self, text: str) -> int:
        self._put(self._redact(text))
        return len(text)

    def flush(self) -> None:
        with self._lock:
            self._stream.flush()

    def isatty(self) -> bool:
        return False

    def line(self, text: str) -> None:
        self.write(text.rstrip("\n") + "\n")

    # --- commands ---

    def group(self, title: str) -> None:
        """Begin a new group of lines; groups do not nest."""
        with self._lock:
            self.end_group()
            self._command("group", title, {})
            self._group = True

    def end_group(self) -> None:
        with self._lock:
            if self._group:
                self._command("endgroup", "", {})
                self._group = False

    def error(self, message: str, **where: str | int) -> None:
        self._command("error", message, where)

    def warning(self, message: str, **where: str | int) -> None:
        self._command("warning", message, where)

    def notice(self, message: str, **where: str | int) -> None:
        """``where``: title, file, line, endLine."""
        self._command("notice", message, where)

    def _command(self, name: str, message: str, properties: Mapping[str, str | int]) -> None:
        shown = ",".join(f"{key}={_property(self._redact(str(value)))}" for key, value in properties.items())
        head = f"{name} {shown}" if shown else name
        body = _data(self._redact(message)[:MESSAGE_LIMIT])
        self._put(f"::{self._word}::\n::{head}::{body}\n::stop-commands::{self._word}\n")

    def _put(self, text: str) -> None:
        with self._lock:
            self._stream.write(text)
            self._stream.flush()


def _data(text: str) -> str:
    """As the runner's own toolkit escapes it."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text[:400]).replace(":", "%3A").replace(",", "%2C")


def write_outputs(path: Path | None, values: Mapping[str, str]) -> None:
    """With a delimiter of its own for each value: none can begin another one."""
    if path is None:
        return
    with path.open("a", encoding="utf-8") as file:
        for name, value in values.items():
            end = f"end-{secrets.token_hex(16)}"
            file.write(f"{name}<<{end}\n{value}\n{end}\n")


def write_summary(path: Path | None, text: str) -> None:
    if path is None:
        return
    encoded = text.encode("utf-8", "replace")
    if len(encoded) > SUMMARY_LIMIT:
        encoded = encoded[:SUMMARY_LIMIT].decode("utf-8", "ignore").encode() + b"\n\n(cut)\n"
    with path.open("ab") as file:
        file.write(encoded + b"\n")
