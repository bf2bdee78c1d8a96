"""What a delivery means: a pure decision from (delivery, policy).

A request for a job (:class:`Wanted`), the same job once more (:class:`Again`), a possible answer to a
question (:class:`Said`), the end of what runs (:class:`Stop`), or nothing, with the reason
(:class:`Ignored`). Text is taken from the delivery and nowhere else. ``docs/triggers.md`` has the table.
"""

from __future__ import annotations

from bot.deliveries.payloads import (
    CheckRunPayload,
    CheckSuitePayload,
    InstallationPayload,
    IssueCommentPayload,
    IssuesPayload,
    Payload,
    PingPayload,
    PullRequestPayload,
    ReviewCommentPayload,
    ReviewPayload,
    User,
    WorkflowRunPayload,
)
from bot.deliveries.webhook import Delivery
from bot.triggers.checks import decide_check_run, decide_check_suite, decide_workflow_run
from bot.triggers.comments import decide_comment
from bot.triggers.issues import decide_issue
from bot.triggers.place import Place
from bot.triggers.policy import Again, Checks, Decision, Ignored, Said, Stop, TriggerPolicy, Wanted
from bot.triggers.pulls import decide_pull
from bot.triggers.reviews import decide_review, decide_review_comment
from bot.triggers.rules import closed_repository, own, unlisted_bot

__all__ = [
    "Again",
    "Checks",
    "Decision",
    "Ignored",
    "Said",
    "Stop",
    "TriggerPolicy",
    "Wanted",
    "decide",
]


def decide(delivery: Delivery, policy: TriggerPolicy) -> Decision:
    """Never raises, whatever the delivery holds."""
    if delivery.unreadable:
        return Ignored(reason=f"{delivery.event}: the payload lacks a usable {delivery.unreadable}")
    payload = delivery.payload
    if payload is None:
        return Ignored(reason=f"{delivery.event}: this event is not used")
    decision = _decide(payload, delivery.guid, policy)
    if isinstance(decision, Ignored):
        which = f"{delivery.event}.{payload.action}" if payload.action else delivery.event
        return Ignored(reason=f"{which[:100]}: {decision.reason}")
    return decision


def _decide(payload: Payload, guid: str, policy: TriggerPolicy) -> Decision:
    match payload:
        case PingPayload():
            return Ignored(reason="pong")
        case InstallationPayload():
            return Ignored(reason="nothing to do")
    place = _place(payload, guid, policy)
    if place is None:
        return Ignored(reason="no repository, installation or sender; is this the App's hook?")
    if reason := own(place.sender, policy) or closed_repository(place.repository, policy):
        return Ignored(reason=reason)
    decision = _meant(payload, place)
    if isinstance(decision, Wanted | Again) and (reason := unlisted_bot(_asking(payload, place), policy)):
        return Ignored(reason=reason)
    return decision


def _place(payload: Payload, guid: str, policy: TriggerPolicy) -> Place | None:
    if payload.repository is None or payload.installation is None or payload.sender is None:
        return None
    return Place(
        guid=guid,
        installation=payload.installation.id,
        repository=payload.repository,
        sender=payload.sender,
        policy=policy,
    )


def _meant(payload: Payload, place: Place) -> Decision:
    match payload:
        case IssuesPayload():
            return decide_issue(payload, place)
        case IssueCommentPayload():
            return decide_comment(payload, place)
        case PullRequestPayload():
            return decide_pull(payload, place)
        case ReviewPayload():
            return decide_review(payload, place)
        case ReviewCommentPayload():
            return decide_review_comment(payload, place)
        case CheckRunPayload():
            return decide_check_run(payload, place)
        case CheckSuitePayload():
            return decide_check_suite(payload, place)
        case WorkflowRunPayload():
            return decide_workflow_run(payload, place)
        case _:
            return Ignored(reason="this event is not used")


def _asking(payload: Payload, place: Place) -> tuple[User, ...]:
    """Everybody who stands behind it: a workflow run was started by one and perhaps by another again."""
    if not isinstance(payload, WorkflowRunPayload):
        return (place.sender,)
    run = payload.workflow_run
    return (place.sender, *(user for user in (run.actor, run.triggering_actor) if user is not None))
