"""Built environments on disk: one directory per key, made whole or not at all.

CACHE/KEY/env/               shown at /env; written by untrusted code while it was built, never read by the
host CACHE/KEY/environment.json   what is known of it; written by the host CACHE/KEY.building/
being made, or left over by a process that died CACHE/KEY.lock               held by whoever makes, takes or
removes KEY
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from functools import cache as cached
from pathlib import Path
from typing import Any

from sandbox import Sandboxes
from sandbox.environments.types import Prepared, Recipe

_DESCRIPTION = "environment.json"


@cached
def builder() -> str:
    """Part of every key: what makes and describes environments. Another version of it makes other ones, and
    nobody has to remember to say so."""
    digest = hashlib.sha256()
    here = Path(__file__).parent
    for path in sorted((*here.glob("*.py"), *here.glob("inside/*.py"))):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def key_of(recipe: Recipe, sandboxes: Sandboxes, owner: str = "") -> str:
    """``owner`` is who may put code into the build: what setup.py imports or conftest.py does is no part of
    the recipe, and would otherwise end up in the environment of whoever declares the same."""
    body = json.dumps(
        [builder(), sandboxes.name, sandboxes.identity, sandboxes.python, owner, asdict(recipe)],
        sort_keys=True,
    )
    return hashlib.sha256(body.encode("utf-8", "backslashreplace")).hexdigest()[:32]


@contextmanager
def locked(cache: Path, key: str, *, wait: bool = True) -> Iterator[bool]:
    """Hold a key's lock; False when it is taken and ``wait`` is off. The kernel frees it when the holder
    dies."""
    cache.mkdir(parents=True, exist_ok=True)
    handle = os.open(cache / f"{key}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
            return
        yield True
    finally:
        os.close(handle)


def load(cache: Path, key: str) -> Prepared | None:
    """A finished environment's description; marks it as used."""
    place = cache / key / _DESCRIPTION
    try:
        values: dict[str, Any] = json.loads(place.read_text())
        os.utime(place)
    except (OSError, ValueError):
        return None
    return Prepared(
        import_roots=tuple(values["import_roots"]),
        generated={path: text.encode("latin-1") for path, text in values["generated"].items()},
        preload=tuple(values["preload"]),
        tools=tuple(values["tools"]),
        remarks=tuple(values["remarks"]),
        env=tuple((name, value) for name, value in values["env"]),
    )


def begin(cache: Path, key: str) -> Path:
    """An empty directory to build in. The lock is held, so whatever lies there was left over."""
    building = cache / f"{key}.building"
    remove(building)
    building.mkdir(parents=True, mode=0o700)
    (building / "env").mkdir()
    (building / "env").chmod(0o777)  # the user inside is another one; the directory above keeps others out
    return building / "env"


def finish(cache: Path, key: str, prepared: Prepared) -> Path:
    building = cache / f"{key}.building"
    values = asdict(prepared)
    # Latin-1 holds any bytes
    values["generated"] = {path: data.decode("latin-1") for path, data in sorted(prepared.generated.items())}
    (building / _DESCRIPTION).write_text(json.dumps(values))
    remove(cache / key)
    building.rename(cache / key)
    return cache / key / "env"


def abandon(cache: Path, key: str) -> None:
    remove(cache / f"{key}.building")


def remove(directory: Path) -> None:
    """A directory that untrusted code wrote: no link is followed, and no mode that it set keeps it alive."""
    if not directory.is_dir() or directory.is_symlink():
        return
    for path, names, _files in os.walk(directory):
        for name in names:
            inner = os.path.join(path, name)
            with suppress(OSError):
                if stat.S_ISDIR(os.lstat(inner).st_mode):
                    os.chmod(
                        inner, 0o700, follow_symlinks=False
                    ) if os.chmod in os.supports_follow_symlinks else os.chmod(inner, 0o700)
    shutil.rmtree(directory, ignore_errors=True)


def prune(cache: Path, keep_bytes: int, *, spare: frozenset[str] = frozenset()) -> tuple[str, ...]:
    """Remove the environments used longest ago until the rest fits in ``keep_bytes``; those in ``spare``
    (keys) and those being built stay. Answers with the keys that were removed."""
    entries = sorted(_entries(cache), reverse=True)  # the last used first
    removed, total = [], 0
    for _used, key in entries:
        total += size_of(cache / key)
        if total <= keep_bytes or key in spare:
            continue
        with locked(cache, key, wait=False) as held:
            if held:
                total -= size_of(cache / key)
                remove(cache / key)
                removed.append(key)
    return tuple(removed)


def _entries(cache: Path) -> Iterator[tuple[float, str]]:
    for place in cache.glob(f"*/{_DESCRIPTION}") if cache.is_dir() else ():
        if not place.parent.name.endswith(".building"):
            yield place.stat().st_mtime, place.parent.name


def size_of(directory: Path) -> int:
    """Bytes on disk; links count as themselves."""
    total = 0
    for path, _names, files in os.walk(directory):
        for name in files:
            with suppress(OSError):
                total += os.lstat(os.path.join(path, name)).st_blocks * 512
    return total
