"""Says on an issue that its job has to wait. An errand that the queue itself sends (``bot.jobs``); the job
does not begin while it is under way, so what the job says is never overwritten."""

from __future__ import annotations

from dataclasses import replace

from bot.names import names_of
from bot.queue import Ending, JobResult, JobState
from bot.render.budget_answers import waiting
from bot.run import Run


def say_that_it_waits(run: Run) -> JobResult:
    """In the comment that the job will go on editing. ``run`` was asked for by whoever asked for the job."""
    view = run.ports.control.latest(run.request.about)
    if view is None or view.cancelling or view.state not in (JobState.WAITING, JobState.QUEUED):
        return run.ended(Ending.ANSWERED, "its turn has come")
    ahead = run.ports.control.ahead(view.job_id)
    facts = replace(run.facts, run_id=view.job_id, run_url=run.ports.run_url(view.job_id))
    body, marker = run.text(waiting(facts, ahead)), names_of(view.request).comment
    issue = view.request.issue
    run.ask(
        "github.comment",
        {"issue": issue, "body": body},
        lambda: run.forge.upsert_comment(issue, marker, body),
    )
    return run.ended(Ending.ANSWERED, f"queued, {ahead} ahead")
