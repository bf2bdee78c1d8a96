"""A relay as smee is one: what is posted to a channel goes to everybody who listens to it, parsed and told
anew; ``rawBody`` as its newer versions have it."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Smee(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.listeners: list[queue.SimpleQueue[str]] = []
        self.closing = threading.Event()

    @property
    def channel(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/a-channel"


class _Handler(BaseHTTPRequestHandler):
    server: Smee

    def do_GET(self) -> None:
        mine: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self.wfile.write(b"event: ready\ndata: {}\n\n")
        self.server.listeners.append(mine)
        while not self.server.closing.is_set():
            try:
                self.wfile.write(f"data: {mine.get(timeout=0.1)}\n\n".encode())
            except queue.Empty:
                continue

    def do_POST(self) -> None:
        """Answered with 200 whoever listens: GitHub takes it for delivered."""
        raw = self.rfile.read(int(self.headers["Content-Length"])).decode()
        headers = {name.lower(): value for name, value in self.headers.items()}
        event = json.dumps({**headers, "body": json.loads(raw), "rawBody": raw, "query": {}, "timestamp": 1})
        for each in self.server.listeners:
            each.put(event)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def relaying() -> Iterator[Smee]:
    with Smee() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server
        finally:
            server.closing.set()
            server.shutdown()
            thread.join()
