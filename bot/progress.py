"""Live progress on GitHub: seldom, best effort, never in the way of the run."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import structlog

SAME_PHASE_SECONDS: Final = 15.0  # GitHub allows 80 edits a minute for everything together
NEW_PHASE_SECONDS: Final = 3.0  # a resumed run comes through its old phases at once

log = structlog.get_logger("bot.progress")


@dataclass(slots=True)
class LiveProgress:
    """An ``agent.protocols.Progress`` that hands on what is worth an edit. May be called from any thread."""

    show: Callable[[str, str], None]  # (phase, detail); may raise
    clock: Callable[[], float]
    same_phase: float = SAME_PHASE_SECONDS
    new_phase: float = NEW_PHASE_SECONDS
    _phase: str = ""
    _last: float = float("-inf")
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, phase: str, detail: str = "", *, done: int = 0, total: int = 0) -> None:
        log.debug("progress", phase=phase, detail=detail, done=done, total=total)
        if not self._due(phase):
            return
        count = f"{done} of {total}" if total else ""
        try:
            self.show(phase, ", ".join(part for part in (count, detail) if part))
        except Exception as error:  # an edit that did not work out changes nothing about the run
            log.warning("progress could not be shown", phase=phase, exc_info=error)

    def _due(self, phase: str) -> bool:
        with self._guard:
            now = self.clock()
            if now - self._last < (self.same_phase if phase == self._phase else self.new_phase):
                return False
            self._phase, self._last = phase, now
            return True
