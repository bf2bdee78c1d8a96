"""The addresses of the set-up: ``/setup``, ``/setup/created`` (GitHub sends the browser there) and
``/setup/done``. Nothing else is answered, and after the App is there only the last one is.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from bot.errors import BotError, ConfigError
from bot.setup.manifest import GitHubPlace, Wish, check_reachable, hook_of, is_code
from bot.setup.pages import Finished, Given, done_page, policy, start_page, word_page
from bot.setup.tickets import FLOW_SECONDS, Tickets

COOKIE: Final = "codeagent_setup"
CREATED: Final = "/setup/created"
_FORWARDED: Final = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip")

log = structlog.get_logger("bot.setup")


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupPorts:
    """``register`` turns a code into the App that was asked for, with its keys on disk; raises BotError.
    ``relay``: the channel that GitHub delivers to when there is no public address."""

    place: GitHubPlace
    name: str
    tickets: Tickets
    register: Callable[[str, Wish], Finished]
    org: str = ""
    public: str = ""
    relay: str = ""


class SetupApp:
    """``finished`` is set when the last page was shown; ``result`` is there as soon as the App is."""

    def __init__(self, ports: SetupPorts, host: str) -> None:
        """``host``: as browsers say it, 127.0.0.1:PORT."""
        self._ports = ports
        self._host = host
        self._one_at_a_time = threading.Lock()
        self.result: Finished | None = None
        self.finished = threading.Event()
        routes = [
            Route("/setup", self._start, methods=["GET"]),
            Route(CREATED, self._created, methods=["GET"]),
            Route("/setup/done", self._done, methods=["GET"]),
        ]
        self.asgi = Starlette(routes=routes)

    async def _start(self, request: Request) -> Response:
        if refusal := self._refusal(request):
            return refusal
        secret = request.query_params.get("secret")
        if secret is not None:
            session = self._ports.tickets.enter(secret)
            return self._entered(session) if session else self._word(403, _NOT_HERE)
        if not self._inside(request):
            return self._word(403, _NOT_HERE)
        return self._offer(request)

    def _entered(self, session: str) -> Response:
        """The secret is out of the address from here on, and of no more use."""
        answer = RedirectResponse("/setup", status_code=303)
        # Lax, not Strict: GitHub sends the browser back, and the session must come along.
        answer.set_cookie(
            COOKIE, session, max_age=int(FLOW_SECONDS), path="/setup", httponly=True, samesite="lax"
        )
        return self._guarded(answer, _nonce())

    def _offer(self, request: Request) -> Response:
        ports, query = self._ports, request.query_params
        given = Given(
            name=query.get("name", ports.name).strip(),
            org=query.get("org", ports.org).strip(),
            public=query.get("public", ports.public).strip().rstrip("/"),
        )
        wish, wrong = _wish(given, ports)
        nonce = _nonce()
        page = start_page(
            wish,
            given,
            ports.place,
            redirect=f"http://{self._host}{CREATED}",
            state=ports.tickets.new_state(wish) if wish else "",
            nonce=nonce,
            wrong=wrong,
            relayed=bool(ports.relay),
        )
        return self._guarded(HTMLResponse(page, status_code=400 if wrong else 200), nonce)

    async def _created(self, request: Request) -> Response:
        if refusal := self._refusal(request):
            return refusal
        query = request.query_params
        wish = self._ports.tickets.use_state(query.get("state", "")) if self._inside(request) else None
        if wish is None:
            return self._word(403, _NOT_OURS)
        code = query.get("code", "")
        if not is_code(code):
            return self._word(400, "GitHub sent no code: register the App anew from the set-up page.")
        return await run_in_threadpool(self._register, code, wish)

    def _register(self, code: str, wish: Wish) -> Response:
        with self._one_at_a_time:
            if self.result is not None:
                return self._word(410, _OVER)
            try:
                self.result = self._ports.register(code, wish)
            except BotError as error:
                log.error("the App's keys did not come", error=str(error))
                return self._word(409 if isinstance(error, ConfigError) else 502, f"{error} {_HALF_WAY}")
        return self._guarded(RedirectResponse("/setup/done", status_code=303), _nonce())

    async def _done(self, request: Request) -> Response:
        if refusal := self._refusal(request, also_over=False):
            return refusal
        if self.result is None or not self._inside(request):
            return self._word(404, "There is nothing here.")
        nonce = _nonce()
        page = HTMLResponse(done_page(self.result, nonce), background=BackgroundTask(self.finished.set))
        return self._guarded(page, nonce)

    def _refusal(self, request: Request, *, also_over: bool = True) -> Response | None:
        """For whom this page is not: other names for this host (DNS rebinding), and whoever comes through a
        proxy, which may stand open to the Internet."""
        if request.headers.get("host") != self._host or any(name in request.headers for name in _FORWARDED):
            return self._word(400, f"The set-up is at http://{self._host}/setup, without a proxy.")
        return self._word(410, _OVER) if also_over and self.result is not None else None

    def _inside(self, request: Request) -> bool:
        return self._ports.tickets.inside(request.cookies.get(COOKIE, ""))

    def _word(self, status: int, text: str) -> Response:
        nonce = _nonce()
        heading = {410: "Set up already", 404: "Not found"}.get(status, "That did not work")
        return self._guarded(HTMLResponse(word_page(heading, text, nonce), status_code=status), nonce)

    def _guarded(self, response: Response, nonce: str) -> Response:
        response.headers.update(
            {
                "Content-Security-Policy": policy(self._ports.place, nonce),
                "X-Content-Type-Options": "nosniff",
                # not no-referrer: GitHub would get the form with "Origin: null"
                "Referrer-Policy": "strict-origin",
                "Cache-Control": "no-store",
            }
        )
        return response


_NOT_HERE: Final = (
    "Open the address that the set-up printed in its terminal. It works once and for half an hour; "
    "end the set-up and start it again for another one."
)
_NOT_OURS: Final = (
    "This answer belongs to no form that is open here: go back to the set-up page and begin there."
)
_OVER: Final = "This service is set up. To register another App, start the set-up again with --force."
_HALF_WAY: Final = (
    "The App is at GitHub already, without its keys here: delete it in GitHub's settings (Developer "
    "settings, GitHub Apps) and go through the set-up again."
)


def _wish(given: Given, ports: SetupPorts) -> tuple[Wish | None, str]:
    hook = hook_of(given.public) if given.public else ports.relay
    try:
        wish = Wish(name=given.name, org=given.org, public=given.public, hook=hook)
        if not hook:
            raise ConfigError("Say at which address the Internet reaches this service.")
        check_reachable(hook, ports.place)
    except ConfigError as error:
        return None, str(error)
    return wish, ""


def _nonce() -> str:
    return secrets.token_urlsafe(16)
