"""Labels, assignments and ends of issues."""

from __future__ import annotations

from bot.deliveries.payloads import IssueData, IssuesPayload
from bot.deliveries.webhook import storable
from bot.queue import Kind
from bot.triggers.place import NAME_CAP, Place, login_of, same
from bot.triggers.policy import Decision, Ignored, Stop


def decide_issue(payload: IssuesPayload, place: Place) -> Decision:
    issue, action = payload.issue, payload.action
    if issue.pull_request is not None:
        return Ignored(reason="this is a pull request")
    match action:
        case "labeled" | "unlabeled":
            label = payload.label.name if payload.label is not None else ""
            if not place.policy.is_label(label):
                return Ignored(reason=f"not the label {place.policy.label!r}")
            if action == "unlabeled":
                return _stop(place, issue, "the label was removed", Kind.FIX)
            if not place.policy.labelling:
                return Ignored(reason="the operator has switched labels off")
            return _fix(place, issue, label)
        case "assigned" | "unassigned":
            if not _ours(login_of(payload.assignee), place):
                return Ignored(reason="it was somebody else that was assigned")
            if action == "unassigned":
                return _stop(place, issue, "I am no longer assigned", Kind.FIX)
            if not place.policy.assignment:
                return Ignored(reason="the operator has switched assignment off")
            return _fix(place, issue, "")
        case "closed" | "deleted" | "transferred":
            return _stop(place, issue, f"the issue was {action}", Kind.FIX, Kind.EXPLAIN)
        case "edited":
            return Ignored(reason="what was asked for stays as it was written then; edits are not read")
        case "opened" | "reopened":
            return Ignored(reason="an issue alone asks for nothing; a label, a command or an assignment does")
        case _:
            return Ignored(reason="nothing is asked for")


def _ours(login: str, place: Place) -> bool:
    return any(same(login, ours) for ours in (place.policy.app_login, *place.policy.assignees))


def _fix(place: Place, issue: IssueData, label: str) -> Decision:
    if issue.state != "open":
        return Ignored(reason="the issue is not open")
    return place.wanted(
        Kind.FIX,
        issue=issue.number,
        title=issue.title,
        body=issue.body or "",
        author=login_of(issue.user),
        label=storable(label, NAME_CAP),
        asked_at=storable(issue.updated_at or "", 64),
    )


def _stop(place: Place, issue: IssueData, reason: str, *kinds: Kind) -> Stop:
    return Stop(subjects=place.subjects(issue.number, *kinds), reason=reason)
