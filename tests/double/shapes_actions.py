"""The JSON of workflow runs and their jobs."""

from __future__ import annotations

from tests.double.clock import stamp
from tests.double.shapes import Shapes, node_id
from tests.double.state import Job, Json, Repository, WorkflowRun


def run(shapes: Shapes, repository: Repository, made: WorkflowRun) -> Json:
    url = f"{shapes.repository_api(repository)}/actions/runs/{made.id}"
    when = stamp(made.created)
    subject = repository.git.commit(made.head_sha)
    commit = {
        "id": made.head_sha,
        "tree_id": subject.tree,
        "message": subject.message,
        "timestamp": subject.author.date,
        "author": {"name": subject.author.name, "email": subject.author.email},
        "committer": {"name": subject.committer.name, "email": subject.committer.email},
    }
    return {
        "id": made.id,
        "name": made.name,
        "node_id": node_id("WFR", repository.id, made.id),
        "check_suite_id": made.suite,
        "check_suite_node_id": node_id("CS", repository.id, made.suite),
        "head_branch": made.branch,
        "head_sha": made.head_sha,
        "path": f".github/workflows/{made.name.lower()}.yml",
        "run_number": 1,
        "run_attempt": 1,
        "event": made.event,
        "display_title": subject.message.partition("\n")[0],
        "status": "completed",
        "conclusion": made.conclusion,
        "workflow_id": sum(made.name.encode()),
        "url": url,
        "html_url": f"{shapes.page(repository)}/actions/runs/{made.id}",
        "pull_requests": shapes.pulls_at(repository, made.head_sha),
        "created_at": when,
        "updated_at": when,
        "run_started_at": when,
        "actor": shapes.user(made.actor),
        "triggering_actor": shapes.user(made.actor),
        "jobs_url": f"{url}/jobs",
        "logs_url": f"{url}/logs",
        "check_suite_url": f"{shapes.repository_api(repository)}/check-suites/{made.suite}",
        "artifacts_url": f"{url}/artifacts",
        "cancel_url": f"{url}/cancel",
        "rerun_url": f"{url}/rerun",
        "previous_attempt_url": None,
        "workflow_url": f"{shapes.repository_api(repository)}/actions/workflows/{sum(made.name.encode())}",
        "head_commit": commit,
        "repository": shapes.repository(repository),
        "head_repository": shapes.repository(repository),
        "referenced_workflows": [],
    }


def job(shapes: Shapes, repository: Repository, of: WorkflowRun, made: Job) -> Json:
    api = shapes.repository_api(repository)
    when = stamp(of.created)
    return {
        "id": made.id,
        "run_id": of.id,
        "run_url": f"{api}/actions/runs/{of.id}",
        "run_attempt": 1,
        "node_id": node_id("CR", repository.id, made.id),
        "head_sha": of.head_sha,
        "head_branch": of.branch,
        "url": f"{api}/actions/jobs/{made.id}",
        "html_url": f"{shapes.page(repository)}/actions/runs/{of.id}/job/{made.id}",
        "status": "completed",
        "conclusion": made.conclusion,
        "created_at": when,
        "started_at": when,
        "completed_at": when,
        "name": made.name,
        "steps": [
            {
                "name": name,
                "status": "completed",
                "conclusion": conclusion,
                "number": number,
                "started_at": when,
                "completed_at": when,
            }
            for number, (name, conclusion) in enumerate(made.steps, 1)
        ],
        "check_run_url": f"{api}/check-runs/{made.id}",
        "labels": ["ubuntu-latest"],
        "runner_id": 1,
        "runner_name": "GitHub Actions 1",
        "runner_group_id": 0,
        "runner_group_name": "GitHub Actions",
        "workflow_name": of.name,
    }
