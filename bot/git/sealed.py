"""Runs the git program so that nothing but the call itself decides what it does (threats 10 to 12).

Sealed off: git configuration of the machine and the user, every ``GIT_*`` variable of the host, hooks,
filters, fsmonitor, credential helpers, prompts, submodules, lazy fetches, redirects, and every transport that
the call does not name. A token travels as a configuration value in the environment of one process: it is
never in the URL, an argument or a file.
"""

from __future__ import annotations

import base64
import os
import re
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final
from urllib.parse import urlsplit

from bot.errors import CheckoutError
from bot.forge import GitAccess
from bot.settings import host_environment

if TYPE_CHECKING:
    from git import Git

OLDEST: Final = (2, 32)
"""GIT_CONFIG_COUNT came with 2.31, GIT_CONFIG_GLOBAL with 2.32: an older git would ignore the seal."""

PROXIES: Final = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
TRUST: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO", "GIT_SSL_CAPATH")
INHERITED: Final = frozenset(("PATH", "TMPDIR", *TRUST, *PROXIES, *(name.lower() for name in PROXIES)))
"""What git may see of the host's environment: how to reach the network, and whom to trust there."""

SSH_INHERITED: Final = frozenset(("HOME", "SSH_AUTH_SOCK", "USER", "LOGNAME"))

SEAL: Final = {
    "LC_ALL": "C",
    "HOME": "/nonexistent",  # no ~/.netrc, no ~/.config/git/attributes
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_LAZY_FETCH": "1",  # the promisor remote of a partial clone may name a command
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_LITERAL_PATHSPECS": "1",
}

CONFIGURATION: Final = (
    ("core.hooksPath", os.devnull),
    ("core.fsmonitor", "false"),
    ("core.attributesFile", os.devnull),
    ("core.excludesFile", os.devnull),
    ("core.symlinks", "false"),
    ("core.autocrlf", "false"),
    ("core.askPass", ""),
    ("core.commitGraph", "false"),  # of a repository that is only borrowed from: not to be believed
    ("core.protectHFS", "true"),
    ("core.protectNTFS", "true"),
    ("credential.helper", ""),
    ("submodule.recurse", "false"),
    ("fetch.recurseSubmodules", "false"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("protocol.version", "2"),
    ("http.followRedirects", "false"),  # the header with the token is meant for one host
    ("http.lowSpeedLimit", "1000"),
    ("http.lowSpeedTime", "60"),
)

KEPT_STDERR: Final = 8192
WATCH_SECONDS: Final = 0.5


class GitFailed(CheckoutError):
    """git ended with an error; the message holds the command and, in ``said``, what git wrote, redacted."""

    def __init__(self, message: str, said: str) -> None:
        super().__init__(message)
        self.said = said


@dataclass(frozen=True, slots=True, kw_only=True)
class GitCall:
    """One run of git. Without ``git_dir`` it looks for none: it runs in the root directory.

    ``pack_bytes`` caps what may lie in the object packs of ``git_dir`` while it runs (0: no cap).
    """

    arguments: tuple[str, ...]
    git_dir: Path | None = None
    work_tree: Path | None = None
    stdin: bytes = b""
    variables: Mapping[str, str] = field(default_factory=dict)
    access: GitAccess | None = None
    transports: tuple[str, ...] = ()
    seconds: float = 120.0
    output_bytes: int = 64 << 20
    pack_bytes: int = 0

    @property
    def shown(self) -> str:
        return " ".join(("git", *(word if len(word) <= 200 else word[:200] + "…" for word in self.arguments)))

    @property
    def placed(self) -> tuple[str, ...]:
        where = (f"--git-dir={self.git_dir}",) if self.git_dir else ()
        return (
            "git",
            *where,
            *((f"--work-tree={self.work_tree}",) if self.work_tree else ()),
            *self.arguments,
        )


@dataclass(frozen=True, kw_only=True)
class SealedGit:
    """``environment`` answers the host's variables when asked; ``redact`` is applied to all that git said."""

    environment: Callable[[], Mapping[str, str]] = host_environment
    redact: Callable[[str], str] = str

    def run(self, call: GitCall) -> bytes:
        """Its standard output. Raises :class:`GitFailed`, CheckoutError when it answers too much."""
        with self.stream(call) as stdout:
            output = stdout.read(call.output_bytes + 1)
            if len(output) > call.output_bytes:
                raise CheckoutError(
                    f"{call.shown} answered over {call.output_bytes:,} bytes and was stopped."
                )
        return output

    @contextmanager
    def stream(self, call: GitCall) -> Iterator[IO[bytes]]:
        """Its standard output while it runs; leaving the block early stops it. EOFError inside means: git
        stopped before its reader expected it; git's own reason is raised then. Raises :class:`GitFailed`."""
        self.check_version()
        running = _Running(self._start(call), call)
        try:
            with running:
                yield running.stdout
        except EOFError as error:
            raise self._failure(call, running) from error
        if running.status != 0 or running.stopped:
            raise self._failure(call, running)

    def check_version(self) -> str:
        """The version found. Raises CheckoutError when git is missing or too old to be sealed."""
        return self._version

    @cached_property
    def _version(self) -> str:
        call = GitCall(arguments=("version",), seconds=20)
        with _Running(self._start(call), call) as running:
            said = running.stdout.read(1000).decode("ascii", "replace").strip()
        found = re.search(r"(\d+)\.(\d+)", said)
        if running.status != 0 or found is None or (int(found[1]), int(found[2])) < OLDEST:
            oldest = ".".join(map(str, OLDEST))
            raise CheckoutError(
                f"git {oldest} or newer is needed, found {said or 'none that runs'!r}: update git."
            )
        return said.removeprefix("git version ")

    def _start(self, call: GitCall) -> Git.AutoInterrupt:
        try:
            from git import Git  # importing it runs git, and fails where there is none
            from git.exc import GitCommandNotFound
        except ImportError as error:
            raise CheckoutError(
                "The git program was not found: install git (for example: apt install git)."
            ) from error
        sealed = self._variables(call)
        # GitPython lays what it is given over os.environ: what must not get through is unset on the way.
        unset = tuple(
            part for name in sorted(self.environment()) if name not in sealed for part in ("-u", name)
        )
        with tempfile.TemporaryFile() as stdin:
            stdin.write(call.stdin)
            stdin.seek(0)
            try:
                return Git(call.git_dir or "/").execute(
                    ("env", *unset, *call.placed),
                    istream=stdin,
                    as_process=True,
                    env=sealed,
                    start_new_session=True,  # so that git-remote-https and the like die with it
                )
            except (GitCommandNotFound, OSError, ValueError) as error:  # ValueError: NUL in a word
                reason = self.redact(str(error))[:500]
                raise GitFailed(f"{call.shown} could not be started: {reason}", reason) from error

    def _variables(self, call: GitCall) -> dict[str, str]:
        ssh = "ssh" in call.transports
        through = INHERITED | (SSH_INHERITED if ssh else frozenset())
        seal = dict(SEAL)
        if ssh:
            seal["GIT_SSH_COMMAND"] = "ssh -oBatchMode=yes"
        seal["GIT_ALLOW_PROTOCOL"] = ":".join(call.transports) or "none"
        settings: tuple[tuple[str, str], ...] = CONFIGURATION
        if call.access is not None and call.access.token:
            header = f"Authorization: Basic {basic(call.access.token)}"
            settings += ((f"http.{_origin(call.access.url)}.extraHeader", header),)
        seal["GIT_CONFIG_COUNT"] = str(len(settings))
        for index, (key, value) in enumerate(settings):
            seal[f"GIT_CONFIG_KEY_{index}"], seal[f"GIT_CONFIG_VALUE_{index}"] = key, value
        return {
            **seal,
            **{name: value for name, value in self.environment().items() if name in through},
            **call.variables,
        }

    def _failure(self, call: GitCall, running: _Running) -> GitFailed:
        said = running.stderr.decode("utf-8", "replace").strip()
        if call.access is not None and call.access.token:
            for secret in (call.access.token, basic(call.access.token)):
                said = said.replace(secret, "***")
        said = self.redact(said)
        how = running.stopped or f"ended with status {running.status}"
        return GitFailed(f"{self.redact(call.shown)} {how}: {said or 'git gave no reason'}", said)


class _Running:
    """A started git, watched: killed, with everything it started, when it takes too long or too much disk."""

    def __init__(self, started: Git.AutoInterrupt, call: GitCall) -> None:
        process = started.proc
        assert process is not None
        assert process.stdout is not None
        assert process.stderr is not None
        self._keeper = started  # it ends the process when it is collected
        self._process = process
        self._call = call
        self._over = threading.Event()
        self._threads = (threading.Thread(target=self._drain), threading.Thread(target=self._watch))
        self.stdout: IO[bytes] = process.stdout
        self.stderr = b""
        self.stopped = ""
        self.status = 0

    def __enter__(self) -> _Running:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not EOFError and (kind is not None or self.stdout.read(1)):
            self._kill()  # whoever reads has had enough
        self.status = self._process.wait()
        self._over.set()
        for thread in self._threads:
            thread.join()
        self.stdout.close()

    def _kill(self) -> None:
        with suppress(ProcessLookupError):  # all of them ended meanwhile
            os.killpg(self._process.pid, signal.SIGKILL)

    def _drain(self) -> None:
        pipe = self._process.stderr
        assert pipe is not None
        with pipe:
            while part := pipe.read1():  # type: ignore[attr-defined]  # a BufferedReader
                self.stderr = (self.stderr + part)[-KEPT_STDERR:]

    def _watch(self) -> None:
        waited = 0.0
        while not self._over.wait(WATCH_SECONDS):
            waited += WATCH_SECONDS
            if waited >= self._call.seconds:
                self.stopped = f"took over {self._call.seconds:g} seconds and was stopped"
            elif self._call.pack_bytes and _pack_bytes(self._call.git_dir) > self._call.pack_bytes:
                self.stopped = f"brought over {self._call.pack_bytes:,} bytes and was stopped"
            if self.stopped:
                self._kill()
                return


def basic(token: str) -> str:
    """What GitHub takes a token as, over git's HTTP transport."""
    return base64.b64encode(f"x-access-token:{token}".encode()).decode()


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/"


def _pack_bytes(git_dir: Path | None) -> int:
    total = 0
    for path in (git_dir / "objects" / "pack").glob("*") if git_dir else ():
        try:
            total += path.stat().st_size
        except FileNotFoundError:  # git renames its packs
            continue
    return total
