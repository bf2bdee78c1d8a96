"""One job, tried until it ends: opens its run, does its kind of work, tells people when it breaks.

A job may be killed at any moment and is then run again from the top (DESIGN, promise 4). Everything that it
did is in its journal and is answered from there; what was under way when it was killed is looked for before
it is made. So every step may be repeated: one comment, one check run and one pull request per issue.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

import structlog

from agent.errors import AgentError
from agent.journal import read_journal
from agent.protocols import JsonObject
from bot import retry
from bot.errors import BotError, ForgeError
from bot.forge import Conclusion, Forge, RepositoryRef
from bot.names import names_of
from bot.ports import Ports
from bot.queue import Halt, Halted, Interrupted, JobFailed, JobResult, Kind, TaskRequest, request_to_json
from bot.render import answers, review_answers
from bot.render.check import check_run
from bot.render.parts import RunFacts
from bot.run import Run
from bot.work.check import fix_check, tell_failed
from bot.work.errand import run_errand
from bot.work.explain import explain_issue
from bot.work.fix import fix_issue
from bot.work.parts import JOURNAL, STEPS
from bot.work.review import answer_review
from bot.work.review_desk import ANSWER, PULL, reply
from sandbox.errors import SandboxError

__all__ = ["JOURNAL", "STEPS", "WORK", "run_job"]

WORK: Final[Mapping[Kind, Callable[[Run], JobResult]]] = {
    Kind.FIX: fix_issue,
    Kind.EXPLAIN: explain_issue,
    Kind.CHECK: fix_check,
    Kind.REVIEW: answer_review,
    Kind.ERRAND: run_errand,
}
"""What is done for each kind of job."""

log = structlog.get_logger("bot.workflow")


def run_job(job_id: str, request: TaskRequest, ports: Ports, halted: Halted, start: int = 1) -> JobResult:
    """Do a job, or go on with it. Raises Interrupted when halted so, JobFailed when it gives up."""
    home = ports.run_directory(request.run or job_id)
    attempt = 0
    while True:
        attempt += 1
        try:
            if start > ports.max_starts:
                raise JobFailed(f"the job took its worker down {ports.max_starts} times")
            with _opened(job_id, request, ports, halted) as run:
                result = WORK[request.kind](run)
            _tidy(home)
            return result
        except Interrupted:
            raise
        except Exception as error:
            decision = retry.decide(error, attempt) if start <= ports.max_starts else retry.GiveUp()
            log.warning("attempt failed", job=job_id, attempt=attempt, decision=str(decision), exc_info=error)
            if isinstance(decision, retry.GiveUp):
                reason = _public(error, ports)
                _say_that_it_failed(job_id, request, ports, reason)
                _tidy(home)
                raise JobFailed(reason) from error
            if decision.afresh:
                _set_journals_aside(home)
            _pause(decision.seconds, ports, halted)


# --- Around it ----------------------------------------------------------------------------------------------


@contextmanager
def _opened(job_id: str, request: TaskRequest, ports: Ports, halted: Halted) -> Iterator[Run]:
    """The run with its journal and its token, which is given back at the end."""
    run_id = request.run or job_id
    home = ports.run_directory(run_id)
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    task: JsonObject = request_to_json(request.first)
    with (
        ports.open_journal(home / STEPS, run=run_id, task=task) as journal,
        _forge(request, ports) as forge,
    ):
        run = Run(
            job_id=run_id,
            request=request,
            facts=_facts(job_id, request, ports),
            names=names_of(request),
            ports=ports,
            forge=forge,
            journal=journal,
            halted=halted,
        )
        yield run


def _tidy(home: Path) -> None:
    """The journal is what is kept of a run."""
    shutil.rmtree(home / "base", ignore_errors=True)


def _facts(job_id: str, request: TaskRequest, ports: Ports) -> RunFacts:
    return RunFacts(
        repository=request.repository,
        issue=request.issue,
        title=request.title,
        label=request.label,
        sender=request.sender,
        sender_id=request.sender_id,
        run_id=job_id,
        run_url=ports.run_url(job_id),
    )


@contextmanager
def _forge(request: TaskRequest, ports: Ports) -> Iterator[Forge]:
    forge = ports.forges.open(
        RepositoryRef(
            installation=request.installation,
            repository_id=request.repository_id,
            full_name=request.repository,
        )
    )
    try:
        yield forge
    finally:
        try:
            ports.forges.close(forge)
        except ForgeError as error:
            log.warning("a token could not be given back; it expires by itself", error=str(error))


def _say_that_it_failed(job_id: str, request: TaskRequest, ports: Ports, reason: str) -> None:
    """Best effort: what broke the job may break this as well."""
    names = names_of(request)
    recorded = _recorded(ports.run_directory(request.run or job_id) / STEPS)
    if request.kind is Kind.REVIEW:
        if PULL in recorded and ANSWER not in recorded:
            _tell_the_reviewer(job_id, request, ports, reason)
        return
    if request.kind is Kind.CHECK:
        _tell_of_the_check(job_id, request, ports, reason, recorded)
        return
    if "github.comment" not in recorded:
        return  # nobody has been told anything yet: whoever asked may not even be allowed to
    base = recorded.get("github.default_branch", {})
    facts = replace(_facts(job_id, request, ports), base_sha=str(base.get("sha", "")))
    answer = ports.redact(answers.failed(facts, reason))
    try:
        with _forge(request, ports) as forge:
            forge.upsert_comment(request.issue, names.comment, answer)
            if "github.check_run" in recorded:
                forge.upsert_check_run(check_run(facts, names, "Failed", answer, Conclusion.FAILURE))
    except BotError as error:
        log.error("nobody could be told that a job failed", job=job_id, error=str(error))


def _tell_the_reviewer(job_id: str, request: TaskRequest, ports: Ports, reason: str) -> None:
    if request.note is None:
        return
    answer = ports.redact(review_answers.failed(_facts(job_id, request, ports), reason))
    try:
        with _forge(request, ports) as forge:
            reply(forge, request.note, answer)
    except BotError as error:
        log.error("nobody could be told that a job failed", job=job_id, error=str(error))


def _tell_of_the_check(
    job_id: str, request: TaskRequest, ports: Ports, reason: str, recorded: Mapping[str, JsonObject]
) -> None:
    if "github.check_run" not in recorded:
        return
    facts, place = _facts(job_id, request, ports), recorded.get("github.place", {}).get("place")
    try:
        with _forge(request, ports) as forge:
            tell_failed(forge, request, facts, ports.redact(reason), place)
    except BotError as error:
        log.error("nobody could be told that a job failed", job=job_id, error=str(error))


def _recorded(path: Path) -> Mapping[str, JsonObject]:
    """The last answer of each kind of effect in a journal that may be damaged."""
    try:
        records = read_journal(path).records
    except (AgentError, OSError, ValueError) as error:
        log.warning("a journal cannot be read", path=path.name, error=str(error))
        return {}
    answers_by_kind: dict[str, JsonObject] = {}
    for record in records:
        kind, answer = record.get("effect"), record.get("answer")
        if isinstance(kind, str) and isinstance(answer, dict):
            answers_by_kind[kind] = answer
    return answers_by_kind


def _set_journals_aside(home: Path) -> None:
    """It was made by another version, or is damaged. What it made on GitHub is found again by its marks."""
    number = len(list(home.glob(f"{STEPS}.unusable-*"))) + 1
    for name in (STEPS, JOURNAL):
        if (home / name).exists():
            (home / name).rename(home / f"{name}.unusable-{number}")


def _public(error: Exception, ports: Ports) -> str:
    """One line for everybody. Errors of the bot and of a sandbox are written for people; a bug's text may say
    anything."""
    if isinstance(error, BotError | JobFailed | SandboxError):
        return ports.redact(str(error)).replace(str(ports.data), "…").replace("\n", " ")[:400]
    return f"internal error ({type(error).__name__})"


def _pause(seconds: float, ports: Ports, halted: Halted) -> None:
    """Wait, but not when the job is to stop."""
    slept = 0.0
    while slept < seconds and halted() is None:
        step = min(0.5, seconds - slept)
        ports.wait(step)
        slept += step
    if halted() is Halt.INTERRUPTED:
        raise Interrupted
