"""The double's time: the machine's clock plus an offset that tests may move, so that tokens expire
without waiting."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class Clock:
    def __init__(self) -> None:
        self._offset = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC).replace(microsecond=0) + self._offset

    def advance(self, seconds: float) -> None:
        self._offset += timedelta(seconds=seconds)


def stamp(moment: datetime | None) -> str | None:
    """GitHub's one way to write a time; githubkit reads ``expires_at`` with exactly this pattern."""
    return None if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%SZ")
