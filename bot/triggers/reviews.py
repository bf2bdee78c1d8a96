"""What reviewers write on the App's own pull requests.

Each comment beside the code is delivered by itself, also those of a submitted review; so of a review only its
own text counts, and only when it asks for changes.
"""

from __future__ import annotations

from bot.deliveries.commands import PREFIX, Command, Unknown, read_command
from bot.deliveries.payloads import PullRequestData, ReviewCommentData, ReviewCommentPayload, ReviewPayload
from bot.deliveries.webhook import TEXT_CAP, storable
from bot.queue import Kind, ReviewNote
from bot.triggers.comments import unknown
from bot.triggers.place import NAME_CAP, Place
from bot.triggers.policy import Decision, Ignored
from bot.triggers.pulls import is_own

REVIEWED = "changes_requested"


def decide_review(payload: ReviewPayload, place: Place) -> Decision:
    review, pull = payload.review, payload.pull_request
    if payload.action != "submitted":
        return Ignored(reason="only submitted reviews are read, as they were written")
    if review.user is None or review.user.login != place.sender.login:
        return Ignored(reason="somebody else's review")
    text = (review.body or "").strip()
    if not text:
        return Ignored(reason="the review has no text of its own; its comments are delivered by themselves")
    note = ReviewNote(pull=pull.number, head_sha=storable(pull.head.sha, 64), review=review.id)
    asks = review.state.casefold() == REVIEWED or read_command(text) is not None
    return _noted(place, pull, text, note, "" if asks else "the review does not ask for changes")


def decide_review_comment(payload: ReviewCommentPayload, place: Place) -> Decision:
    comment, pull = payload.comment, payload.pull_request
    if payload.action != "created":
        return Ignored(reason="only new comments are read, as they were written; edits ask for nothing")
    if comment.user is None or comment.user.login != place.sender.login:
        return Ignored(reason="somebody else's comment")
    text = (comment.body or "").strip()
    return _noted(place, pull, text, _note(comment, pull), "" if text else "the comment is empty")


def _note(comment: ReviewCommentData, pull: PullRequestData) -> ReviewNote:
    return ReviewNote(
        pull=pull.number,
        head_sha=storable(pull.head.sha, 64),
        review=comment.pull_request_review_id or 0,
        comment=comment.id,
        thread=comment.in_reply_to_id or comment.id,
        path=storable(comment.path, 4096),
        line=comment.line or comment.original_line or 0,
        start_line=comment.start_line or 0,
        hunk=storable(comment.diff_hunk or "", TEXT_CAP),
    )


def _noted(place: Place, pull: PullRequestData, text: str, note: ReviewNote, why_not: str) -> Decision:
    if not is_own(place, pull):
        return Ignored(reason="this is not one of this App's own pull requests")
    if why_not:
        return Ignored(reason=why_not)
    errand, remark = _errand(read_command(text))
    if errand is not None:
        return _wanted(place, pull, Kind.ERRAND, remark, note, command=errand.value)
    if pull.state != "open":
        return Ignored(reason="the pull request is not open")
    if not place.policy.review:
        return Ignored(reason="the operator has switched reviews off")
    return _wanted(place, pull, Kind.REVIEW, text, note)


def _errand(command: Command | Unknown | None) -> tuple[Command | None, str]:
    """What is answered at once, and what is said before. A reviewer's ``fix`` is a comment like others."""
    match command:
        case Command.STOP | Command.STATUS | Command.HELP:
            return command, ""
        case Unknown():
            return Command.HELP, unknown(command)
        case Command.EXPLAIN | Command.RETRY:
            return Command.HELP, f"Write what shall be different; `{PREFIX} {command}` is for issues."
        case _:
            return None, ""


def _wanted(
    place: Place, pull: PullRequestData, kind: Kind, body: str, note: ReviewNote, **more: str
) -> Decision:
    return place.wanted(
        kind,
        issue=pull.number,
        title=storable(pull.title, NAME_CAP),
        body=body,
        author=place.sender.login,
        note=note,
        asked_at=storable(pull.updated_at or "", 64),
        **more,
    )
