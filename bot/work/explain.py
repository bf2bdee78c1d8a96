"""An issue explained: reproduced and localised, nothing changed. Its comment and check run are its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import assert_never

from agent.errors import Cancelled
from agent.types import Asking, Outcome, Solved, StopReason, Unrunnable, Unsolved
from bot.forge import CheckRun, Conclusion
from bot.names import CHECK_NAME
from bot.progress import LiveProgress
from bot.queue import Ending, JobResult
from bot.render import answers
from bot.render import explain_answers as say
from bot.render.check import check_run
from bot.repo_config import RepoConfig
from bot.run import Run, Stopped
from bot.work.configured import on_base
from bot.work.parts import check_out, configured, issue_task, not_allowed, repair, without_branch


def explain_issue(run: Run) -> JobResult:
    """The work of a job of the kind EXPLAIN. Every step may be repeated after a kill."""
    if (refused := not_allowed(run)) is not None:
        return refused
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
        return _told(run, _look(run, config))
    except (Cancelled, Stopped):
        run.obey(interruption_only=True)
        answer = answers.cancelled(run.facts)
        return _conclude(run, Ending.CANCELLED, "cancelled", answer, Conclusion.CANCELLED)


def _look(run: Run, config: RepoConfig) -> Outcome:
    run.obey()
    begun = say.progress(run.facts, "starting", "")
    run.comment(begun)
    run.check(_check(run, "Working", begun))
    run.obey()
    tree = check_out(run)
    run.obey()
    task = replace(issue_task(run, config), explain=True)
    outcome = repair(run, config, tree, task, live=lambda live: _live(run, live))
    run.obey()
    return outcome


def _told(run: Run, outcome: Outcome) -> JobResult:
    match outcome:
        case Unsolved(stop=StopReason.CANCELLED):
            raise Cancelled
        case Unsolved():
            explanation = outcome.explanation
            if explanation is None:
                answer = say.ended_early(run.facts, outcome)
                return _conclude(run, Ending.UNSOLVED, outcome.stop.value, answer, Conclusion.NEUTRAL)
            title = "reproduced" if outcome.reproduction else "not reproduced"
            answer = say.explained(run.facts, outcome, explanation)
            run.comment(answer)
            check = _check(run, title.capitalize(), answer, Conclusion.NEUTRAL)
            run.check(replace(check, annotations=say.beside_lines(explanation.suspects)))
            return run.ended(Ending.ANSWERED, title)
        case Unrunnable():
            answer = answers.unrunnable(run.facts, outcome)
            return _conclude(run, Ending.UNRUNNABLE, "cannot be run", answer, Conclusion.NEUTRAL)
        case Solved() | Asking():
            raise AssertionError("a run that only explains changes nothing and asks nothing")
        case never:
            assert_never(never)


def _conclude(run: Run, ending: Ending, title: str, answer: str, conclusion: Conclusion) -> JobResult:
    run.comment(answer)
    run.check(_check(run, title.capitalize(), answer, conclusion))
    return run.ended(ending, title)


def _check(run: Run, title: str, summary: str, conclusion: Conclusion | None = None) -> CheckRun:
    check = check_run(run.facts, run.names, title, summary, conclusion)
    return replace(check, name=f"{CHECK_NAME}: explain issue {run.facts.issue}")


def _live(run: Run, live: Callable[[], bool]) -> LiveProgress:
    def comment(phase: str, detail: str) -> None:
        body = run.text(say.progress(run.facts, phase, detail))
        run.forge.upsert_comment(run.request.issue, run.names.comment, body)

    def check(phase: str, detail: str) -> None:
        body = run.text(say.progress(run.facts, phase, detail))
        run.forge.upsert_check_run(run.redacted(_check(run, phase, body)))

    return LiveProgress((comment, check), run.ports.clock, live=live)
