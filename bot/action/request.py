"""What the step is to do: from its inputs, the event and, where these leave it open, the open issues."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from bot.action.endpoints import PAGE, EventShape, issue_events, labelled_issues, repository_id
from bot.action.inputs import Inputs, Runner
from bot.action.quiet_forge import ActionForge
from bot.action.token_forges import TokenForges
from bot.deliveries.payloads import IssueCommentPayload
from bot.deliveries.webhook import BODY_CAP, TEXT_CAP, TITLE_CAP, Delivery, Malformed, parse, storable
from bot.errors import ConfigError
from bot.forge import Issue, RepositoryRef
from bot.issue_text import parse_issue
from bot.names import names_for
from bot.queue import Kind, Reply, TaskRequest
from bot.render.answers import QUESTION
from bot.triggers import Again, Checks, Decision, Ignored, Said, Stop, TriggerPolicy, Wanted, decide
from bot.work.parts import MAY_ASK

UNADDRESSED: Final = frozenset(("schedule", "workflow_dispatch", "repository_dispatch"))
"""Events that name no issue: without inputs the next labelled issue is taken."""

LOOKED_AT: Final = 30  # labelled issues
EVENT_PAGES: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Nothing:
    """Nothing is to be done, and why."""

    reason: str


def choose(inputs: Inputs, runner: Runner, label: str, forges: TokenForges) -> TaskRequest | Nothing:
    """Raises ConfigError for inputs that do not fit, ForgeError."""
    if inputs.task:
        return _task(inputs, runner, forges)
    if inputs.issue:
        return _numbered(inputs.issue, runner, forges)
    if runner.event in UNADDRESSED:
        return _next(runner, label, forges)
    return from_event(runner, label, forges)


# --- From the event -----------------------------------------------------------------------------------------


def from_event(runner: Runner, label: str, forges: TokenForges) -> TaskRequest | Nothing:
    """By the same rules as a delivery to the App. Whoever ran the job again answers for it too."""
    delivery = read_event(runner)
    policy = TriggerPolicy(label=label, app_login=forges.identity().login, checks=Checks.ALL)
    match decide(delivery, policy):
        case Wanted(request=request):
            return _wanted(request, runner, label)
        case Said(reply=reply):
            return _answered(delivery, reply, label, forges)
        case decision:
            return Nothing(reason=_why_nothing(decision))


def _wanted(request: TaskRequest, runner: Runner, label: str) -> TaskRequest | Nothing:
    if request.kind is Kind.ERRAND:
        return Nothing(
            reason=f"`/codeagent {request.command}` is for the App; in a workflow there are fix and retry"
        )
    others = tuple(actor for actor in runner.actors if actor not in (request.sender, *request.actors))
    if request.kind is Kind.CHECK and not request.comment:
        request = replace(request, label=label)  # the workflow asks: no configuration has to opt in
    return replace(request, actors=(*request.actors, *others))


def _why_nothing(decision: Decision) -> str:
    match decision:
        case Ignored(reason=reason):
            return reason
        case Stop():
            return "a workflow run is stopped on its page (Cancel workflow)"
        case Again():
            return "a workflow run is repeated on its page (Re-run jobs)"
        case Wanted() | Said():
            raise AssertionError("these are something")


def read_event(runner: Runner) -> Delivery:
    """The event file holds what a webhook would bring, but names no installation. Raises ConfigError."""
    try:
        with runner.event_path.open("rb") as file:
            data = json.loads(file.read(BODY_CAP))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"GITHUB_EVENT_PATH cannot be read: {type(error).__name__}.") from None
    if not isinstance(data, dict):
        raise ConfigError("GITHUB_EVENT_PATH holds no JSON object.")
    body = json.dumps({**data, "installation": {"id": 0}}).encode()
    delivery = parse(runner.event, runner.delivery, body)
    if isinstance(delivery, Malformed):
        raise ConfigError(f"GITHUB_EVENT_PATH cannot be used: {delivery.reason}.")
    return delivery


def _answered(delivery: Delivery, reply: Reply, label: str, forges: TokenForges) -> TaskRequest | Nothing:
    """A comment answers when our own says that a question is open. The run starts from the beginning (its
    journal went with the machine that made it) and is given the answer where it asked."""
    payload = delivery.payload
    assert isinstance(payload, IssueCommentPayload), "only a comment is a reply"
    assert payload.repository is not None, "else it would have been ignored"
    forge = _opened(payload.repository.full_name, reply.repository_id, forges)
    said = forge.own_comment(reply.issue, names_for(reply.repository_id, reply.issue).comment)
    if said is None or QUESTION not in said:
        return Nothing(reason="a comment without a command, and no question is open")
    issue = payload.issue
    return TaskRequest(
        delivery=reply.delivery,
        installation=0,
        repository_id=reply.repository_id,
        repository=payload.repository.full_name,
        issue=reply.issue,
        title=storable(issue.title, TITLE_CAP),
        body=storable(issue.body or "", TEXT_CAP),
        author=storable(issue.user.login if issue.user else "ghost", 256),
        sender=reply.author,
        label=label,
        reply=reply,
    )


# --- From the inputs ----------------------------------------------------------------------------------------


def _task(inputs: Inputs, runner: Runner, forges: TokenForges) -> TaskRequest:
    text = parse_issue(inputs.task)
    return _asked(runner, forges, storable(text.title, TITLE_CAP), text.body)


def _numbered(number: int, runner: Runner, forges: TokenForges) -> TaskRequest | Nothing:
    """Its text as it is now: nobody had frozen it."""
    request = _asked(runner, forges, "", "")
    issue = _opened(runner.repository, request.repository_id, forges).issue(number)
    if issue.is_pull_request:
        return Nothing(reason=f"{number} is a pull request")
    if not issue.open:
        return Nothing(reason=f"issue {number} is closed")
    return _about(request, issue, "")


def _asked(runner: Runner, forges: TokenForges, title: str, body: str) -> TaskRequest:
    if not runner.actors:
        raise ConfigError("GITHUB_ACTOR is not set: nobody's permission can be looked up.")
    return TaskRequest(
        delivery=runner.delivery,
        installation=0,
        repository_id=_repository_id(runner, forges),
        repository=runner.repository,
        issue=0,
        title=title,
        body=body,
        author=runner.actors[0],
        sender=runner.actors[0],
        label="",
        actors=runner.actors[1:],
    )


def _about(request: TaskRequest, issue: Issue, label: str) -> TaskRequest:
    return replace(
        request,
        issue=issue.number,
        title=storable(issue.title, TITLE_CAP),
        body=storable(issue.body, TEXT_CAP),
        author=storable(issue.author, 256),
        label=label,
    )


# --- The next labelled issue --------------------------------------------------------------------------------


def _next(runner: Runner, label: str, forges: TokenForges) -> TaskRequest | Nothing:
    """The oldest one that was not dealt with; whoever set the label has asked. A label that an issue form, or
    somebody without the right, has set counts for nothing."""
    request = _asked(runner, forges, "", "")
    forge = _opened(runner.repository, request.repository_id, forges)
    found = forges.ask(labelled_issues(runner.repository, label))
    for shape in found[:LOOKED_AT]:
        issue = shape.issue()
        if issue.is_pull_request or _dealt_with(forge, request.repository_id, issue.number):
            continue
        sender = _labelled_by(runner.repository, issue.number, label, forges)
        if sender and forge.permission(sender) in MAY_ASK:
            return _about(replace(request, sender=sender, actors=()), issue, label)
    return Nothing(reason=f"no open issue with the label {label!r} is still to be dealt with")


def _dealt_with(forge: ActionForge, repository: int, number: int) -> bool:
    names = names_for(repository, number)
    if forge.own_comment(number, names.comment) is not None:
        return True
    return forge.find_pull_request(names.branch, names.pull_request) is not None


def _labelled_by(repository: str, number: int, label: str, forges: TokenForges) -> str:
    """Who set it last."""
    setter = ""
    for event in _events(repository, number, forges):
        named = event.label.name if event.label else ""
        if event.event == "labeled" and named.casefold() == label.casefold():
            setter = event.actor.login if event.actor else ""
    return setter


def _events(repository: str, number: int, forges: TokenForges) -> Iterator[EventShape]:
    for page in range(1, EVENT_PAGES + 1):
        rows: list[EventShape] = forges.ask(issue_events(repository, number, page))
        yield from rows
        if len(rows) < PAGE:
            return


# --- Parts --------------------------------------------------------------------------------------------------


def _repository_id(runner: Runner, forges: TokenForges) -> int:
    return runner.repository_id or int(forges.ask(repository_id(runner.repository)))


def _opened(repository: str, number: int, forges: TokenForges) -> ActionForge:
    return forges.open(RepositoryRef(installation=0, repository_id=number, full_name=repository))
