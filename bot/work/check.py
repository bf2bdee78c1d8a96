"""A failing check, from its log to one pull request, one commit or one comment with the patch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import assert_never

import structlog

from agent.codec import decode, encode
from agent.errors import Cancelled
from agent.protocols import JsonObject, JsonValue
from agent.types import Asking, FailingTests, Outcome, Patch, Solved, StopReason, Task, Unrunnable, Unsolved
from bot.checks.annotate import pointed_at
from bot.checks.began import undoing
from bot.checks.place import PER_DAY, Place, asked_for, of_pull, turned_away
from bot.checks.reports import Reports, gather
from bot.errors import ForgeRefused
from bot.forge import Conclusion, Forge
from bot.names import names_of
from bot.queue import Ending, FailedCheck, JobResult, TaskRequest
from bot.render import check_answers as answers
from bot.render.check_answers import CheckFacts
from bot.render.parts import RunFacts
from bot.repo_config import RepoConfig
from bot.run import Run, Stopped
from bot.work.budget import within_budget
from bot.work.check_case import Case
from bot.work.check_publish import publish_fix
from bot.work.configured import declared, silent
from bot.work.parts import MAY_ASK, check_out, current_names, repair

log = structlog.get_logger("bot.check")

DAY = 86_400.0  # seconds


def fix_check(run: Run) -> JobResult:
    """The work of a job of the kind CHECK. Every step may be repeated after a kill."""
    if (refused := _not_allowed(run)) is not None:
        return refused
    base = run.effect("github.default_branch", {}, run.default_branch)
    if not base:
        return run.ended(Ending.UNRUNNABLE, "no default branch")
    run = run.based_on(str(base["name"]), str(base["sha"]))
    config = declared(run)
    if isinstance(config, JobResult):
        return config
    found = _place(run)
    if isinstance(found, str):
        return run.ended(Ending.UNSOLVED, found)
    if reason := turned_away(run.request, found) or _too_often(run):
        return run.ended(Ending.REFUSED, reason)
    run = current_names(run).based_on(found.branch, found.sha)
    config = within_budget(run, config)
    if isinstance(config, JobResult):
        return config
    return _look(run, config, found)


# --- Before anything is done --------------------------------------------------------------------------------


def _not_allowed(run: Run) -> JobResult | None:
    """Silent, unless somebody asked: whoever broke a build has asked for nothing."""
    for login in (run.request.sender, *run.request.actors):
        role = run.permission(login)
        if role not in MAY_ASK:
            if asked_for(run.request) and run.ports.answer_refused and not silent(run):
                run.comment(answers.refused(run.facts, role))
            return run.ended(Ending.REFUSED, f"{login} has the role {role!r} and may not ask")
    return None


def _place(run: Run) -> Place | str:
    """Where it failed, as it is now; or why there is nothing to be done."""
    check = run.request.check or FailedCheck()

    def look() -> JsonObject:
        if not check.pull:
            branch = run.forge.branch(check.branch)
            place = None if branch is None else Place(branch=branch.name, sha=branch.sha)
            return {"place": encode(place), "reason": "the branch is gone"}
        pull = run.forge.pull_request(check.pull)
        if pull is None or not pull.open or not pull.head_sha:
            return {"place": None, "reason": "the pull request is not open"}
        return {"place": encode(of_pull(pull, run.request.repository)), "reason": ""}

    found = run.effect("github.place", {"pull": check.pull, "branch": check.branch}, look)
    return str(found["reason"]) if found["place"] is None else decode(Place, found["place"])


def _too_often(run: Run) -> str:
    """A branch that fails again and again is looked at so many times a day, unless somebody asks."""
    path = run.ports.data / "checks" / f"{run.names.branch.replace('/', '-')}-{run.request.repository_id}"

    def count() -> str:
        now = run.ports.clock()
        lines = [line.split() for line in path.read_text().splitlines()] if path.exists() else []
        today = {words[1] for words in lines if len(words) == 2 and now - float(words[0]) < DAY}
        if not asked_for(run.request) and len(today - {run.job_id}) >= PER_DAY:
            return f"this branch was looked at {PER_DAY} times in a day; ask with a command for more"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as file:
            file.write(f"{now:.0f} {run.job_id}\n")
        return ""

    return run.ask("checks.today", {}, count)


# --- The work -----------------------------------------------------------------------------------------------


def _look(run: Run, config: RepoConfig, place: Place) -> JobResult:
    reports = _reports(run, place)
    case = Case(run=run, config=config, place=place, reports=reports, facts=_facts(run, place, reports))
    check = run.request.check or FailedCheck()
    if not reports.reports and check.sha != place.sha:
        return _nothing_fails(case)
    failing = reports.failing
    if failing is None:
        kinds = [report.findings.other for report in reports.reports]
        answer = answers.no_python_test(case.facts, kinds)
        return case.tell(Ending.UNSOLVED, "not a failing test of Python", answer, Conclusion.NEUTRAL)
    try:
        return _repair(case, failing)
    except (Cancelled, Stopped):
        run.obey(interruption_only=True)
        return case.tell(Ending.CANCELLED, "cancelled", answers.cancelled(case.facts), Conclusion.CANCELLED)


def _nothing_fails(case: Case) -> JobResult:
    """It was asked for, or the branch has moved on from the commit that failed; the next check will tell."""
    if asked_for(case.run.request):
        case.run.comment(answers.nothing_fails(case.facts))
    return case.run.ended(Ending.UNSOLVED, "no check has failed on the newest commit")


def _reports(run: Run, place: Place) -> Reports:
    """What logs say is kept; the logs themselves are not."""
    check = run.request.check or FailedCheck()

    def ask() -> JsonObject:
        return {"reports": encode(gather(run.forge, check, place.sha))}

    said = run.effect("github.failed_checks", {"sha": place.sha}, lambda: _redacted(run, ask()))
    return decode(Reports, said["reports"])


def _redacted(run: Run, answer: JsonObject) -> JsonObject:
    """A log may hold a secret that its own system did not mask."""
    return {key: _clean(run, value) for key, value in answer.items()}


def _clean(run: Run, value: JsonValue) -> JsonValue:
    match value:
        case str():
            return run.text(value)
        case Mapping():
            return {key: _clean(run, item) for key, item in value.items()}
        case Sequence():
            return [_clean(run, item) for item in value]
        case _:
            return value


def _facts(run: Run, place: Place, reports: Reports) -> CheckFacts:
    telling = reports.telling
    named = run.request.check.name if run.request.check else ""
    names = reports.names or ((named,) if named else ())
    return CheckFacts(
        run=run.facts,
        sha=place.sha,
        branch=place.branch,
        pull=place.pull,
        fork=place.fork,
        checks=names,
        command=telling.findings.command if telling else "",
        reported=tuple(each.test for report in reports.reports for each in report.findings.failed),
        excerpt=telling.findings.excerpt if telling else "",
    )


def _repair(case: Case, failing: FailingTests) -> JobResult:
    run, facts = case.run, case.facts
    run.obey()
    started = answers.progress(facts, "starting", "")
    run.comment(started)
    run.check(answers.check_run(facts, run.names, "Working", started))
    run.obey()
    tree = check_out(run)
    run.obey()
    began = _began(run, case.place, tree)
    run.obey()
    task = _task(case, replace(failing, began=began))
    outcome = repair(run, case.config, tree, task, live=case.live)
    run.obey()
    return _conclude(case, outcome, tree)


def _began(run: Run, place: Place, tree: Path) -> Patch | None:
    """What undoes the pull request; None where there is none, or no telling."""
    if not place.pull:
        return None

    def ask() -> str:
        try:
            return run.forge.merge_base(place.base, place.sha)
        except ForgeRefused as error:  # nothing in common, or not to be seen: then it is not told
            log.info("where the branch began is not known", job=run.job_id, error=str(error))
            return ""

    sha = run.ask("github.merge_base", {"base": place.base, "head": place.sha}, ask)
    if not sha or sha == place.sha:
        return None
    return undoing(tree, check_out(run.based_on(place.branch, sha)))


def _task(case: Case, failing: FailingTests) -> Task:
    facts = case.facts
    shown = facts.reported[0] if facts.reported else (facts.checks or ("a check",))[0]
    return Task(
        repository=case.run.request.repository,
        base=facts.sha,
        title=f"{shown} fails",
        text=facts.excerpt,
        test_command=case.config.test_command,
        failing=failing,
    )


def _conclude(case: Case, outcome: Outcome, tree: Path) -> JobResult:
    facts = case.facts
    match outcome:
        case Solved():
            return publish_fix(case, outcome, tree)
        case Unsolved(stop=StopReason.CANCELLED):
            raise Cancelled
        case Unsolved():
            answer = answers.unsolved(facts, outcome)
            marks = pointed_at(outcome.red, tree) if outcome.red else ()
            title = outcome.stop.value
            return case.tell(Ending.UNSOLVED, title, answer, Conclusion.NEUTRAL, annotated=marks)
        case Asking():
            answer = answers.unclear(facts, outcome)
            return case.tell(Ending.UNSOLVED, "the tests leave it open", answer, Conclusion.NEUTRAL)
        case Unrunnable():
            answer = answers.unrunnable(facts, outcome)
            return case.tell(Ending.UNRUNNABLE, "cannot be run", answer, Conclusion.NEUTRAL)
        case never:
            assert_never(never)


def tell_failed(forge: Forge, request: TaskRequest, facts: RunFacts, reason: str, place: JsonValue) -> None:
    """Of a job that broke after it had found its ``place``. Raises ForgeError."""
    where, names = decode(Place, place), names_of(request)
    shown = CheckFacts(run=facts, sha=where.sha, branch=where.branch, pull=where.pull, fork=where.fork)
    answer = answers.failed(shown, reason)
    if where.pull:
        forge.upsert_comment(where.pull, names.comment, answer)
    forge.upsert_check_run(answers.check_run(shown, names, "Failed", answer, Conclusion.FAILURE))
