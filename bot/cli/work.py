"""``codeagent work``: a process that takes jobs from the queue and receives nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bot import engine
from bot.settings import SandboxChoice, read_settings


def work(
    jobs: Annotated[
        int | None, typer.Option(min=1, max=256, help="Jobs at once. Default: CODEAGENT_WORKERS.")
    ] = None,
    metrics_port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Metrics and health. Default: CODEAGENT_METRICS_PORT."),
    ] = None,
    env_file: Annotated[Path | None, typer.Option(help="Read settings from this file as well.")] = None,
    sandbox: Annotated[
        SandboxChoice | None,
        typer.Option("--sandbox", help="What runs untrusted code. Default: whichever works."),
    ] = None,
) -> None:
    """Work on what `codeagent serve` has received: any number of such processes share one PostgreSQL."""
    from bot.serve import run_service

    settings = read_settings(dotenv=env_file)
    settings.github_app()  # what is missing is said before anything starts
    changed = {
        "workers": settings.workers if jobs is None else jobs,
        "metrics_port": settings.metrics_port if metrics_port is None else metrics_port,
    }
    settings = settings.model_copy(update=changed)
    run_service(settings, engine.sandboxes(settings, sandbox), receive=False)
