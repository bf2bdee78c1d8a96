"""From a request to an answer: the table of endpoints, who may use them, and GitHub's description as a
judge."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING

from tests.double import graphql
from tests.double.auth import authorize, caller_of
from tests.double.endpoints import actions, app_hooks, apps, checks, contents, git_data, issues, pulls
from tests.double.shapes import Shapes
from tests.double.state import App, Token, World
from tests.double.web import (
    Anonymous,
    Answer,
    Call,
    Caller,
    RefusedError,
    Request,
    Route,
    Templates,
    not_found,
)

if TYPE_CHECKING:
    from tests.double.openapi import OpenApi

ROUTES: tuple[Route, ...] = (
    *actions.ROUTES,
    *apps.ROUTES,
    *app_hooks.ROUTES,
    *contents.ROUTES,
    *issues.ROUTES,
    *checks.ROUTES,
    *pulls.ROUTES,
    *git_data.ROUTES,
)
TABLE = {(each.method, each.template): each for each in ROUTES}
TEMPLATES = {
    method: Templates(each.template for each in rows)
    for method, rows in groupby(sorted(ROUTES, key=lambda each: each.method), key=lambda each: each.method)
}


@dataclass(slots=True, kw_only=True)
class Rest:
    """``violations``: requests that GitHub does not have; a test fails when it is not empty."""

    world: World
    shapes: Shapes
    description: OpenApi | None
    redeliver: Callable[[int], None]
    violations: list[str] = field(default_factory=list)
    answer_violations: list[str] = field(default_factory=list)
    check_answers: bool = False

    def handle(self, request: Request) -> tuple[Answer, Caller]:
        caller: Caller = Anonymous()
        try:
            with self.world.lock:
                caller = caller_of(self.world, request.headers.get("authorization"))
                answer = self._answer(request, caller)
        except RefusedError as refused:
            answer = refused.answer()
        graphql_says = request.path == graphql.PATH
        if (
            self.check_answers
            and self.description
            and not isinstance(answer.body, bytes)
            and not graphql_says
        ):
            problems = self.description.check_answer(request.method, request.path, answer.status, answer.body)
            self.answer_violations.extend(problems)
        return with_etag(request, answer), caller

    def _answer(self, request: Request, caller: Caller) -> Answer:
        if request.path == graphql.PATH:
            return graphql.handle(self.world, self.shapes, request, caller, self.violations)
        return self._handle(request, caller)

    def log(self, request: Request) -> Answer:
        """A job's log, on the host that a signed address names. A token that comes along is a leak."""
        if "authorization" in request.headers:
            self.violations.append(f"a token was sent to another host: {request.path}")
        repository, _, job = request.path.removeprefix(actions.LOGS).partition("/")
        for each in self.world.repositories.values():
            for run in each.workflow_runs if str(each.id) == repository else ():
                for found in run.jobs:
                    if str(found.id) == job and found.log is not None:
                        return Answer(body=found.log, headers={"Content-Type": "text/plain"})
        return RefusedError(404, "The specified blob does not exist.").answer()

    def _handle(self, request: Request, caller: Caller) -> Answer:
        self._judge(request)
        found = TEMPLATES[request.method].match(request.path) if request.method in TEMPLATES else None
        if found is None:
            what = "GitHub has, the double has not," if self._known(request) else "the double does not know"
            self.violations.append(f"{what} {request.method} {request.path}")
            raise not_found()
        template, params = found
        row = TABLE[request.method, template]
        authorize(row, caller)
        call = Call(
            world=self.world,
            shapes=self.shapes,
            request=request,
            caller=caller,
            params=params,
            redeliver=self.redeliver,
        )
        answer = row.handler(call)
        if row.creates is not None and answer.status == 201:
            self.world.creates[row.creates] += 1
        return answer

    def _known(self, request: Request) -> bool:
        return (
            self.description is not None
            and self.description.template(request.method, request.path) is not None
        )

    def _judge(self, request: Request) -> None:
        """Unknown paths and parameters are noted; a body that GitHub would not take is refused as GitHub
        would."""
        if self.description is None:
            try:
                _ = request.json
            except ValueError:
                raise RefusedError(400, "Problems parsing JSON") from None
            return
        problems = self.description.check_request(request)
        self.violations.extend(problems)
        if not self._known(request):
            if problems:
                raise not_found()
        elif any("query parameter" not in each for each in problems):
            raise RefusedError(422, "Invalid request.\n\n" + "\n".join(problems))


def encode(answer: Answer) -> bytes:
    if answer.body is None:
        return b""
    return answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()


def with_etag(request: Request, answer: Answer) -> Answer:
    """GET answers carry a weak ETag; the same one sent back gives 304 and no body."""
    if request.method != "GET" or answer.status != 200:
        return answer
    etag = f'W/"{hashlib.sha256(encode(answer)).hexdigest()}"'
    headers = {"ETag": etag, "Cache-Control": "private, max-age=60, s-maxage=60", **answer.headers}
    if etag in request.headers.get("if-none-match", ""):
        return Answer(status=304, headers=headers)
    return Answer(status=200, body=answer.body, headers=headers)


def caller_name(caller: Caller) -> str | None:
    """How the log names who asked: never by the credential itself."""
    match caller:
        case App(slug=slug):
            return f"app:{slug}"
        case Token(id=name):
            return name
        case Anonymous():
            return None
