"""What comes in, what goes out, and the table row that joins them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlencode

from tests.double.state import App, Json, Repository, Token, World

if TYPE_CHECKING:
    from tests.double.shapes import Shapes

DOCUMENTATION = "https://docs.github.com/rest"


@dataclass(frozen=True, kw_only=True)
class Request:
    """``path`` is below /api/v3 and still percent-encoded."""

    method: str
    path: str
    query_string: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)  # names in lower case
    body: bytes = b""

    @cached_property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(self.query_string, keep_blank_values=True))

    @cached_property
    def json(self) -> Any:
        """The body as JSON; None for no body. Raises ValueError."""
        return json.loads(self.body) if self.body else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    status: int = 200
    body: Any = None  # JSON, or bytes as they are, or None for no body
    headers: Mapping[str, str] = field(default_factory=dict)


class RefusedError(Exception):
    """GitHub's no, with the body that it would have."""

    def __init__(
        self,
        status: int,
        message: str,
        errors: Sequence[Json | str] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{status} {message}")
        self.status = status
        self.message = message
        self.errors = tuple(errors)
        self.headers = dict(headers or {})

    def answer(self) -> Answer:
        body: Json = {"message": self.message, "documentation_url": DOCUMENTATION, "status": str(self.status)}
        if self.errors:
            body["errors"] = list(self.errors)
        return Answer(status=self.status, body=body, headers=self.headers)


def not_found(message: str = "Not Found") -> RefusedError:
    return RefusedError(404, message)


def invalid(resource: str, field: str | None, code: str, message: str | None = None) -> RefusedError:
    """GitHub's 422."""
    error: Json = {"resource": resource, "code": code}
    if field is not None:
        error["field"] = field
    if message is not None:
        error["message"] = message
    return RefusedError(422, "Validation Failed", [error])


@dataclass(frozen=True, slots=True)
class Anonymous:
    pass


Caller = App | Token | Anonymous


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request on its way through a handler; the world's lock is held."""

    world: World
    shapes: Shapes
    request: Request
    caller: Caller
    params: Mapping[str, str]
    redeliver: Callable[[int], None]

    @property
    def json(self) -> Json:
        body = self.request.json
        return body if isinstance(body, dict) else {}

    @property
    def token(self) -> Token:
        match self.caller:
            case Token():
                return self.caller
            case App() | Anonymous():
                raise RefusedError(401, "Bad credentials")

    @property
    def app(self) -> App:
        """The App that asks, by its JWT or through an installation."""
        match self.caller:
            case App():
                return self.caller
            case Token():
                return self.caller.installation.app
            case Anonymous():
                raise RefusedError(401, "Requires authentication")

    @cached_property
    def repository(self) -> Repository:
        """404 for one that does not exist and for one that the caller may not see: GitHub does not tell
        which."""
        name = f"{self.params['owner']}/{self.params['repo']}".lower()
        found = self.world.repositories.get(name)
        if found is None:
            raise not_found()
        match self.caller:
            case Token(repositories=scope, installation=installation):
                seen = found in self.world.reachable(installation) and (scope is None or found.id in scope)
            case App():
                seen = True
            case Anonymous():
                seen = not found.private
        if not seen:
            raise not_found()
        return found

    def number(self, name: str) -> int:
        try:
            return int(self.params[name])
        except ValueError:
            raise not_found() from None

    def page(self, items: Sequence[Json], wrap: Callable[[list[Json]], Any] = list) -> Answer:
        """One page with GitHub's Link header: absolute addresses on this host and port, other parameters
        kept."""
        size = min(max(_integer(self.request.query.get("per_page"), 30), 1), 100)
        page = max(_integer(self.request.query.get("page"), 1), 1)
        last = max((len(items) + size - 1) // size, 1)
        targets = {"prev": page - 1, "next": page + 1, "last": last, "first": 1}
        wanted = [name for name in targets if (page > 1 if name in {"prev", "first"} else page < last)]
        links = ", ".join(f'<{self._address(targets[name])}>; rel="{name}"' for name in wanted)
        body = wrap(list(items[(page - 1) * size : page * size]))
        return Answer(body=body, headers={"Link": links} if links else {})

    def _address(self, page: int) -> str:
        query = {**self.request.query, "page": str(page)}
        return f"{self.shapes.api}{self.request.path}?{urlencode(query)}"


def _integer(text: str | None, default: int) -> int:
    return int(text) if text is not None and re.fullmatch(r"\d{1,9}", text) else default


Handler = Callable[[Call], Answer]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """``needs``: permissions of which one is enough ("issues:write"); empty with ``who`` "app": the
    App's own JWT."""

    method: str
    template: str
    handler: Handler
    needs: tuple[str, ...] = ()
    who: str = "token"  # token, app, anyone
    creates: str | None = None  # what World.creates counts when the answer is 201


def route(
    method: str, template: str, handler: Handler, *needs: str, who: str = "token", creates: str | None = None
) -> Route:
    return Route(method=method, template=template, handler=handler, needs=needs, who=who, creates=creates)


# Parameters that may hold slashes, as on GitHub.
SLASHED = frozenset({"path", "ref", "branch", "basehead"})
_WIDE = {"path": ".*"}  # contents/ is the root directory


def pattern(template: str, *, slashes: bool) -> re.Pattern[str]:
    """A regular expression for a path template of GitHub's description."""

    def parameter(match: re.Match[str]) -> str:
        name = match[1]
        wide = slashes and name in SLASHED
        return f"(?P<{name.replace('-', '_')}>{_WIDE.get(name, '.+') if wide else '[^/]+'})"

    return re.compile(re.sub(r"\\\{([\w-]+)\\\}", parameter, re.escape(template)))


class Templates:
    """Finds the template that a path was made from; one with more literal parts wins."""

    def __init__(self, templates: Iterable[str]) -> None:
        ordered = sorted(set(templates), key=lambda each: (each.count("{"), -len(each), each))
        strict = [(each, pattern(each, slashes=False)) for each in ordered]
        loose = [
            (each, pattern(each, slashes=True))
            for each in ordered
            if any(f"{{{p}}}" in each for p in SLASHED)
        ]
        self._patterns = strict + loose

    def match(self, path: str) -> tuple[str, dict[str, str]] | None:
        for template, expression in self._patterns:
            if found := expression.fullmatch(path):
                return template, {name: unquote(value) for name, value in found.groupdict().items()}
        return None
