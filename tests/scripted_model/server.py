"""A language model behind an OpenAI-compatible endpoint on the loopback interface, played by a function.

    def play(asked: Asked) -> Loose:                # called for each new request, from several threads
        if asked.schema_name == "Proposals":        # the class of the answer that is asked for
            return {"actions": [...]}               # JSON; a str is sent as it is
        return Status(503)                          # or one of tests.scripted_model.replies

    with ScriptedModel(play, latency=0.2) as model:  # or .start() and .stop()
        model.base_url, model.key, model.name        # for the settings; another key or name is refused
        ...
        model.requests      # Asked, in order of arrival: prompts, headers, bodies; refused ones too
        model.answered      # those of them that were answered with a completion made for them
        model.billed        # Bill: calls, tokens, cached tokens and money by the server's own count

Instead of a function, a sequence of replies is handed out in order (one more request is a bug). A bug of the
handler, or a request that the real API would not take and that nobody asked to have refused, is answered
with an error and listed in ``bugs``; leaving the ``with`` block raises when there are any.

Arguments, all by name:

- ``prices``: model name to Price (picodollars per token); the names are the models there are.
- ``latency``: seconds, or a function of Asked.
- ``refuses``: what is answered with 400, out of: json_schema, json_object, logprobs, max_tokens,
  max_completion_tokens, temperature, top_k, system. ``vague``: without saying which field it was.
- ``ignores``: of the same names: accepted and without effect (no log-probabilities; no token limit).
- ``extra_fields``: names beyond the real API's that are accepted ("top_k").
- ``idempotent``: the same Idempotency-Key gets the stored answer and is billed once.
- ``models_body``: what GET /models answers instead of the list; None: 404.
- ``cache_from``, ``cache_block``: the prefix cache's smallest prompt and step, in tokens.
"""

from __future__ import annotations

import json
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from tests.scripted_model.bill import Bill, PrefixCache, Price, prompt_tokens, tokens_of
from tests.scripted_model.completion import Made, completion
from tests.scripted_model.replies import Filtered, Loose, Reply, Status, as_reply
from tests.scripted_model.shape import complaint
from tests.scripted_model.wire import Server, Wire

__all__ = ["Asked", "Bill", "Price", "ScriptedModel"]

REQUEST_FIELDS = {"logprobs", "max_tokens", "max_completion_tokens", "temperature", "top_k"}
FEATURES = frozenset({"json_schema", "json_object", "system"} | REQUEST_FIELDS)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request that came in."""

    number: int  # from 0, in order of arrival
    body: dict[str, Any] = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)  # names in lower case

    @property
    def model(self) -> str:
        return str(self.body.get("model", ""))

    @property
    def system(self) -> str:
        return "\n".join(text for role, text in self._messages if role in ("system", "developer"))

    @property
    def user(self) -> str:
        return "\n".join(text for role, text in self._messages if role == "user")

    @property
    def prompt(self) -> str:
        """All messages in their order."""
        return "\n".join(text for _, text in self._messages)

    @property
    def schema(self) -> dict[str, Any] | None:
        wanted = self._format.get("json_schema")
        return wanted["schema"] if wanted else None

    @property
    def schema_name(self) -> str:
        """The class of the answer that is asked for; empty when the request does not say it in a field."""
        wanted = self._format.get("json_schema")
        return wanted["name"] if wanted else ""

    @property
    def key(self) -> str:
        return self.headers.get("idempotency-key", "")

    @property
    def limit(self) -> int | None:
        return self.body.get("max_completion_tokens") or self.body.get("max_tokens")

    @property
    def features(self) -> frozenset[str]:
        """Which of FEATURES it makes use of."""
        plain = FEATURES & {name for name, value in self.body.items() if value is not None}
        system = {"system"} if self.system else set()
        return plain | {str(self._format.get("type"))} & FEATURES | system

    @property
    def _format(self) -> dict[str, Any]:
        return self.body.get("response_format") or {}

    @property
    def _messages(self) -> list[tuple[str, str]]:
        return [(message["role"], message["content"]) for message in self.body.get("messages", [])]


Handler = Callable[[Asked], Loose]


class ScriptedModel:
    """The server; see the module's text."""

    def __init__(
        self,
        handler: Handler | Sequence[Loose],
        *,
        name: str = "scripted",
        key: str = "sk-scripted-0123456789abcdefghij",
        prices: Mapping[str, Price] | None = None,
        latency: float | Callable[[Asked], float] = 0.0,
        refuses: Sequence[str] = (),
        ignores: Sequence[str] = (),
        vague: bool = False,
        extra_fields: Sequence[str] = (),
        idempotent: bool = True,
        models_body: bytes | None = b"",
        cache_from: int = 1024,
        cache_block: int = 128,
    ) -> None:
        unknown = {*refuses, *ignores} - FEATURES
        if unknown:
            raise ValueError(f"no such features: {sorted(unknown)}")
        self.name, self.key = name, key
        self.prices = dict(prices) if prices is not None else {name: Price()}
        self.models_body = models_body
        self.bugs: list[str] = []
        self._handler = handler if callable(handler) else self._from_queue(list(handler))
        self._latency = latency if callable(latency) else lambda _: latency
        self._refuses, self._ignores, self._vague = frozenset(refuses), frozenset(ignores), vague
        self._extra_fields, self._idempotent = frozenset(extra_fields), idempotent
        self._cache = PrefixCache(smallest=cache_from, block=cache_block)
        self._guard = threading.Lock()
        self._asked: list[Asked] = []
        self._made: list[Asked] = []
        self._stored: dict[str, tuple[str, Made]] = {}
        self._bill = Bill()
        self._server: Server | None = None
        self._thread: threading.Thread | None = None

    # -- looking at it ------------------------------------------------------------------------------------

    @property
    def base_url(self) -> str:
        assert self._server is not None, "not started"
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    @property
    def requests(self) -> tuple[Asked, ...]:
        with self._guard:
            return tuple(self._asked)

    @property
    def answered(self) -> tuple[Asked, ...]:
        with self._guard:
            return tuple(self._made)

    @property
    def billed(self) -> Bill:
        with self._guard:
            return self._bill

    # -- life ---------------------------------------------------------------------------------------------

    def start(self) -> Self:
        self._server = Server(self)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.01,), name="scripted model"
        )
        self._thread.start()
        return self

    def stop(self) -> None:
        """Ends what hangs. May be called twice."""
        if self._server is not None and self._thread is not None and self._thread.is_alive():
            self._server.stop()
            self._thread.join()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if error is None and self.bugs:
            raise AssertionError("\n".join(self.bugs))

    # -- answering: called by the wire, one thread per connection -----------------------------------------

    def answer(self, wire: Wire) -> Reply | Made:
        """What to send for one request to /chat/completions."""
        with self._guard:
            asked = Asked(number=len(self._asked), body=_as_object(wire.body), headers=wire.headers)
            self._asked.append(asked)
        refusal = self._refusal(asked, wire)
        if refusal is not None:
            return refusal
        stored = self._stored.get(asked.key) if asked.key and self._idempotent else None
        if stored is not None:
            same = stored[0] == _canonical(asked.body)
            return stored[1] if same else self._bug(asked, "an Idempotency-Key with another body", 409)
        try:
            reply = as_reply(self._handler(asked))
        except Exception:  # noqa: BLE001 - the rim: a bug of a test's handler answers 500 and fails the test
            return self._bug(asked, traceback.format_exc(), 500)
        wire.wait(self._latency(asked))
        refused = isinstance(reply, Filtered) and reply.as_status
        return reply if refused else self._make(asked, reply)

    def models(self) -> tuple[str, ...]:
        return tuple(self.prices)

    def _make(self, asked: Asked, reply: Reply) -> Reply | Made:
        """Count a completion, and keep it for its key. An unbilled misbehaviour is handed on as it is."""
        if getattr(reply, "billed", True) is False:
            return reply
        limit = None if self._ignores & {"max_tokens", "max_completion_tokens"} else asked.limit
        with self._guard:
            prompt = prompt_tokens(asked.body["messages"], _canonical(asked.schema) if asked.schema else "")
            cached = self._cache.take(prompt)
            logprobs = bool(asked.body.get("logprobs")) and "logprobs" not in self._ignores
            made = completion(
                reply,
                number=asked.number,
                model=asked.model,
                prompt=len(prompt),
                cached=cached,
                limit=limit,
                logprobs=logprobs,
            )
            self._bill = self._bill.plus(len(prompt), cached, made.tokens, self.prices[asked.model])
            self._made.append(asked)
            if asked.key and self._idempotent:
                self._stored[asked.key] = (_canonical(asked.body), made.plain)
        return made

    def _refusal(self, asked: Asked, wire: Wire) -> Status | None:
        if wire.headers.get("authorization") != f"Bearer {self.key}":
            given = wire.headers.get("authorization", "")  # the real API shows a part of the key as well
            return Status(401, f"Incorrect API key provided: {given}.", code="invalid_api_key")
        wrong = complaint(wire.body, self._extra_fields)
        if wrong is not None and wrong[0] not in self._refuses:
            return self._bug(asked, wrong[1], 400, param=wrong[0])
        if asked.model not in self.prices:
            return Status(404, f"The model `{asked.model}` does not exist.", code="model_not_found")
        for feature in sorted(self._refuses & asked.features):
            if self._vague:
                return Status(400, "Bad request.")
            param = "response_format" if feature.startswith("json") else feature
            message = f"Unsupported parameter: '{param}' ({feature}) is not supported with this model."
            return Status(400, message, code="unsupported_parameter", param=param)
        return None

    def _bug(self, asked: Asked, message: str, status: int, param: str | None = None) -> Status:
        self.bugs.append(f"request {asked.number}: {message}")
        return Status(status, message, param=param)

    def _from_queue(self, replies: list[Loose]) -> Handler:
        def next_reply(asked: Asked) -> Loose:
            with self._guard:
                if not replies:
                    raise AssertionError(f"no reply is left for: {asked.prompt[-400:]}")
                return replies.pop(0)

        return next_reply


def count(text: str) -> int:
    """Tokens of a text by the server's count."""
    return len(tokens_of(text))


def _as_object(body: Any) -> dict[str, Any]:
    return body if isinstance(body, dict) else {}


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
