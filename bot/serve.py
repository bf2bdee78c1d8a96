"""The service: receives deliveries and works on them, in one process. Everything is put together here."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

import structlog
import uvicorn

from agent.run import Services
from bot import engine, housekeeping, log, own_port
from bot.alongside import alongside
from bot.app import WebPorts, create_app
from bot.budgets import Cap, Period, Scope, What, caps_of
from bot.config import organisation
from bot.config.keys import Refused
from bot.config.operator import terms_of
from bot.deliveries.ledger import DeliveryLedger
from bot.errors import ConfigError, ForgeError
from bot.git.checkout import Checkouts
from bot.git.sealed import SealedGit
from bot.github.client import AppKeys, GitHubForges, Habits, Link
from bot.health import missing
from bot.jobs.durable import DbosJobs, JobsConfig
from bot.metrics import Metrics
from bot.ports import Ports
from bot.queue import (
    Halted,
    Interrupted,
    JobResult,
    Parallel,
    QueueUnavailable,
    RunJob,
    TaskRequest,
)
from bot.render.page import run_page
from bot.settings import LogFormat, Settings
from bot.tailored import Engine
from bot.triggers import TriggerPolicy
from bot.workflow import JOURNAL, run_job
from sandbox import Sandboxes
from sandbox.redact import Redactor

JOURNAL_SHOWN: Final = 2 << 20  # bytes; the whole of it stays on disk
NOTICE_SECONDS: Final = 5.0  # a job that is taken at once says so itself
WINDING_DOWN: Final = 20.0  # seconds that interrupted jobs have to close their sandboxes

logger = structlog.get_logger("bot.serve")


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What runs, ready to be launched."""

    settings: Settings
    jobs: DbosJobs
    forges: GitHubForges
    web: WebPorts
    ledger: DeliveryLedger
    redact: Redactor
    metrics: Metrics


def run_service(settings: Settings, sandboxes: Sandboxes | None, *, receive: bool = True) -> None:
    """Receive deliveries and work on them until told to stop; without sandboxes only the former, and with
    ``receive`` False only the latter. Any number of such processes share one PostgreSQL.

    Raises ConfigError for what the operator has to change.
    """
    redact = redactor(settings)
    as_json = settings.log_format is LogFormat.JSON
    log.configure(redact, level=settings.log_level.value, json=as_json)
    services = None if sandboxes is None else engine.services(settings, sandboxes, redact)
    service = assemble(settings, services, redact)
    try:
        service.jobs.launch()
    except QueueUnavailable as error:
        raise ConfigError(f"{error}; check CODEAGENT_DATABASE_URL and CODEAGENT_DATA_DIR.") from error
    try:
        # uvicorn passes the signal on that ended it; it has done its work by then.
        with contextlib.suppress(KeyboardInterrupt), beside(service):
            if receive:
                serve_web(service)
            else:
                logger.info("working", jobs_at_once=settings.workers)
                threading.Event().wait()
    finally:
        service.jobs.shutdown(WINDING_DOWN)
        service.forges.shut()
        service.ledger.close()
    if service.jobs.running():
        # Their threads would hold the process up for as long as they like; the next start resumes them.
        logger.warning("jobs did not stop in time", jobs=service.jobs.running())
        os._exit(0)


@contextmanager
def beside(service: Service) -> Iterator[None]:
    """What goes on beside receiving and working: tidying, and metrics on a port of their own."""
    settings = service.settings

    def tidy() -> None:
        now = time.time()
        engine.tidy(settings, now)
        housekeeping.tidy(settings.data_dir, service.jobs, settings.retention, now)

    with ExitStack() as stack:
        stack.enter_context(housekeeping.daily(tidy))
        if settings.metrics_port is not None:
            shown = own_port.Shown(metrics=service.metrics.shown, ready=service.web.ready)
            port = stack.enter_context(own_port.listening(settings.host, settings.metrics_port, shown))
            logger.info("metrics", host=settings.host, port=port)
        yield


def serve_web(service: Service) -> None:
    settings = service.settings
    config = uvicorn.Config(
        create_app(service.web),
        host=settings.host,
        port=settings.port,
        log_config=None,  # ours is set up already
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=10,
    )
    try:
        door = config.bind_socket()
        door.listen(config.backlog)  # from here on nobody is turned away
        port = door.getsockname()[1]
        logger.info("listening", host=settings.host, port=port)
        with alongside(settings, service.ledger, port, service.redact):
            uvicorn.Server(config).run(sockets=[door])
    except SystemExit as error:  # it has logged why, and its code means something else here
        raise ConfigError(
            f"{settings.host}:{settings.port} cannot be listened on: "
            "change CODEAGENT_HOST or CODEAGENT_PORT, or end what uses it."
        ) from error


def redactor(settings: Settings) -> Redactor:
    """Knows every secret that the settings hold."""
    app = settings.github_app()
    key = app.private_key.get_secret_value()
    lines = [line for line in key.splitlines() if not line.startswith("-----")]  # each is enough of it
    password = _password(settings.database_url or "")
    model = [settings.model.api_key.get_secret_value()] if settings.model.api_key else []
    channel = [urlsplit(settings.relay_url).path.strip("/")] if settings.relay_url else []
    return Redactor([key, *lines, app.webhook_secret.get_secret_value(), *password, *model, *channel])


def assemble(settings: Settings, services: Services | None, redact: Redactor) -> Service:
    """Without services nothing is worked on here."""
    forges = connect(settings, redact)
    metrics = Metrics()

    def run(job_id: str, request: TaskRequest, halted: Halted, start: int, /) -> JobResult:
        with metrics.job(request.kind, time.monotonic) as ended:
            result = work(job_id, request, halted, start)
            ended(result)
            return result

    jobs = DbosJobs(jobs_config(settings, work=services is not None), run)
    work: RunJob = _nothing
    if services is not None:
        ports = job_ports(settings, services, forges, redact)
        work = worker(
            replace(
                ports,
                asks=jobs.asks,
                control=jobs,
                purse=jobs.purse,
                caps=caps(settings),
                observe=metrics.observe,
            )
        )
    metrics.watch_queue(jobs.pending, time.time)
    ledger = DeliveryLedger(settings.database)
    web = WebPorts(
        jobs=jobs,
        arrived=ledger.arrived,
        secret=settings.github_app().webhook_secret.get_secret_value().encode(),
        policy=policy(settings, forges),
        page=lambda view: redact(run_page(view)),
        journal=lambda run: shown_journal(settings.data_dir / "runs" / run / JOURNAL, redact),
        body_cap=settings.max_body_bytes,
        ready=lambda: missing(settings.data_dir, jobs.reachable),
        delivered=metrics.delivered,
        metrics=metrics.shown if settings.metrics_port is None else None,
    )
    return Service(
        settings=settings,
        jobs=jobs,
        forges=forges,
        web=web,
        ledger=ledger,
        redact=redact,
        metrics=metrics,
    )


def jobs_config(settings: Settings, *, work: bool = True) -> JobsConfig:
    parallel = settings.parallel
    return JobsConfig(
        data=settings.data_dir,
        database=settings.database,
        concurrency=settings.workers if work else 0,
        notice_seconds=NOTICE_SECONDS,
        parallel=Parallel(
            in_all=parallel.in_all, installation=parallel.installation, repository=parallel.repository
        ),
    )


def caps(settings: Settings) -> tuple[Cap, ...]:
    """What the operator allows all runs of an installation, and of one issue, together."""
    loop = settings.day.issue_runs
    return (
        *caps_of(Scope.INSTALLATION, Period.DAY, settings.day, zero_is_none=True),
        *caps_of(Scope.INSTALLATION, Period.MONTH, settings.month, zero_is_none=True),
        *([Cap(scope=Scope.PLACE, period=Period.DAY, what=What.RUNS, most=loop)] if loop else []),
    )


def _nothing(_job: str, _request: TaskRequest, _halted: Halted, _start: int, /) -> JobResult:
    raise Interrupted  # never asked for: this process listens to no queue


def connect(settings: Settings, redact: Redactor, habits: Habits | None = None) -> GitHubForges:
    """Every token that is made from now on is redacted too."""
    app = settings.github_app()
    return GitHubForges(
        AppKeys(issuer=app.issuer, private_key=app.private_key.get_secret_value()),
        Link(api_url=settings.api_url, web_url=settings.web_url, api_version=settings.api_version),
        redact=redact,
        remember=redact.add,
        habits=habits,
    )


def job_ports(settings: Settings, services: Services, forges: GitHubForges, redact: Redactor) -> Ports:
    return Ports(
        forges=forges,
        git=Checkouts(git=SealedGit(redact=redact)),
        repair=Engine(settings, services),
        data=settings.data_dir,
        clock=time.time,
        wait=time.sleep,
        redact=redact,
        run_url=lambda run: f"{settings.public_url}/runs/{run}" if settings.public_url else "",
        answer_refused=settings.refused is Refused.POLITE,
        terms=terms_of(settings, sandbox=services.sandboxes.name),
        organisation=lambda beside: forges.shared_file(beside, organisation.REPOSITORY, organisation.PATH),
    )


def worker(ports: Ports) -> RunJob:
    def run(job_id: str, request: TaskRequest, halted: Halted, start: int, /) -> JobResult:
        return run_job(job_id, request, ports, halted, start)

    return run


def policy(settings: Settings, forges: GitHubForges) -> TriggerPolicy:
    try:
        login = forges.bot_login()
    except ForgeError as error:
        # Bots may not ask anyway unless they are listed; GitHub may be back when a delivery comes.
        logger.warning("GitHub did not say who this App is", error=str(error))
        login = ""
    asks = settings.triggers
    return TriggerPolicy(
        label=settings.label,
        labels=settings.labels,
        repositories=settings.repositories,
        bots=frozenset(settings.bots),
        app_login=login,
        assignees=frozenset(settings.assignees),
        checks=asks.checks,
        labelling=asks.label,
        commands=asks.commands,
        assignment=asks.assignment,
        review=asks.review,
    )


def shown_journal(path: Path, redact: Callable[[str], str]) -> str | None:
    """The end of a journal, when it is too long to be shown whole."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - JOURNAL_SHOWN))
            text = file.read(JOURNAL_SHOWN).decode("utf-8", "replace")
    except FileNotFoundError:
        return None
    if size > JOURNAL_SHOWN:
        text = f"… {size - JOURNAL_SHOWN} bytes left out …\n" + text.partition("\n")[2]
    return redact(text)


def _password(url: str) -> list[str]:
    password = urlsplit(url).password
    return [password, unquote(password)] if password else []
