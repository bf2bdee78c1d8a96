"""GitHub Actions, as far as who asks why a workflow run failed needs it: runs, jobs, logs."""

from __future__ import annotations

from tests.double import shapes_actions
from tests.double.state import Job, WorkflowRun
from tests.double.web import Answer, Call, RefusedError, Route, not_found, route

READ = "actions:read"
LOGS = "/_logs/"


def _run(call: Call) -> WorkflowRun:
    number = call.number("run_id")
    found = next((each for each in call.repository.workflow_runs if each.id == number), None)
    if found is None:
        raise not_found()
    return found


def _job(call: Call) -> Job:
    number = call.number("job_id")
    for run in call.repository.workflow_runs:
        for job in run.jobs:
            if job.id == number:
                return job
    raise not_found()


def get_run(call: Call) -> Answer:
    return Answer(body=shapes_actions.run(call.shapes, call.repository, _run(call)))


def list_jobs(call: Call) -> Answer:
    run = _run(call)
    rows = [shapes_actions.job(call.shapes, call.repository, run, each) for each in run.jobs]
    return call.page(rows, lambda page: {"total_count": len(rows), "jobs": page})


def job_log(call: Call) -> Answer:
    """A redirect to another host, whose address is the whole right to read: it must not get the token."""
    job = _job(call)
    if job.log is None:
        raise RefusedError(410, "Server Error")
    site = call.shapes.site.replace("127.0.0.1", "localhost")
    return Answer(status=302, headers={"Location": f"{site}{LOGS}{call.repository.id}/{job.id}?sig=signed"})


REPO = "/repos/{owner}/{repo}/actions"

ROUTES: tuple[Route, ...] = (
    route("GET", f"{REPO}/runs/{{run_id}}", get_run, READ),
    route("GET", f"{REPO}/runs/{{run_id}}/jobs", list_jobs, READ),
    route("GET", f"{REPO}/jobs/{{job_id}}/logs", job_log, READ),
)
