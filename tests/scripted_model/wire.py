"""The wire of the scripted model: HTTP/1.1 with keep-alive, and every way of not answering."""

from __future__ import annotations

import gzip
import json
import socket
import struct
import sys
import threading
import traceback
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, assert_never

from tests.scripted_model.completion import Made
from tests.scripted_model.replies import (
    CallsTool,
    CutOff,
    Empty,
    Filtered,
    Gigantic,
    Hang,
    Raw,
    Refuses,
    Reply,
    Reset,
    Says,
    Status,
)

if TYPE_CHECKING:
    from tests.scripted_model.server import ScriptedModel

RESET = struct.pack("ii", 1, 0)  # SO_LINGER on, zero seconds: close() sends RST
PIECE = 1 << 16


class Server(ThreadingHTTPServer):
    daemon_threads = False  # server_close() joins them
    request_queue_size = 128

    def __init__(self, model: ScriptedModel) -> None:
        self.model = model
        self.closing = threading.Event()
        self._sockets: set[socket.socket] = set()
        super().__init__(("127.0.0.1", 0), Wire)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._sockets.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """A connection that is marked so is closed at once: the client sees RST and not FIN."""
        self._sockets.discard(request)
        if request.fileno() >= 0 and request.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8) == RESET:
            self.close_request(request)
        else:
            super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        """A client that went away is no bug; everything else is one of the server's own."""
        if not isinstance(sys.exception(), ConnectionError):
            self.model.bugs.append(traceback.format_exc())

    def stop(self) -> None:
        self.closing.set()
        self.shutdown()
        for each in list(self._sockets):
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # closed by itself meanwhile
        self.server_close()


class Wire(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    body: Any
    headers: Mapping[str, str]  # type: ignore[assignment]

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on stderr."""

    def wait(self, seconds: float) -> None:
        if seconds > 0:
            self.server.closing.wait(seconds)

    def do_GET(self) -> None:
        names = self.server.model.models()
        rows = [{"id": name, "object": "model", "created": 0, "owned_by": "tests"} for name in names]
        name = self.path.rpartition("/models")[2].strip("/")
        if self.headers.get("Authorization") != f"Bearer {self.server.model.key}":
            self._status(Status(401, "Incorrect API key provided.", code="invalid_api_key"))
        elif self.server.model.models_body != b"":
            body = self.server.model.models_body
            self._status(Status(404, "Not Found") if body is None else Status(200, body=body))
        elif name:
            found = [row for row in rows if row["id"] == name]
            self._json(200, found[0]) if found else self._status(Status(404, "no such model"))
        else:
            self._json(200, {"object": "list", "data": rows})

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.headers = {name.lower(): value for name, value in self.headers.items()}
        if self.path.partition("?")[0] != "/v1/chat/completions":
            self._status(Status(404, f"Invalid URL (POST {self.path})"))
            return
        try:
            self.body = json.loads(data)
        except ValueError:
            self.body = None
        answer = self.server.model.answer(self)
        if isinstance(answer, Made):
            self._deliver(answer.how, answer.payload)
        else:
            self._deliver(answer, {})

    def _deliver(self, reply: Reply, payload: dict[str, Any]) -> None:
        match reply:
            case Filtered(as_status=True):
                message = "The response was filtered due to the prompt triggering the content policy."
                self._status(Status(400, message, code="content_filter", param="prompt"))
            case Says() | Refuses() | CutOff() | Filtered() | Empty() | CallsTool():
                self._json(200, payload)
            case Status():
                self._status(reply)
            case Reset():
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                self.close_connection = True
            case Hang():
                self._hang(reply)
            case Gigantic():
                self._gigantic(reply)
            case Raw(body=body, content_type=content_type):
                self._send(200, body, {"Content-Type": content_type})
            case _:
                assert_never(reply)

    def _hang(self, hang: Hang) -> None:
        self.close_connection = True
        if not hang.drip:
            self.wait(hang.seconds)
            return
        self.wfile.write(self._head(200, {"Content-Type": "application/json"}))
        for _ in range(int(hang.seconds / 0.02)):
            self.wfile.write(b" ")
            if self.server.closing.wait(0.02):
                return

    def _gigantic(self, reply: Gigantic) -> None:
        """Valid JSON up to its end, which nobody should come to."""
        self.close_connection = True
        headers = {"Content-Type": "application/json"}
        piece = b" " * PIECE
        if reply.packed:
            body = gzip.compress(b" " * reply.size, 9)
            self._send(200, body, {**headers, "Content-Encoding": "gzip"})
            return
        if reply.declared:
            headers["Content-Length"] = str(reply.size)
        self.wfile.write(self._head(200, headers))
        for _ in range(reply.size // PIECE):
            if self.server.closing.is_set():
                return
            self.wfile.write(piece)

    def _status(self, reply: Status) -> None:
        kind = "invalid_request_error" if reply.status < 500 else "server_error"
        error = {"message": reply.message, "type": kind, "param": reply.param, "code": reply.code}
        body = json.dumps({"error": error}).encode() if reply.body is None else reply.body
        self._send(reply.status, body, {"Content-Type": "application/json", **reply.headers})

    def _json(self, status: int, payload: dict[str, Any]) -> None:
        self._send(status, json.dumps(payload).encode(), {"Content-Type": "application/json"})

    def _send(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        whole = {**headers, "x-request-id": "req_scripted", "Content-Length": str(len(body))}
        self.wfile.write(self._head(status, whole) + body)

    def _head(self, status: int, headers: Mapping[str, str]) -> bytes:
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if "Content-Length" not in headers:
            lines.append("Connection: close")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
