"""Start one command, watch it against its limits, and see that nothing of it is left."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from sandbox.inside.capture import Capture
from sandbox.inside.processes import kill_others, memory_kills, prefer_to_kill, reap_orphans

F_SETPIPE_SZ = 1031  # not named in Python 3.9
PIPE_BYTES = 1 << 20
CHUNK = 1 << 18
GUARD_SECONDS = 0.05
ORPHANS_SECONDS = 0.2
NOT_FOUND, NOT_EXECUTABLE = 127, 126


Guard = Callable[[], "str | None"]
"""Asked every now and then while a command runs: the limit that it has reached, if any."""


class HostGone(Exception):
    """The host closed the connection while a command ran."""


class Unclean(Exception):
    """A process could not be killed: this inside may not be used again."""


class Job(Protocol):
    """A started command. ``fileno`` becomes readable when it has ended; ``pid`` is 0 if it is no child
    of ours.
    """

    @property
    def pid(self) -> int: ...

    def fileno(self) -> int: ...

    def end(self) -> None:
        """It has ended, or shall now: only its own process, before all others are killed."""
        ...

    def status(self) -> int | None:
        """Exit status as ``subprocess`` has it; None when it cannot be known."""
        ...


@dataclass
class Streams:
    """Our ends and the command's ends of its standard streams."""

    stdin: int
    stdout: int
    stderr: int
    from_stdout: int
    from_stderr: int

    def close_theirs(self) -> None:
        for fd in (self.stdin, self.stdout, self.stderr):
            os.close(fd)

    def close_ours(self) -> None:
        for fd in (self.from_stdout, self.from_stderr):
            os.close(fd)


@dataclass
class Caps:
    seconds: float
    output_bytes: int
    guard: Guard | None = None


@dataclass
class Outcome:
    status: int | None
    stopped_by: str | None
    stdout: Capture
    stderr: Capture
    seconds: float


def open_streams(stdin: bytes) -> Streams:
    source = os.memfd_create("stdin", os.MFD_CLOEXEC)
    view = memoryview(stdin)
    while view:
        view = view[os.write(source, view) :]
    os.lseek(source, 0, os.SEEK_SET)
    (from_out, out), (from_err, err) = os.pipe(), os.pipe()
    for fd in (from_out, from_err):
        with suppress(OSError):  # a user may have so many large pipes only
            fcntl.fcntl(fd, F_SETPIPE_SZ, PIPE_BYTES)
        os.set_blocking(fd, False)
    return Streams(source, out, err, from_out, from_err)


class Cold:
    """A command in a process of its own."""

    def __init__(self, argv: list[str], env: Mapping[str, str], cwd: str, streams: Streams) -> None:
        self._process = subprocess.Popen(
            argv,
            env=env,
            cwd=cwd,
            stdin=streams.stdin,
            stdout=streams.stdout,
            stderr=streams.stderr,
            start_new_session=True,
        )
        prefer_to_kill(self._process.pid)
        self._pidfd = os.pidfd_open(self._process.pid)

    @property
    def pid(self) -> int:
        return self._process.pid

    def fileno(self) -> int:
        return self._pidfd

    def end(self) -> None:
        os.close(self._pidfd)
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def status(self) -> int | None:
        return self._process.returncode


class Failed:
    """A command that could not be started, told the way a shell tells it."""

    pid = 0

    def __init__(self, argv: list[str], error: OSError, streams: Streams) -> None:
        missing = isinstance(error, (FileNotFoundError, NotADirectoryError))
        self._code = NOT_FOUND if missing else NOT_EXECUTABLE
        os.write(streams.stderr, f"{argv[0]}: {error.strerror}\n".encode(errors="replace")[:4096])
        self._ended, ending = os.pipe()
        os.close(ending)

    def fileno(self) -> int:
        return self._ended

    def end(self) -> None:
        os.close(self._ended)

    def status(self) -> int | None:
        return self._code


def start(argv: list[str], env: Mapping[str, str], cwd: str, streams: Streams) -> Job:
    try:
        return Cold(argv, env, cwd, streams)
    except OSError as error:
        return Failed(argv, error, streams)


class Watch:
    """One command from its start to the point where nothing of it is left."""

    def __init__(self, job: Job, streams: Streams, caps: Caps, control: int) -> None:
        self._job = job
        self._caps = caps
        self._control = control
        self._captures = {
            streams.from_stdout: Capture(caps.output_bytes),
            streams.from_stderr: Capture(caps.output_bytes),
        }
        self._out, self._err = self._captures.values()
        self._poll = select.poll()
        for fd in (job.fileno(), control, *self._captures):
            self._poll.register(fd, select.POLLIN)

    def run(self, keep: Collection[int]) -> Outcome:
        kills = memory_kills()
        began = time.monotonic()
        stopped_by = self._wait(began + self._caps.seconds, {self._job.pid, *keep})
        seconds = time.monotonic() - began
        self._job.end()
        if not kill_others(keep):
            raise Unclean("a process cannot be killed")
        status = self._job.status()
        self._drain()
        if stopped_by is None and status != 0 and memory_kills() > kills:
            stopped_by = "memory"
        if stopped_by is not None:
            status = None
        elif status is None:
            status = -signal.SIGKILL  # a fork server that the command killed
        return Outcome(status, stopped_by, self._out, self._err, seconds)

    def _wait(self, deadline: float, mine: Collection[int]) -> str | None:
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                return "time"
            if self._caps.guard is not None and (reached := self._caps.guard()):
                return reached
            reap_orphans(mine)
            pause = min(left, ORPHANS_SECONDS if self._caps.guard is None else GUARD_SECONDS)
            ready = [fd for fd, _ in self._poll.poll(pause * 1000 + 1)]
            if self._control in ready:
                raise HostGone
            for fd in ready:
                if fd in self._captures and self._feed(fd):
                    return "output"
            if self._job.fileno() in ready:
                return None

    def _feed(self, fd: int) -> bool:
        """Take what is there; True when the stream has become a bomb."""
        try:
            data = os.read(fd, CHUNK)
        except BlockingIOError:
            return False
        if not data:
            self._poll.unregister(fd)
            return False
        self._captures[fd].feed(data)
        return self._captures[fd].is_bomb

    def _drain(self) -> None:
        """What is still in the pipes; nobody can write into them any more."""
        for fd, capture in self._captures.items():
            try:
                while data := os.read(fd, CHUNK):
                    capture.feed(data)
            except BlockingIOError:
                continue


def report(error: BaseException) -> None:
    print(f"sandbox runner: {type(error).__name__}: {error}", file=sys.stderr)
