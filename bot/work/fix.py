"""An issue, from its label or command to one pull request."""

from __future__ import annotations

from pathlib import Path
from typing import assert_never

from agent.errors import Cancelled
from agent.protocols import JsonObject
from agent.types import Asking, Solved, StopReason, Unrunnable, Unsolved
from bot.checks.annotate import pointed_at, repaired
from bot.forge import Conclusion, NewPullRequest
from bot.queue import Ending, JobResult
from bot.render import answers
from bot.render.check import check_run
from bot.render.own_words import own_lead, own_title
from bot.render.pull_request import commit_message, pull_request_body, pull_request_title
from bot.render.search_tree import search_tree
from bot.repo_config import RepoConfig
from bot.run import CLOSED, Run, Stopped, head_marker
from bot.sanitize import code
from bot.work.configured import on_base
from bot.work.parts import (
    JOURNAL,
    MAY_ASK,
    PROTECTED,
    ask,
    check_out,
    conclude,
    config_protects,
    configured,
    current_names,
    hold_back,
    issue_task,
    not_allowed,
    repair,
    without_branch,
)
from bot.work.publish import LeftAlone, own_tip, publish


def fix_issue(run: Run) -> JobResult:
    """The work of a job of the kind FIX. Every step may be repeated after a kill."""
    if (refused := not_allowed(run)) is not None:
        return refused
    if not run.may_answer(MAY_ASK):
        return run.ended(Ending.ASKING, "the question is still open: who commented may not answer it")
    base = run.effect("github.default_branch", {}, run.default_branch)
    if not base:
        return without_branch(run)
    run = run.based_on(str(base["name"]), str(base["sha"]))
    config = configured(run)
    if isinstance(config, JobResult):
        return config
    based = on_base(run, config)
    if isinstance(based, JobResult):
        return based
    run = based
    try:
        return _repair_and_publish(run, config)
    except (Cancelled, Stopped):
        run.obey(interruption_only=True)
        return conclude(
            run, Ending.CANCELLED, "cancelled", answers.cancelled(run.facts), Conclusion.CANCELLED
        )


def _repair_and_publish(run: Run, config: RepoConfig) -> JobResult:
    run = current_names(run)
    if reason := run.ask("github.earlier_pull_request", {"branch": run.names.branch}, run.closed_earlier):
        return hold_back(run, reason)
    run.obey()
    run.comment(answers.started(run.facts))
    run.check(check_run(run.facts, run.names, "Working", answers.started(run.facts)))
    run.obey()
    tree = check_out(run)
    run.obey()
    outcome = repair(run, config, tree, issue_task(run, config))
    run.obey()
    match outcome:
        case Solved():
            return _publish(run, config, outcome, tree)
        case Unsolved(stop=StopReason.CANCELLED):
            raise Cancelled
        case Unsolved():
            answer = answers.unsolved(run.facts, outcome)
            seen = pointed_at(outcome.red, tree) if outcome.red else ()
            title = outcome.stop.value
            return conclude(run, Ending.UNSOLVED, title, answer, Conclusion.NEUTRAL, annotated=seen)
        case Asking():
            return ask(run, outcome)
        case Unrunnable():
            answer = answers.unrunnable(run.facts, outcome)
            return conclude(run, Ending.UNRUNNABLE, "cannot be run", answer, Conclusion.NEUTRAL)
        case never:
            assert_never(never)


def _publish(run: Run, config: RepoConfig, outcome: Solved, tree: Path) -> JobResult:
    files = {**outcome.patch.overlay, **{test.path: test.content.encode() for test in outcome.tests}}
    if touched := config_protects(config, files):
        return hold_back(run, PROTECTED.format(paths=", ".join(code(path) for path in touched[:10])))
    again: JsonObject = {"branch": run.names.branch, "before": "publishing"}
    if reason := run.ask("github.earlier_pull_request", again, run.closed_earlier):
        return hold_back(run, reason)
    tip = own_tip(run, run.names.branch)
    if isinstance(tip, LeftAlone):
        return hold_back(run, tip.reason)
    done = publish(
        run,
        run.names.branch,
        parent=run.facts.base_sha,
        files=files,
        message=commit_message(run.facts, outcome),
        expected=tip,
    )
    if isinstance(done, LeftAlone):
        return hold_back(run, done.reason)
    sha = done.sha
    new = _described(run, config, outcome, sha)
    url = run.ask(
        "github.pull_request", {"head": new.head, "sha": sha, "body": new.body}, lambda: run.open(new)
    )
    if not url:
        return hold_back(run, CLOSED)
    answer = answers.solved(run.facts, outcome, url)
    seen = repaired(outcome.patch, tree)
    return conclude(
        run, Ending.SOLVED, "solved", answer, Conclusion.SUCCESS, pull_request=url, annotated=seen
    )


def _described(run: Run, config: RepoConfig, outcome: Solved, sha: str) -> NewPullRequest:
    facts = run.facts
    picture = search_tree(run.home / JOURNAL, run.ports.redact)
    body = pull_request_body(facts, outcome, picture, lead=own_lead(config, facts, outcome))
    return NewPullRequest(
        head=run.names.branch,
        base=facts.base_branch,
        title=run.text(own_title(config, facts, outcome, pull_request_title(facts))),
        body=head_marker(sha) + run.text(body),
        marker=run.names.pull_request,
        labels=tuple(dict.fromkeys(filter(None, (run.request.label, *config.labels)))),
        draft=config.draft,
        reviewers=config.reviewers,
    )
