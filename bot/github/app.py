"""What the App asks GitHub about itself: who it is, where it is installed, its webhook and its deliveries.

Each method is one request by the App's own JWT. All raise ForgeRefused and ForgeUnavailable.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar, cast
from urllib.parse import parse_qs, urlsplit

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter

from bot.errors import ForgeRefused
from bot.github.client import AppKeys, Habits, Link, anonymous_connection, app_connection
from bot.github.line import Connection, Line, Request, Unclear
from bot.github.pacing import Pacer

PAGE: Final = 100
MOST_INSTALLATIONS: Final = 300

T = TypeVar("T")


class _Shape(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class Account(_Shape):
    login: str = ""
    type: str = "User"


class Registered(_Shape):
    """The App as GitHub has it."""

    id: int
    slug: str
    name: str = ""
    html_url: str = ""
    owner: Account | None = None
    permissions: dict[str, str] = {}
    events: tuple[str, ...] = ()


class Made(Registered):
    """What a manifest became. GitHub shows the secrets this once."""

    client_id: str
    pem: str = Field(repr=False)
    webhook_secret: str | None = Field(default=None, repr=False)  # null when it has no webhook


class Installed(_Shape):
    id: int
    account: Account | None = None
    html_url: str = ""
    permissions: dict[str, str] = {}
    events: tuple[str, ...] = ()
    suspended_at: str | None = None


class Hook(_Shape):
    url: str = ""
    content_type: str = ""
    insecure_ssl: str | float = "0"
    secret: str | None = Field(default=None, repr=False)  # stars: GitHub says only that there is one


class Attempt(_Shape):
    """One attempt to deliver. All attempts of one delivery have the same GUID."""

    id: int
    guid: str = Field(max_length=64)
    delivered_at: AwareDatetime
    status_code: int = 0
    status: str = ""
    event: str = ""
    redelivery: bool = False

    @property
    def ok(self) -> bool:
        """GitHub's own words: delivered is what has the status OK; the code says the same."""
        return 200 <= self.status_code < 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempts:
    """One page, newest first. ``cursor``: of the next page, empty when this is the last."""

    rows: tuple[Attempt, ...]
    cursor: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """``date``: GitHub's clock as its answer had it, empty when it had none."""

    app: Registered
    date: str = field(default="")


_INSTALLED: Final = TypeAdapter(list[Installed])
_ATTEMPTS: Final = TypeAdapter(list[Attempt])


class AppDesk:
    """The requests. Close it when done."""

    def __init__(
        self,
        keys: AppKeys,
        link: Link | None = None,
        *,
        habits: Habits | None = None,
        redact: Callable[[str], str] = str,
    ) -> None:
        """Raises ConfigError for a key that cannot sign."""
        self._connection = app_connection(keys, link or Link())
        self._line = _line(habits or Habits(), redact)

    def close(self) -> None:
        self._connection.close()

    def app(self) -> Seen:
        headers: dict[str, str] = {}
        app = self._ask(
            "GET",
            "say which App this is",
            lambda gh: _kept(headers, gh.rest.apps.get_authenticated()),
            Registered.model_validate,
        )
        return Seen(app=app, date=headers.get("date", ""))

    def installations(self) -> tuple[Installed, ...]:
        """The first three hundred."""
        found: list[Installed] = []
        while len(found) < MOST_INSTALLATIONS:
            page = self._installations(len(found) // PAGE + 1)
            found += page
            if len(page) < PAGE:
                break
        return tuple(found)

    def _installations(self, page: int) -> list[Installed]:
        return self._ask(
            "GET",
            "list the App's installations",
            lambda gh: gh.rest.apps.list_installations(per_page=PAGE, page=page),
            _INSTALLED.validate_python,
        )

    def hook(self) -> Hook:
        return self._ask(
            "GET",
            "show the App's webhook",
            lambda gh: gh.rest.apps.get_webhook_config_for_app(),
            Hook.model_validate,
        )

    def set_hook_secret(self, secret: str) -> None:
        """Repeated when it is lost: it says the same each time."""
        self._line.settle(
            lambda: self._ask(
                "PATCH",
                "give the App's webhook a secret",
                lambda gh: gh.rest.apps.update_webhook_config_for_app(
                    data={"secret": secret, "content_type": "json"}
                ),
                lambda _: None,
            )
        )

    def attempts(self, cursor: str = "", *, size: int = PAGE) -> Attempts:
        """Newest first. Refused with 404 by a GitHub that keeps no deliveries."""
        headers: dict[str, str] = {}
        more: dict[str, Any] = {"cursor": cursor} if cursor else {}
        rows = self._ask(
            "GET",
            "list the App's deliveries",
            lambda gh: _kept(headers, gh.rest.apps.list_webhook_deliveries(per_page=size, **more)),
            _ATTEMPTS.validate_python,
        )
        return Attempts(rows=tuple(rows), cursor=_next_cursor(headers.get("link", "")))

    def redeliver(self, attempt: int) -> bool:
        """GitHub sends the same bytes under the same GUID again, a little later. False when its answer was
        lost: it may have been asked or not, and is not asked twice for that."""
        try:
            self._ask(
                "POST",
                f"deliver {attempt} again",
                lambda gh: gh.rest.apps.redeliver_webhook_delivery(attempt),
                lambda _: None,
            )
        except Unclear:
            return False
        return True

    def _ask(self, method: str, what: str, send: Callable[[Any], Any], parse: Callable[[Any], T]) -> T:
        request = Request(what=what, method=method, send=send, parse=parse)
        return cast(T, self._line.ask(self._connection, request))


def convert(code: str, link: Link, *, habits: Habits | None = None) -> Made:
    """The last step of the manifest flow: the temporary code for the App's keys.

    Raises ForgeRefused (a wrong or used code, one that is over an hour old) and ForgeUnavailable. Sent again
    when the answer was lost: the App exists already, nothing is made by this.
    """
    line = _line(habits or Habits(), str)
    request = Request(
        what="give the new App's keys",
        method="POST",
        send=lambda gh: gh.rest.apps.create_from_manifest(code),
        parse=Made.model_validate,
    )
    connection: Connection = anonymous_connection(link)
    try:
        return cast(Made, line.settle(lambda: line.ask(connection, request)))
    except ForgeRefused as error:
        if error.status == 404:
            raise ForgeRefused(f"{error} The code is wrong, used, or over an hour old.", 404) from error
        raise
    finally:
        connection.close()


def _line(habits: Habits, redact: Callable[[str], str]) -> Line:
    return Line(Pacer(habits.pace, habits.clock, habits.patience.longest_wait), habits, redact)


def _kept(headers: dict[str, str], response: Any) -> Any:
    """Lines ask for the body only; the page after this one and GitHub's clock are in the headers."""
    headers.update({name.lower(): value for name, value in response.headers.items()})
    return response


def _next_cursor(link: str) -> str:
    """From a Link header; a cursor is opaque, so only what GitHub itself wrote is sent back."""
    found = re.search(r'<([^>]{1,2000})>\s*;[^,]*rel="?next"?', link)
    values = parse_qs(urlsplit(found[1]).query).get("cursor", []) if found else []
    return values[0] if values else ""
