"""Which deliveries arrived: two small tables beside the jobs, shared by all servers of one queue.

GitHub's own list says which deliveries were answered, but a relay answers for a service that is down. So what
arrived is written down here, and ``bot.deliveries.catch_up`` asks again for what did not.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import sqlalchemy as sa
import structlog
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from bot.errors import ConfigError
from bot.jobs.liveness import FileLocks, Locks, PostgresLocks
from bot.jobs.store import open_engine

log = structlog.get_logger("bot.deliveries.catch_up")

_TURN: Final = "catch-up"
_PREPARING: Final = "ledger"
_TRIES, _TRY_SECONDS = 300, 0.1
_BEGAN: Final = "began"
_SETTLED: Final = "settled"
_ROUND: Final = "round"
_MANY: Final = 500  # values in one query; SQLite's oldest cap is 999

metadata = sa.MetaData()

arrived = sa.Table(
    "codeagent_arrived",
    metadata,
    sa.Column("guid", sa.String(64), primary_key=True),
    sa.Column("at", sa.Float, nullable=False),
)

moments = sa.Table(
    "codeagent_catch_up",
    metadata,
    sa.Column("name", sa.String(16), primary_key=True),
    sa.Column("at", sa.Float, nullable=False),
)


class DeliveryLedger:
    """Moments are seconds since 1970. Raises SQLAlchemy's errors but in :meth:`arrived`. Call :meth:`prepare`
    before anything is asked of it."""

    def __init__(self, url: str, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._engine = open_engine(url)
        self._locks: Locks = (
            FileLocks(Path(f"{self._engine.url.database}.catch-up"))
            if self._engine.dialect.name == "sqlite"
            else PostgresLocks(self._engine)
        )

    def prepare(self) -> None:
        """Create the tables, and remember since when arrivals are written down. Servers that start together
        take turns: creating a table at once fails for all but one."""
        for _ in range(_TRIES):
            with self._locks.if_free(_PREPARING) as free:
                if free:
                    metadata.create_all(self._engine)
                    if not self.began:
                        self._set(_BEGAN, self._clock())
                    return
            time.sleep(_TRY_SECONDS)
        raise ConfigError("The database is being prepared by another server that does not get done with it.")

    def close(self) -> None:
        self._locks.close()
        self._engine.dispose()

    def arrived(self, guid: str) -> None:
        """A delivery with the right signature got its answer. What cannot be written down is asked for once
        more at worst, and recognised then."""
        try:
            self.mark(guid)
        except SQLAlchemyError as error:
            log.warning("an arrival was not written down", delivery=guid, error=type(error).__name__)

    def mark(self, guid: str) -> None:
        """Not to be asked for again."""
        try:
            with self._engine.begin() as connection:
                connection.execute(arrived.insert().values(guid=guid, at=self._clock()))
        except IntegrityError:
            return  # it is there

    def known(self, guids: Collection[str]) -> frozenset[str]:
        found: set[str] = set()
        every = sorted(guids)
        with self._engine.connect() as connection:
            for start in range(0, len(every), _MANY):
                some = arrived.c.guid.in_(every[start : start + _MANY])
                found.update(row.guid for row in connection.execute(sa.select(arrived.c.guid).where(some)))
        return frozenset(found)

    def forget(self, before: float) -> None:
        with self._engine.begin() as connection:
            connection.execute(arrived.delete().where(arrived.c.at < before))

    @property
    def began(self) -> float:
        """Since when arrivals are written down."""
        return self._moment(_BEGAN)

    @property
    def settled(self) -> float:
        """Everything that was delivered before this moment of GitHub's clock is dealt with; 0: nothing."""
        return self._moment(_SETTLED)

    def settle(self, until: float) -> None:
        self._set(_SETTLED, until)

    @contextmanager
    def turn(self, quiet: float) -> Iterator[bool]:
        """Whether it is this process's turn: nobody else is at it, and nobody was for ``quiet`` seconds."""
        try:
            with self._locks.if_free(_TURN) as free:
                now = self._clock()
                mine = free and not 0 <= now - self._moment(_ROUND) < quiet
                if mine:
                    self._set(_ROUND, now)
                yield mine
        except SQLAlchemyError:
            self._locks.close()  # a broken session holds nothing; the next turn opens another
            raise

    def _moment(self, name: str) -> float:
        with self._engine.connect() as connection:
            row = connection.execute(sa.select(moments.c.at).where(moments.c.name == name)).first()
        return 0.0 if row is None else float(row.at)

    def _set(self, name: str, at: float) -> None:
        mine = moments.c.name == name
        with self._engine.begin() as connection:
            if not connection.execute(moments.update().where(mine).values(at=at)).rowcount:
                connection.execute(moments.insert().values(name=name, at=at))
