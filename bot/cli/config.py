"""``codeagent config``: check a repository's configuration, show the operator's, print the schema."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated

import typer

from bot.config.organisation import PATH as SHARED
from bot.config.reading import PATH, Mistaken, located, read_repo_config
from bot.config.schema import schema_text
from bot.config.terms import settle
from bot.errors import ConfigError
from bot.repo_config import RepoConfig

Rim = Callable[[], AbstractContextManager[None]]

WRONG = 2
MOST = 1 << 20  # bytes that are looked at; far fewer are allowed
STDIN = "-"

app = typer.Typer(
    no_args_is_help=True, help="Check .github/codeagent.yml, show the settings, print the schema."
)


def register(parent: typer.Typer, rim: Rim) -> None:
    """One group of commands; errors become messages and exit codes in ``rim``."""

    @app.command()
    def validate(
        path: Annotated[
            Path | None,
            typer.Argument(
                help=f"The file, or a repository's directory; '-' reads standard input. Default: {PATH}."
            ),
        ] = None,
        terms: Annotated[
            bool,
            typer.Option("--terms", help="Hold it against what the settings of this environment allow."),
        ] = False,
    ) -> None:
        """Say what is wrong in a repository's (or an organisation's) file: 0 it is fine, 2 it is not."""
        with rim():
            name, content = _content(path)
            try:
                config = read_repo_config(content, name)
                if terms:
                    _held_against_settings(config, name, content)
            except Mistaken as error:
                for mistake in error.mistakes:
                    typer.echo(f"{name}:{mistake.line or 1}: {mistake.text}", err=True)
                raise typer.Exit(WRONG) from None
            keys = ", ".join(name for name in type(config).model_fields if name in config.model_fields_set)
            typer.echo(f"{name}: fine ({keys or 'nothing is said, the defaults hold'})")

    @app.command("show")
    def show_settings(
        env_file: Annotated[Path | None, typer.Option(help="Read settings from this file as well.")] = None,
        as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of lines.")] = False,
    ) -> None:
        """The operator's settings as they are in effect here; secrets are hidden."""
        from bot.settings import read_settings
        from bot.settings_shown import shown

        with rim():
            rows = shown(read_settings(dotenv=env_file))
            if as_json:
                typer.echo(json.dumps(rows, indent=2, ensure_ascii=False))
            else:
                for name, value in rows.items():
                    typer.echo(f"{name}={value}")

    @app.command("schema")
    def print_schema() -> None:
        """The JSON schema of .github/codeagent.yml."""
        typer.echo(schema_text(), nl=False)

    parent.add_typer(app, name="config")


def _content(path: Path | None) -> tuple[str, bytes]:
    """What the file is called in messages, and what it holds. Raises ConfigError when there is none."""
    if path is not None and str(path) == STDIN:
        return "<standard input>", sys.stdin.buffer.read(MOST)
    place = path or Path(PATH)
    if place.is_dir():
        place = next((place / name for name in (PATH, SHARED) if (place / name).is_file()), place / PATH)
    if not place.is_file():
        raise ConfigError(f"There is no file {place}; name it, or run this in the repository's directory.")
    with place.open("rb") as file:
        return str(place), file.read(MOST)


def _held_against_settings(config: RepoConfig, name: str, content: bytes) -> None:
    from bot.config.operator import DOCKER, terms_of
    from bot.settings import SandboxChoice, read_settings

    settings = read_settings()
    sandbox = "" if settings.sandbox is SandboxChoice.BUBBLEWRAP else DOCKER
    try:
        settle(terms_of(settings, sandbox=sandbox), RepoConfig(), config)
    except Mistaken as error:
        raise located(error, content, None, name) from None
