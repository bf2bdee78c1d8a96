"""Who owns a sandbox's leftovers: a name that tells a dead owner from a live one, on any machine."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """A process: where its number means something (boot and namespace), its number and its start time."""

    place: str
    pid: int
    started: int

    @classmethod
    def current(cls) -> Self:
        pid = os.getpid()
        return cls(place=_place(), pid=pid, started=_started(pid) or 0)

    @classmethod
    def parse(cls, text: str) -> Self | None:
        place, _, rest = text.partition(".")
        pid, _, started = rest.partition(".")
        if not (place and pid.isdigit() and started.isdigit()):
            return None
        return cls(place=place, pid=int(pid), started=int(started))

    def __str__(self) -> str:
        return f"{self.place}.{self.pid}.{self.started}"

    @property
    def dead(self) -> bool:
        """False also for an owner of another boot or namespace: of that one nothing can be known from
        here.
        """
        return self.place == _place() and _started(self.pid) != self.started


def _place() -> str:
    boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip().replace("-", "")
    return f"{boot[:12]}-{Path('/proc/self/ns/pid').stat().st_ino}"


def _started(pid: int) -> int | None:
    """Start time in clock ticks since boot; None when there is no such process (a zombie is none)."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text("ascii", "replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text[text.rindex(")") + 2 :].split()
    return None if fields[0] in "ZX" else int(fields[19])
