"""A short-lived token for one repository, and what is asked with it (threat 10)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import structlog

from bot.errors import ForgeError, ForgeRefused
from bot.forge import GitAccess
from bot.github.line import Connection, Line, Request

TOKEN_SECONDS: Final = 3000.0  # GitHub ends a token after an hour

log = structlog.get_logger("bot.github.client")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Session:
    token: str = field(repr=False)
    connection: Connection
    since: float


@dataclass(slots=True, kw_only=True)
class Access:
    """A token for one repository: made, replaced when it ends, revoked."""

    mint: Callable[[], str]
    connect: Callable[[str], Connection]
    line: Line
    clock: Callable[[], float]
    git_url: str
    _session: _Session | None = None

    def renew(self) -> _Session:
        """At the start, after fifty minutes, and when GitHub no longer takes the old one."""
        token = self.mint()
        if self._session is not None:
            self._session.connection.close()
        self._session = _Session(token=token, connection=self.connect(token), since=self.clock())
        return self._session

    def git(self) -> GitAccess:
        return GitAccess(url=self.git_url, token=self._live().token)

    def ask(self, request: Request) -> Any:
        session = self._live()
        try:
            return self._ask(session, request)
        except ForgeRefused as error:
            if error.status != 401:
                raise
        return self._ask(self.renew(), request)  # it was revoked, or ended before its time

    def revoke(self) -> None:
        """Idempotent."""
        session, self._session = self._session, None
        if session is None:
            return
        request = Request(
            what="end a token",
            method="DELETE",
            send=lambda gh: gh.rest.apps.revoke_installation_access_token(),
            parse=lambda _: None,
            paced=False,
        )
        try:
            self.line.settle(lambda: self.line.ask(session.connection, request))
        except ForgeError as error:
            if not (isinstance(error, ForgeRefused) and error.status == 401):  # it has ended already
                log.warning("token_not_revoked", repository=self.git_url, reason=str(error))
        finally:
            session.connection.close()

    def clean(self, text: str) -> str:
        return text.replace(self._session.token, "***") if self._session is not None else text

    def _live(self) -> _Session:
        if self._session is None:
            raise ForgeRefused(f"The access to {self.git_url} was closed; open it again.", status=401)
        if self.clock() - self._session.since >= TOKEN_SECONDS:
            return self.renew()
        return self._session

    def _ask(self, session: _Session, request: Request) -> Any:
        return self.line.ask(session.connection, request, self.clock() - session.since)
