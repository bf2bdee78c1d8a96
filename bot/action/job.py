"""One step: what is asked for is chosen, done in this process, and told. No queue: the runner is it."""

from __future__ import annotations

import secrets
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType
from typing import Final

import structlog

from agent.errors import AgentError
from bot import engine
from bot.action.inputs import Inputs, Runner
from bot.action.outputs import WorkflowLog
from bot.action.permissions import advice, refusal_of
from bot.action.prepare import prepare_sandbox
from bot.action.quiet_forge import Manners
from bot.action.recorder import Recorder
from bot.action.request import Nothing, choose
from bot.action.status import Status, status_of
from bot.action.summary import Told
from bot.action.token_forges import TokenForges
from bot.config.operator import terms_of
from bot.config.terms import Terms
from bot.errors import BotError, ConfigError, ForgeError
from bot.git.checkout import Checkouts
from bot.git.sealed import SealedGit
from bot.github.client import Habits, Link
from bot.ports import Ports, Repair
from bot.queue import Halt, Interrupted, JobFailed, JobResult, TaskRequest
from bot.render.parts import RunFacts
from bot.render.search_tree import search_tree
from bot.settings import Settings
from bot.tailored import Engine
from bot.workflow import JOURNAL, run_job
from sandbox import SandboxError, SandboxUnavailable
from sandbox.redact import Redactor

PATCH: Final = "fix.patch"

log = structlog.get_logger("bot.action")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What a step has: its inputs, the runner, the settings, where its files go (``place``), and what makes
    the engine once it is wanted."""

    inputs: Inputs
    runner: Runner
    settings: Settings
    redact: Redactor
    place: Path
    log: WorkflowLog
    engine: Callable[[Step], tuple[Repair, Terms]]
    habits: Habits | None = None

    @property
    def data(self) -> Path:
        return self.settings.data_dir

    @property
    def patch(self) -> Path:
        return self.place / PATCH


@dataclass(slots=True)
class Flag:
    """Set by the signals that end a step: the job then says that it was stopped."""

    halt: Halt | None = field(default=None)

    def __call__(self) -> Halt | None:
        return self.halt


def act(step: Step) -> Told:
    """Never raises what can be expected: it is told instead."""
    forges = _forges(step)
    try:
        return _act(step, forges)
    except ConfigError as error:
        return Told(status=Status.USAGE, reason=step.redact(str(error)))
    except SandboxUnavailable as error:
        return Told(status=Status.NO_SANDBOX, reason=step.redact(str(error)))
    except (ForgeError, JobFailed, AgentError, BotError, SandboxError) as error:
        return _failed(error, step, own=step.inputs.own_token)
    finally:
        forges.shut()


def _act(step: Step, forges: TokenForges) -> Told:
    request = choose(step.inputs, step.runner, step.settings.label, forges)
    if isinstance(request, Nothing):
        return Told(status=Status.NOTHING, reason=request.reason)
    step.log.line(f"asked for by {request.sender}: {_named(request)} of {request.repository}")
    repair, terms = step.engine(step)
    recorder = Recorder(
        inner=repair,
        checkouts=Checkouts(git=SealedGit(redact=step.redact)),
        log=step.log,
        patch=step.patch,
        test_command=step.inputs.test_command,
    )
    return _work(step, request, recorder, forges, terms)


def engine_of(step: Step) -> tuple[Repair, Terms]:
    """Raises SandboxUnavailable, ConfigError."""
    prepare_sandbox(step.settings, step.log)
    sandboxes = engine.sandboxes(step.settings)
    services = engine.services(step.settings, sandboxes, step.redact)
    return Engine(step.settings, services), terms_of(step.settings, sandbox=sandboxes.name)


def _work(step: Step, request: TaskRequest, recorder: Recorder, forges: TokenForges, terms: Terms) -> Told:
    job = f"action-{step.runner.run}-{step.runner.attempt}-{secrets.token_hex(4)}"
    ports = Ports(
        forges=forges,
        git=recorder.checkouts,
        repair=recorder,
        data=step.data,
        clock=time.time,
        wait=step.habits.sleep if step.habits else time.sleep,
        redact=step.redact,
        run_url=lambda _run: step.runner.run_url,
        terms=terms,
    )
    home = ports.run_directory(job)
    try:
        with _stoppable() as flag:
            result = run_job(job, request, ports, flag)
        return _told(step, request, recorder, result, home)
    except Interrupted:
        return Told(status=Status.CANCELLED, reason="the runner goes away")
    except JobFailed as error:
        told = _failed(error, step, own=forges.identity().own)
        return replace(
            told, facts=_facts(step, request, recorder), outcome=recorder.outcome, patch=step.patch.exists()
        )
    finally:
        _keep(home, step)


def _told(step: Step, request: TaskRequest, recorder: Recorder, result: JobResult, home: Path) -> Told:
    outcome = recorder.outcome
    return Told(
        status=status_of(result.ending, outcome),
        reason=step.redact(result.summary),
        facts=_facts(step, request, recorder),
        outcome=outcome,
        pull_request=result.pull_request if step.inputs.pull_request else "",
        own_token=step.inputs.own_token,
        tree=search_tree(home / JOURNAL, step.redact) if outcome is not None else "",
        patch=step.patch.exists(),
    )


def _facts(step: Step, request: TaskRequest, recorder: Recorder) -> RunFacts:
    return RunFacts(
        repository=request.repository,
        issue=request.issue,
        title=request.title,
        label=request.label,
        sender="",  # the summary has no label to take off and no comment to answer
        base_branch=step.inputs.base or "the default branch",
        base_sha=recorder.task.base if recorder.task is not None else "",
        run_id=step.runner.run,
        run_url=step.runner.run_url,
    )


def _failed(error: Exception, step: Step, *, own: bool) -> Told:
    """A permission that is missing is said with the lines to add."""
    refused = refusal_of(error)
    if refused is None:
        return Told(status=Status.FAILED, reason=step.redact(str(error)))
    said = step.redact(str(refused))
    lines = advice(refused, own=own, silent=not step.inputs.pull_request)
    return Told(status=Status.NO_PERMISSION, reason=said, advice=lines)


def _forges(step: Step) -> TokenForges:
    settings = step.settings
    manners = Manners(
        silent=not step.inputs.pull_request,
        base=step.inputs.base,
        config=step.inputs.config,
        draft=step.inputs.draft,
        home=step.runner.run_url,
    )
    return TokenForges(
        step.inputs.token,
        Link(api_url=settings.api_url, web_url=settings.web_url, api_version=settings.api_version),
        own=step.inputs.own_token,
        manners=manners,
        redact=step.redact,
        habits=step.habits,
    )


@contextmanager
def _stoppable() -> Iterator[Flag]:
    """A cancelled run sends SIGINT, after 7.5 seconds SIGTERM, 2.5 seconds later SIGKILL."""
    flag = Flag()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        flag.halt = Halt.CANCELLED

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield flag
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _keep(home: Path, step: Step) -> None:
    """The journals, for the artifact. They hold no secret; they are redacted on the way all the same."""
    for journal in sorted(home.glob("*.jsonl")):
        step.place.mkdir(parents=True, exist_ok=True)
        with (
            journal.open(encoding="utf-8", errors="replace") as lines,
            (step.place / journal.name).open("w", encoding="utf-8") as kept,
        ):
            kept.writelines(map(step.redact, lines))


def _named(request: TaskRequest) -> str:
    return f"{request.kind.value} for {request.issue or 'a task'}"
