"""What GitHub gave, on disk: the private key and a file of settings, for their owner's eyes only.

Each file is written whole or not at all, with mode 0600 from its first byte on, and none is overwritten
unless that is asked for.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bot.errors import ConfigError

KEY: Final = "app.pem"
ENV: Final = "app.env"
_PLAIN: Final = re.compile(r"[A-Za-z0-9_./:@%+,=-]*", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFiles:
    key: Path
    env: Path


def files_in(directory: Path) -> KeyFiles:
    directory = directory.absolute()  # the file of settings is read from anywhere
    return KeyFiles(key=directory / KEY, env=directory / ENV)


def refuse_taken(files: KeyFiles) -> None:
    """Raises ConfigError when one of them is there."""
    taken = [str(path) for path in (files.key, files.env) if path.exists() or path.is_symlink()]
    if taken:
        raise ConfigError(
            f"{' and '.join(taken)}: there is an App already. Use it (codeagent serve --env-file "
            f"{files.env}), or write a new one over it with --force."
        )


def write(files: KeyFiles, pem: str, variables: Mapping[str, str], *, force: bool = False) -> None:
    """The key first: a file of settings never names one that is not there. Raises ConfigError."""
    lines = [f"{name}={quoted(name, value)}" for name, value in variables.items()]
    if not force:
        refuse_taken(files)
    files.env.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    _put(files.key, pem if pem.endswith("\n") else pem + "\n", force)
    _put(files.env, "\n".join((*lines, "")), force)


def quoted(name: str, value: str) -> str:
    """For ``--env-file`` here, systemd, and Docker, which knows no quotes: what needs none gets none."""
    if not value.isprintable() or "${" in value:
        raise ConfigError(f"{name} cannot be written to a file of settings: {value!r}.")
    if _PLAIN.fullmatch(value):
        return value
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _put(path: Path, text: str, force: bool) -> None:
    try:
        number, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
        try:
            with os.fdopen(number, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            if force:
                os.replace(name, path)
            else:
                os.link(name, path)  # fails when it is there, and leaves it as it is
        finally:
            with suppress(FileNotFoundError):
                os.unlink(name)
    except FileExistsError:
        raise ConfigError(f"{path} is there already and was left as it is; --force writes over it.") from None
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written: {error.strerror}; set CODEAGENT_DATA_DIR to another directory."
        ) from None
