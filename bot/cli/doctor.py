"""``codeagent doctor``: what is missing here, and what to do about it."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from bot import engine
from bot.settings import SandboxChoice, Settings, read_settings
from sandbox import Sandboxes, SandboxUnavailable

if TYPE_CHECKING:
    from bot.doctor import Finding

UNWELL = 1
SANDBOX_SECONDS = 60.0  # a Docker daemon may take a connection and never answer


def doctor(
    sandbox: Annotated[
        SandboxChoice | None,
        typer.Option("--sandbox", help="What runs untrusted code. Default: whichever works."),
    ] = None,
    env_file: Annotated[Path | None, typer.Option(help="Read settings from this file as well.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs: a list on standard output.")] = False,
) -> None:
    """Say what is missing on this machine and at GitHub, and how to get it. Exit code 1: something is."""
    from bot.cli.terminal import findings
    from bot.doctor import database, machine, model
    from bot.doctor_github import github

    settings = read_settings(dotenv=env_file)
    rows = [
        *machine(settings.data_dir, _sandboxes(settings, sandbox)),
        *database(settings),
        *model(settings),
        *github(settings, time.time),
    ]
    if as_json:
        typer.echo(json.dumps([_told(row) for row in rows], indent=1, ensure_ascii=False))
    else:
        findings(Console(), rows)
    if any(row.level.value == "fail" for row in rows):
        raise typer.Exit(UNWELL)


def _told(row: Finding) -> dict[str, str]:
    told = {"level": row.level.value, "check": row.name, "found": row.detail}
    return told if row.ok else {**told, "remedy": row.remedy}


def _sandboxes(settings: Settings, wanted: SandboxChoice | None) -> dict[str, Sandboxes | SandboxUnavailable]:
    """Each kind, tried in a thread that is left behind when it hangs."""
    found: dict[str, Sandboxes | SandboxUnavailable] = {}
    thread = threading.Thread(
        target=lambda: found.update(engine.every_sandbox(settings, wanted)), daemon=True
    )
    thread.start()
    thread.join(SANDBOX_SECONDS)
    hung = SandboxUnavailable(f"No answer within {SANDBOX_SECONDS:.0f} s: restart the Docker daemon.")
    return dict(found) or {"sandbox": hung}
