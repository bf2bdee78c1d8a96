"""A scripted model for programs of any make: an OpenAI-compatible endpoint on the loopback interface.

The double of the tests (``tests.scripted_model``) refuses what CodeAgent would never send; other programs
send tools and tool results. This one takes every chat completion, waits a fixed time and answers by script.
It keeps when each call was in flight. Beside it a proxy that lets nothing through and counts who tried.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

MODEL = "scripted"
KEY = "sk-scripted"
Message = Mapping[str, Any]  # of an assistant: content, or tool calls
Script = Callable[[Mapping[str, Any]], Message]
"""From the body of a request to the message that answers it; raises LookupError when there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """When a request was read, and when its answer was about to be written (``time.monotonic``)."""

    began: float
    ended: float
    prompt_bytes: int


def in_flight(calls: Sequence[Call]) -> float:
    """Seconds during which at least one of these calls was waited for."""
    return union([(call.began, call.ended) for call in calls])


def union(spans: Sequence[tuple[float, float]]) -> float:
    """The length of what the spans cover together: what ran side by side counts once."""
    total, reached = 0.0, float("-inf")
    for began, ended in sorted(spans):
        total += max(0.0, ended - max(began, reached))
        reached = max(reached, ended)
    return total


class Endpoint:
    """``script`` may be exchanged between two programs; ``problems`` are requests without an answer."""

    def __init__(self, *, latency: float) -> None:
        self.latency = latency
        self.calls: list[Call] = []
        self.problems: list[str] = []
        self.script: Script = _no_script
        self._guard = threading.Lock()
        self._server = _serve(_ModelWire, self)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def answer(self, body: Mapping[str, Any], size: int) -> tuple[int, Mapping[str, Any]]:
        began = time.monotonic()
        try:
            message = self.script(body)
        except LookupError as error:
            with self._guard:
                self.problems.append(str(error))
            return 400, {"error": {"message": str(error), "type": "invalid_request_error"}}
        time.sleep(self.latency)
        with self._guard:
            self.calls.append(Call(began=began, ended=time.monotonic(), prompt_bytes=size))
            number = len(self.calls)
        return 200, _completion(message, number, size)

    def reset(self, script: Script) -> None:
        """Before the next program."""
        with self._guard:
            self.script, self.calls, self.problems = script, [], []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


class ClosedDoor:
    """A proxy that refuses: what a program tries to reach outside is listed in ``tried``."""

    def __init__(self) -> None:
        self.tried: list[str] = []
        self._server = _serve(_DoorWire, self)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


def _no_script(body: Mapping[str, Any]) -> Message:  # noqa: ARG001
    raise LookupError("no program was expected yet")


def _completion(message: Message, number: int, size: int) -> Mapping[str, Any]:
    said = json.dumps(message)
    return {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "created": 1_760_000_000,
        "model": MODEL,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": None, **message},
                "logprobs": None,
                "finish_reason": "tool_calls" if "tool_calls" in message else "stop",
            }
        ],
        "usage": {
            "prompt_tokens": size // 4,
            "completion_tokens": len(said) // 4,
            "total_tokens": size // 4 + len(said) // 4,
        },
    }


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    owner: Any


def _serve(wire: type[BaseHTTPRequestHandler], owner: object) -> _Server:
    server = _Server(("127.0.0.1", 0), wire)
    server.owner = owner
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True, name="endpoint").start()
    return server


class _Wire(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on stderr."""

    def send(self, status: int, payload: Mapping[str, Any]) -> None:
        body = json.dumps(payload).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class _ModelWire(_Wire):
    def do_GET(self) -> None:
        self.send(200, {"object": "list", "data": [{"id": MODEL, "object": "model", "owned_by": "script"}]})

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, payload = self.server.owner.answer(json.loads(data), len(data))
        self.send(status, payload)


class _DoorWire(_Wire):
    def _refuse(self) -> None:
        self.server.owner.tried.append(f"{self.command} {self.path}")
        self.close_connection = True
        self.send(403, {"error": "nothing outside may be reached"})

    do_CONNECT = do_GET = do_POST = do_HEAD = _refuse
