"""The command line. Errors become one line and an exit code here and nowhere else.

Exit codes: 0 done (a patch was found, a check-up is fine); 1 no patch, or the check-up found what is missing;
2 bad usage or configuration; 3 the repository cannot be run; 4 no sandbox on this machine; 5 git or GitHub
said no; 130 interrupted.
"""

from __future__ import annotations

import shlex
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Never, assert_never

import typer
from rich.console import Console
from rich.markup import escape

from agent.errors import AgentError
from agent.types import Asking, Outcome, Solved, Unrunnable, Unsolved
from bot import engine
from bot.bench import cli as bench_cli
from bot.bench.wiring import wire
from bot.cli import config as config_cli
from bot.cli.doctor import doctor
from bot.cli.export import export_runs
from bot.cli.relay import relay
from bot.cli.setup import set_up_first, setup
from bot.cli.show import show
from bot.cli.terminal import TerminalProgress, outcome_line
from bot.cli.work import work
from bot.errors import BotError, CheckoutError, ConfigError, ForgeError
from bot.settings import SandboxChoice, read_settings
from sandbox import SandboxError, SandboxUnavailable

NO_PATCH, USAGE, UNRUNNABLE, NO_SANDBOX, OUTSIDE, INTERRUPTED = 1, 2, 3, 4, 5, 130

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Turns a described bug into one proven patch: as a GitHub App (serve), or over a repository (fix).",
)
bench_app = typer.Typer(no_args_is_help=True, help="Measure the engine over known bugs.")
app.add_typer(bench_app, name="bench")
console = Console()
errors = Console(stderr=True)

SandboxOption = Annotated[
    SandboxChoice | None,
    typer.Option("--sandbox", help="What runs untrusted code. Default: whichever works."),
]


@app.command()
def fix(
    repository: Annotated[str, typer.Argument(metavar="REPO", help="A path or a git URL; it is only read.")],
    issue: Annotated[
        str, typer.Option("--issue", metavar="FILE_OR_TEXT", help="The bug report; '-' reads standard input.")
    ],
    base: Annotated[str | None, typer.Option(help="Branch, tag or commit to fix. Default: HEAD.")] = None,
    test_command: Annotated[
        str | None, typer.Option(help="How the tests are run, if it cannot be guessed: 'pytest tests/unit'.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Where the patch, the tests and the journal go. Default: ./codeagent-RUN."),
    ] = None,
    number: Annotated[int | None, typer.Option(help="The issue's number, for names and texts.")] = None,
    seconds: Annotated[float | None, typer.Option(min=1, help="Time cap of the run.")] = None,
    answer: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="Answers the question that the same command ended with before."),
    ] = None,
    sandbox: SandboxOption = None,
) -> None:
    """Find a proven patch for a bug report, without GitHub and without touching your working tree."""
    from bot.fix import Wanted
    from bot.fix import fix as run_fix
    from bot.issue_text import read_issue

    with _rim():
        settings = read_settings()
        wanted = Wanted(
            repository=repository,
            issue=read_issue(issue, sys.stdin.buffer),
            base=base,
            test_command=_words(test_command),
            number=number,
            out=out,
            answer=answer,
        )
        services = engine.services(settings, engine.sandboxes(settings, sandbox))
        engine.tidy(settings, time.time())
        with TerminalProgress(console) as progress:
            done = run_fix(
                wanted,
                services,
                settings.data_dir / engine.SCRATCH,
                budget=engine.budget(settings, seconds),
                progress=progress,
            )
        for remark in done.remarks:
            console.print(f"[yellow]note[/]: {escape(remark)}", highlight=False)
        outcome_line(console, done.outcome)
        for path in done.files:
            console.print(str(path), highlight=False, soft_wrap=True)
        raise typer.Exit(_code(done.outcome))


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on. Default: CODEAGENT_HOST.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port. Default: CODEAGENT_PORT.")] = None,
    env_file: Annotated[Path | None, typer.Option(help="Read settings from this file as well.")] = None,
    first_set_up: Annotated[
        bool, typer.Option("--setup", help="With no App yet: offer /setup on this machine first.")
    ] = False,
    work_too: Annotated[
        bool, typer.Option("--work/--no-work", help="Work on them as well, or leave it to `codeagent work`.")
    ] = True,
    sandbox: SandboxOption = None,
) -> None:
    """Receive GitHub's deliveries and work on what they ask for."""
    from bot.serve import run_service

    with _rim():
        settings = read_settings(dotenv=env_file)
        if first_set_up and not settings.has_app:
            if env_file is not None:
                raise ConfigError("--setup writes a file of settings of its own: leave --env-file out.")
            kept = set_up_first(settings, settings.port if port is None else port)
            settings = read_settings(dotenv=kept)
        settings.github_app()  # what is missing is said before anything starts
        changed = {"host": host or settings.host, "port": settings.port if port is None else port}
        settings = settings.model_copy(update=changed)
        run_service(settings, engine.sandboxes(settings, sandbox) if work_too else None)


@app.command("work")
@wraps(work)
def _work(*arguments: Any, **options: Any) -> None:
    with _rim():
        work(*arguments, **options)


@app.command("doctor")
@wraps(doctor)
def _doctor(*arguments: Any, **options: Any) -> None:
    with _rim():
        doctor(*arguments, **options)


@app.command()
def replay(
    journal: Annotated[Path, typer.Argument(help="journal.jsonl of a finished run, or its directory.")],
) -> None:
    """Run a finished run again from its journal: no sandbox, no network, the same result."""
    from agent.replay import replay as run_replay

    with _rim():
        path = journal / "journal.jsonl" if journal.is_dir() else journal
        if not path.is_file():
            raise ConfigError(f"There is no journal at {path}.")
        outcome = run_replay(path, engine.offline_services())
        outcome_line(console, outcome)
        raise typer.Exit(_code(outcome))


@bench_app.command("repo-cases")
def repo_cases(
    file: Annotated[Path, typer.Argument(help="A JSON file of cases; docs/benchmarks.md describes it.")],
    out: Annotated[Path, typer.Option(help="Results, journals and patches; a second call goes on.")] = Path(
        "bench-results"
    ),
    repositories: Annotated[
        Path | None, typer.Option(help="A directory with copies of the repositories; else they are cloned.")
    ] = None,
    only: Annotated[list[str] | None, typer.Option(help="Names of cases; may be repeated.")] = None,
    seconds: Annotated[float | None, typer.Option(min=1, help="Time cap per run.")] = None,
    sandbox: SandboxOption = None,
) -> None:
    """Run the engine over known bugs and judge its patches by the real fix's own tests."""
    from bot.bench.repo_cases import measure
    from bot.bench.table import markdown

    with _rim():
        settings = read_settings()
        services = engine.services(settings, engine.sandboxes(settings, sandbox))
        with TerminalProgress(console) as progress:
            rows = measure(
                file,
                services,
                engine.budget(settings, seconds),
                out=out,
                repositories=repositories,
                only=frozenset(only or ()),
                progress=progress,
            )
        table = markdown(rows)
        (out / "table.md").write_text(table, encoding="utf-8")
        console.print(table, highlight=False, markup=False, soft_wrap=True)


@app.command("show")
@wraps(show)
def _show(*arguments: Any, **options: Any) -> None:
    with _rim():
        show(*arguments, **options)


@app.command()
def action() -> None:
    """Do what an event of GitHub Actions asks for: the program behind this repository's action.yml."""
    from bot.action.cli import run_step

    with _rim():
        raise typer.Exit(run_step())


@app.command("export")
@wraps(export_runs)
def _export(*arguments: Any, **options: Any) -> None:
    with _rim():
        export_runs(*arguments, **options)


@app.command("relay")
@wraps(relay)
def _relay(*arguments: Any, **options: Any) -> None:
    with _rim():
        relay(*arguments, **options)


@app.command("setup")
@wraps(setup)
def _setup(*arguments: Any, **options: Any) -> None:
    with _rim():
        setup(*arguments, **options)


def _code(outcome: Outcome) -> int:
    match outcome:
        case Solved():
            return 0
        case Unsolved() | Asking():
            return NO_PATCH
        case Unrunnable():
            return UNRUNNABLE
        case _:
            assert_never(outcome)


def _words(command: str | None) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(command or ""))
    except ValueError as error:
        raise ConfigError(f"--test-command cannot be split into words: {error}.") from None


@contextmanager
def _rim() -> Iterator[None]:
    """Expected errors in one line each; anything else is a bug and shows its traceback.

    SIGTERM ends a command as Ctrl-C does: whatever is open is closed, and its journal stays good.
    """
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except SandboxUnavailable as error:
        _stop(str(error), NO_SANDBOX)
    except (CheckoutError, ForgeError) as error:
        _stop(str(error), OUTSIDE)
    except (BotError, AgentError) as error:
        _stop(str(error), USAGE)
    except SandboxError as error:
        _stop(f"The sandbox failed: {error}", NO_SANDBOX)
    except OSError as error:
        _stop(f"{error.strerror or error}: {error.filename or ''}".rstrip(": "), USAGE)
    except KeyboardInterrupt:
        _stop("Interrupted. The same command goes on where it was.", INTERRUPTED)
    finally:
        signal.signal(signal.SIGTERM, before)


def _stop(message: str, code: int) -> Never:
    errors.print(f"[red]codeagent[/]: {escape(message)}", highlight=False, soft_wrap=True)
    raise typer.Exit(code)


bench_cli.register(bench_app, console, _rim, wire)
config_cli.register(app, _rim)


def main(arguments: list[str] | None = None) -> None:
    """The console script."""
    app(args=arguments, prog_name="codeagent")


if __name__ == "__main__":
    main()
