"""An OpenAI-compatible endpoint through the openai SDK: the only file that imports it.

The SDK makes the request and sorts errors; everything that it would do by itself is off: retries, redirects,
headers about this machine, variables of the environment. The body of a response is bounded while it is read,
and what it holds is checked as bytes of a stranger (agent.llm.completion).
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import httpx2
import openai

from agent.llm.completion import delivered
from agent.llm.dialect import Complaint, lower, simpler
from agent.llm.exchange import Call, Dialect, Exchange, Format, Lost, Rejected
from agent.llm.rejection import DETAIL, complaint, judged, retry_after
from agent.llm.types import Misbehaviour
from sandbox.redact import Redactor

MAX_BYTES = 8 << 20  # an answer of 4,096 tokens with log-probabilities has about half of one
POLL_SECONDS = 0.1  # how often a waiting call is checked against the wish to stop
NO_KEY = "none"  # servers without keys ignore it; the SDK insists on one
SENT = frozenset(
    {"host", "accept", "content-type", "content-length", "connection", "authorization", "idempotency-key"}
    | {"x-stainless-raw-response"}  # how the SDK tells itself that the bytes are wanted
)
SAY_JSON = (
    "\n\nAnswer with one JSON object and nothing else: no text before or after it, no code fence. It must "
    "conform to this JSON Schema:\n"
)


class _TooLargeError(Exception):
    """More than is read of any response. No httpx error on purpose: the SDK hands it on as it is."""


class _PackedError(Exception):
    """A compressed body, which was not asked for, could be of any size."""


class Endpoint:
    """Speaks with one endpoint; remembers what it understands, model by model. Thread-safe.

    ``base_url`` ends in what comes before ``/chat/completions``. An empty ``key`` is for endpoints that need
    none. ``redact`` is told the key.
    """

    def __init__(
        self, base_url: str, key: str = "", *, redact: Redactor | None = None, max_bytes: int = MAX_BYTES
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self._known = Redactor([key] if key else [], forms=())
        self._redact = redact or Redactor()
        if key:
            self._redact.add(key)
        self._http = httpx2.Client(
            event_hooks={"request": [_plain_request], "response": [_bounded(max_bytes)]},
            follow_redirects=False,  # the key goes to the address that was set, and nowhere else
        )
        self._sdk = openai.OpenAI(
            api_key=key or NO_KEY, base_url=self.base_url, max_retries=0, http_client=self._http
        )
        self._dialects: dict[str, Dialect] = {}
        self._guard = threading.Lock()

    def close(self) -> None:
        self._sdk.close()

    def redact(self, text: str) -> str:
        return self._known(text)

    def learn(self, model: str, dialect: Dialect) -> None:
        with self._guard:
            self._dialects[model] = lower(self._dialects.get(model, Dialect()), dialect)

    def exchange(self, call: Call, seconds: float, stopped: Callable[[], bool]) -> Exchange:
        """As agent.llm.exchange.Line says. A request that is not understood is put more simply, within the
        same time; what was understood in the end is remembered."""
        with self._guard:
            dialect = self._dialects.get(call.model, Dialect())
        waiting = _Waiting(lambda given_up: self._in_any_dialect(call, dialect, seconds, given_up))
        return waiting.result(seconds, stopped)

    def models(self, seconds: float = 10.0) -> tuple[str, ...] | Rejected | Lost:
        """The names that the endpoint lists, for the check-up."""
        try:
            listed = json.loads(self._sdk.models.with_raw_response.list(timeout=seconds).content)
            return tuple(str(row["id"])[:200] for row in listed["data"])
        except (openai.OpenAIError, _TooLargeError, _PackedError) as error:
            return self._failure(error)[0]
        except (ValueError, LookupError, TypeError, RecursionError):
            return Rejected(kind=Misbehaviour.BAD_REQUEST, detail="what it answers is no list of models")

    def _in_any_dialect(
        self, call: Call, dialect: Dialect, seconds: float, given_up: threading.Event
    ) -> Exchange:
        said: Dialect | None = dialect
        failure: Rejected | Lost = Lost(kind=Misbehaviour.TIMEOUT)
        while said is not None and not given_up.is_set():
            try:
                raw = self._sdk.chat.completions.with_raw_response.create(
                    **arguments(call, said),
                    timeout=seconds,
                    extra_headers={"Idempotency-Key": idempotency_key(call, said)},
                )
                answer = delivered(raw.content, call, said)
            except (openai.OpenAIError, _TooLargeError, _PackedError) as error:
                failure, complained = self._failure(error)
                said = simpler(said, complained, call) if _may_be_simpler(failure, error) else None
                continue
            if not isinstance(answer, Lost | Rejected):
                self.learn(call.model, said)
            return answer
        return _final(failure)

    def _failure(self, error: Exception) -> tuple[Rejected | Lost, Complaint]:
        """What became of a request, without the key."""
        said = Complaint()
        match error:
            case openai.APIStatusError():
                said = complaint(error.body if error.body is not None else error.response.text)
                failure = judged(error.status_code, said, retry_after(error.response.headers))
            case openai.APIConnectionError():
                failure = _unreached(error)
            case _TooLargeError():
                failure = Lost(kind=Misbehaviour.TOO_LARGE, detail=str(error))
            case _PackedError():
                failure = Lost(kind=Misbehaviour.SERVER, detail=str(error))
            case _:
                failure = Lost(kind=Misbehaviour.SERVER, detail=f"{type(error).__name__}: {error}")
        return replace(failure, detail=self._redact(failure.detail)[:DETAIL]), said


class _Waiting:
    """A call in a thread of its own: a deadline holds whatever the endpoint does, byte by byte or not at all.
    A call that is given up ends by its own time limits, and nothing is sent after it."""

    def __init__(self, work: Callable[[threading.Event], Exchange]) -> None:
        self._work = work
        self._done, self._given_up = threading.Event(), threading.Event()
        self._result: Exchange | BaseException | None = None
        threading.Thread(target=self._run, name="model call", daemon=True).start()

    def _run(self) -> None:
        try:
            self._result = self._work(self._given_up)
        except BaseException as error:  # noqa: BLE001 - raised where the result is waited for
            self._result = error
        self._done.set()

    def result(self, seconds: float, stopped: Callable[[], bool]) -> Exchange:
        deadline = time.monotonic() + seconds
        while not self._done.wait(min(POLL_SECONDS, max(deadline - time.monotonic(), 0.0))):
            asked = stopped()
            if asked or time.monotonic() >= deadline:
                self._given_up.set()
                reason = "the run was asked to stop" if asked else f"no answer within {seconds:.0f} s"
                return Lost(kind=Misbehaviour.TIMEOUT, detail=reason)
        if isinstance(self._result, BaseException):
            raise self._result
        assert self._result is not None
        return self._result


def idempotency_key(call: Call, dialect: Dialect) -> str:
    """The same for the same body: put otherwise, a call is another one where such keys are known."""
    if dialect == Dialect():
        return call.key
    return f"{call.key}-{hashlib.sha256(repr(dialect).encode()).hexdigest()[:8]}"


def arguments(call: Call, dialect: Dialect) -> dict[str, Any]:
    """The arguments of the SDK's method."""
    user = call.user if dialect.format is Format.SCHEMA else f"{call.user}{SAY_JSON}{call.form.text}"
    system = [{"role": "system", "content": call.system}]
    messages = (
        [*system, {"role": "user", "content": user}]
        if dialect.system and call.system
        else [{"role": "user", "content": f"{call.system}\n\n{user}".strip()}]
    )
    request: dict[str, Any] = {
        "model": call.model,
        "messages": messages,
        dialect.limit: call.max_tokens,
    }
    if dialect.temperature:
        request["temperature"] = call.temperature
    if dialect.log_probabilities and call.log_probabilities:
        request["logprobs"] = True
    if dialect.top_k and call.top_k is not None:
        request["extra_body"] = {"top_k": call.top_k}
    if dialect.format is Format.SCHEMA:
        schema = {"name": call.form.name, "strict": True, "schema": call.form.schema}
        request["response_format"] = {"type": "json_schema", "json_schema": schema}
    elif dialect.format is Format.OBJECT:
        request["response_format"] = {"type": "json_object"}
    return request


def _may_be_simpler(failure: Rejected | Lost, error: Exception) -> bool:
    status = error.status_code if isinstance(error, openai.APIStatusError) else 0
    return failure.kind is Misbehaviour.BAD_REQUEST and status in (400, 404, 422)


def _final(failure: Rejected | Lost) -> Rejected | Lost:
    """A 404 for the simplest request is one for everything: the address is wrong."""
    if failure.kind is Misbehaviour.BAD_REQUEST and failure.detail.startswith("HTTP 404"):
        detail = f"{failure.detail} (check the base URL and the model's name)"
        return Rejected(kind=Misbehaviour.NO_SUCH_MODEL, detail=detail, fatal=True)
    return failure


def _unreached(error: openai.APIConnectionError) -> Rejected | Lost:
    """A connection that was never made has cost nothing."""
    cause = error.__cause__
    detail = f"{type(cause).__name__}: {cause}" if cause else str(error)
    if isinstance(
        cause, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout | httpx2.ProxyError
    ):
        return Rejected(kind=Misbehaviour.CONNECTION, detail=detail)
    timeout = isinstance(error, openai.APITimeoutError)
    return Lost(kind=Misbehaviour.TIMEOUT if timeout else Misbehaviour.CONNECTION, detail=detail)


def _plain_request(request: httpx2.Request) -> None:
    """Nothing about this machine, no header from its environment, no compressed answers."""
    for name in set(request.headers) - SENT:
        del request.headers[name]
    request.headers["user-agent"] = "codeagent-bot"
    request.headers["accept-encoding"] = "identity"


def _bounded(limit: int) -> Callable[[httpx2.Response], None]:
    def check(response: httpx2.Response) -> None:
        if response.headers.get("content-encoding", "identity").lower() not in ("", "identity"):
            raise _PackedError("the response is compressed, which was not asked for")
        if response.headers.get("content-length", "0").strip().isdigit():
            _check_size(int(response.headers.get("content-length", "0")), limit)
        stream = response.stream
        assert isinstance(stream, httpx2.SyncByteStream)
        response.stream = _BoundedStream(stream, limit, response.request.extensions["timeout"]["read"])

    return check


class _BoundedStream(httpx2.SyncByteStream):
    """A body with an end: in bytes, and in seconds for all of it (httpx knows only those of one read)."""

    def __init__(self, stream: httpx2.SyncByteStream, limit: int, seconds: float) -> None:
        self._stream, self._limit = stream, limit
        self._deadline = time.monotonic() + seconds

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        for chunk in self._stream:
            size += len(chunk)
            _check_size(size, self._limit)
            if time.monotonic() > self._deadline:
                raise httpx2.ReadTimeout("the body does not come to its end")
            yield chunk

    def close(self) -> None:
        self._stream.close()


def _check_size(size: int, limit: int) -> None:
    if size > limit:
        raise _TooLargeError(f"the response has more than {limit} bytes")
