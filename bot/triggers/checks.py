"""Failing checks of others, and the buttons of the App's own check runs.

GitHub tells of one failure several times. Each is taken up once: a workflow of GitHub Actions by its
``workflow_run``, the checks of any other App by their ``check_suite``, which is completed once all its check
runs are. A ``check_run`` that is completed is never taken up; it is there for Re-run and the buttons. What
fails on one branch or pull request while a job works on it belongs to that job.

A check suite in a fork has no branch and no pull request, and a workflow run of a fork names none either; its
branch may be called as ours is. So forks are never taken up by themselves: the label or a command on the pull
request asks.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from bot.deliveries.payloads import (
    AppData,
    CheckRunPayload,
    CheckSuitePayload,
    PullOfCheck,
    User,
    WorkflowRunPayload,
)
from bot.deliveries.webhook import storable
from bot.queue import FailedCheck, Kind
from bot.triggers.place import NAME_CAP, Place, same
from bot.triggers.policy import Again, Checks, Decision, Ignored

FAILED: Final = frozenset({"failure", "timed_out"})
ACTIONS: Final = "github-actions"
STOP, RETRY = "stop", "retry"
"""Identifiers of the buttons on this App's check runs (``bot.forge.Button``)."""


def decide_workflow_run(payload: WorkflowRunPayload, place: Place) -> Decision:
    run = payload.workflow_run
    if payload.action != "completed" or run.conclusion not in FAILED:
        return Ignored(reason="no failed workflow run")
    home = run.head_repository
    if home is None or home.id != place.repository.id:
        return Ignored(reason=_FORK)
    check = FailedCheck(
        sha=storable(run.head_sha, 64),
        branch=storable(run.head_branch or "", NAME_CAP),
        name=storable(run.name or "", NAME_CAP),
        check_suite=run.check_suite_id or 0,
        workflow_run=run.id,
    )
    return _failed(place, check, run.pull_requests, _people(run.actor, run.triggering_actor))


def decide_check_suite(payload: CheckSuitePayload, place: Place) -> Decision:
    suite = payload.check_suite
    if payload.action == "rerequested":
        return Ignored(
            reason="each check of this App is about something else: press Re-run on the one that is meant"
        )
    if payload.action != "completed" or suite.conclusion not in FAILED:
        return Ignored(reason="no failed check suite")
    if is_own_app(place, suite.app):
        return Ignored(reason="these are this App's own checks")
    if suite.app is not None and suite.app.slug == ACTIONS:
        return Ignored(reason="GitHub Actions: its workflow run says it")
    if not suite.head_branch:
        return Ignored(reason=_FORK)
    check = FailedCheck(
        sha=storable(suite.head_sha, 64),
        branch=storable(suite.head_branch, NAME_CAP),
        name=storable((suite.app.name or suite.app.slug or "") if suite.app else "", NAME_CAP),
        check_suite=suite.id or 0,
    )
    return _failed(place, check, suite.pull_requests, ())


_FORK: Final = "it failed in a fork; a label or command on its pull request asks"


def _failed(
    place: Place, check: FailedCheck, pulls: Iterable[PullOfCheck], actors: tuple[str, ...]
) -> Decision:
    checks = place.policy.checks
    if checks is Checks.OFF:
        return Ignored(reason="the operator has not opted in to failing checks (they are off)")
    pull = 0
    if check.branch == place.repository.default_branch:
        if not checks.default_branch:
            return Ignored(reason="the operator has opted in for pull requests only")
    else:
        if not checks.pull_requests:
            return Ignored(reason="it did not fail on the default branch")
        pull = _open_pull(place, check, pulls)
        if not pull:
            return Ignored(reason="no pull request of this repository is open for that branch")
    return place.wanted(
        Kind.CHECK,
        issue=pull,
        title=check.name or "a check",
        author=place.sender.login,
        actors=actors,
        check=FailedCheck(
            sha=check.sha,
            branch=check.branch,
            pull=pull,
            name=check.name,
            check_suite=check.check_suite,
            workflow_run=check.workflow_run,
        ),
    )


def _open_pull(place: Place, check: FailedCheck, pulls: Iterable[PullOfCheck]) -> int:
    """GitHub also names pull requests of other repositories into which this branch goes."""
    here = place.repository.id
    for pull in pulls:
        ids = (pull.base.repo.id if pull.base.repo else None, pull.head.repo.id if pull.head.repo else None)
        if ids == (here, here) and pull.head.ref == check.branch:
            return pull.number
    return 0


def _people(*users: User | None) -> tuple[str, ...]:
    return tuple(storable(user.login, NAME_CAP) for user in users if user is not None)


# --- our own check runs -------------------------------------------------------------------------------------


def is_own_app(place: Place, app: AppData | None) -> bool:
    return app is not None and bool(app.slug) and same(f"{app.slug}[bot]", place.policy.app_login)


def decide_check_run(payload: CheckRunPayload, place: Place) -> Decision:
    run = payload.check_run
    match payload.action:
        case "rerequested":
            pressed = RETRY
        case "requested_action":
            pressed = payload.requested_action.identifier if payload.requested_action else ""
        case _:
            return Ignored(reason="single check runs are not taken up: their suite or workflow run is")
    if not is_own_app(place, run.app):
        return Ignored(reason="it is not this App's own check run")
    subject = place.subject_of_check(run.external_id or "")
    if not subject:
        return Ignored(reason="it does not say what it is about")
    match pressed:
        case "retry":
            sender = storable(place.sender.login, NAME_CAP)
            return Again(subject=subject, delivery=place.guid, sender=sender, sender_id=place.sender.id)
        case "stop":
            return place.wanted(
                Kind.ERRAND, issue=0, title=run.name, author=place.sender.login, command="stop", about=subject
            )
        case _:
            return Ignored(reason="it has no such button")
