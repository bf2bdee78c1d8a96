"""``codeagent relay``: deliveries for a service on this machine, through smee or its like."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bot.errors import ConfigError
from bot.settings import LogFormat, read_settings


def relay(
    channel: Annotated[
        str, typer.Argument(metavar="[CHANNEL]", help="https://smee.io/NAME. Default: CODEAGENT_RELAY_URL.")
    ] = "",
    target: Annotated[
        str, typer.Option(metavar="URL", help="Where to. Default: the service's own /webhook here.")
    ] = "",
    env_file: Annotated[Path | None, typer.Option(help="Read settings from this file as well.")] = None,
) -> None:
    """Bring GitHub's deliveries from a relay to this machine; `serve` does it too when RELAY_URL is set."""
    from bot import log
    from bot.alongside import webhook_of
    from bot.deliveries.relay import Relay

    settings = read_settings(dotenv=env_file)
    chosen = channel or settings.relay_url or ""
    if not chosen:
        raise ConfigError("Which channel? Give it, or set CODEAGENT_RELAY_URL.")
    secret = settings.webhook_secret
    log.configure(str, level=settings.log_level.value, json=settings.log_format is LogFormat.JSON)
    Relay(
        channel=chosen,
        target=target or webhook_of(settings),
        secret=secret.get_secret_value().encode() if secret else None,
    ).run()
