"""Check runs: only Apps write them, and only the App that made one may change it."""

from __future__ import annotations

from tests.double.clock import stamp
from tests.double.state import App, CheckRun, Json, Repository, World
from tests.double.web import Answer, Call, RefusedError, Route, invalid, not_found, route

LONGEST_TEXT = 65_535
MOST_ANNOTATIONS = 50
MOST_ACTIONS = 3


def create_check_run(call: Call) -> Answer:
    body = call.json
    sha = str(body.get("head_sha"))
    if call.repository.git.kind(sha) != "commit":
        raise RefusedError(422, f"No commit found for SHA: {sha}")
    run = CheckRun(
        id=call.world.id(),
        suite=call.repository.suites.setdefault((call.app.id, sha), call.world.id()),
        app=call.app,
        name=str(body["name"]),
        head_sha=sha,
        external_id="",
        details_url=None,
        status="queued",
        conclusion=None,
        started=stamp(call.world.clock.now()),
        completed=None,
    )
    _apply(call, run, body)
    call.repository.check_runs.append(run)
    return Answer(status=201, body=call.shapes.check_run(call.repository, run))


def update_check_run(call: Call) -> Answer:
    run = _find(call)
    if run.app is not call.app:
        raise RefusedError(
            403,
            f"Invalid app_id `{call.app.id}` - check run can only be modified by the GitHub App that "
            "created it.",
        )
    _apply(call, run, call.json)
    return Answer(body=call.shapes.check_run(call.repository, run))


def _apply(call: Call, run: CheckRun, body: Json) -> None:
    """Checks everything before it changes anything. A conclusion completes the run by itself."""
    output, actions = body.get("output") or {}, body.get("actions") or []
    _check(output, actions)
    status = "completed" if body.get("conclusion") else body.get("status", run.status)
    if status == "completed" and not (body.get("conclusion") or run.conclusion):
        raise RefusedError(
            422, 'Invalid request.\n\nNo subschema in "anyOf" matched.\n"conclusion" wasn\'t supplied.'
        )
    run.status = status
    if status != "completed":
        run.conclusion = run.completed = None
    else:
        run.conclusion = body.get("conclusion") or run.conclusion
        run.completed = body.get("completed_at") or run.completed or stamp(call.world.clock.now())
    run.name = body.get("name", run.name)
    run.external_id = body.get("external_id", run.external_id)
    run.details_url = body.get("details_url", run.details_url)
    run.started = body.get("started_at", run.started)
    run.title = output.get("title", run.title)
    run.summary = output.get("summary", run.summary)
    run.text = output.get("text", run.text)
    run.annotations.extend(output.get("annotations") or ())
    run.actions = actions if "actions" in body else run.actions


def _check(output: Json, actions: list[Json]) -> None:
    for name in ("summary", "text"):
        if len(str(output.get(name) or "").encode()) > LONGEST_TEXT:
            raise invalid("CheckRun", name, "custom", f"{name} exceeds a maximum bytesize of {LONGEST_TEXT}")
    if len(output.get("annotations") or ()) > MOST_ANNOTATIONS:
        raise RefusedError(
            422, f"Invalid request.\n\nNo more than {MOST_ANNOTATIONS} items are allowed; annotations."
        )
    if len(actions) > MOST_ACTIONS:
        raise RefusedError(
            422, f"Invalid request.\n\nNo more than {MOST_ACTIONS} items are allowed; actions."
        )


def new_check_run(
    world: World, repository: Repository, app: App, name: str, head_sha: str, conclusion: str
) -> CheckRun:
    """One that somebody else's App has completed."""
    now = stamp(world.clock.now())
    run = CheckRun(
        id=world.id(),
        suite=repository.suites.setdefault((app.id, head_sha), world.id()),
        app=app,
        name=name,
        head_sha=head_sha,
        external_id="",
        details_url=None,
        status="completed",
        conclusion=conclusion,
        started=now,
        completed=now,
    )
    repository.check_runs.append(run)
    return run


def _find(call: Call) -> CheckRun:
    number = call.number("check_run_id")
    found = next((each for each in call.repository.check_runs if each.id == number), None)
    if found is None:
        raise not_found()
    return found


def get_check_run(call: Call) -> Answer:
    return Answer(body=call.shapes.check_run(call.repository, _find(call)))


def list_annotations(call: Call) -> Answer:
    blob = {"blob_href": call.shapes.repository_api(call.repository)}
    frame = {"start_column": None, "end_column": None, "title": None, "raw_details": None}
    return call.page([{**frame, **blob, **each} for each in _find(call).annotations])


def list_for_ref(call: Call) -> Answer:
    """Newest first; by default only the latest of each App and name."""
    sha = call.repository.git.resolve(call.params["ref"])
    if sha is None:
        raise RefusedError(422, f"No commit found for SHA: {call.params['ref']}")
    query, rows, seen = call.request.query, [], set()
    for each in reversed(call.repository.check_runs):
        if each.head_sha != sha or not _wanted(each, query):
            continue
        if query.get("filter", "latest") == "latest" and (each.app.id, each.name) in seen:
            continue
        seen.add((each.app.id, each.name))
        rows.append(call.shapes.check_run(call.repository, each))
    return call.page(rows, lambda page: {"total_count": len(rows), "check_runs": page})


def _wanted(run: CheckRun, query: dict[str, str]) -> bool:
    return (
        query.get("check_name") in {None, run.name}
        and query.get("app_id") in {None, str(run.app.id)}
        and query.get("status") in {None, run.status}
    )


ROUTES: tuple[Route, ...] = (
    route("POST", "/repos/{owner}/{repo}/check-runs", create_check_run, "checks:write", creates="check_run"),
    route("GET", "/repos/{owner}/{repo}/check-runs/{check_run_id}", get_check_run, "checks:read"),
    route("PATCH", "/repos/{owner}/{repo}/check-runs/{check_run_id}", update_check_run, "checks:write"),
    route(
        "GET", "/repos/{owner}/{repo}/check-runs/{check_run_id}/annotations", list_annotations, "checks:read"
    ),
    route("GET", "/repos/{owner}/{repo}/commits/{ref}/check-runs", list_for_ref, "checks:read"),
)
