"""Warm interpreters: fork servers kept by the runner, see :mod:`sandbox.inside.server`.

A command is forked only when that gives what a cold start gives: same interpreter, same environment, and
no file of the tree that would have been imported in the place of a module that the server has loaded already.
"""

from __future__ import annotations

import marshal
import os
import signal
import socket
import subprocess
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import NamedTuple

from sandbox.inside.execute import Streams, open_streams

KEPT = 3
READ_AT_START = ("COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG")
"""By coverage's hook, to measure the very process that starts."""
START_SECONDS = 30.0
ANSWER_SECONDS = 5.0


class Key(NamedTuple):
    python: str
    preload: tuple[str, ...]
    env: tuple[tuple[str, str], ...]


class Report(NamedTuple):
    problem: str
    loaded: frozenset[str]
    inner_paths: tuple[str, ...]


class Server:
    """One fork server. When its report names a problem, it is stopped already."""

    def __init__(self, key: Key, source: str, cwd: str) -> None:
        self._connection, theirs = socket.socketpair()
        streams = open_streams(b"")
        try:
            self._process = subprocess.Popen(
                (key.python, "-c", source, str(theirs.fileno()), *key.preload),
                env=dict(key.env),
                cwd=cwd,
                stdin=streams.stdin,
                stdout=streams.stdout,
                stderr=streams.stderr,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        except OSError:
            streams.close_ours()
            self._connection.close()
            raise
        finally:
            streams.close_theirs()
            theirs.close()
        self._connection.settimeout(START_SECONDS)
        self.report = self._read_report()
        if any(_readable(fd) for fd in (streams.from_stdout, streams.from_stderr)):
            # A cold start would print this, too, and a forked one would not.
            self.report = self.report._replace(problem="it printed something while it started")
        streams.close_ours()
        if self.report.problem:
            self.stop()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def fork(self, argv: list[str], env: Mapping[str, str], streams: Streams) -> Forked:
        self.go_on()
        message = marshal.dumps((list(argv), dict(env)), 2)
        fds = [streams.stdin, streams.stdout, streams.stderr]
        self._connection.settimeout(ANSWER_SECONDS)
        socket.send_fds(self._connection, [len(message).to_bytes(4, "big")], fds)
        self._connection.sendall(message)
        return Forked(self, self._connection)

    def go_on(self) -> None:
        if self.alive:
            os.kill(self.pid, signal.SIGCONT)

    def stop(self) -> None:
        self._connection.close()
        self._process.kill()
        self._process.wait()

    def _read_report(self) -> Report:
        try:
            size = int.from_bytes(_receive(self._connection, 4), "big")
            problem, loaded, inner = marshal.loads(_receive(self._connection, size))
        except (OSError, EOFError, ValueError, TypeError) as error:
            return Report(f"it does not start: {error!r}", frozenset(), ())
        return Report(str(problem), frozenset(loaded), tuple(inner))


class Forked:
    """A command that a server forked. Implements :class:`sandbox.inside.execute.Job`."""

    pid = 0

    def __init__(self, server: Server, connection: socket.socket) -> None:
        self._server = server
        self._connection = connection

    def fileno(self) -> int:
        return self._connection.fileno()

    def end(self) -> None:
        """It is the server's child, and dies with all others; a server that it stopped goes on."""
        self._server.go_on()

    def status(self) -> int | None:
        try:
            return int.from_bytes(_receive(self._connection, 4), "big", signed=True)
        except (OSError, EOFError):  # the command, or what cleaned up after it, killed the server
            self._server.stop()
            return None


class Servers:
    """The servers of one inside, least recently used first."""

    def __init__(self, source: str, cwd: str) -> None:
        self._source = source
        self._cwd = cwd
        self._servers: OrderedDict[Key, Server] = OrderedDict()
        self._unfit: set[Key] = set()

    @property
    def pids(self) -> list[int]:
        return [server.pid for server in self._servers.values()]

    def get(self, key: Key, prepare: Callable[[], None]) -> Server | None:
        """A fit server for ``key``, started if need be; ``prepare`` takes the repository's code away
        first.
        """
        self._forget_dead()
        if key in self._unfit:
            return None
        if key not in self._servers:
            while len(self._servers) >= KEPT:
                self._servers.popitem(last=False)[1].stop()
            prepare()
            try:
                server = Server(key, self._source, self._cwd)
            except OSError:  # a cold start says what is wrong with it
                return None
            if server.report.problem:
                self._unfit.add(key)
                return None
            self._servers[key] = server
        self._servers.move_to_end(key)
        return self._servers[key]

    def _forget_dead(self) -> None:
        for key in [key for key, server in self._servers.items() if not server.alive]:
            self._servers.pop(key).stop()


def key_of(argv: list[str], env: Mapping[str, str], preload: list[str]) -> Key | None:
    """What a server for this command would have to be; None when it can only be started cold."""
    if not preload or len(argv) < 3 or argv[1] != "-m" or not argv[0].startswith("/"):
        return None
    if any(name in env for name in READ_AT_START):
        return None
    return Key(argv[0], tuple(preload), tuple(sorted(env.items())))


def shadowed(server: Server, workspace: str) -> bool:
    """Whether the tree has a file that a cold start would import where the server has something else
    loaded.
    """
    directories = dict.fromkeys((workspace, *server.report.inner_paths))
    for directory in directories:
        try:
            names = os.listdir(directory)
        except OSError:
            continue
        if any(name.partition(".")[0] in server.report.loaded for name in names):
            return True
    return False


def _receive(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = connection.recv(count - len(data))
        if not part:
            raise EOFError
        data += part
    return data


def _readable(fd: int) -> bool:
    try:
        return bool(os.read(fd, 1))
    except BlockingIOError:
        return False
