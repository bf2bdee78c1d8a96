"""Live progress on GitHub: seldom, best effort, never in the way of the run."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Final, Self

import structlog

SAME_PHASE_SECONDS: Final = 15.0  # GitHub allows 80 edits a minute for everything together
NEW_PHASE_SECONDS: Final = 3.0  # a resumed run comes through its old phases at once

Show = Callable[[str, str], None]
"""Tells (phase, detail) in one place; may raise."""

log = structlog.get_logger("bot.progress")


class LiveProgress:
    """An ``agent.protocols.Progress`` that hands on what is worth an edit. May be called from any thread.

    The edits are made by a thread of its own, for GitHub wants a second between two of them: made in the
    run's thread they were a third of a short run. What comes while an edit is under way replaces what waits.
    Once the context is left nothing is edited any more, so that the answer is never overwritten.
    """

    def __init__(
        self,
        shows: Sequence[Show],
        clock: Callable[[], float],
        *,
        live: Callable[[], bool] = lambda: True,
        same_phase: float = SAME_PHASE_SECONDS,
        new_phase: float = NEW_PHASE_SECONDS,
    ) -> None:
        self._shows = tuple(shows)
        self._clock = clock
        self._live = live
        self._same_phase = same_phase
        self._new_phase = new_phase
        self._phase = ""
        self._last = float("-inf")
        self._waiting: tuple[str, str] | None = None
        self._over = False
        self._changed = threading.Condition()  # guards everything above
        context = contextvars.copy_context()  # its log lines say of which job they are
        self._editor = threading.Thread(target=context.run, args=(self._edit,), name="progress", daemon=True)

    def __enter__(self) -> Self:
        self._editor.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._over = True
            self._changed.notify()
        self._editor.join()

    def __call__(self, phase: str, detail: str = "", *, done: int = 0, total: int = 0) -> None:
        log.debug("progress", phase=phase, detail=detail, done=done, total=total)
        if not self._live():
            return
        count = f"{done} of {total}" if total else ""
        with self._changed:
            if self._is_due(phase):
                self._waiting = (phase, ", ".join(part for part in (count, detail) if part))
                self._changed.notify()

    @property
    def over(self) -> bool:
        """Whether the context was left, or is about to be: then nothing more is begun."""
        return self._over

    def _is_due(self, phase: str) -> bool:
        now = self._clock()
        if now - self._last < (self._same_phase if phase == self._phase else self._new_phase):
            return False
        self._phase, self._last = phase, now
        return True

    def _edit(self) -> None:
        while (news := self._next()) is not None:
            for show in self._shows:
                if self.over:
                    return
                try:
                    show(*news)
                except Exception as error:  # an edit that did not work out changes nothing about the run
                    log.warning("progress could not be shown", phase=news[0], exc_info=error)

    def _next(self) -> tuple[str, str] | None:
        """What to show next; None when it is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._over or self._waiting is not None)
            news, self._waiting = self._waiting, None
            return None if self._over else news
