"""Payloads of checks, workflow runs, reviews and pull requests, complete as GitHub makes them."""

from __future__ import annotations

from tests.double import shapes_actions, shapes_pulls
from tests.double.clock import stamp
from tests.double.shapes import Shapes, node_id
from tests.double.state import (
    CheckRun,
    Installation,
    Issue,
    Json,
    Label,
    Repository,
    Review,
    ReviewComment,
    User,
    WorkflowRun,
)
from tests.double.webhooks import frame


def suite(shapes: Shapes, repository: Repository, run: CheckRun, branch: str | None) -> Json:
    url = f"{shapes.repository_api(repository)}/check-suites/{run.suite}"
    return {
        "id": run.suite,
        "node_id": node_id("CS", repository.id, run.suite),
        "head_branch": branch,
        "head_sha": run.head_sha,
        "status": run.status,
        "conclusion": run.conclusion,
        "url": url,
        "before": None,
        "after": run.head_sha,
        "pull_requests": shapes.pulls_at(repository, run.head_sha),
        "app": shapes.app(run.app),
        "created_at": run.started,
        "updated_at": run.completed,
    }


def check_run(
    shapes: Shapes,
    repository: Repository,
    action: str,
    run: CheckRun,
    branch: str | None,
    sender: User,
    installation: Installation | None,
    button: str | None = None,
) -> Json:
    """``button``: the identifier of a custom button, with the action "requested_action"."""
    shape = {
        **shapes.check_run(repository, run),
        "check_suite": suite(shapes, repository, run, branch),
    }
    pressed = {} if button is None else {"requested_action": {"identifier": button}}
    return {
        "action": action,
        "check_run": shape,
        **pressed,
        **frame(shapes, repository, sender, installation),
    }


def check_suite(
    shapes: Shapes,
    repository: Repository,
    action: str,
    run: CheckRun,
    branch: str | None,
    sender: User,
    installation: Installation | None,
) -> Json:
    """The suite that a check run belongs to."""
    url = f"{shapes.repository_api(repository)}/check-suites/{run.suite}"
    subject = repository.git.commit(run.head_sha)
    people = {
        role: {"name": person.name, "email": person.email}
        for role, person in (("author", subject.author), ("committer", subject.committer))
    }
    shape = {
        **suite(shapes, repository, run, branch),
        "latest_check_runs_count": 1,
        "check_runs_url": f"{url}/check-runs",
        "head_commit": {
            "id": subject.sha,
            "tree_id": subject.tree,
            "message": subject.message,
            "timestamp": subject.author.date,
            **people,
        },
    }
    return {"action": action, "check_suite": shape, **frame(shapes, repository, sender, installation)}


def workflow_run(
    shapes: Shapes, repository: Repository, action: str, run: WorkflowRun, installation: Installation | None
) -> Json:
    shape = shapes_actions.run(shapes, repository, run)
    when = stamp(run.created)
    workflow = {
        "id": shape["workflow_id"],
        "node_id": node_id("W", repository.id),
        "name": run.name,
        "path": shape["path"],
        "state": "active",
        "created_at": when,
        "updated_at": when,
        "url": shape["workflow_url"],
        "html_url": f"{shapes.page(repository)}/blob/main/{shape['path']}",
        "badge_url": f"{shapes.page(repository)}/workflows/{run.name}/badge.svg",
    }
    return {
        "action": action,
        "workflow_run": shape,
        "workflow": workflow,
        **frame(shapes, repository, run.actor, installation),
    }


def pull_request(
    shapes: Shapes,
    repository: Repository,
    action: str,
    issue: Issue,
    sender: User,
    installation: Installation | None,
    label: Label | None = None,
) -> Json:
    assert issue.pull is not None
    named = {} if label is None else {"label": shapes.label(repository, label)}
    return {
        "action": action,
        "number": issue.number,
        "pull_request": _delivered(shapes_pulls.full(shapes, repository, issue, issue.pull)),
        **named,
        **frame(shapes, repository, sender, installation),
    }


def review(
    shapes: Shapes,
    repository: Repository,
    action: str,
    issue: Issue,
    made: Review,
    installation: Installation | None,
) -> Json:
    """The state is written small here, and large in the API."""
    assert issue.pull is not None
    shape = shapes_pulls.review(shapes, repository, issue, made)
    return {
        "action": action,
        "review": {**shape, "state": made.state.lower()},
        "pull_request": _delivered(shapes_pulls.simple(shapes, repository, issue, issue.pull)),
        **frame(shapes, repository, made.user, installation),
    }


def review_comment(
    shapes: Shapes,
    repository: Repository,
    action: str,
    issue: Issue,
    made: ReviewComment,
    installation: Installation | None,
) -> Json:
    assert issue.pull is not None
    return {
        "action": action,
        "comment": shapes_pulls.review_comment(shapes, repository, issue, made),
        "pull_request": _delivered(shapes_pulls.simple(shapes, repository, issue, issue.pull)),
        **frame(shapes, repository, made.user, installation),
    }


def _delivered(pull: Json) -> Json:
    """In deliveries repositories have their properties with them."""
    for end in ("head", "base"):
        pull[end]["repo"]["custom_properties"] = {}
    return pull
