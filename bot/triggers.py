"""Which deliveries are wanted: a pure table from (delivery, policy) to a task request or a reason why not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from bot.queue import Reply, TaskRequest
from bot.webhook import (
    TEXT_CAP,
    TITLE_CAP,
    Delivery,
    InstallationPayload,
    IssueCommentPayload,
    IssueData,
    IssuesPayload,
    Payload,
    PingPayload,
    Repository,
    User,
    storable,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerPolicy:
    """Who may ask for what. ``repositories`` holds names or patterns ("owner/*"); empty allows every
    repository that the App is installed on. ``bots`` are the logins of bots that may ask; all others may not
    (threat 6)."""

    label: str = "codeagent"
    repositories: tuple[str, ...] = ()
    bots: frozenset[str] = field(default_factory=frozenset)
    app_login: str = ""  # the App's own login, "name[bot]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    request: TaskRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A comment that answers a question, if one is open for its issue: the queue knows."""

    reply: Reply


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignored:
    reason: str


def decide(delivery: Delivery, policy: TriggerPolicy) -> Wanted | Said | Ignored:
    """Never raises, whatever the delivery holds."""
    if delivery.unreadable:
        return Ignored(reason=f"{delivery.event}: the payload lacks a usable {delivery.unreadable}")
    match delivery.payload:
        case None:
            return Ignored(reason=f"{delivery.event}: this event is not used")
        case IssuesPayload() as payload:
            return _issues(delivery.guid, payload, policy)
        case IssueCommentPayload() as payload:
            return _comment(delivery.guid, payload, policy)
        case InstallationPayload() as payload:
            return Ignored(reason=f"{delivery.event}.{payload.action}: nothing to do")
        case PingPayload():
            return Ignored(reason="ping: pong")
        case Payload():
            return Ignored(reason=f"{delivery.event}: this event is not used")


def _issues(guid: str, payload: IssuesPayload, policy: TriggerPolicy) -> Wanted | Ignored:
    if payload.action != "labeled":
        return Ignored(reason=f"issues.{payload.action}: only labeled is used")
    if payload.label is None or payload.label.name.casefold() != policy.label.casefold():
        return Ignored(reason=f"issues.labeled: not the label {policy.label!r}")
    if payload.repository is None or payload.installation is None or payload.sender is None:
        return Ignored(
            reason="issues.labeled: no repository, installation or sender; is this the App's hook?"
        )
    for rule in _RULES.values():
        if reason := rule(payload.issue, payload.repository, payload.sender, policy):
            return Ignored(reason=f"issues.labeled: {reason}")
    issue = payload.issue
    return Wanted(
        request=TaskRequest(
            delivery=guid,
            installation=payload.installation.id,
            repository_id=payload.repository.id,
            repository=storable(payload.repository.full_name, 256),
            issue=issue.number,
            title=storable(issue.title, TITLE_CAP),
            body=storable(issue.body or "", TEXT_CAP),
            author=storable(issue.user.login if issue.user else "ghost", 256),
            sender=storable(payload.sender.login, 256),
            label=storable(payload.label.name, 256),
            asked_at=storable(issue.updated_at or "", 64),
        )
    )


def _comment(guid: str, payload: IssueCommentPayload, policy: TriggerPolicy) -> Said | Ignored:
    if payload.action != "created":
        return Ignored(reason=f"issue_comment.{payload.action}: only created is used")
    if payload.repository is None or payload.installation is None or payload.sender is None:
        return Ignored(
            reason="issue_comment.created: no repository, installation or sender; is this the App's hook?"
        )
    author = payload.comment.user
    if author is None or author.login != payload.sender.login:
        return Ignored(reason="issue_comment.created: somebody else's comment")
    if payload.sender.type != "User":
        return Ignored(reason="issue_comment.created: only people are asked")
    for rule in _RULES.values():
        if reason := rule(payload.issue, payload.repository, payload.sender, policy):
            return Ignored(reason=f"issue_comment.created: {reason}")
    return Said(
        reply=Reply(
            delivery=guid,
            installation=payload.installation.id,
            repository_id=payload.repository.id,
            issue=payload.issue.number,
            comment=payload.comment.id,
            author=storable(author.login, 256),
            text=storable(payload.comment.body or "", TEXT_CAP),
        )
    )


_Rule = Callable[[IssueData, Repository, User, TriggerPolicy], str]


def _open_issue(issue: IssueData, _repository: Repository, _sender: User, _policy: TriggerPolicy) -> str:
    if issue.pull_request is not None:
        return "this is a pull request"
    return "" if issue.state == "open" else "the issue is not open"


def _allowed_repository(
    _issue: IssueData, repository: Repository, _sender: User, policy: TriggerPolicy
) -> str:
    if repository.archived:
        return "the repository is archived"
    name = repository.full_name.casefold()
    if policy.repositories and not any(fnmatchcase(name, p.casefold()) for p in policy.repositories):
        return "the repository is not on the list of allowed repositories"
    return ""


def _allowed_sender(_issue: IssueData, _repository: Repository, sender: User, policy: TriggerPolicy) -> str:
    login = sender.login.casefold()
    if policy.app_login and login == policy.app_login.casefold():
        return "it was this App itself"
    if sender.type != "User" or login.endswith("[bot]"):
        listed = login in {bot.casefold() for bot in policy.bots}
        return "" if listed else "it was a bot that is not listed"
    return ""


_RULES: Mapping[str, _Rule] = {
    "open issue": _open_issue,
    "allowed repository": _allowed_repository,
    "allowed sender": _allowed_sender,
}
