"""GitHub: the Forge over githubkit. The only place that knows githubkit.

Here is how a request is sent and who may send it; ``bot.github.endpoints`` has the requests, and
``bot.github.forge`` makes something of them. A token is for one repository, has the least permissions and is
revoked when its Forge is closed (threat 10).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final, cast

import httpx
import structlog
from githubkit import AppAuthStrategy, GitHub, Response, TokenAuthStrategy, UnauthAuthStrategy
from githubkit.cache import MemCacheStrategy
from githubkit.exception import GraphQLFailed, PrimaryRateLimitExceeded, RequestError, RequestFailed

from bot.errors import ConfigError, ForgeRefused
from bot.forge import Forge, RepositoryRef
from bot.github.access import Access
from bot.github.endpoints import Requests
from bot.github.forge import GitHubForge
from bot.github.line import Connection, Done, Habits, Line, Request
from bot.github.pacing import Answered, Lost, Pace, Pacer
from bot.github.shapes import AppShape, ErrorShape, TokenShape
from bot.settings import GITHUB_API, web_url_of
from bot.setup.permissions import PERMISSIONS

__all__ = [
    "PERMISSIONS",
    "AppKeys",
    "GitHubForges",
    "Habits",
    "Link",
    "Pace",
    "anonymous_connection",
    "app_connection",
    "token_connection",
]

READING: Final = {"contents": "read", "metadata": "read"}
"""All that a token may that reads one file."""

log = structlog.get_logger("bot.github.client")


@dataclass(frozen=True, slots=True, kw_only=True)
class AppKeys:
    """``issuer``: App id or client id."""

    issuer: str
    private_key: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """How GitHub is reached. ``web_url`` None: made from ``api_url``. ``api_version`` None: githubkit's."""

    api_url: str = GITHUB_API
    web_url: str | None = None
    user_agent: str = "codeagent-bot"
    api_version: str | None = None
    transport: httpx.BaseTransport | None = None
    timeout: httpx.Timeout = field(default_factory=lambda: httpx.Timeout(10.0, read=30.0))

    @property
    def web(self) -> str:
        return (self.web_url or web_url_of(self.api_url)).rstrip("/")


class _Client(GitHub[Any]):
    """githubkit with one httpx client for its whole life: by itself it builds one for each request (28 ms
    instead of 4), and keeps an entered one in a ContextVar that other threads do not see."""

    def __init__(self, auth: AppAuthStrategy | TokenAuthStrategy | UnauthAuthStrategy, link: Link) -> None:
        super().__init__(
            auth,
            base_url=link.api_url,
            user_agent=link.user_agent,
            timeout=link.timeout,
            transport=link.transport,
            event_hooks={"request": [_versioned(link.api_version)]} if link.api_version else None,
            cache_strategy=MemCacheStrategy(),  # the default one is shared: another App's JWT could be taken
            http_cache=False,  # answers about a private repository do not stay in memory
            auto_retry=False,  # it repeats POST
            rest_api_validate_body=False,  # bodies are checked by our tests, against GitHub's description
        )
        self._kept = self._create_sync_client()

    @contextmanager
    def get_sync_client(self) -> Iterator[httpx.Client]:
        yield self._kept

    def close(self) -> None:
        self._kept.close()

    def outcome(self, request: Request) -> Done | Answered | Lost:
        try:
            answer = request.send(self)
            if isinstance(answer, dict):  # GraphQL's data
                return Done(request.parse(answer))
            response = answer.raw_response
            if request.raw:
                return Done(request.parse(response))
            return Done(request.parse(response.json() if response.content else None))
        except PrimaryRateLimitExceeded as error:  # of GraphQL, which says it with status 200
            return Answered(status=429, headers=_headers(error.response.raw_response), message="rate limit")
        except RequestFailed as error:
            return _answered(error.response.raw_response)
        except GraphQLFailed as error:
            return _unanswered(error)
        except RequestError as error:
            return _lost(error.exc)
        except httpx.HTTPError as error:  # while a raw answer was read
            return _lost(error)
        except ValueError as error:  # no JSON, or (pydantic's ValidationError) not the fields that are needed
            return Lost(sent=True, reason=f"the answer could not be understood ({type(error).__name__})")

    def _check_rate_limit(self, response: Response[Any]) -> None:
        """Not here: it reads Retry-After with int(), which a date breaks. ``bot.github.pacing`` decides."""


def _versioned(version: str) -> Callable[[httpx.Request], None]:
    def put(request: httpx.Request) -> None:
        request.headers["X-GitHub-Api-Version"] = version

    return put


def _lost(cause: Exception) -> Lost:
    if not isinstance(cause, httpx.HTTPError):
        raise cause  # a bug, not the network
    unsent = isinstance(cause, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
    return Lost(sent=not unsent, reason=f"{type(cause).__name__} {cause}".strip())


def _answered(response: httpx.Response) -> Answered:
    try:
        message = ErrorShape.model_validate(response.json()).text()
    except ValueError:  # a proxy answered
        message = response.reason_phrase
    return Answered(status=response.status_code, headers=_headers(response), message=message)


def _headers(response: httpx.Response) -> dict[str, str]:
    return {name.lower(): value for name, value in response.headers.items()}


_GRAPHQL: Final = {"FORBIDDEN": 403, "NOT_FOUND": 404}


def _unanswered(error: GraphQLFailed) -> Answered:
    """GraphQL refuses with status 200 and a list of errors."""
    errors = error.response.errors or []
    status = next((_GRAPHQL[each.type] for each in errors if each.type in _GRAPHQL), 422)
    said = ErrorShape(message="; ".join(each.message for each in errors))
    return Answered(status=status, message=said.text())


class GitHubForges:
    """Opens one Forge for each job; all that talk for one installation share its pace.

    ``redact`` is applied to every text that goes out and to every message; ``remember`` is told each new
    token, so that logs can be kept free of it.
    """

    def __init__(
        self,
        keys: AppKeys,
        link: Link | None = None,
        *,
        redact: Callable[[str], str] = str,
        remember: Callable[[str], None] = lambda _: None,
        habits: Habits | None = None,
    ) -> None:
        self._link = link or Link()
        self._redact = redact
        self._remember = remember
        self._habits = habits or Habits()
        self._pacers: dict[int, Pacer] = {}
        self._app: AppShape | None = None
        self._app_lock, self._pacers_lock = threading.Lock(), threading.Lock()
        self._client = _app_client(keys, self._link)
        self._line = Line(self._pacer(0), self._habits, redact)

    def open(self, repository: RepositoryRef) -> Forge:
        """Raises ForgeRefused when the App is not (or no longer) installed there with what it needs."""
        if repository.full_name.count("/") != 1 or not all(repository.full_name.split("/")):
            raise ForgeRefused(f"{repository.full_name!r} is no repository: OWNER/NAME is.", status=404)
        wanted = {"repository_ids": [repository.repository_id], "permissions": dict(PERMISSIONS)}
        return self._opened(repository, wanted)

    def shared_file(self, beside: RepositoryRef, name: str, path: str) -> bytes | None:
        """A file on the default branch of another repository of the same owner, read with a token that can do
        nothing else. None: there is no such file or repository, or this installation does not cover it."""
        shared = replace(beside, full_name=f"{beside.full_name.partition('/')[0]}/{name}")
        try:
            forge = self._opened(shared, {"repositories": [name], "permissions": dict(READING)})
        except ForgeRefused as error:
            if error.status not in (403, 404, 422):
                raise
            log.info("no_shared_file", repository=shared.full_name, path=path, reason=str(error))
            return None
        try:
            branch = forge.default_branch()
            content = None if branch is None else forge.read_file(path, branch.sha)
        finally:
            self.close(forge)
        if content is None:
            log.info("no_shared_file", repository=shared.full_name, path=path, reason="it is not there")
        return content

    def _opened(self, repository: RepositoryRef, wanted: Mapping[str, Any]) -> GitHubForge:
        access = Access(
            mint=lambda: self._token(repository, wanted),
            connect=lambda token: _Client(TokenAuthStrategy(token), self._link),
            line=Line(self._pacer(repository.installation), self._habits, self._redact),
            clock=self._habits.clock,
            git_url=f"{self._link.web}/{repository.full_name}.git",
        )
        access.renew()
        return GitHubForge(access, Requests.about(repository.full_name, access.ask), self, self._redact)

    def close(self, forge: Forge) -> None:
        """Revoke its token. Idempotent; a token that cannot be revoked now ends within the hour by itself."""
        assert isinstance(forge, GitHubForge), "a Forge is closed by what opened it"
        forge.access.revoke()

    def shut(self) -> None:
        """Close the connections of the App itself."""
        self._client.close()

    def app_id(self) -> int:
        return self._own().id

    def bot_login(self) -> str:
        """The author of everything that this App writes. No person can have such a name."""
        return f"{self._own().slug}[bot]"

    def _own(self) -> AppShape:
        """Who this App is: asked once."""
        with self._app_lock:
            if self._app is None:
                request = Request(
                    what="say which App this is",
                    method="GET",
                    send=lambda gh: gh.rest.apps.get_authenticated(),
                    parse=AppShape.model_validate,
                )
                self._app = cast(AppShape, self._line.ask(self._client, request))
            return self._app

    def _pacer(self, installation: int) -> Pacer:
        with self._pacers_lock:
            if installation not in self._pacers:
                habits = self._habits
                self._pacers[installation] = Pacer(habits.pace, habits.clock, habits.patience.longest_wait)
            return self._pacers[installation]

    def _token(self, repository: RepositoryRef, wanted: Mapping[str, Any]) -> str:
        request = Request(
            what=f"give a token for {repository.full_name} (installation {repository.installation})",
            method="POST",
            send=lambda gh: gh.rest.apps.create_installation_access_token(
                repository.installation, data=dict(wanted)
            ),
            parse=TokenShape.model_validate,
            paced=False,
        )
        # A token that was made and lost on the way harms nobody: nothing to look for first.
        made = cast(TokenShape, self._line.settle(lambda: self._line.ask(self._client, request)))
        self._remember(made.token)
        return made.token


def app_connection(keys: AppKeys, link: Link) -> Connection:
    """What the App itself asks with (``bot.github.app``). Raises ConfigError for a key that cannot sign."""
    return _app_client(keys, link)


def anonymous_connection(link: Link) -> Connection:
    """For an App that has no key yet."""
    return _Client(UnauthAuthStrategy(), link)


def token_connection(token: str, link: Link) -> Connection:
    """For a token that somebody else made (``bot.action``)."""
    return _Client(TokenAuthStrategy(token), link)


def _app_client(keys: AppKeys, link: Link) -> _Client:
    """Signs once: with a bad key githubkit would only fail at the first request."""
    auth = AppAuthStrategy(keys.issuer, keys.private_key)
    client = _Client(auth, link)
    try:
        cast(Any, auth.get_auth_flow(client)).get_jwt()
    except Exception as error:  # noqa: BLE001 - PyJWT and cryptography raise a dozen kinds for a bad key
        client.close()
        raise ConfigError(
            f"The App's private key cannot sign ({type(error).__name__}): give the .pem file from GitHub."
        ) from None
    return client
