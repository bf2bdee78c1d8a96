"""``codeagent setup``: become a GitHub App, in a browser or through an SSH tunnel."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from bot import log
from bot.settings import LogFormat, Settings, read_settings

if TYPE_CHECKING:
    from bot.setup.pages import Finished

ENDED_WITHOUT = 1


def setup(
    public_url: Annotated[
        str, typer.Option(help="Where the Internet reaches this service: https://bot.example.com.")
    ] = "",
    relay: Annotated[
        str,
        typer.Option(
            metavar="URL", help="Without such an address: a relay (https://smee.io), or a channel of one."
        ),
    ] = "",
    org: Annotated[str, typer.Option(help="The organisation that owns the App. Default: you do.")] = "",
    name: Annotated[str, typer.Option(help="The App's name, up to 34 characters.")] = "",
    github_url: Annotated[
        str,
        typer.Option(help="An Enterprise server: https://github.example.com. Default: github.com."),
    ] = "",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the set-up page. Default: any.")] = 0,
    browser: Annotated[bool, typer.Option(help="Open the page in a browser on this machine.")] = False,
    force: Annotated[bool, typer.Option(help="Write over the keys of another App.")] = False,
) -> None:
    """Register a GitHub App: its permissions and events are asked for, its keys written to this machine."""
    from bot.setup.serve import SetupWish, run_setup

    settings = read_settings()
    _log(settings)
    console = Console(soft_wrap=True)
    wish = SetupWish(
        name=name, org=org, public=public_url, relay=relay, web=github_url, port=port, force=force
    )
    made = run_setup(settings, wish, lambda url: _announce(console, url, browser=browser))
    if made is None:
        console.print("Ended without an App. Nothing was written.")
        raise typer.Exit(ENDED_WITHOUT)
    tell(console, made)


def set_up_first(settings: Settings, port: int) -> Path:
    """For ``codeagent serve --setup``: the same page at the service's port, unless there are keys from an
    earlier time. The file of settings that there is now."""
    from bot.setup.keys import files_in
    from bot.setup.serve import SetupWish, run_setup

    kept = files_in(settings.data_dir).env
    if kept.exists():
        return kept
    _log(settings)
    console = Console(soft_wrap=True, stderr=True)
    made = run_setup(
        settings, SetupWish(port=port), lambda url: _announce(console, url, browser=False), goes_on=True
    )
    if made is None:
        raise typer.Exit(ENDED_WITHOUT)
    return kept


def _log(settings: Settings) -> None:
    log.configure(str, level=settings.log_level.value, json=settings.log_format is LogFormat.JSON)


def _announce(console: Console, url: str, *, browser: bool) -> None:
    port = url.partition("://")[2].partition("/")[0].rpartition(":")[2]
    console.print(
        f"Open this address; it works once, for half an hour:\n\n  {escape(url)}\n", highlight=False
    )
    console.print(
        f"From another machine: ssh -L {port}:127.0.0.1:{port} THIS_MACHINE, then the same address there.",
        highlight=False,
    )
    if browser:
        webbrowser.open(url)


def tell(console: Console, made: Finished) -> None:
    console.print(f"[green]{escape(made.name)}[/] is registered.", highlight=False)
    for line in (
        f"  keys:      {made.key}",
        f"  settings:  {made.env}",
        f"  install:   {made.install}",
        f"  then:      {made.command}",
        f"  check:     codeagent doctor --env-file {made.env}",
    ):
        console.print(escape(line), highlight=False)
