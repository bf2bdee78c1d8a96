"""What every kind of work shares: who may ask, what the repository says, the base commit's files, the engine,
and the endings that people are told of."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import structlog

from agent.codec import encode_fields
from agent.types import Asking, Outcome, Task, Unrunnable
from bot.forge import Annotation, Conclusion, PullRequest
from bot.git.checkout import Checkout
from bot.names import names_of
from bot.progress import LiveProgress
from bot.queue import Ending, JobResult
from bot.render import answers
from bot.render.check import check_run
from bot.repo_config import RepoConfig
from bot.run import EngineJournal, Run
from bot.work.budget import accounted, within_budget
from bot.work.configured import declared, silent

MAY_ASK: Final = frozenset({"admin", "maintain", "write"})
"""Who may have a repository worked on: whoever could push the patch (threat 5)."""

JOURNAL: Final = "journal.jsonl"
"""The engine's effects."""

STEPS: Final = "steps.jsonl"
"""The effects on GitHub."""

log = structlog.get_logger("bot.work")


# --- Before anything is done --------------------------------------------------------------------------------


def not_allowed(run: Run) -> JobResult | None:
    """How the job ends when one of those who asked may not; None when all may."""
    for login in (run.request.sender, *run.request.actors):
        role = run.permission(login)
        if role not in MAY_ASK:
            return refuse(run, login, role)
    return None


def configured(run: Run) -> RepoConfig | JobResult:
    """What the repository's default branch says of the bot, or how the job ends for it. ``run`` is based on
    the default branch, and who asked may: the run is counted."""
    config = declared(run)
    if isinstance(config, JobResult):
        return config
    return within_budget(run, config)


# --- Endings ------------------------------------------------------------------------------------------------


PROTECTED: Final = (
    "I found a patch, but it changes files that this repository protects in `.github/codeagent.yml`: {paths}."
)


def config_protects(config: RepoConfig, files: Iterable[str]) -> tuple[str, ...]:
    """The files that nobody but people may change: those that are protected, and all that lie outside of what
    is allowed. ``*`` matches any part of a path."""
    return tuple(sorted(path for path in files if not config.may_touch(path)))


def conclude(
    run: Run,
    ending: Ending,
    title: str,
    answer: str,
    conclusion: Conclusion,
    *,
    pull_request: str = "",
    annotated: tuple[Annotation, ...] = (),
) -> JobResult:
    """Tell the issue and the check run, in this order: the comment is what people wait for."""
    run.comment(answer)
    run.check(check_run(run.facts, run.names, title.capitalize(), answer, conclusion, annotated))
    return run.ended(ending, title, pull_request)


def ask(run: Run, outcome: Asking) -> JobResult:
    """The comment last; whoever reads it may answer at once, while the job is still ending."""
    answer = answers.asking(run.facts, outcome)
    title = outcome.stop.value.capitalize()
    run.check(check_run(run.facts, run.names, title, answer, Conclusion.NEUTRAL))
    run.ports.asks(run.facts.run_id)
    run.comment(answer)
    return run.ended(Ending.ASKING, outcome.question.text[:300])


def hold_back(run: Run, reason: str) -> JobResult:
    answer = answers.held_back(run.facts, reason)
    return conclude(run, Ending.HELD_BACK, "held back", answer, Conclusion.ACTION_REQUIRED)


def refuse(run: Run, login: str, role: str) -> JobResult:
    if run.ports.answer_refused and not silent(run):
        run.comment(answers.refused(run.facts, role))
    return run.ended(Ending.REFUSED, f"{login} has the role {role!r} and may not ask")


def without_branch(run: Run) -> JobResult:
    outcome = Unrunnable(
        reason="This repository has no commit on its default branch.",
        advice=("Push a first commit to the default branch.",),
    )
    run.comment(answers.unrunnable(run.facts, outcome))
    return run.ended(Ending.UNRUNNABLE, "no default branch")


# --- Parts --------------------------------------------------------------------------------------------------


def check_out(run: Run) -> Path:
    """The base commit's files. What is there is whole: a kill in between leaves nothing."""
    sha = run.facts.base_sha
    home = run.home / "base" / sha
    home.mkdir(parents=True, exist_ok=True)
    git_dir, tree = home / "repository.git", home / "tree"
    checkout = Checkout(git_dir=git_dir, commit=sha)
    if not git_dir.exists():
        with whole(git_dir) as partial:
            run.ports.git.clone(run.forge.git_access(), sha, partial)
    if not tree.exists():
        with whole(tree) as partial:
            partial.mkdir()
            export = run.ports.git.export(checkout, partial)
            log.info("checked out", job=run.job_id, sha=sha, files=export.files, remarks=export.remarks)
    return tree


@contextmanager
def whole(target: Path) -> Iterator[Path]:
    """A directory that appears only when it is complete."""
    partial = target.with_name(target.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    yield partial
    os.rename(partial, target)


def repair(
    run: Run,
    config: RepoConfig,
    tree: Path,
    task: Task,
    *,
    live: Callable[[Callable[[], bool]], LiveProgress] | None = None,
    name: str = JOURNAL,
) -> Outcome:
    """The engine has a journal of its own, which can be replayed without anything of GitHub's. ``live`` tells
    people how it goes; by default as an issue is told. Another task in the same run has another ``name``."""
    path = run.home / name
    first = not path.exists()
    with run.ports.open_journal(path, run=run.job_id, task=encode_fields(task)) as file:
        journal = EngineJournal(file, run.halted, live=first)
        with (
            accounted(run, journal, path.name) as counted,
            (live or run.live_progress)(lambda: journal.live) as progress,
        ):
            return run.ports.repair(
                task,
                tree,
                counted,
                config=config,
                progress=progress,
                cancelled=lambda: run.halted() is not None,
                answers=lambda _question: run.request.reply.text if run.request.reply else None,
            )


def current_names(run: Run) -> Run:
    """After a pull request that was merged a new one is due, under another name; after one that was closed,
    when somebody asks for it once more."""
    found = run.effect("github.earlier_generation", {}, lambda: {"number": _last_of_earlier(run)})
    number = found["number"]
    return run.named(names_of(run.request, number if isinstance(number, int) else None))


def _last_of_earlier(run: Run) -> int | None:
    """The number of the pull request after which ours comes. One that was closed and has a successor was
    asked for again at that time."""
    earlier: int | None = None
    for _ in range(50):
        found = _generation(run, earlier)
        if found is None or found.open:
            break
        if not (found.merged or run.request.again or _generation(run, found.number)):
            break
        earlier = found.number
    return earlier


def _generation(run: Run, after: int | None) -> PullRequest | None:
    names = names_of(run.request, after)
    return run.forge.find_pull_request(names.branch, names.pull_request)


def issue_task(run: Run, config: RepoConfig) -> Task:
    return Task(
        repository=run.request.repository,
        base=run.facts.base_sha,
        title=run.request.title,
        text=run.request.body,
        number=run.request.issue,
        test_command=config.test_command,
    )
