"""The tables of the jobs, and their rows as values."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa

from bot.queue import JobState, JobView, Kind, request_from_json, result_from_json

metadata = sa.MetaData()

jobs = sa.Table(
    "codeagent_jobs",
    metadata,
    sa.Column("job_id", sa.String(64), primary_key=True),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("request", sa.Text, nullable=False),
    sa.Column("owner", sa.Text, nullable=False, default=""),
    sa.Column("starts", sa.Integer, nullable=False, default=0),
    sa.Column("cancelling", sa.Boolean, nullable=False, default=False),
    sa.Column("result", sa.Text, nullable=False, default=""),
    sa.Column("error", sa.Text, nullable=False, default=""),
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("updated", sa.Float, nullable=False),
    # Newer ones have a server's default, for they are added to tables that older versions still write.
    sa.Column("kind", sa.String(16), nullable=False, server_default=Kind.FIX.value),
    sa.Column("installation", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("repository", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("notice", sa.String(64), nullable=False, server_default=""),  # the errand that says it waits
)

ACTIVE = (JobState.QUEUED.value, JobState.RUNNING.value)
"""Those that have their turn."""

OPEN = (JobState.WAITING.value, *ACTIVE)
"""Those that are not over."""

sa.Index("codeagent_jobs_by_state", jobs.c.state, jobs.c.created)

# What makes "one job per issue" true under any race: the database refuses the second active row.
sa.Index(
    "codeagent_jobs_one_active",
    jobs.c.subject,
    unique=True,
    sqlite_where=jobs.c.state.in_(ACTIVE),
    postgresql_where=jobs.c.state.in_(ACTIVE),
)

replies = sa.Table(
    "codeagent_replies",  # that came while another one was being looked at
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("reply", sa.Text, nullable=False),
)

asking = sa.Table(
    "codeagent_asking",  # running jobs whose question people may see already
    metadata,
    sa.Column("job_id", sa.String(64), primary_key=True),
)

deliveries = sa.Table(
    "codeagent_deliveries",
    metadata,
    sa.Column("delivery", sa.String(64), primary_key=True),
    sa.Column("job_id", sa.String(64), nullable=False),
)


spending = sa.Table(
    "codeagent_spending",  # what each run has used on each day
    metadata,
    sa.Column("run", sa.String(64), primary_key=True),
    sa.Column("day", sa.Float, primary_key=True),  # when it began, UTC
    sa.Column("installation", sa.BigInteger, nullable=False),
    sa.Column("repository", sa.BigInteger, nullable=False),
    sa.Column("place", sa.String(200), nullable=False),
    sa.Column("runs", sa.Integer, nullable=False),
    sa.Column("tokens", sa.BigInteger, nullable=False),
    sa.Column("money", sa.Float, nullable=False),
)
sa.Index("codeagent_spending_by_day", spending.c.installation, spending.c.day)

admitted = sa.Table(
    "codeagent_admitted",  # jobs whose run was counted
    metadata,
    sa.Column("job_id", sa.String(64), primary_key=True),
    sa.Column("at", sa.Float, nullable=False),
)


def prepare(connection: sa.Connection) -> None:
    """Create what is not there, columns that are newer than their table as well. One process at a time."""
    metadata.create_all(connection)
    inspector = sa.inspect(connection)
    for table in metadata.sorted_tables:
        there = {column["name"] for column in inspector.get_columns(table.name)}
        for column in table.columns:
            if column.name not in there:
                added = sa.schema.CreateColumn(column).compile(dialect=connection.dialect)
                connection.execute(sa.text(f"ALTER TABLE {table.name} ADD COLUMN {added}"))
        indexed = {index["name"] for index in inspector.get_indexes(table.name)}
        for index in table.indexes:
            if index.name not in indexed:
                index.create(connection, checkfirst=True)


def job_of(connection: sa.Connection, delivery: str) -> Any:
    """The job that a delivery got."""
    return connection.execute(
        sa.select(jobs.c.job_id, jobs.c.state)
        .join(deliveries, deliveries.c.job_id == jobs.c.job_id)
        .where(deliveries.c.delivery == delivery)
    ).first()


def belongs(connection: sa.Connection, delivery: str, job_id: str) -> None:
    """From now on this is the delivery's job."""
    mine = deliveries.c.delivery == delivery
    if not connection.execute(deliveries.update().where(mine).values(job_id=job_id)).rowcount:
        connection.execute(deliveries.insert().values(delivery=delivery, job_id=job_id))


def last_of(connection: sa.Connection, subject: str) -> JobView | None:
    """The job that a subject has now, or else had last."""
    latest = (jobs.c.state.in_(ACTIVE).desc(), jobs.c.state.in_(OPEN).desc(), jobs.c.created.desc())
    mine = sa.select(jobs).where(jobs.c.subject == subject)
    row = connection.execute(mine.order_by(*latest).limit(1)).first()
    return None if row is None else view_of(row)


def job_with(connection: sa.Connection, job_id: str) -> JobView | None:
    row = connection.execute(sa.select(jobs).where(jobs.c.job_id == job_id)).first()
    return None if row is None else view_of(row)


def view_of(row: Any) -> JobView:
    return JobView(
        job_id=row.job_id,
        state=JobState(row.state),
        request=request_from_json(json.loads(row.request)),
        starts=row.starts,
        cancelling=row.cancelling,
        result=result_from_json(json.loads(row.result)) if row.result else None,
        error=row.error,
        created=row.created,
        updated=row.updated,
    )
