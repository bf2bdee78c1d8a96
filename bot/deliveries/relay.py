"""A client for smee and its like: brings deliveries to a service that GitHub cannot reach.

The channel is a stream of server-sent events; each holds a delivery's headers in lower case, its ``body``,
and with newer relays the text as it was sent. smee parses the body and writes it anew, while the signature is
over the bytes that GitHub sent: the ways to write it down are tried until one verifies, and what none of them
verifies is not passed on. What goes astray here is found by ``bot.deliveries.catch_up``.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import structlog

from bot.deliveries.events import EventReader, ServerEvent, TooLong
from bot.deliveries.webhook import BODY_CAP, verify
from bot.errors import ConfigError

LARGEST_EVENT: Final = 3 * BODY_CAP  # escaped once, and perhaps told twice
SILENCE: Final = 90.0  # seconds; smee says something every thirty
PAUSES: Final = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)
LOCAL_PAUSES: Final = (0.5, 2.0, 5.0)
RAW: Final = ("rawBody", "rawdata", "rawbody")
_PASSED_ON: Final = re.compile(r"x-github-[a-z-]{1,40}|x-hub-signature-256|user-agent", re.ASCII)
_VALUE: Final = re.compile(r"[\x20-\x7e]{1,1024}", re.ASCII)
_LONE: Final = re.compile("[\ud800-\udfff]")

log = structlog.get_logger("bot.deliveries.relay")


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A delivery on its way."""

    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Unusable:
    reason: str


def read_letter(data: str, secret: bytes | None) -> Letter | Unusable:
    """From one event. Without a secret the first way to write the body down is taken. Pure; never raises."""
    try:
        told = json.loads(data)
    except (ValueError, RecursionError):
        return Unusable("an event that is no JSON")
    if not isinstance(told, dict) or not isinstance(told.get("x-github-event"), str):
        return Unusable("an event that is no delivery of GitHub's")
    headers = {
        name: value
        for name, value in told.items()
        if _PASSED_ON.fullmatch(name) and isinstance(value, str) and _VALUE.fullmatch(value)
    }
    try:
        bodies = tuple(_bodies(told))
    except RecursionError:
        return Unusable("an event that is nested too deeply")
    signature = headers.get("x-hub-signature-256")
    for body in bodies:
        if secret is None or verify(secret, body, signature):
            return Letter(headers={**headers, "content-type": "application/json"}, body=body)
    return Unusable(
        "the signature fits no way to write the body down: the relay changed it, or the webhook's secret is "
        "another one"
    )


def _bodies(told: Mapping[str, Any]) -> Iterator[bytes]:
    """The body as it may have been sent: as told, as JSON.stringify writes it, and with escapes for all that
    is no ASCII."""
    for name in RAW:
        if isinstance(raw := told.get(name), str):
            yield raw.encode("utf-8", "replace")
    body = told.get("body")
    if isinstance(body, str):
        yield body.encode("utf-8", "replace")
    elif isinstance(body, dict):
        compact = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
        # JSON.stringify escapes halves of pairs alone, which no UTF-8 can hold
        yield _LONE.sub(lambda half: f"\\u{ord(half[0]):04x}", compact).encode()
        yield json.dumps(body, separators=(",", ":")).encode()


@dataclass(kw_only=True)
class Relay:
    """``channel`` to ``target``. ``transport``, ``wait`` are for tests; ``wait`` says whether to stop."""

    channel: str
    target: str
    secret: bytes | None = field(default=None, repr=False)
    transport: httpx.BaseTransport | None = None
    wait: Callable[[float], bool] | None = None
    stop: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        """Raises ConfigError."""
        parts = urlsplit(self.channel)
        local = parts.hostname in ("127.0.0.1", "::1", "localhost")
        if parts.scheme != "https" and not (parts.scheme == "http" and local):
            raise ConfigError(
                "The relay's channel must be an https:// address: what it carries may be private."
            )
        if not parts.path.strip("/"):
            raise ConfigError(f"{self.channel} names no channel: https://smee.io/NAME does.")

    def run(self) -> None:
        """Until told to stop. Connects again and again, later each time while nothing comes."""
        wait = self.wait or self.stop.wait
        failures = 0
        with closing(
            httpx.Client(transport=self.transport, timeout=httpx.Timeout(10.0, read=SILENCE))
        ) as far:
            while not self.stop.is_set():
                reader = EventReader(LARGEST_EVENT)
                heard, reason = self._listen(far, reader)
                failures = 0 if heard else failures + 1
                pause = max(PAUSES[min(failures, len(PAUSES) - 1)], reader.retry or 0.0)
                log.warning(
                    "the relay's channel ended", host=_host(self.channel), reason=reason, again_in=pause
                )
                if wait(pause):
                    return

    def _listen(self, far: httpx.Client, reader: EventReader) -> tuple[bool, str]:
        """Whether anything was heard, and why it ended."""
        heard = False
        # identity: what is unpacked here would have no bound
        ask = {"Accept": "text/event-stream", "Accept-Encoding": "identity", "Cache-Control": "no-store"}
        try:
            with far.stream("GET", self.channel, headers=ask) as answer:
                kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
                if answer.status_code != 200 or kind != "text/event-stream":
                    return False, f"it answered {answer.status_code} {kind}"
                log.info("listening to the relay", host=_host(self.channel))
                with closing(httpx.Client(timeout=30.0, trust_env=False)) as near:
                    for chunk in answer.iter_raw():
                        for event in reader.feed(chunk):
                            heard = True
                            self._take(near, event)
                        if self.stop.is_set():
                            return heard, "stopped"
        except httpx.HTTPError as error:
            return heard, type(error).__name__
        except TooLong:
            return heard, f"an event of more than {LARGEST_EVENT} bytes"
        return heard, "it closed the connection"

    def _take(self, near: httpx.Client, event: ServerEvent) -> None:
        if event.kind != "message":  # ready, ping
            return
        match read_letter(event.data, self.secret):
            case Unusable(reason=reason):
                log.warning("left out what the relay sent", reason=reason)
            case Letter() as letter:
                self._pass_on(near, letter)

    def _pass_on(self, near: httpx.Client, letter: Letter) -> None:
        guid = letter.headers.get("x-github-delivery", "")
        wait = self.wait or self.stop.wait
        for pause in (*LOCAL_PAUSES, None):
            said = _post(near, self.target, letter)
            if said < 500 and said:
                log.info("passed on", delivery=guid, status=said)
                return
            if pause is None or wait(pause):
                break
        log.warning("the service did not take a delivery; catching up will ask for it again", delivery=guid)


def _post(near: httpx.Client, target: str, letter: Letter) -> int:
    """The status, 0 for no answer."""
    try:
        return near.post(target, content=letter.body, headers=dict(letter.headers)).status_code
    except httpx.HTTPError:
        return 0


def _host(channel: str) -> str:
    """What of a channel may be logged: whoever knows all of it can read it."""
    return urlsplit(channel).hostname or ""
