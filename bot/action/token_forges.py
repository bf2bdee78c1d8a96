"""Forges over one fixed token: the workflow's own GITHUB_TOKEN, or that of an App or a person. Nothing is
made or revoked here: whoever made the token ends it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from bot.action.endpoints import ask_viewer
from bot.action.quiet_forge import ActionForge, Manners
from bot.forge import Forge, RepositoryRef
from bot.github.access import Access
from bot.github.client import Link, token_connection
from bot.github.endpoints import Requests
from bot.github.line import Connection, Habits, Line, Request
from bot.github.pacing import Pacer

OWN_LOGIN: Final = "github-actions[bot]"
"""Who acts with a workflow's GITHUB_TOKEN, on github.com and on GitHub Enterprise Server alike."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenIdentity:
    """Whose token it is. ``own``: the workflow's own, whose pull requests start no workflows."""

    login: str
    own: bool

    def app_id(self) -> int:
        """None: no check run is made here (the step's job is one), and none of another job is ours."""
        return 0

    def bot_login(self) -> str:
        return self.login

    @property
    def person(self) -> bool:
        return not self.login.endswith("[bot]")


class TokenForges:
    """``bot.forge.Forges`` for whatever the token reaches. ``shut`` closes what is still open."""

    def __init__(
        self,
        token: str,
        link: Link,
        *,
        own: bool,
        manners: Manners | None = None,
        redact: Callable[[str], str] = str,
        habits: Habits | None = None,
    ) -> None:
        self._token, self._link, self._own, self._redact = token, link, own, redact
        self._manners = manners or Manners()
        habits = habits or Habits()
        pacer = Pacer(habits.pace, habits.clock, habits.patience.longest_wait)
        self._clock = habits.clock
        self._line = Line(pacer, habits, redact)
        self._connections = [token_connection(token, link)]
        self._identity: TokenIdentity | None = None

    def identity(self) -> TokenIdentity:
        """Asked once, and not at all for the workflow's own token."""
        if self._identity is None:
            login = OWN_LOGIN if self._own else ask_viewer(self._line, self._connections[0])
            self._identity = TokenIdentity(login=login, own=self._own or login == OWN_LOGIN)
        return self._identity

    def ask(self, request: Request) -> Any:
        """One request of the Action's own. Raises ForgeError."""
        return self._line.ask(self._connections[0], request)

    def open(self, repository: RepositoryRef) -> ActionForge:
        access = Access(
            mint=lambda: self._token,
            connect=self._connected,
            line=self._line,
            clock=self._clock,
            git_url=f"{self._link.web}/{repository.full_name}.git",
        )
        access.renew()
        requests = Requests.about(repository.full_name, access.ask)
        return ActionForge(access, requests, self.identity(), self._redact, self._manners)

    def close(self, forge: Forge) -> None:
        """Its connection is closed by ``shut``: the token goes on living."""

    def shut(self) -> None:
        for connection in self._connections:
            connection.close()

    def _connected(self, token: str) -> Connection:
        self._connections.append(token_connection(token, self._link))
        return self._connections[-1]
