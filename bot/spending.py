"""The accounts of all runs, in a table beside the jobs: what each has used on which day (UTC)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Final

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from bot.budgets import Account, Cap, Left, OverBudget, Period, Scope, Used, What, judge
from bot.jobs.tables import admitted, spending
from bot.queue import QueueUnavailable

MONTHS_KEPT: Final = 62 * 86_400.0  # the longest month twice: no account is looked at any more after that

Writing = Callable[[], AbstractContextManager[sa.Connection]]
"""One transaction that writes; there is one at a time, whatever process it is of."""


class Spending:
    """The port ``bot.budgets.Purse``. Raises QueueUnavailable when the database does not answer."""

    def __init__(self, writing: Writing, clock: Callable[[], float] = time.time) -> None:
        self._writing = writing
        self._clock = clock

    def admit(self, account: Account, job: str, caps: Sequence[Cap]) -> Left | OverBudget:
        now = self._clock()
        with _database(), self._writing() as connection:
            known = connection.execute(sa.select(admitted.c.job_id).where(admitted.c.job_id == job)).first()
            verdict = judge(
                [cap for cap in caps if not (known and cap.what is What.RUNS)],
                lambda scope, period: _used(connection, account, scope, period.begins(now)),
                now,
            )
            if isinstance(verdict, Left) and not known:
                connection.execute(admitted.insert().values(job_id=job, at=now))
                _add(connection, account, Period.DAY.begins(now), Used(runs=1))
            return verdict

    def book(self, account: Account, used: Used) -> None:
        """What it used on earlier days stays there."""
        today = Period.DAY.begins(self._clock())
        with _database(), self._writing() as connection:
            before = _sum(connection, spending.c.run == account.run)
            more = Used(tokens=used.tokens - before.tokens, money=used.money - before.money)
            if more.tokens > 0 or more.money > 0:
                _add(connection, account, today, more)

    def forget_old(self) -> None:
        old = self._clock() - MONTHS_KEPT
        with _database(), self._writing() as connection:
            connection.execute(spending.delete().where(spending.c.day < old))
            connection.execute(admitted.delete().where(admitted.c.at < old))


@contextmanager
def _database() -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        raise QueueUnavailable(f"{type(error).__name__} while the accounts were kept") from error


def _used(connection: sa.Connection, account: Account, scope: Scope, since: float) -> Used:
    where = [spending.c.day >= since, spending.c.installation == account.installation]
    match scope:
        case Scope.INSTALLATION:
            pass
        case Scope.REPOSITORY:
            where.append(spending.c.repository == account.repository)
        case Scope.PLACE:
            where.append(spending.c.place == account.place)
    return _sum(connection, *where)


def _sum(connection: sa.Connection, *where: sa.ColumnElement[bool]) -> Used:
    sums = [sa.func.coalesce(sa.func.sum(column), 0) for column in _AMOUNTS]
    runs, tokens, money = connection.execute(sa.select(*sums).where(*where)).one()
    return Used(runs=int(runs), tokens=int(tokens), money=float(money))


_AMOUNTS = (spending.c.runs, spending.c.tokens, spending.c.money)


def _add(connection: sa.Connection, account: Account, day: float, more: Used) -> None:
    mine = (spending.c.run == account.run, spending.c.day == day)
    change = (
        spending.update()
        .where(*mine)
        .values(
            runs=spending.c.runs + more.runs,
            tokens=spending.c.tokens + more.tokens,
            money=spending.c.money + more.money,
        )
    )
    if connection.execute(change).rowcount:
        return
    connection.execute(
        spending.insert().values(
            run=account.run,
            day=day,
            installation=account.installation,
            repository=account.repository,
            place=account.place,
            runs=more.runs,
            tokens=more.tokens,
            money=more.money,
        )
    )
