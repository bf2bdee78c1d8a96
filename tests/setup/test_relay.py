"""The relay's client, against a scripted channel that writes bodies anew as smee does."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from bot.cli.main import app as commands
from bot.deliveries.events import EventReader, ServerEvent, TooLong
from bot.deliveries.relay import PAUSES, Letter, Relay, Unusable, read_letter
from bot.deliveries.webhook import sign
from bot.errors import ConfigError

SECRET = b"0123456789abcdef-relay"
PAYLOAD = {
    "action": "labeled",
    "issue": {"number": 7, "title": "Ünïcode “quotes” & <tags> \u2028 \x7f \U0001f600"},
}


# --- What the events hold ---


def told(raw: bytes, **more: Any) -> str:
    """The event that smee makes of a delivery: headers, the body parsed, when it came."""
    event = {
        "host": "smee.io",
        "connection": "close",
        "content-length": str(len(raw)),
        "x-forwarded-for": "140.82.115.1",
        "content-type": "application/json",
        "user-agent": "GitHub-Hookshot/abc",
        "x-github-event": "issues",
        "x-github-delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
        "x-hub-signature-256": sign(SECRET, raw),
        "body": json.loads(raw),
        "query": {},
        "timestamp": 1700000000000,
        **more,
    }
    return json.dumps(event, ensure_ascii=False, separators=(",", ":"))


COMPACT = json.dumps(PAYLOAD, ensure_ascii=False, separators=(",", ":")).encode()
ESCAPED = json.dumps(PAYLOAD, separators=(",", ":")).encode()
SPACED = json.dumps(PAYLOAD, indent=1).encode()


@pytest.mark.parametrize(
    ("raw", "more", "verifies"),
    [
        (COMPACT, {}, True),
        (ESCAPED, {}, True),
        (SPACED, {}, False),  # written anew, and no longer what was signed
        (SPACED, {"rawBody": SPACED.decode()}, True),
        (SPACED, {"rawdata": SPACED.decode()}, True),
        (COMPACT, {"rawBody": "something else"}, True),
        (SPACED, {"body": SPACED.decode()}, True),
        (COMPACT, {"x-hub-signature-256": sign(b"another secret...", COMPACT)}, False),
        (COMPACT, {"x-hub-signature-256": None}, False),
    ],
    ids=[
        "compact",
        "escaped",
        "spaced",
        "rawBody",
        "rawdata",
        "wrong raw",
        "text",
        "other secret",
        "unsigned",
    ],
)
def test_the_bytes_that_were_signed(raw: bytes, more: dict[str, Any], verifies: bool) -> None:
    letter = read_letter(told(raw, **more), SECRET)
    if not verifies:
        assert isinstance(letter, Unusable)
        return
    assert isinstance(letter, Letter)
    assert letter.body == raw
    assert dict(letter.headers) == {
        "content-type": "application/json",
        "user-agent": "GitHub-Hookshot/abc",
        "x-github-event": "issues",
        "x-github-delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
        "x-hub-signature-256": sign(SECRET, raw),
    }


def test_without_a_secret_it_is_passed_on_as_json_stringify_writes_it() -> None:
    letter = read_letter(told(SPACED), None)
    assert isinstance(letter, Letter)
    assert letter.body == COMPACT


@pytest.mark.parametrize(
    "data",
    ["", "{}", "[]", "null", "{", '{"x-github-event": 1}', '{"x-github-event": "a"}', "[" * 100_000,
     '{"x-github-event": "a", "body": {"a": 1e999}}', '{"x-github-event": "a", "body": {"a": "\\ud800"}}',
     '{"x-github-event": "a", "x-github-delivery": "a\\r\\nX: y", "body": {}}'],
)  # fmt: skip
def test_what_is_no_delivery(data: str) -> None:
    assert isinstance(read_letter(data, SECRET), Unusable)
    taken = read_letter(data, None)
    if isinstance(taken, Letter):
        assert all(value.isprintable() for value in taken.headers.values())


@settings(max_examples=40)
@given(
    st.recursive(
        st.none() | st.text() | st.integers() | st.floats(),
        lambda x: st.lists(x) | st.dictionaries(st.text(), x),
    )
)
def test_any_event_is_read_or_refused(value: object) -> None:
    read_letter(json.dumps({"x-github-event": "a", "body": value}), None)
    read_letter(json.dumps(value), SECRET)


# --- The stream ---

STREAM = (
    'retry: 250\n: comment\nevent: ready\ndata: {}\n\nid: 3\ndata: {"a":\rdata: "ü"}\r\n\r\n'
    "nonsense\ndata:x\n\ndata: y"
)
EVENTS = [ServerEvent(data="{}", kind="ready"), ServerEvent(data='{"a":\n"ü"}'), ServerEvent(data="x")]


@given(st.lists(st.integers(0, len(STREAM.encode()))))
def test_events_however_they_are_cut(cuts: list[int]) -> None:
    raw = STREAM.encode()
    reader, found = EventReader(1000), []
    edges = [0, *sorted(cuts), len(raw)]
    for start, end in pairwise(edges):
        found += reader.feed(raw[start:end])
    assert found == EVENTS
    assert reader.retry == 0.25


@pytest.mark.parametrize("chunk", [b"data: " + b"x" * 90 + b"\n", b"x" * 101, b": " + b"c" * 99])
def test_an_endless_event(chunk: bytes) -> None:
    reader = EventReader(100)
    with pytest.raises(TooLong):
        [event for _ in range(3) for event in reader.feed(chunk)]


# --- From channel to service ---


class Server(ThreadingHTTPServer):
    """GET answers the next script; POST keeps what comes and answers the next status."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.scripts: list[tuple[int, str, list[str]]] = []
        self.statuses: list[int] = []
        self.got: list[tuple[dict[str, str], bytes]] = []

    @property
    def site(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        assert self.headers["Accept"] == "text/event-stream"
        status, kind, events = self.server.scripts.pop(0) if self.server.scripts else (404, "text/plain", [])
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.end_headers()
        for each in events:
            self.wfile.write(each.encode())

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append(({k.lower(): v for k, v in self.headers.items()}, body))
        self.send_response(self.server.statuses.pop(0) if self.server.statuses else 202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.02,))
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def message(data: str) -> str:
    return f"id: 1\ndata: {data}\n\n"


def run(server: Server, *, until: Callable[[list[float]], bool]) -> list[float]:
    """Listen until that is so; the pauses that were made."""
    waited: list[float] = []

    def wait(seconds: float) -> bool:
        waited.append(seconds)
        return until(waited)

    target = f"{server.site}/webhook"
    Relay(channel=f"{server.site}/channel", target=target, secret=SECRET, wait=wait).run()
    return waited


STREAMED = (200, "text/event-stream")


def test_from_the_channel_to_the_service(server: Server) -> None:
    events = ["event: ready\ndata: {}\n\n", message(told(COMPACT)), "event: ping\ndata: {}\n\n"]
    server.scripts = [(*STREAMED, [*events, message(told(SPACED)), message("{")])]
    run(server, until=lambda _: True)
    ((headers, body),) = server.got
    assert body == COMPACT
    assert headers["x-hub-signature-256"] == sign(SECRET, body)
    assert headers["host"] == server.site.removeprefix("http://")
    assert "x-forwarded-for" not in headers


def test_it_connects_again_later_each_time(server: Server) -> None:
    nothing = (502, "text/html", ["<html>"])
    server.scripts = [nothing, nothing, (200, "text/html", []), (*STREAMED, [message(told(COMPACT))])]
    waited = run(server, until=lambda waited: len(waited) == 5)
    assert waited == [PAUSES[1], PAUSES[2], PAUSES[3], PAUSES[0], PAUSES[1]]
    assert len(server.got) == 1


def test_a_service_that_is_not_ready_is_asked_again(server: Server) -> None:
    server.scripts = [(*STREAMED, [message(told(COMPACT))])]
    server.statuses = [503, 503, 202]
    run(server, until=lambda _: len(server.got) == 3)
    assert len({headers["x-github-delivery"] for headers, _ in server.got}) == 1


@pytest.mark.parametrize(
    "channel", ["http://smee.io/x", "smee.io/x", "https://smee.io", "https://smee.io/", ""]
)
def test_no_channel(channel: str) -> None:
    with pytest.raises(ConfigError):
        Relay(channel=channel, target="http://127.0.0.1:1/webhook")


def test_the_command_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CODEAGENT_RELAY_URL", raising=False)
    done = CliRunner().invoke(commands, ["relay"])
    assert done.exit_code == 2
    assert "CODEAGENT_RELAY_URL" in done.output
    assert CliRunner().invoke(commands, ["relay", "http://smee.io/x"]).exit_code == 2
