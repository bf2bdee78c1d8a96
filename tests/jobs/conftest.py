"""Both databases for real: SQLite in a directory, PostgreSQL as a throw-away cluster on a Unix socket."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bot.jobs import DbosJobs, JobsConfig
from bot.queue import RunJob


def _programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    if found:
        return found[-1]
    initdb = shutil.which("initdb")
    assert initdb is not None, "the postgres marker makes sure of it"
    return Path(initdb).parent


def _run_as_postgres(*command: str) -> None:
    """PostgreSQL refuses to run as root."""
    user = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
    subprocess.run(
        command,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        cwd="/",
        user=user.pw_uid if user else None,
        group=user.pw_gid if user else None,
        timeout=120,
    )


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Callable[[str], str]]:
    """Gives a function from a database's name to its URL."""
    programs = _programs()
    # Not pytest's directory: its parents are closed to the user postgres, and socket paths are short.
    with tempfile.TemporaryDirectory(prefix="cagpg") as name:
        home = Path(name)
        if os.geteuid() == 0:
            shutil.chown(home, "postgres", "postgres")
        data = str(home / "data")
        _run_as_postgres(
            str(programs / "initdb"), "-D", data, "-A", "trust", "-U", "postgres", "--no-sync", "-E", "UTF8"
        )
        options = f"-c listen_addresses='' -c unix_socket_directories={home} -c fsync=off"
        control = (str(programs / "pg_ctl"), "-D", data, "-w", "-l", str(home / "log"))
        _run_as_postgres(*control, "-o", options, "start")
        try:

            def create(database: str) -> str:
                _run_as_postgres(str(programs / "createdb"), "-h", str(home), "-U", "postgres", database)
                return f"postgresql://postgres@/{database}?host={home}"

            yield create
        finally:
            _run_as_postgres(*control, "-m", "immediate", "stop")


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
