"""What runs beside the web door of a service: catching up with deliveries, and the relay if there is one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from bot.deliveries.catch_up import CatchUps, catch_up
from bot.deliveries.ledger import DeliveryLedger
from bot.deliveries.relay import Relay
from bot.github.app import AppDesk
from bot.github.client import AppKeys, Link
from bot.settings import Settings

_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # that stand for all addresses


@contextmanager
def alongside(
    settings: Settings, ledger: DeliveryLedger, port: int, redact: Callable[[str], str]
) -> Iterator[None]:
    """``port``: the one that is listened on. Raises ConfigError."""
    ledger.prepare()
    with (
        closing(desk(settings, redact)) as asked,
        CatchUps(lambda stopped: catch_up(asked, ledger, stopped=stopped)),
        _relayed(settings, port),
    ):
        yield


def desk(settings: Settings, redact: Callable[[str], str] = str) -> AppDesk:
    app = settings.github_app()
    return AppDesk(
        AppKeys(issuer=app.issuer, private_key=app.private_key.get_secret_value()),
        Link(api_url=settings.api_url, web_url=settings.web_url, api_version=settings.api_version),
        redact=redact,
    )


def webhook_of(settings: Settings, port: int | None = None) -> str:
    """The service's own address on this machine."""
    host = _ANY.get(settings.host, settings.host)
    host = f"[{host}]" if ":" in host else host
    return f"http://{host}:{settings.port if port is None else port}/webhook"


@contextmanager
def _relayed(settings: Settings, port: int) -> Iterator[None]:
    if settings.relay_url is None:
        yield
        return
    secret = settings.github_app().webhook_secret.get_secret_value().encode()
    relay = Relay(channel=settings.relay_url, target=webhook_of(settings, port), secret=secret)
    threading.Thread(target=relay.run, name="relay", daemon=True).start()
    try:
        yield
    finally:
        relay.stop.set()
