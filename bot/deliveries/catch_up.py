"""Nothing that was sent is lost: deliveries that failed, or went astray, are asked for again (threat 3).

GitHub never repeats by itself what failed, but keeps what it sent for three days. At the start and every few
minutes its list is compared with what arrived here, and what is missing is asked for again. It comes in
through the signed door, under the same GUID, so what was worked on meanwhile is recognised.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final, Protocol, assert_never

import structlog

from bot.errors import BotError, ForgeRefused
from bot.github.app import Attempt, Attempts

LONGEST_AGO: Final = 3 * 86_400.0  # seconds; GitHub keeps no older ones (an Enterprise server: seven days)
OVERLAP: Final = 600.0  # seconds that are looked at again: lists are not in the order of what happened
UNDER_WAY: Final = 120.0  # an answered delivery may be with the relay for so long
MOST_ATTEMPTS: Final = 4  # the first one among them
MOST_LISTED: Final = 5000
MOST_AGAIN: Final = 200  # in one round, a second apart: GitHub's pace for what changes something
EVERY: Final = 600.0
QUIET: Final = 60.0
FIRST: Final = 2.0  # after the door is open
SOON: Final = 5.0  # after a round that failed; twice as long after each further one, up to EVERY

log = structlog.get_logger("bot.deliveries.catch_up")


class Desk(Protocol):
    """What is asked of GitHub; raises ForgeRefused and ForgeUnavailable."""

    def attempts(self, cursor: str = "") -> Attempts: ...

    def redeliver(self, attempt: int) -> bool: ...


class Ledger(Protocol):
    """What is remembered, and shared with other servers: ``bot.deliveries.ledger``."""

    @property
    def began(self) -> float: ...

    @property
    def settled(self) -> float: ...

    def settle(self, until: float) -> None: ...

    def known(self, guids: Collection[str]) -> frozenset[str]: ...

    def mark(self, guid: str) -> None: ...

    def forget(self, before: float) -> None: ...

    def turn(self, quiet: float) -> AbstractContextManager[bool]: ...


# --- Deciding -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """``again``: one attempt of each delivery to repeat, oldest first; ``hopeless``: GUIDs that failed too
    often; ``settled``: what is older is dealt with."""

    again: tuple[Attempt, ...]
    hopeless: tuple[str, ...]
    settled: float


def plan(
    rows: Sequence[Attempt], *, known: Collection[str], began: float, now: float, settled: float
) -> Plan:
    """Pure. ``now`` and the rows are by GitHub's clock; ``began``: since when arrivals were written down."""
    again: list[Attempt] = []
    hopeless: list[str] = []
    horizon = max((_at(row) for row in rows), default=settled)
    for guid, tries in _by_delivery(rows).items():
        first, latest = _at(tries[0]), tries[-1]
        answered = any(each.ok for each in tries)
        if guid in known or first < now - LONGEST_AGO or (answered and first < began):
            continue
        if len(tries) >= MOST_ATTEMPTS:
            hopeless.append(guid)
            continue
        horizon = min(horizon, first)
        if not (latest.ok and now - _at(latest) < UNDER_WAY):
            again.append(latest)
    again.sort(key=lambda each: each.id)
    return Plan(again=tuple(again), hopeless=tuple(hopeless), settled=max(horizon, settled))


def _by_delivery(rows: Sequence[Attempt]) -> Mapping[str, list[Attempt]]:
    """Each delivery's attempts, the oldest first."""
    found: dict[str, list[Attempt]] = {}
    for row in sorted(rows, key=lambda each: (_at(each), each.id)):
        found.setdefault(row.guid, []).append(row)
    return found


def _at(row: Attempt) -> float:
    return row.delivered_at.timestamp()


# --- Doing --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class CaughtUp:
    listed: int
    again: int
    unsure: int = 0  # of these, how many GitHub may not have heard of
    hopeless: int = 0
    left: int = 0  # for the next round
    cut: bool = False  # the list was longer than what is looked at


@dataclass(frozen=True, slots=True)
class NotNow:
    """Another server is at it, or GitHub cannot answer; a later round will do."""

    reason: str


@dataclass(frozen=True, slots=True)
class Never:
    """This GitHub keeps no deliveries."""

    reason: str


Round = CaughtUp | NotNow | Never


def catch_up(
    desk: Desk,
    ledger: Ledger,
    *,
    clock: Callable[[], float] = time.time,
    stopped: Callable[[], bool] = lambda: False,
) -> Round:
    """One round. Errors of the database come out as they are."""
    with ledger.turn(QUIET) as mine:
        if not mine:
            return NotNow("another server does it")
        try:
            return _round(desk, ledger, clock(), stopped)
        except ForgeRefused as error:
            return Never(str(error)) if error.status in (404, 410) else NotNow(str(error))
        except BotError as error:
            return NotNow(str(error))


def _round(desk: Desk, ledger: Ledger, now: float, stopped: Callable[[], bool]) -> CaughtUp:
    settled = ledger.settled
    since = max(settled - OVERLAP, now - LONGEST_AGO)
    rows, cut = _listed(desk, since)
    known = ledger.known({row.guid for row in rows})
    todo = plan(rows, known=known, began=ledger.began, now=now, settled=settled)
    for guid in todo.hopeless:
        ledger.mark(guid)
        log.warning("a delivery failed again and again; it is left", delivery=guid, attempts=MOST_ATTEMPTS)
    done = unsure = 0
    for row in todo.again[:MOST_AGAIN]:
        if stopped():
            break
        unsure += not _again(desk, ledger, row)
        done += 1
    ledger.settle(todo.settled)
    ledger.forget(now - LONGEST_AGO - 86_400.0)
    return CaughtUp(
        listed=len(rows),
        again=done,
        unsure=unsure,
        hopeless=len(todo.hopeless),
        left=len(todo.again) - done,
        cut=cut,
    )


def _listed(desk: Desk, since: float) -> tuple[list[Attempt], bool]:
    """The attempts since then, newest first, and whether there were more than are looked at."""
    rows: list[Attempt] = []
    cursor = ""
    while True:
        page = desk.attempts(cursor)
        rows += [row for row in page.rows if _at(row) >= since]
        if not page.cursor or not page.rows or _at(page.rows[-1]) < since:
            return rows, False
        if len(rows) >= MOST_LISTED or page.cursor == cursor:
            return rows, True
        cursor = page.cursor


def _again(desk: Desk, ledger: Ledger, row: Attempt) -> bool:
    """Whether GitHub is known to have heard of it."""
    said = {"delivery": row.guid, "delivery_event": row.event, "status": row.status_code}
    try:
        heard = desk.redeliver(row.id)
    except ForgeRefused as error:
        if error.status not in (400, 404, 410, 422):
            raise
        ledger.mark(row.guid)  # GitHub has it no more
        log.warning("a delivery cannot be had again", error=str(error), **said)
        return True
    log.info("asked for a delivery again", heard=heard, **said)
    return heard


# --- All the time -------------------------------------------------------------------------------------------


class CatchUps:
    """Rounds in a thread of their own, from the start on."""

    def __init__(
        self,
        round_: Callable[[Callable[[], bool]], Round],
        *,
        first: float = FIRST,
        soon: float = SOON,
    ) -> None:
        self._round = round_
        self._first, self._soon = first, soon
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="catch-up", daemon=True)

    def __enter__(self) -> CatchUps:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(timeout=5)  # a request may take longer; the thread is a daemon

    def _run(self) -> None:
        pause, failures = self._first, 0
        while not self._stop.wait(pause):
            match self._once():
                case Never():
                    return
                case CaughtUp(unsure=0):
                    pause, failures = EVERY, 0
                case CaughtUp() | NotNow():
                    pause, failures = min(EVERY, self._soon * 2.0**failures), failures + 1

    def _once(self) -> Round:
        try:
            done = self._round(self._stop.is_set)
        except Exception as error:  # noqa: BLE001 - a safety net: the service lives on, the next round tries again
            log.error("catching up failed", error=f"{type(error).__name__}: {error}")
            return NotNow(type(error).__name__)
        match done:
            case CaughtUp(listed=listed, again=again, hopeless=hopeless, left=left, cut=cut):
                level = log.warning if cut or hopeless or left else log.info
                level("caught up", listed=listed, again=again, hopeless=hopeless, left=left, cut=cut)
            case NotNow(reason=reason):
                log.info("not caught up now", reason=reason)
            case Never(reason=reason):
                log.warning("this GitHub keeps no deliveries: failed ones are lost", reason=reason)
            case _:
                assert_never(done)
        return done
