"""What all requests about one repository have in common; each subject's requests are in a file of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar, cast

from bot.github.line import Request

PAGE: Final = 100

T = TypeVar("T")


class RepositoryRequests:
    """Each method of a subclass is one request, and answers a narrow shape."""

    def __init__(self, full_name: str, ask: Callable[[Request], Any]) -> None:
        self.owner, self.name = full_name.split("/", 1)
        self._full_name = full_name
        self._request = ask

    def _ask(
        self,
        method: str,
        what: str,
        send: Callable[[Any], Any],
        parse: Callable[[Any], T],
        *,
        raw: bool = False,
    ) -> T:
        request = Request(what=f"{what} in {self._full_name}", method=method, send=send, parse=parse, raw=raw)
        return cast(T, self._request(request))
