"""One job, from the labelled issue to the pull request, from top to bottom.

A job may be killed at any moment and is then run again from the top (DESIGN, promise 4). Everything that it
did is in its journal and is answered from there; what was under way when it was killed is looked for before
it is made. So every step may be repeated: one comment, one check run and one pull request per issue.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final, assert_never

import structlog

from agent.codec import encode_fields
from agent.errors import AgentError, Cancelled
from agent.journal import read_journal
from agent.protocols import JsonObject
from agent.types import Asking, Outcome, Solved, StopReason, Task, Unrunnable, Unsolved
from bot import retry
from bot.checkout import Change, Checkout
from bot.errors import BotError, ConfigError, ForgeError
from bot.forge import Conclusion, Forge, NewPullRequest, RepositoryRef
from bot.names import Names, names_for
from bot.ports import Git, OpenJournal, Ports, Repair
from bot.queue import Ending, Halt, Halted, Interrupted, JobFailed, JobResult, TaskRequest, request_to_json
from bot.render import answers
from bot.render.check import check_run
from bot.render.parts import RunFacts
from bot.render.pull_request import commit_message, pull_request_body, pull_request_title
from bot.render.search_tree import search_tree
from bot.repo_config import RepoConfig, read_repo_config
from bot.run import CLOSED, EngineJournal, Run, Stopped, head_marker
from bot.sanitize import code

__all__ = ["JOURNAL", "MAY_ASK", "STEPS", "Git", "OpenJournal", "Ports", "Repair", "run_job"]

MAY_ASK: Final = frozenset({"admin", "maintain", "write"})
"""Who may have a repository worked on: whoever could push the patch (threat 5)."""

JOURNAL: Final = "journal.jsonl"
"""The engine's effects."""

STEPS: Final = "steps.jsonl"
"""The effects on GitHub."""

log = structlog.get_logger("bot.workflow")


# --- The job ------------------------------------------------------------------------------------------------


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
                result = _work(run)
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


def _work(run: Run) -> JobResult:
    role = run.ask("github.permission", {"login": run.request.sender}, run.permission)
    if role not in MAY_ASK:
        return _refuse(run, role)
    if not run.may_answer(MAY_ASK):
        return run.ended(Ending.ASKING, "the question is still open: who commented may not answer it")
    base = run.effect("github.default_branch", {}, run.default_branch)
    if not base:
        return _without_branch(run)
    run = run.based_on(str(base["name"]), str(base["sha"]))
    try:
        config = read_repo_config(run.repo_config())
    except ConfigError as error:
        run.comment(answers.bad_config(run.facts, str(error)))
        return run.ended(Ending.UNRUNNABLE, "the repository's configuration cannot be read")
    if config.label is not None and config.label.casefold() != run.request.label.casefold():
        return run.ended(Ending.REFUSED, "the repository has chosen another label")
    if not config.enabled:
        run.comment(answers.disabled(run.facts))
        return run.ended(Ending.REFUSED, "the repository has switched the bot off")
    try:
        return _repair_and_publish(run, config)
    except (Cancelled, Stopped):
        run.obey(interruption_only=True)
        return _conclude(
            run, Ending.CANCELLED, "cancelled", answers.cancelled(run.facts), Conclusion.CANCELLED
        )


def _repair_and_publish(run: Run, config: RepoConfig) -> JobResult:
    run = run.named(_names(run))
    if reason := run.ask("github.earlier_pull_request", {"branch": run.names.branch}, run.closed_earlier):
        return _hold_back(run, reason)
    run.obey()
    run.comment(answers.started(run.facts))
    run.check(check_run(run.facts, run.names, "Working", answers.started(run.facts)))
    run.obey()
    checkout, tree = _check_out(run)
    run.obey()
    outcome = _repair(run, config, tree)
    run.obey()
    match outcome:
        case Solved():
            return _publish(run, config, checkout, outcome)
        case Unsolved(stop=StopReason.CANCELLED):
            raise Cancelled
        case Unsolved():
            answer = answers.unsolved(run.facts, outcome)
            return _conclude(run, Ending.UNSOLVED, outcome.stop.value, answer, Conclusion.NEUTRAL)
        case Asking():
            return _ask(run, outcome)
        case Unrunnable():
            answer = answers.unrunnable(run.facts, outcome)
            return _conclude(run, Ending.UNRUNNABLE, "cannot be run", answer, Conclusion.NEUTRAL)
        case never:
            assert_never(never)


def _publish(run: Run, config: RepoConfig, checkout: Checkout, outcome: Solved) -> JobResult:
    files = {**outcome.patch.overlay, **{test.path: test.content.encode() for test in outcome.tests}}
    if touched := config_protects(config, files):
        return _hold_back(run, _PROTECTED.format(paths=", ".join(code(path) for path in touched[:10])))
    author = run.identity()
    change = Change(
        files=files,
        message=run.text(commit_message(run.facts, outcome)),
        author=author,
        committer=author,
        date=run.started_at(),
    )
    sha = run.ports.git.commit(checkout, change)
    if reason := run.ask(
        "git.push", {"branch": run.names.branch, "sha": sha}, lambda: run.push(checkout, sha)
    ):
        return _hold_back(run, reason)
    picture = search_tree(run.home / JOURNAL, run.ports.redact)
    new = NewPullRequest(
        head=run.names.branch,
        base=run.facts.base_branch,
        title=run.text(pull_request_title(run.facts)),
        body=head_marker(sha) + run.text(pull_request_body(run.facts, outcome, picture)),
        marker=run.names.pull_request,
        labels=(run.request.label,),
        draft=config.draft,
    )
    url = run.ask(
        "github.pull_request", {"head": new.head, "sha": sha, "body": new.body}, lambda: run.open(new)
    )
    if not url:
        return _hold_back(run, CLOSED)
    answer = answers.solved(run.facts, outcome, url)
    return _conclude(run, Ending.SOLVED, "solved", answer, Conclusion.SUCCESS, pull_request=url)


# --- Its endings --------------------------------------------------------------------------------------------


_PROTECTED: Final = (
    "I found a patch, but it changes files that this repository protects in `.github/codeagent.yml`: {paths}."
)


def config_protects(config: RepoConfig, files: Iterable[str]) -> tuple[str, ...]:
    """The files that the repository wants nobody but people to change. ``*`` matches any part of a path."""
    patterns = config.protected
    return tuple(sorted(path for path in files if any(fnmatchcase(path, pattern) for pattern in patterns)))


def _conclude(
    run: Run, ending: Ending, title: str, answer: str, conclusion: Conclusion, *, pull_request: str = ""
) -> JobResult:
    """Tell the issue and the check run, in this order: the comment is what people wait for."""
    run.comment(answer)
    run.check(check_run(run.facts, run.names, title.capitalize(), answer, conclusion))
    return run.ended(ending, title, pull_request)


def _ask(run: Run, outcome: Asking) -> JobResult:
    """The comment last; whoever reads it may answer at once, while the job is still ending."""
    answer = answers.asking(run.facts, outcome)
    title = outcome.stop.value.capitalize()
    run.check(check_run(run.facts, run.names, title, answer, Conclusion.NEUTRAL))
    run.ports.asks(run.facts.run_id)
    run.comment(answer)
    return run.ended(Ending.ASKING, outcome.question.text[:300])


def _hold_back(run: Run, reason: str) -> JobResult:
    answer = answers.held_back(run.facts, reason)
    return _conclude(run, Ending.HELD_BACK, "held back", answer, Conclusion.ACTION_REQUIRED)


def _refuse(run: Run, role: str) -> JobResult:
    if run.ports.answer_refused:
        run.comment(answers.refused(run.facts, role))
    return run.ended(Ending.REFUSED, f"{run.request.sender} has the role {role!r} and may not ask")


def _without_branch(run: Run) -> JobResult:
    outcome = Unrunnable(
        reason="This repository has no commit on its default branch.",
        advice=("Push a first commit to the default branch.",),
    )
    run.comment(answers.unrunnable(run.facts, outcome))
    return run.ended(Ending.UNRUNNABLE, "no default branch")


# --- Its parts ----------------------------------------------------------------------------------------------


def _names(run: Run) -> Names:
    """After a merged pull request a new one is due, under another name."""
    found = run.effect("github.merged_pull_request", {}, lambda: {"number": _last_merged(run)})
    number = found["number"]
    return names_for(
        run.request.repository_id, run.request.issue, number if isinstance(number, int) else None
    )


def _last_merged(run: Run) -> int | None:
    merged: int | None = None
    for _ in range(50):
        names = names_for(run.request.repository_id, run.request.issue, merged)
        found = run.forge.find_pull_request(names.branch, names.pull_request)
        if found is None or not found.merged:
            break
        merged = found.number
    return merged


def _check_out(run: Run) -> tuple[Checkout, Path]:
    """The base commit's objects and its files. What is there is whole: a kill in between leaves nothing."""
    sha = run.facts.base_sha
    home = run.home / "base" / sha
    home.mkdir(parents=True, exist_ok=True)
    git_dir, tree = home / "repository.git", home / "tree"
    checkout = Checkout(git_dir=git_dir, commit=sha)
    if not git_dir.exists():
        with _whole(git_dir) as partial:
            run.ports.git.clone(run.forge.git_access(), sha, partial)
    if not tree.exists():
        with _whole(tree) as partial:
            partial.mkdir()
            export = run.ports.git.export(checkout, partial)
            log.info("checked out", job=run.job_id, sha=sha, files=export.files, remarks=export.remarks)
    return checkout, tree


@contextmanager
def _whole(target: Path) -> Iterator[Path]:
    """A directory that appears only when it is complete."""
    partial = target.with_name(target.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    yield partial
    os.rename(partial, target)


def _repair(run: Run, config: RepoConfig, tree: Path) -> Outcome:
    """The engine has a journal of its own, which can be replayed without anything of GitHub's."""
    task = _task(run, config)
    path = run.home / JOURNAL
    first = not path.exists()
    with run.ports.open_journal(path, run=run.job_id, task=encode_fields(task)) as file:
        journal = EngineJournal(file, run.halted, live=first)
        with run.live_progress(lambda: journal.live) as progress:
            return run.ports.repair(
                task,
                tree,
                journal,
                config=config,
                progress=progress,
                cancelled=lambda: run.halted() is not None,
                answers=lambda _question: run.request.reply.text if run.request.reply else None,
            )


def _task(run: Run, config: RepoConfig) -> Task:
    return Task(
        repository=run.request.repository,
        base=run.facts.base_sha,
        title=run.request.title,
        text=run.request.body,
        number=run.request.issue,
        test_command=config.test_command,
    )


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
            names=names_for(request.repository_id, request.issue),
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
    names = names_for(request.repository_id, request.issue)
    recorded = _recorded(ports.run_directory(request.run or job_id) / STEPS)
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
    """One line for everybody. The bot's own errors are written for people; a bug's text may say anything."""
    if isinstance(error, BotError | JobFailed):
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
