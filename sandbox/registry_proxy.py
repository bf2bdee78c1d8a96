"""The host's end of the build phase's only way out: a proxy on a unix socket that knows a few registries.

It tunnels ``CONNECT host:port`` for https registries and forwards ``GET`` for http ones. It resolves
names itself and refuses addresses of this machine and its neighbours, and it reads the server's name in
the TLS greeting: on the shared addresses of a content network another name would be another party.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from sandbox import tls
from sandbox.inside.relay import relay
from sandbox.owner import Owner
from sandbox.registries import Origin, is_outside

SOCKET_NAME = "proxy.sock"
PREFIX = "codeagent-proxy."
CONNECTIONS = 64
HEAD_CAP = 16 << 10
SECONDS = 30.0
KEEPER = 'read -r _; rm -rf -- "$1"'
"""Removes the directory when the host process was killed: its life line ends."""


class Refusal(Exception):
    """Why a request is not passed on; said to the client."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One understood request: where to, and what is to be sent there first."""

    origin: Origin
    first: bytes


class RegistryProxy:
    """A context manager; :attr:`directory` holds the socket. Serves in threads of its own."""

    def __init__(self, registries: frozenset[str]) -> None:
        origins = [Origin.parse(text) for text in sorted(registries)]
        self._allowed = {(o.scheme, o.host, o.port): o for o in origins}
        self._room = threading.BoundedSemaphore(CONNECTIONS)
        self._open: set[socket.socket] = set()
        self._guard = threading.Lock()

    def __enter__(self) -> Self:
        sweep()
        self.directory = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{Owner.current()}."))
        self._keeper = subprocess.Popen(
            ("/bin/sh", "-c", KEEPER, "keeper", str(self.directory)),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={"PATH": os.defpath},  # it outlives this process for a moment: with none of its secrets
            start_new_session=True,
        )
        self._listener = socket.socket(socket.AF_UNIX)
        try:
            self.directory.chmod(0o755)
            _bind(self._listener, self.directory)
            (self.directory / SOCKET_NAME).chmod(0o666)
            self._listener.listen(CONNECTIONS)
            self._thread = threading.Thread(target=self._accept, daemon=True)
            self._thread.start()
        except BaseException:
            self._listener.close()
            self._leave()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._guard:
            for end in (self._listener, *self._open):
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()
        self._leave()

    def _leave(self) -> None:
        shutil.rmtree(self.directory)
        self._keeper.communicate()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:  # shut down by __exit__
                return
            if not self._room.acquire(blocking=False):
                connection.close()
                continue
            with self._guard:
                self._open.add(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            with client:
                client.settimeout(SECONDS)
                self._pass_on(client)
        except OSError:  # the client went away
            return
        finally:
            with self._guard:
                self._open.discard(client)
            self._room.release()

    def _pass_on(self, client: socket.socket) -> None:
        try:
            head, rest = _read_head(client)
            wanted = understand(head, self._allowed)
            upstream = _connect(wanted.origin)
        except Refusal as refusal:
            client.sendall(f"HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n{refusal}\n".encode())
            return
        with upstream:
            if wanted.origin.scheme == "https":
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                greeting = _read_greeting(client, rest, wanted.origin.host)
                if greeting is None:
                    return
                upstream.sendall(greeting)
            else:
                upstream.sendall(wanted.first + rest)
            relay(client, upstream)


def understand(head: bytes, allowed: Mapping[tuple[str, str, int], Origin]) -> Wanted:
    """Pure: a request's head to what is wanted, or Refusal."""
    line, _, fields = head.partition(b"\r\n")
    words = line.decode("latin-1").split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise Refusal("this is not an HTTP request")
    method, target, version = words
    try:
        if method == "CONNECT":
            parts = urlsplit(f"//{target}")
            key = ("https", (parts.hostname or "").lower(), parts.port or 0)
        elif method in ("GET", "HEAD"):
            parts = urlsplit(target)
            key = (parts.scheme, (parts.hostname or "").lower(), parts.port or 80)
        else:
            raise Refusal(f"the method {method[:20]!r} is not allowed here")
    except ValueError:
        raise Refusal("the target cannot be read") from None
    origin = allowed.get(key)
    if origin is None or (method != "CONNECT" and origin.scheme != "http"):
        raise Refusal(f"{target[:200]!r} is not one of the package registries of this sandbox")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    kept = [f for f in fields.split(b"\r\n") if f and not f.lower().startswith((b"proxy-", b"connection:"))]
    start = f"{method} {path} {version}".encode("latin-1")
    first = b"\r\n".join((start, *kept, b"Connection: close", b"", b""))
    return Wanted(origin=origin, first=first)


def sweep(directory: Path | None = None) -> None:
    """Remove the directories of proxies whose owner is dead."""
    for path in Path(directory or tempfile.gettempdir()).glob(f"{PREFIX}*"):
        owner = Owner.parse(path.name.removeprefix(PREFIX).rpartition(".")[0])
        if owner is not None and owner.dead and path.stat().st_uid == os.geteuid():
            shutil.rmtree(path, ignore_errors=True)


def _bind(listener: socket.socket, directory: Path) -> None:
    """Through a descriptor: the path of a unix socket may have 107 bytes, a temporary directory more."""
    fd = os.open(directory, os.O_PATH | os.O_DIRECTORY)
    try:
        listener.bind(f"/proc/self/fd/{fd}/{SOCKET_NAME}")
    finally:
        os.close(fd)


def _read_head(client: socket.socket) -> tuple[bytes, bytes]:
    received = b""
    while b"\r\n\r\n" not in received:
        part = client.recv(4096)
        if not part or len(received) > HEAD_CAP:
            raise Refusal("the request does not end")
        received += part
    head, _, rest = received.partition(b"\r\n\r\n")
    return head, rest


def _read_greeting(client: socket.socket, received: bytes, host: str) -> bytes | None:
    """The client's first TLS message, when it is addressed to ``host``."""
    try:
        while (name := tls.server_name(received)) is None:
            part = client.recv(4096)
            if not part:
                return None
            received += part
    except tls.Malformed:
        return None
    return received if name == host else None


def _connect(origin: Origin) -> socket.socket:
    """To an address that was looked at: the name is not resolved a second time."""
    try:
        found = socket.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise Refusal(f"{origin.host} cannot be resolved: {error}") from error
    last: OSError | None = None
    for family, kind, protocol, _, address in found:
        if not origin.private and not is_outside(str(address[0])):
            raise Refusal(f"{origin.host} resolves to {address[0]}, which is not outside")
        upstream = socket.socket(family, kind, protocol)
        upstream.settimeout(SECONDS)
        try:
            upstream.connect(address)
        except OSError as error:
            upstream.close()
            last = error
        else:
            return upstream
    raise Refusal(f"{origin.host} does not answer: {last}")
