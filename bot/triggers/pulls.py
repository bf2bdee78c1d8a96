"""Labels on pull requests, and their ends."""

from __future__ import annotations

import re
from typing import Final

from bot.deliveries.payloads import PullRequestData, PullRequestPayload
from bot.deliveries.webhook import storable
from bot.queue import FailedCheck, Kind
from bot.triggers.place import NAME_CAP, Place, login_of, same
from bot.triggers.policy import Decision, Ignored, Stop

OWN_BRANCHES: Final = "codeagent/"
_OF_ISSUE: Final = re.compile(r"codeagent/issue-([0-9]{1,18})-[0-9a-f]+", re.ASCII)


def decide_pull(payload: PullRequestPayload, place: Place) -> Decision:
    pull = payload.pull_request
    match payload.action:
        case "labeled" | "unlabeled":
            label = payload.label.name if payload.label is not None else ""
            if not place.policy.is_label(label):
                return Ignored(reason=f"not the label {place.policy.label!r}")
            if payload.action == "unlabeled":
                return Stop(subjects=place.subjects(pull.number, Kind.CHECK), reason="the label was removed")
            if not place.policy.labelling:
                return Ignored(reason="the operator has switched labels off")
            return _check(place, pull, label)
        case "closed":
            return Stop(subjects=_of_closed(place, pull), reason="the pull request was closed")
        case _:
            return Ignored(reason="nothing is asked for")


def _check(place: Place, pull: PullRequestData, label: str) -> Decision:
    if pull.state != "open":
        return Ignored(reason="the pull request is not open")
    return place.wanted(
        Kind.CHECK,
        issue=pull.number,
        title=pull.title,
        body=pull.body or "",
        author=login_of(pull.user),
        label=storable(label, NAME_CAP),
        asked_at=storable(pull.updated_at or "", 64),
        check=FailedCheck(
            sha=storable(pull.head.sha, 64),
            branch=storable(pull.head.ref, NAME_CAP),
            fork=_fork(place, pull),
            pull=pull.number,
        ),
    )


def _fork(place: Place, pull: PullRequestData) -> str:
    """A head whose repository was deleted lay in a fork."""
    home = pull.head.repo
    if home is None:
        return "deleted/fork"
    return "" if home.id == place.repository.id else storable(home.full_name, NAME_CAP)


def is_own(place: Place, pull: PullRequestData) -> bool:
    """Opened by this App, from a branch that only it makes, in this repository."""
    home = pull.head.repo
    return (
        same(login_of(pull.user), place.policy.app_login)
        and pull.head.ref.startswith(OWN_BRANCHES)
        and home is not None
        and home.id == place.repository.id
    )


def _of_closed(place: Place, pull: PullRequestData) -> tuple[str, ...]:
    """What works on the pull request; and on its issue, when somebody turned our patch down."""
    subjects = place.subjects(pull.number, Kind.CHECK, Kind.REVIEW)
    issue = _OF_ISSUE.fullmatch(pull.head.ref) if is_own(place, pull) and not pull.merged else None
    return (*subjects, *place.subjects(int(issue[1]), Kind.FIX)) if issue else subjects
