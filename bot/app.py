"""The web side: receives deliveries, answers what it is asked about runs. The only place that knows FastAPI.

A delivery is answered with 202 only after its job is on disk, and with 503 when that failed: GitHub shows
both to the operator, and nothing is lost in between (threats 1 to 4).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final, assert_never

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from bot.deliveries.webhook import BODY_CAP, Delivery, Malformed, parse, verify, well_formed
from bot.metrics import CONTENT_TYPE
from bot.queue import Ending, Enqueued, Jobs, JobView, QueueUnavailable, TaskRequest
from bot.triggers import Again, Ignored, Said, Stop, TriggerPolicy, Wanted, decide

RETRY_AFTER_SECONDS: Final = 30
_RUN_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)
_JSON_TYPE = re.compile(r"application/json(\s*;.*)?", re.ASCII | re.IGNORECASE)

log = structlog.get_logger("bot.app")


@dataclass(frozen=True, slots=True, kw_only=True)
class WebPorts:
    """What the application needs. ``page`` draws a run, ``journal`` gives its journal as bounded, redacted
    text (None: there is none), ``ready`` says in one line what is missing (empty: nothing). ``arrived`` is
    told the GUID of each delivery with the right signature that got its answer."""

    jobs: Jobs
    secret: bytes = field(repr=False)
    policy: TriggerPolicy
    page: Callable[[JobView], str]
    journal: Callable[[str], str | None]
    ready: Callable[[], str] = lambda: ""
    delivered: Callable[[int], None] = lambda _status: None
    metrics: Callable[[], bytes] | None = None
    arrived: Callable[[str], None] = lambda _: None
    body_cap: int = BODY_CAP


def create_app(ports: WebPorts) -> FastAPI:
    """The application. Raises ValueError without a secret: there is no unsigned mode."""
    if not ports.secret:
        raise ValueError("a webhook secret is required; set one in the App's settings and here")
    # No schema pages: they would tell everybody what is here and load scripts from elsewhere.
    app = FastAPI(title="CodeAgent bot", openapi_url=None, docs_url=None, redoc_url=None)

    @app.post("/webhook")
    async def webhook(request: Request) -> Response:
        response = await _receive(request, ports)
        ports.delivered(response.status_code)
        return response

    @app.get("/healthz")
    async def healthz() -> Response:
        return PlainTextResponse("ok\n")

    @app.get("/readyz")
    async def readyz() -> Response:
        missing = await run_in_threadpool(ports.ready)
        return PlainTextResponse(f"{missing or 'ready'}\n", status_code=503 if missing else 200)

    @app.get("/metrics")
    async def metrics() -> Response:
        if ports.metrics is None:
            return PlainTextResponse("no such page\n", status_code=404)
        return Response(await run_in_threadpool(ports.metrics), media_type=CONTENT_TYPE)

    @app.get("/runs/{run}")
    async def run_page(run: str) -> Response:
        view = await _look_up(ports, run)
        if view is None:
            return _no_such_run()
        return HTMLResponse(ports.page(view), headers=_PAGE_HEADERS)

    @app.get("/runs/{run}/journal")
    async def run_journal(run: str) -> Response:
        view = await _look_up(ports, run)
        text = await run_in_threadpool(ports.journal, view.run) if view is not None else None
        if text is None:
            return _no_such_run()
        return PlainTextResponse(text, headers=_PAGE_HEADERS)

    @app.exception_handler(QueueUnavailable)
    async def unavailable(_request: Request, error: QueueUnavailable) -> Response:
        log.error("queue unavailable", error=str(error))
        ports.delivered(503)
        return _answer(503, "the job queue does not answer; redeliver later", retry=True)

    return app


_PAGE_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
    "Cache-Control": "no-store",
}


async def _receive(request: Request, ports: WebPorts) -> Response:
    signature = request.headers.get("x-hub-signature-256")
    if not well_formed(signature):
        return _answer(401, "X-Hub-Signature-256 is missing or malformed")
    body = await _read(request, ports.body_cap)
    if body is None:
        return _answer(413, f"a delivery has at most {ports.body_cap} bytes")
    # In a thread: hashing and parsing 25 MB would hold up every other request, enqueueing waits for a disk.
    return await run_in_threadpool(_accept, ports, dict(request.headers), signature, body)


async def _read(request: Request, cap: int) -> bytes | None:
    """The body, or None as soon as it is known to be too long."""
    declared = request.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and int(declared[:20]) > cap:
        return None
    chunks: list[bytes] = []
    size = 0
    with suppress(ClientDisconnect):  # the rest is missing then, and the signature will not match
        async for chunk in request.stream():
            size += len(chunk)
            if size > cap:
                return None
            chunks.append(chunk)
    return b"".join(chunks)


def _accept(ports: WebPorts, headers: dict[str, str], signature: str | None, body: bytes) -> Response:
    if not verify(ports.secret, body, signature):
        return _answer(401, "the signature does not match")
    if not _JSON_TYPE.fullmatch(headers.get("content-type", "")):
        return _answer(415, "set the webhook's content type to application/json")
    delivery = parse(headers.get("x-github-event"), headers.get("x-github-delivery"), body)
    if isinstance(delivery, Malformed):
        return _answer(400, delivery.reason)
    answer = _carry_out(delivery, ports)
    ports.arrived(delivery.guid)
    return answer


def _carry_out(delivery: Delivery, ports: WebPorts) -> Response:
    match decide(delivery, ports.policy):
        case Ignored(reason=reason):
            return _ignored(delivery, reason)
        case Wanted(request=request):
            return _accepted(delivery, ports.jobs.enqueue(request))
        case Again() as again:
            once_more = _once_more(ports.jobs, again)
            if once_more is None:
                return _ignored(delivery, "there is no earlier run to begin with; ask by label or command")
            return _accepted(delivery, ports.jobs.enqueue(once_more))
        case Said(reply=reply):
            going_on = ports.jobs.reply(reply)
            if going_on is None:
                return _ignored(delivery, "no question is open for this issue")
            return _accepted(delivery, going_on)
        case Stop(subjects=subjects, reason=reason):
            stopped = [job for subject in subjects if (job := ports.jobs.stop(subject)) is not None]
            if not stopped:
                return _ignored(delivery, f"{reason}, and nothing was at work")
            log.info("jobs stopped", delivery=delivery.guid, jobs=stopped, reason=reason)
            return _answer(202, reason, status="accepted", stopped=stopped)
        case never:
            assert_never(never)


def _once_more(jobs: Jobs, again: Again) -> TaskRequest | None:
    """As it was first asked, text included; on whose word is somebody else's now. What somebody asked who may
    not is not asked again with his words."""
    last = jobs.latest(again.subject)
    if last is None or (last.result is not None and last.result.ending is Ending.REFUSED):
        return None
    return replace(
        last.request.first,
        delivery=again.delivery,
        sender=again.sender,
        sender_id=again.sender_id,
        actors=(),
        again=True,
    )


def _accepted(delivery: Delivery, job: Enqueued) -> Response:
    log.info("delivery accepted", delivery=delivery.guid, what=delivery.event, job=job.job_id, new=job.new)
    return _answer(202, "accepted", status="accepted", job=job.job_id, new=job.new)


def _ignored(delivery: Delivery, reason: str) -> Response:
    log.info("delivery ignored", delivery=delivery.guid, delivery_event=delivery.event, reason=reason)
    return _answer(200, reason, status="ignored")


async def _look_up(ports: WebPorts, run: str) -> JobView | None:
    # Ids are 128 random bits: whoever has one was given it.
    if not _RUN_ID.fullmatch(run):
        return None
    return await run_in_threadpool(ports.jobs.status, run)


def _no_such_run() -> Response:
    return PlainTextResponse("no such run\n", status_code=404, headers=_PAGE_HEADERS)


def _answer(code: int, reason: str, *, retry: bool = False, **fields: Any) -> Response:
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)} if retry else None
    return JSONResponse({"reason": reason, **fields}, status_code=code, headers=headers)
