"""Secrets that must not turn up anywhere, and who looks for them while a run goes on."""

from __future__ import annotations

import base64
import json
import os
import threading
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

LARGEST = 64 << 20  # bytes of a file that are searched


@dataclass(frozen=True, slots=True, kw_only=True)
class Needle:
    """One secret in one form."""

    name: str
    text: bytes


@dataclass(frozen=True, slots=True)
class Canaries:
    """What the operator's environment holds beside what the program needs."""

    webhook_secret: str = "canary-webhook-5f1d3e9a77c24b60"
    host_file: str = "canary-hostfile-90b7e1c2d4a84f33"
    variables: Mapping[str, str] = field(
        default_factory=lambda: {
            "OPENAI_API_KEY": "sk-canary-model-2b7c9d10e5f84a6c",
            "CODEAGENT_LANGUAGE_MODEL_KEY": "canary-setting-6e8f0a1b2c3d4e5f",
            "AWS_SECRET_ACCESS_KEY": "canary-aws-17d9f3b5a2c84e60",
            "GITHUB_TOKEN": "ghp_canary0000111122223333444455556666",
        }
    )

    def known(self, private_key: str) -> tuple[Needle, ...]:
        """All that is known before the first token is made. Of the key a line from its middle."""
        lines = [line for line in private_key.splitlines() if not line.startswith("-----")]
        plain = {
            "webhook secret": self.webhook_secret,
            "private key": lines[len(lines) // 2],
            "host file": self.host_file,
            **self.variables,
        }
        return tuple(needle for name, value in plain.items() for needle in forms(name, value))


def forms(name: str, secret: str, *, part: slice = slice(None)) -> Iterator[Needle]:
    """As it is and in base64, of which git's Basic authorization is the same: its prefix has 15 bytes."""
    yield Needle(name=name, text=secret[part].encode())
    encoded = base64.b64encode(secret.encode()).decode()
    yield Needle(name=f"{name} in base64", text=encoded.rstrip("=")[part][:-2].encode())


def tokens(values: Iterable[str]) -> tuple[Needle, ...]:
    """The middle of each: an App's tokens begin alike."""
    return tuple(
        needle
        for number, value in enumerate(values)
        for needle in forms(f"token {number}", value, part=slice(120, 240))
    )


def found_in(content: bytes, needles: Iterable[Needle]) -> list[str]:
    return [needle.name for needle in needles if needle.text in content]


def unpacked(journal: str) -> str:
    """Every text in a journal, also those that are packed in it, however deep."""
    rows = (json.loads(line) for line in journal.splitlines() if line.startswith("{"))
    return "\n".join(text for row in rows for text in _texts(row))


def _texts(value: object) -> Iterator[str]:
    match value:
        case dict():
            for name, inner in value.items():
                yield str(name)
                yield from _texts(inner)
        case list():
            for inner in value:
                yield from _texts(inner)
        case str():
            yield value
            yield from _packed(value)
        case _:
            return


def _packed(text: str) -> Iterator[str]:
    try:
        inner = zlib.decompress(base64.b64decode(text, validate=True)).decode(errors="replace")
    except (ValueError, zlib.error):
        return
    yield inner
    with suppress(ValueError):
        yield from _texts(json.loads(inner))


def searched(
    directory: Path, needles: Iterable[Needle], *, skip: Iterable[Path] = ()
) -> dict[str, list[str]]:
    """Files below a directory (or the file itself) that hold a secret, by name."""
    needles = tuple(needles)
    left_out = tuple(str(path) + os.sep for path in skip)
    found = {}
    for path in _files(directory):
        if path.startswith(left_out):
            continue
        with suppress(OSError), open(path, "rb") as file:
            if names := found_in(path.encode() + file.read(LARGEST), needles):
                found[path] = names
    return found


def _files(directory: Path) -> Iterator[str]:
    if directory.is_file():
        yield str(directory)
    for folder, _folders, names in os.walk(directory):
        for name in names:
            path = os.path.join(folder, name)
            if os.path.isfile(path) and not os.path.islink(path):
                yield path


# --- While a run goes on ------------------------------------------------------------------------------------


@dataclass(slots=True, kw_only=True)
class Sample:
    """Everything that was seen of other processes and of small files while somebody watched. Secrets are
    looked for afterwards: tokens are known only then."""

    arguments: set[bytes] = field(default_factory=set)
    variables: set[tuple[bytes, bytes]] = field(default_factory=set)  # arguments, environment
    files: set[tuple[str, bytes]] = field(default_factory=set)


@contextmanager
def watching(service: int, directories: Iterable[Path]) -> Iterator[Sample]:
    """Looks at the arguments of every process, at the environment of the service's descendants and at small
    files below the directories, again and again."""
    sample, over, watched = Sample(), threading.Event(), tuple(directories)

    def watch() -> None:
        while not over.wait(0.1):
            _look(service, sample)
            for directory in watched:
                _read_small(directory, sample)

    thread = threading.Thread(target=watch, name="canary-watch")
    thread.start()
    try:
        yield sample
    finally:
        over.set()
        thread.join()


def _look(service: int, sample: Sample) -> None:
    parents, arguments = {}, {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with suppress(OSError, ValueError, IndexError):
                arguments[int(entry)] = Path("/proc", entry, "cmdline").read_bytes()
                parents[int(entry)] = int(
                    Path("/proc", entry, "stat").read_text().rpartition(")")[2].split()[1]
                )
    sample.arguments.update(arguments.values())
    for process in arguments:
        if process != service and _descends(process, service, parents):
            with suppress(OSError):
                sample.variables.add((arguments[process], Path(f"/proc/{process}/environ").read_bytes()))


def _descends(process: int, ancestor: int, parents: Mapping[int, int]) -> bool:
    while process in parents and process != ancestor:
        process = parents[process]
    return process == ancestor


def _read_small(directory: Path, sample: Sample) -> None:
    for path in _files(directory):
        with suppress(OSError):
            if os.path.getsize(path) < 64 << 10:
                with open(path, "rb") as file:
                    sample.files.add((path, file.read()))
