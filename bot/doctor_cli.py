"""``codeagent doctor``: what is missing here, and what to do about it."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bot import engine
from bot.settings import SandboxChoice, read_settings

UNWELL = 1


def doctor(
    sandbox: Annotated[
        SandboxChoice | None,
        typer.Option("--sandbox", help="What runs untrusted code. Default: whichever works."),
    ] = None,
    env_file: Annotated[Path | None, typer.Option(help="Read settings from this file as well.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs: a list on standard output.")] = False,
) -> None:
    """Say what is missing on this machine and at GitHub, and how to get it. Exit code 1: something is."""
    from bot.doctor import database, machine, model
    from bot.doctor_github import github
    from bot.terminal import findings

    settings = read_settings(dotenv=env_file)
    rows = [
        *machine(settings.data_dir, engine.every_sandbox(settings, sandbox)),
        *database(settings),
        *model(settings),
        *github(settings, time.time),
    ]
    if as_json:
        told = [{"level": row.level.value, **asdict(row)} for row in rows]
        typer.echo(json.dumps(told, indent=1, ensure_ascii=False))
    else:
        findings(Console(), rows)
    if any(row.level.value == "fail" for row in rows):
        raise typer.Exit(UNWELL)
