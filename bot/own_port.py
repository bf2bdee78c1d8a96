"""Metrics and health on a port of their own: a worker has no other, and a server may want to keep them off
the one that GitHub reaches. Plain wsgiref in a thread; nothing reads more than the request line's path."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.types import StartResponse, WSGIEnvironment

from bot.errors import ConfigError
from bot.metrics import CONTENT_TYPE

TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """``ready`` says in one line what is missing (empty: nothing)."""

    metrics: Callable[[], bytes]
    ready: Callable[[], str]

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        status, kind, body = self._answer(str(environ.get("PATH_INFO", "")))
        start_response(status, [("Content-Type", kind), ("Content-Length", str(len(body)))])
        return [body]

    def _answer(self, path: str) -> tuple[str, str, bytes]:
        match path:
            case "/metrics":
                return "200 OK", CONTENT_TYPE, self.metrics()
            case "/healthz":
                return "200 OK", TEXT, b"ok\n"
            case "/readyz":
                missing = self.ready()
                status = "503 Service Unavailable" if missing else "200 OK"
                return status, TEXT, f"{missing or 'ready'}\n".encode()
            case _:
                return "404 Not Found", TEXT, b"no such page\n"


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Handler(WSGIRequestHandler):
    timeout = 10.0  # a client that says nothing does not keep its thread

    def log_message(self, format: str, *args: Any) -> None:
        """Whoever collects every few seconds would fill the log."""


@contextmanager
def listening(host: str, port: int, shown: Shown) -> Iterator[int]:
    """Answers inside, on the port that is given. Raises ConfigError when it cannot be had."""
    try:
        server = make_server(host, port, shown, server_class=_Server, handler_class=_Handler)
    except OSError as error:
        raise ConfigError(
            f"{host}:{port} cannot be listened on: change CODEAGENT_METRICS_PORT, or end what uses it."
        ) from error
    thread = threading.Thread(target=server.serve_forever, name="own-port", daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
