"""Comments on issues and pull requests: commands, and answers to a question."""

from __future__ import annotations

from typing import assert_never

from bot.deliveries.commands import PREFIX, Command, Unknown, read_command
from bot.deliveries.payloads import IssueCommentPayload
from bot.deliveries.webhook import TEXT_CAP, storable
from bot.queue import FailedCheck, Kind, Reply
from bot.sanitize import code
from bot.triggers.place import NAME_CAP, Place, login_of
from bot.triggers.policy import Decision, Ignored, Said


def decide_comment(payload: IssueCommentPayload, place: Place) -> Decision:
    if payload.action != "created":
        return Ignored(reason="only new comments are read, as they were written; edits ask for nothing")
    author = payload.comment.user
    if author is None or author.login != place.sender.login:
        return Ignored(reason="somebody else's comment")
    command = read_command(payload.comment.body or "")
    if command is None:
        return _said(payload, place)
    return _commanded(command, payload, place)


def _said(payload: IssueCommentPayload, place: Place) -> Decision:
    if payload.issue.pull_request is not None:
        return Ignored(reason="no command, and nothing is asked on a pull request")
    if payload.issue.state != "open":
        return Ignored(reason="no command, and the issue is not open")
    if place.sender.type != "User":
        return Ignored(reason="no command, and only people are asked")
    return Said(
        reply=Reply(
            delivery=place.guid,
            installation=place.installation,
            repository_id=place.repository.id,
            issue=payload.issue.number,
            comment=payload.comment.id,
            author=storable(place.sender.login, NAME_CAP),
            text=storable(payload.comment.body or "", TEXT_CAP),
        )
    )


def _commanded(command: Command | Unknown, payload: IssueCommentPayload, place: Place) -> Decision:
    match command:
        case Unknown():
            return _errand(Command.HELP, payload, place, unknown(command))
        case Command.HELP | Command.STATUS | Command.STOP:
            return _errand(command, payload, place)
        case Command.FIX | Command.RETRY | Command.EXPLAIN:
            if remark := _why_not(command, payload, place):
                return _errand(Command.HELP, payload, place, remark)
            return _work(command, payload, place)
        case never:
            assert_never(never)


def _why_not(command: Command, payload: IssueCommentPayload, place: Place) -> str:
    pull = payload.issue.pull_request is not None
    if not place.policy.commands:
        return f"The operator has switched `{PREFIX} {command}` off."
    if payload.issue.state != "open":
        return f"This {'pull request' if pull else 'issue'} is not open. Reopen it and ask once more."
    if pull and command is Command.EXPLAIN:
        return f"`{PREFIX} explain` is for issues; here `{PREFIX} fix` repairs the failing checks."
    return ""


def _work(command: Command, payload: IssueCommentPayload, place: Place) -> Decision:
    """On a pull request, also on one of the App's own, the failing checks are what is to be fixed; which
    commit is its head is looked up by the job, since a comment does not say."""
    issue = payload.issue
    pull = issue.pull_request is not None
    kind = Kind.CHECK if pull else Kind.EXPLAIN if command is Command.EXPLAIN else Kind.FIX
    return place.wanted(
        kind,
        issue=issue.number,
        title=issue.title,
        body=issue.body or "",
        author=login_of(issue.user),
        asked_at=storable(issue.updated_at or "", 64),
        comment=payload.comment.id,
        again=command is Command.RETRY,
        check=FailedCheck(pull=issue.number) if pull else None,
    )


def _errand(command: Command, payload: IssueCommentPayload, place: Place, remark: str = "") -> Decision:
    return place.wanted(
        Kind.ERRAND,
        issue=payload.issue.number,
        title=payload.issue.title,
        body=remark,
        author=place.sender.login,
        command=command.value,
        comment=payload.comment.id,
    )


def unknown(command: Unknown) -> str:
    """What is said before the list of commands; what somebody wrote is quoted."""
    meant = f" Did you mean `{PREFIX} {command.close}`?" if command.close is not None else ""
    return f"{code(f'{PREFIX} {command.word}')} is no command that I know.{meant}"
