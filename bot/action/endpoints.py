"""The few requests that only the Action sends."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, ConfigDict, TypeAdapter

from bot.errors import ForgeRefused
from bot.github.line import Connection, Line, Request
from bot.github.shapes import IssueShape

PAGE: Final = 100


class _Shape(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class _Viewer(_Shape):
    login: str


class _Asked(_Shape):
    viewer: _Viewer


class _Label(_Shape):
    name: str = ""


class _Actor(_Shape):
    login: str = ""


class EventShape(_Shape):
    """Something that happened to an issue."""

    event: str = ""
    actor: _Actor | None = None
    label: _Label | None = None


_ISSUES: Final = TypeAdapter(list[IssueShape])
_EVENTS: Final = TypeAdapter(list[EventShape])
_VIEWER: Final = "query { viewer { login } }"


def ask_viewer(line: Line, connection: Connection) -> str:
    """Whose token this is. REST's ``GET /user`` refuses the tokens of Apps, and ``GET /app`` wants a JWT."""
    request = Request(
        what="say whose token this is",
        method="POST",
        send=lambda gh: gh.graphql.request(_VIEWER),
        parse=lambda data: _Asked.model_validate(data).viewer.login,
        paced=False,
    )
    return str(line.settle(lambda: line.ask(connection, request)))


def labelled_issues(repository: str, label: str) -> Request:
    """Open ones, the oldest first; pull requests among them."""
    owner, name = _parts(repository)
    return Request(
        what=f"list the issues of {repository} with the label {label}",
        method="GET",
        send=lambda gh: gh.rest.issues.list_for_repo(
            owner, name, labels=label, state="open", sort="created", direction="asc", per_page=PAGE
        ),
        parse=_ISSUES.validate_python,
    )


def issue_events(repository: str, number: int, page: int) -> Request:
    """Oldest first."""
    owner, name = _parts(repository)
    return Request(
        what=f"list what happened to issue {number} of {repository}",
        method="GET",
        send=lambda gh: gh.rest.issues.list_events(owner, name, number, per_page=PAGE, page=page),
        parse=_EVENTS.validate_python,
    )


def repository_id(repository: str) -> Request:
    owner, name = _parts(repository)
    return Request(
        what=f"describe {repository}",
        method="GET",
        send=lambda gh: gh.rest.repos.get(owner, name),
        parse=lambda data: int(data["id"]),
    )


def _parts(repository: str) -> tuple[str, str]:
    owner, slash, name = repository.partition("/")
    if not slash:
        raise ForgeRefused(f"{repository!r} is no repository: OWNER/NAME is.", status=404)
    return owner, name
