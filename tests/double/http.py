"""The wire: HTTP/1.1 with keep-alive, chunked and plain bodies, planned faults, and a log of every request.

Threads and blocking sockets on purpose: a connection can be reset at any point, git streams without
buffering, and nothing of an event loop is left behind when a test ends.
"""

from __future__ import annotations

import re
import socket
import struct
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, assert_never
from urllib.parse import unquote

from tests.double import githttp, graphql
from tests.double.endpoints import app_hooks
from tests.double.endpoints.actions import LOGS
from tests.double.faults import (
    Fault,
    Faults,
    Garbage,
    Meanwhile,
    PrimaryRateLimit,
    ResetAfter,
    ResetBefore,
    SecondaryRateLimit,
    Slow,
    Status,
    StatusAfter,
    refusal,
)
from tests.double.rest import Rest, caller_name, encode
from tests.double.web import Answer, RefusedError, Request

if TYPE_CHECKING:
    from collections.abc import Callable

API = "/api/v3"

RESET = struct.pack("ii", 1, 0)  # SO_LINGER on, zero seconds: close() sends RST


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One request that came in. ``token`` is the token's id or "app:slug", never its value."""

    method: str
    path: str  # below /api/v3, or /owner/name.git/…; decoded
    query: str
    status: int  # what was answered; 0 when the connection was reset
    token: str | None
    at: float  # time.monotonic()
    body: Any = field(repr=False)  # JSON, or None
    fault: Fault | None = None


class Server(ThreadingHTTPServer):
    daemon_threads = False  # server_close() joins them
    request_queue_size = 128

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.rest: Rest
        self.faults = Faults()
        self.log: list[Recorded] = []
        self.bugs: list[str] = []
        self.closing = threading.Event()
        self._sockets: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._sockets.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """A connection that a fault has marked is closed at once, so that the client sees RST and not FIN."""
        self._sockets.discard(request)
        if request.fileno() >= 0 and request.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8) == RESET:
            self.close_request(request)
        else:
            super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        """A client that went away is no bug; everything else is one of the double's own."""
        if not isinstance(sys.exception(), ConnectionError):
            self.bugs.append(traceback.format_exc())

    def stop(self) -> None:
        self.closing.set()
        self.shutdown()
        for each in list(self._sockets):
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # closed by itself meanwhile
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    server_version = "github.com"
    disable_nagle_algorithm = True
    _request: Request
    _caller: str | None
    _fault: Fault | None

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on stderr; ``Server.log`` has it."""

    def _dispatch(self) -> None:
        path, _, query = self.path.partition("?")
        is_api = path.startswith(f"{API}/") or (path == graphql.PATH and self.command == "POST")
        path = path.removeprefix(API) if is_api else path
        git = None if is_api else githttp.GIT_PATH.fullmatch(path)
        self._caller, self._fault = None, self.server.faults.take(self.command, path)
        self._request = Request(
            method=self.command,
            path=path,
            query_string=query,
            headers={name.lower(): value for name, value in self.headers.items()},
            body=b"" if git else b"".join(self._body()),
        )
        if self._before(self._fault, git=git is not None):
            return
        if git:
            self._git(git)
        elif path.startswith(LOGS) and self.command == "GET":
            self._after(self.server.rest.log(self._request))
        else:
            self._after(self._rest() if is_api else self._page())

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _dispatch

    def _record(self, status: int) -> None:
        """Before the answer leaves, so that who has the answer finds the record."""
        request = self._request
        try:
            body = request.json
        except ValueError:
            body = None
        row = Recorded(
            method=request.method,
            path=unquote(request.path),
            query=request.query_string,
            status=status,
            token=self._caller,
            at=time.monotonic(),
            body=body,
            fault=self._fault,
        )
        self.server.log.append(row)

    # -- answering ----------------------------------------------------------------------------------------

    def _before(self, fault: Fault | None, *, git: bool) -> bool:
        """Faults that come before anything is done; True when the request ends with one."""
        match fault:
            case Status() | PrimaryRateLimit() | SecondaryRateLimit():
                if git:
                    self._drain()
                self._send(refusal(fault, self._now))
                return True
            case ResetBefore():
                self._reset()
                return True
            case Slow(seconds):
                self.server.closing.wait(seconds)
                return False
            case Meanwhile(do):
                do()
                return False
            case None | ResetAfter() | StatusAfter() | Garbage():
                return False
            case _:
                assert_never(fault)

    def _after(self, answer: Answer) -> None:
        match self._fault:
            case ResetAfter():
                self._reset()
            case StatusAfter() as fault:
                self._send(refusal(fault, self._now))
            case Garbage(body):
                self._send(Answer(status=answer.status, body=body))
            case _:
                self._send(answer)

    def _rest(self) -> Answer:
        try:
            answer, caller = self.server.rest.handle(self._request)
        except Exception:  # noqa: BLE001 - the rim: a bug of the double answers 500 and fails the test
            self.server.bugs.append(f"{self.command} {self.path}\n{traceback.format_exc()}")
            return RefusedError(500, "The double failed; see its bugs").answer()
        self._caller = caller_name(caller)
        return answer

    def _page(self) -> Answer:
        shown = app_hooks.page(self.server.rest.world, self._request)
        return shown or RefusedError(404, "Not Found").answer()

    def _now(self) -> float:
        return self.server.rest.world.clock.now().timestamp()

    def _send(self, answer: Answer) -> None:
        self._record(answer.status)
        body = encode(answer)
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "X-GitHub-Media-Type": "github.v3; format=json",
            "X-GitHub-Request-Id": f"D0:{len(self.server.log):X}",
            "x-ratelimit-limit": "5000",
            "x-ratelimit-remaining": "4999",
            "x-ratelimit-reset": str(int(self._now()) + 3600),
            "x-ratelimit-used": "1",
            "x-ratelimit-resource": "core",
            **answer.headers,
            "Content-Length": str(len(body)),
        }
        if answer.status in {204, 304}:
            headers.pop("Content-Length")
            body = b""
        self.wfile.write(self._head(answer.status, headers) + (b"" if self.command == "HEAD" else body))

    def _head(self, status: int, headers: dict[str, str]) -> bytes:
        phrase = HTTPStatus(status).phrase
        lines = [f"HTTP/1.1 {status} {phrase}", f"Date: {self.date_time_string()}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def _reset(self) -> None:
        self._record(0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.close_connection = True

    # -- bodies -------------------------------------------------------------------------------------------

    def _body(self) -> Iterator[bytes]:
        """The request's body in blocks, whichever way its length is told."""
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            yield from self._chunks()
            return
        left = int(self.headers.get("Content-Length") or 0)
        while left > 0:
            block = self._read(min(left, githttp.CHUNK))
            left -= len(block)
            yield block

    def _read(self, size: int) -> bytes:
        """Half a body is none: a worker that is killed while it sends must not look like one that sends
        nonsense."""
        block = self.rfile.read(size)
        if len(block) < size:
            raise ConnectionAbortedError("the client went away in the middle of a body")
        return block

    def _chunks(self) -> Iterator[bytes]:
        while size := self._chunk_size():
            yield self._read(size)
            self.rfile.readline(8)
        while self.rfile.readline(65_536).strip():
            pass  # trailers

    def _chunk_size(self) -> int:
        line = self.rfile.readline(64).split(b";")[0].strip()
        if not line:
            raise ConnectionAbortedError("the client went away in the middle of a body")
        return int(line, 16)

    def _drain(self) -> None:
        """A push that is refused unread would look like a reset to git, and leave its body to the next
        request."""
        for _ in self._body():
            pass

    # -- git ----------------------------------------------------------------------------------------------

    def _git(self, match: re.Match[str]) -> None:
        try:
            call = githttp.admit(self.server.rest.world, self._request, match)
        except RefusedError as refused:
            self._drain()
            headers = {**refused.headers, "Content-Type": "text/plain; charset=utf-8"}
            self._send(Answer(status=refused.status, body=refused.message.encode(), headers=headers))
            return
        self._caller = call.caller
        lost = isinstance(self._fault, ResetAfter | StatusAfter | Garbage)
        status = githttp.serve(call, self._body(), _discard if lost else self._stream)
        if lost:
            self._after(Answer(status=status))
        elif self.request_version == "HTTP/1.1":
            self.wfile.write(b"0\r\n\r\n")

    def _stream(self, status: int, headers: dict[str, str]) -> Callable[[bytes], None]:
        self._record(status)
        if self.request_version != "HTTP/1.1":
            self.close_connection = True
            self.wfile.write(self._head(status, headers))
            return self._write
        headers.pop("Content-Length", None)
        self.wfile.write(self._head(status, {**headers, "Transfer-Encoding": "chunked"}))
        return lambda block: self._write(f"{len(block):x}\r\n".encode() + block + b"\r\n")

    def _write(self, block: bytes) -> None:
        self.wfile.write(block)


def _discard(status: int, headers: dict[str, str]) -> Callable[[bytes], None]:  # noqa: ARG001
    return lambda _: None
