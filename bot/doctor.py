"""What this machine has and lacks, and how to get it: the checks behind ``codeagent doctor``."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from agent.llm.exchange import Lost, Rejected
from agent.llm.types import Component, Misbehaviour
from agent.method import Method
from bot.errors import ConfigError
from bot.jobs.store import open_engine
from bot.model import endpoint, method, open_to_listeners, prices, unpriced
from bot.settings import Settings
from sandbox import Sandboxes, SandboxUnavailable

MINIMUM_GIT = (2, 31)  # GIT_CONFIG_COUNT, which keeps tokens out of argv and files
MINIMUM_FREE_MIB = 2048


class Level(StrEnum):
    OK = "ok"
    WARN = "warn"  # it works without
    FAIL = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One check. ``needed`` False: the product works without it, ``remedy`` says what it would add."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""
    needed: bool = True

    @property
    def level(self) -> Level:
        return Level.OK if self.ok else Level.FAIL if self.needed else Level.WARN


def python_version() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding(
        name="Python", ok=sys.version_info >= (3, 11), detail=version, remedy="install Python 3.11 or newer"
    )


def git_version(git: str = "git") -> Finding:
    remedy = "install git 2.31 or newer (Debian: apt-get install git)"
    path = shutil.which(git)
    if path is None:
        return Finding(name="git", ok=False, detail="not found on PATH", remedy=remedy)
    done = subprocess.run((path, "--version"), capture_output=True, text=True, timeout=20, check=False)
    digits = [part for part in done.stdout.split()[-1:] or [""] for part in part.split(".")]
    version = tuple(int(part) for part in digits[:2] if part.isdigit())
    return Finding(name="git", ok=version >= MINIMUM_GIT, detail=done.stdout.strip(), remedy=remedy)


def disk_space(directory: Path) -> Finding:
    existing = next(path for path in (directory, *directory.parents) if path.exists())
    free = shutil.disk_usage(existing).free >> 20
    return Finding(
        name="disk space",
        ok=free >= MINIMUM_FREE_MIB,
        detail=f"{free} MiB free for {directory}",
        remedy=f"free {MINIMUM_FREE_MIB} MiB, or set CODEAGENT_DATA_DIR to a larger disk",
    )


def writable(directory: Path) -> Finding:
    remedy = "set CODEAGENT_DATA_DIR to a directory that you may write"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        probe = directory / ".probe"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        return Finding(
            name="data directory", ok=False, detail=f"{directory}: {error.strerror}", remedy=remedy
        )
    return Finding(name="data directory", ok=True, detail=str(directory))


def one_sandbox(name: str, made: Sandboxes | SandboxUnavailable, *, needed: bool) -> Finding:
    if isinstance(made, SandboxUnavailable):
        return Finding(name=name, ok=False, detail="not usable", remedy=str(made), needed=needed)
    return Finding(name=name, ok=True, detail=f"usable, Python at {made.python}", needed=needed)


def machine(data: Path, sandboxes: dict[str, Sandboxes | SandboxUnavailable]) -> Iterator[Finding]:
    """The checks that every use needs. One working sandbox is enough."""
    yield python_version()
    yield git_version()
    yield writable(data)
    yield disk_space(data)
    some = any(not isinstance(made, SandboxUnavailable) for made in sandboxes.values())
    for name, made in sandboxes.items():
        yield one_sandbox(name, made, needed=not some)


def database(settings: Settings) -> Iterator[Finding]:
    """Whether the jobs' database answers. SQLite's file is made at the first start."""
    url = sa.make_url(settings.database)
    local = url.get_backend_name() == "sqlite"
    shown = f"SQLite at {url.database}" if local else f"PostgreSQL at {url.host or 'its socket'}"
    if local and not Path(url.database or "").exists():
        yield Finding(name="database", ok=True, detail=f"{shown}, made at the first start")
        return
    engine = open_engine(settings.database)
    try:
        with engine.connect() as connection:
            connection.execute(sa.text("SELECT 1"))
    except SQLAlchemyError as error:  # its text may hold the URL with the password
        remedy = "check CODEAGENT_DATABASE_URL, and that the server is up and lets this machine in"
        yield Finding(name="database", ok=False, detail=f"{shown}: {type(error).__name__}", remedy=remedy)
    else:
        yield Finding(name="database", ok=True, detail=shown)
    finally:
        engine.dispose()


def model(settings: Settings) -> Iterator[Finding]:
    """The language model: nobody needs one. A configured one is asked which models it has, which costs
    nothing."""
    try:
        how = method(settings)
        line = endpoint(settings)
    except ConfigError as error:
        yield Finding(name="model", ok=False, detail="not usable", remedy=str(error))
        return
    if line is None:
        remedy = "set CODEAGENT_MODEL__NAME and what it needs; docs/configuration.md"
        yield Finding(
            name="model", ok=False, detail="none: built-in policy only", remedy=remedy, needed=False
        )
        return
    with closing(line):
        yield _listed(settings, how, line.models())
    if open_to_listeners(settings):
        remedy = "use an https:// address in CODEAGENT_MODEL__BASE_URL"
        yield Finding(name="model key", ok=False, detail="sent in clear over a network", remedy=remedy)
    missing = unpriced(how, prices(settings))
    yield Finding(
        name="model prices",
        ok=not missing,
        detail=f"none for {', '.join(missing)}: counted as $0" if missing else "known",
        remedy="set CODEAGENT_MODEL__PRICES; docs/configuration.md",
        needed=False,
    )


def _listed(settings: Settings, how: Method, answer: tuple[str, ...] | Rejected | Lost) -> Finding:
    where = settings.model.base_url
    wanted = sorted({how.model_of(component) for component in Component})
    match answer:
        case Rejected(kind=Misbehaviour.NO_SUCH_MODEL | Misbehaviour.BAD_REQUEST):  # not all have a list
            return Finding(
                name="model", ok=True, detail=f"{', '.join(wanted)} at {where}; it lists no models"
            )
        case Rejected() | Lost():
            remedy = "check CODEAGENT_MODEL__BASE_URL and CODEAGENT_MODEL__API_KEY"
            return Finding(
                name="model", ok=False, detail=f"{where}: {answer.kind.value}: {answer.detail}", remedy=remedy
            )
    missing = [name for name in wanted if name not in answer]
    if missing:
        remedy = f"set CODEAGENT_MODEL__NAME to one of: {', '.join(answer[:20])}"
        return Finding(name="model", ok=False, detail=f"{where} has no {', '.join(missing)}", remedy=remedy)
    return Finding(name="model", ok=True, detail=f"{', '.join(wanted)} at {where}, {how.driver.value}")
