"""Runs the set-up on this machine's loopback interface until the App is there."""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import uvicorn

from bot.errors import ConfigError
from bot.settings import Settings
from bot.setup.keys import files_in, refuse_taken
from bot.setup.manifest import GitHubPlace, Wish, check_reachable, hook_of
from bot.setup.pages import Finished
from bot.setup.register import Registrar
from bot.setup.tickets import Tickets
from bot.setup.web import SetupApp, SetupPorts

LOOPBACK: Final = "127.0.0.1"
LAST_PAGE_SECONDS: Final = 60.0  # for the browser to fetch it after the App is there
_RELAY_CHANNEL: Final = 24  # random bytes: whoever knows a channel can read it


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupWish:
    """What was said on the command line; empty: not said."""

    name: str = ""
    org: str = ""
    public: str = ""
    relay: str = ""
    web: str = ""
    port: int = 0
    force: bool = False


def run_setup(
    settings: Settings,
    wish: SetupWish,
    announce: Callable[[str], None],
    *,
    goes_on: bool = False,
) -> Finished | None:
    """The App, or None when the set-up was ended without one. ``announce`` is told the address to open.

    Raises ConfigError for what cannot be, before anything is listened on.
    """
    if not wish.force:
        refuse_taken(files_in(settings.data_dir))
    place = GitHubPlace.of(wish.web or settings.web)
    ports = _ports(settings, wish, place, goes_on=goes_on)
    config = uvicorn.Config(
        _unmade, host=LOOPBACK, port=wish.port, log_config=None, access_log=False, server_header=False,
        proxy_headers=False, timeout_graceful_shutdown=5,
    )  # fmt: skip
    try:
        door = config.bind_socket()
    except SystemExit as error:
        raise ConfigError(f"{LOOPBACK}:{wish.port} cannot be listened on: choose another --port.") from error
    host = f"{LOOPBACK}:{door.getsockname()[1]}"
    app = SetupApp(ports, host)
    config.app = app.asgi
    door.listen(config.backlog)
    announce(f"http://{host}/setup?secret={ports.tickets.secret}")
    server = uvicorn.Server(config)
    threading.Thread(target=_end, args=(app, server), name="setup-end", daemon=True).start()
    with contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=[door])
    return app.result


def _ports(settings: Settings, wish: SetupWish, place: GitHubPlace, *, goes_on: bool) -> SetupPorts:
    public = (wish.public or settings.public_url or "").rstrip("/")
    relay = channel(wish.relay or settings.relay_url or "")
    for hook in filter(None, (hook_of(wish.public) if wish.public else "", relay)):
        check_reachable(hook, place)
    name = wish.name or f"codeagent-{secrets.token_hex(3)}"  # names are unique on all of GitHub
    Wish(name=name, org=wish.org, hook=relay)
    return SetupPorts(
        place=place,
        name=name,
        org=wish.org,
        public="" if relay and not wish.public else public,
        relay=relay,
        tickets=Tickets(time.monotonic),
        register=Registrar(
            place=place,
            data=settings.data_dir,
            label=settings.label,
            api_version=settings.api_version,
            force=wish.force,
            goes_on=goes_on,
        ),
    )


def channel(relay: str) -> str:
    """The relay's channel: the one that was given, or a new one of a relay that was given by its host. smee
    takes any name; its own ones have half as many random bits."""
    relay = relay.strip().rstrip("/")
    if not relay:
        return ""
    path = relay.partition("://")[2].partition("/")[2]
    return relay if path else f"{relay}/{secrets.token_urlsafe(_RELAY_CHANNEL)}"


def _end(app: SetupApp, server: uvicorn.Server) -> None:
    """When the last page was shown, or when nobody fetches it."""
    while app.result is None:
        if server.should_exit:
            return
        time.sleep(0.1)
    app.finished.wait(LAST_PAGE_SECONDS)
    server.should_exit = True


async def _unmade(*_: object) -> None:
    """The application needs the port that is bound first."""
