"""A PostgreSQL cluster for the time of a measurement or a test run, on a Unix socket."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def programs() -> Path | None:
    """Where the server's programs are, when there are any."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    if found:
        return found[-1]
    initdb = shutil.which("initdb")
    return None if initdb is None else Path(initdb).parent


@contextmanager
def cluster(where: Path, *, durable: bool = True) -> Iterator[Callable[[str], str]]:
    """Gives a function that makes a database and says its URL. ``durable`` False: no syncing to disk."""
    # Not a test's directory: its parents are closed to the user postgres, and socket paths are short.
    with tempfile.TemporaryDirectory(prefix="cagpg") as name:
        home = Path(name)
        if os.geteuid() == 0:
            shutil.chown(home, "postgres", "postgres")
        data = str(home / "data")
        _run(
            where / "initdb",
            "-D",
            data,
            "-A",
            "trust",
            "-U",
            "postgres",
            "-E",
            "UTF8",
            *(() if durable else ("--no-sync",)),
        )
        options = f"-c listen_addresses='' -c unix_socket_directories={home}" + (
            "" if durable else " -c fsync=off"
        )
        control = (where / "pg_ctl", "-D", data, "-w", "-l", str(home / "log"))
        _run(*control, "-o", options, "start")
        try:

            def create(database: str) -> str:
                _run(where / "createdb", "-h", str(home), "-U", "postgres", database)
                return f"postgresql://postgres@/{database}?host={home}"

            yield create
        finally:
            _run(*control, "-m", "immediate", "stop")


def _run(*command: str | Path) -> None:
    """PostgreSQL refuses to run as root."""
    user = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
    subprocess.run(
        command,
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
        cwd="/",
        user=user.pw_uid if user else None,
        group=user.pw_gid if user else None,
        timeout=120,
    )
