"""Both databases for real: SQLite in a directory, PostgreSQL as a throw-away cluster on a Unix socket."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchmarks.throwaway_postgres import cluster, programs
from bot.jobs.durable import DbosJobs, JobsConfig
from bot.queue import RunJob


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Callable[[str], str]]:
    """Gives a function from a database's name to its URL."""
    where = programs()
    assert where is not None, "the postgres marker makes sure of it"
    with cluster(where, durable=False) as create:
        yield create


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The database URL of a fresh queue."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'jobs.sqlite'}"
    server: Callable[[str], str] = request.getfixturevalue("postgres_server")
    return server("test_" + os.urandom(6).hex())


MakeJobs = Callable[[RunJob], DbosJobs]


@pytest.fixture
def make_jobs(database: str, tmp_path: Path) -> Iterator[MakeJobs]:
    made: list[DbosJobs] = []

    def make(run: RunJob) -> DbosJobs:
        config = JobsConfig(
            data=tmp_path / "data", database=database, concurrency=2, poll_seconds=0.1, watch_seconds=0.2
        )
        jobs = DbosJobs(config, run)
        made.append(jobs)
        jobs.launch()
        return jobs

    yield make
    for jobs in made:
        jobs.shutdown(5)
