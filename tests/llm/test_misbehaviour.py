"""Every way in which an endpoint fails to answer has its named outcome: the real client, the real wire."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from agent.errors import BudgetSpent, Cancelled, ModelUnusable
from agent.llm.client import Endpoint
from agent.llm.desk import ModelDesk
from agent.llm.types import Answer, Failed, Misbehaviour
from agent.types import Budget, StopReason
from tests.llm.desks import GOOD, Time, endpoint, make_desk, question
from tests.scripted_model.replies import (
    CallsTool,
    CutOff,
    Empty,
    Filtered,
    Gigantic,
    Hang,
    Raw,
    Refuses,
    Reset,
    Says,
    Status,
    rate_limited,
    too_long,
)
from tests.scripted_model.server import Asked, ScriptedModel

IS = Misbehaviour


def completion(**changes: Any) -> Raw:
    """A body of any form under status 200."""
    return Raw(json.dumps(changes).encode())


# What the endpoint does (the last of it for ever), what comes of it, requests, answers owed, calls booked at
# their worst case.
TABLE = [
    ("not JSON", ["No.", "Still no."], IS.INVALID_JSON, 2, 2, 0),
    ("broken JSON", ['{"reason": "x', "{'reason': 1}"], IS.INVALID_JSON, 2, 2, 0),
    ("deep nesting", ["[" * 900, '{"a":' * 150], IS.INVALID_JSON, 2, 2, 0),
    ("lone surrogate", ['{"reason": "\\ud800", "use": true}'] * 2, IS.INVALID_JSON, 2, 2, 0),
    ("another form", [{"answer": 42}, {"reason": "x"}], IS.SCHEMA, 2, 2, 0),
    ("a list", [[1, 2], [GOOD]], IS.SCHEMA, 2, 2, 0),
    ("injection obeyed", [{"run": "curl evil"}, {"reason": ["rm"], "use": "sh"}], IS.SCHEMA, 2, 2, 0),
    ("refusal", [Refuses("I won't.")], IS.REFUSED, 1, 1, 0),
    ("cut off", [CutOff()], IS.TRUNCATED, 1, 1, 0),
    ("longer than the limit", ["word " * 3000], IS.TRUNCATED, 1, 1, 0),
    ("no choices", [Empty()], IS.EMPTY, 1, 1, 0),
    ("no content", [Empty(choices=True)], IS.EMPTY, 1, 1, 0),
    ("blank", [" \n "], IS.EMPTY, 1, 1, 0),
    ("filtered answer", [Filtered()], IS.FILTERED, 1, 1, 0),
    ("filtered prompt", [Filtered(as_status=True)], IS.FILTERED, 1, 0, 0),
    ("tool call", [CallsTool()], IS.TOOL_CALL, 1, 1, 0),
    ("too long a prompt", [too_long()], IS.CONTEXT, 1, 0, 0),
    ("413", [Status(413, "payload too large")], IS.CONTEXT, 1, 0, 0),
    ("429 for ever", [rate_limited()], IS.RATE_LIMITED, 6, 0, 0),
    ("500 for ever", [Status(500)], IS.SERVER, 4, 0, 0),
    ("503 with a page", [Status(503, body=b"<html>down</html>")], IS.SERVER, 4, 0, 0),
    ("gateway gives up", [Status(504, billed=True), Status(504)], IS.SERVER, 4, 1, 4),
    ("reset at once", [Reset()], IS.CONNECTION, 4, 0, 4),
    ("gigantic", [Gigantic(size=1 << 22)], IS.TOO_LARGE, 1, 1, 1),
    ("gigantic, and says so", [Gigantic(size=1 << 22, declared=True)], IS.TOO_LARGE, 1, 1, 1),
    ("a bomb", [Gigantic(size=1 << 26, packed=True), Status(500)], IS.SERVER, 4, 1, 1),
    ("nonsense", [Raw(b"\xff\xfe not json"), Status(500)], IS.SERVER, 4, 1, 1),
    ("an event stream", [Raw(b"data: {}\n\n", "text/event-stream"), Status(500)], IS.SERVER, 4, 1, 1),
    ("a list as body", [Raw(b"[]"), Status(500)], IS.SERVER, 4, 1, 1),
    ("an error under 200", [completion(error={"message": "overloaded", "code": 502})], IS.SERVER, 4, 4, 4),
    ("choices of nothing", [completion(choices=[None])], IS.SERVER, 4, 4, 4),
]


@pytest.mark.parametrize(
    ("replies", "kind", "requests", "owed", "lost"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
def test_its_name(replies: list[Any], kind: Misbehaviour, requests: int, owed: int, lost: int) -> None:
    with ScriptedModel(script(*replies), idempotent=False) as model, endpoint(model) as line:
        desk = make_desk(line)
        failed = desk.ask(question())
        assert isinstance(failed, Failed)
        assert failed.kind is kind
        assert len(failed.detail) <= 1700
        assert (len(model.requests), model.billed.calls) == (requests, owed)
        assert desk.spend.model_calls == max(owed, lost)
        if lost:
            assert desk.spend.tokens > model.billed.tokens
        else:
            assert spent(desk) == owed_to(model)


def script(*replies: Any) -> Callable[[Asked], Any]:
    """The last one is repeated for ever."""
    return lambda asked: replies[min(asked.number, len(replies) - 1)]


def spent(desk: ModelDesk) -> tuple[int, int]:
    """Tokens, picodollars."""
    return desk.spend.tokens, round(desk.spend.money * 1e12)


def owed_to(model: ScriptedModel) -> tuple[int, int]:
    """The same by the server's count and the prices of the desks here."""
    bill = model.billed
    fresh = bill.prompt_tokens - bill.cached_tokens
    money = fresh * 150_000 + bill.cached_tokens * 75_000 + bill.completion_tokens * 600_000
    return bill.tokens, money


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (Status(401, "Incorrect API key provided"), "the key was not accepted: HTTP 401: Incorrect"),
        (Status(402, "Insufficient credits"), "the key was not accepted: HTTP 402"),
        (Status(403, "not in your country"), "the key was not accepted: HTTP 403"),
        (
            Status(429, "You exceeded your current quota", code="insufficient_quota"),
            "the key was not accepted",
        ),
        (Status(404, "The model `scripted` does not exist", code="model_not_found"), "has no such model"),
        (Status(404, body=b"<h1>Not Found</h1>"), "check the base URL and the model's name"),
    ],
)
def test_some_end_the_run_at_once(reply: Status, message: str) -> None:
    with ScriptedModel(script(reply)) as model, endpoint(model) as line:
        with pytest.raises(ModelUnusable, match=message):
            make_desk(line).ask(question())
        assert model.billed.calls == 0


def test_a_wrong_key_is_refused_by_the_server_itself_and_not_repeated() -> None:
    secret = "sk-wrong-0123456789abcdefghijklmn"
    with ScriptedModel([]) as model, endpoint(model, key=secret) as line:
        with pytest.raises(ModelUnusable) as caught:
            make_desk(line).ask(question())
        assert len(model.requests) == 1  # its answer says the key
        assert secret not in str(caught.value)
        assert "[redacted]" in str(caught.value)


def test_the_key_follows_no_redirect() -> None:
    with ScriptedModel([]) as elsewhere:
        there = Status(307, headers={"Location": f"{elsewhere.base_url}/chat/completions"})
        with ScriptedModel(script(there)) as model, endpoint(model) as line:
            failed = make_desk(line).ask(question())
            assert isinstance(failed, Failed)
            assert (failed.kind, len(model.requests)) == (IS.BAD_REQUEST, 1)
            assert "set the address that it redirects to" in failed.detail
        assert elsewhere.requests == ()


def test_an_old_answer_does_not_set_the_clock_back() -> None:
    class Restarting(Time):
        """As the run's clock: what was seen is where it goes on from."""

        def saw(self, seconds: float) -> None:
            self.seconds = seconds

    time = Restarting()
    with ScriptedModel([GOOD]) as model, endpoint(model) as line:
        desk = make_desk(line, time=time)
        desk.ask(question())
        time.seconds = 50.0
        desk.ask(question())
    assert time.seconds == 50.0


@pytest.mark.parametrize(
    ("reply", "waits"),
    [(rate_limited(7), 7.0), (rate_limited(0.25), 0.25), (rate_limited(), 1.0), (rate_limited(4000), 60.0)],
)
def test_retry_after_is_honoured_and_capped(reply: Status, waits: float) -> None:
    time = Time()
    with ScriptedModel([reply, GOOD]) as model, endpoint(model) as line:
        assert isinstance(make_desk(line, time=time).ask(question()), Answer)
    assert time.waited == waits


def test_no_retry_after_the_deadline() -> None:
    time = Time()
    with ScriptedModel(script(rate_limited(30))) as model, endpoint(model) as line:
        desk = make_desk(line, time=time, budget=Budget(max_seconds=70))
        assert isinstance(desk.ask(question()), Failed)
        assert (len(model.requests), time.waited) == (3, 60.0)
        time.seconds = 70.0
        with pytest.raises(BudgetSpent) as caught:
            desk.ask(question("And now?"))
        assert caught.value.stop is StopReason.TIME
        assert len(model.requests) == 3


@pytest.mark.parametrize("hang", [Hang(), Hang(drip=True)], ids=["silent", "byte by byte"])
def test_a_hang_ends_in_time_and_is_booked(hang: Hang) -> None:
    with ScriptedModel(script(hang), idempotent=False) as model, endpoint(model) as line:
        desk = make_desk(line, seconds=0.3)
        failed = desk.ask(question())
        assert isinstance(failed, Failed)
        assert failed.kind is IS.TIMEOUT
        assert (len(model.requests), desk.spend.model_calls) == (2, 2)
        assert spent(desk) > owed_to(model)


def test_an_answer_after_the_deadline_is_booked_and_not_used() -> None:
    with ScriptedModel(script(GOOD), latency=5.0) as model, endpoint(model) as line:
        desk = make_desk(line, budget=Budget(max_seconds=0.3), time=Time())
        failed = desk.ask(question())
        assert isinstance(failed, Failed)
        assert failed.kind is IS.TIMEOUT


def test_the_wish_to_stop_is_seen_while_waiting() -> None:
    wish = iter([False, False])
    with ScriptedModel(script(Hang())) as model, endpoint(model) as line:
        desk = make_desk(line, cancelled=lambda: next(wish, True))
        with pytest.raises(Cancelled):
            desk.ask(question())
        assert desk.spend.model_calls == 1


def test_nobody_listens() -> None:
    line = Endpoint("http://127.0.0.1:9/v1", "sk-x")
    desk = make_desk(line)
    failed = desk.ask(question())
    line.close()
    assert isinstance(failed, Failed)
    assert failed.kind is IS.CONNECTION
    assert desk.spend.tokens == 0  # nothing was sent, nothing is owed


def test_after_a_lost_answer_the_same_key_is_asked_again() -> None:
    with ScriptedModel([Reset(billed=True, says=json.dumps(GOOD))]) as model, endpoint(model) as line:
        desk = make_desk(line)
        assert isinstance(desk.ask(question()), Answer)
        assert (model.billed.calls, desk.spend.model_calls) == (1, 2)
        assert len({asked.key for asked in model.requests}) == 1


def test_an_unsound_answer_is_shown_to_the_model_once() -> None:
    with ScriptedModel([{"reason": "no verdict"}, GOOD]) as model, endpoint(model) as line:
        assert isinstance(make_desk(line).ask(question()), Answer)
        first, second = model.requests
        assert "use: Field required" in second.user
        assert "no verdict" in second.user
        assert second.user.startswith("The task.")
        assert first.key != second.key


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(GOOD),
        f"Here you are:\n```json\n{json.dumps(GOOD)}\n```\nGood luck!",
        f"<think>{{is it?}} maybe</think>\n{json.dumps(GOOD)}",
        f"I looked at {{x}} and say {json.dumps(GOOD)}",
        f"\ufeff{json.dumps(GOOD)}",
    ],
)
def test_json_within_words_is_found(text: str) -> None:
    with ScriptedModel([text]) as model, endpoint(model) as line:
        answer = make_desk(line).ask(question())
        assert isinstance(answer, Answer)
        assert (answer.value.use, answer.text) == (True, text)


def test_noise_beside_an_answer_is_ignored() -> None:
    with ScriptedModel([CallsTool(text=json.dumps(GOOD))]) as model, endpoint(model) as line:
        assert isinstance(make_desk(line).ask(question()), Answer)


def test_one_failure_after_the_other_ends_the_run() -> None:
    with ScriptedModel(script(Refuses())) as model, endpoint(model) as line:
        desk = make_desk(line)
        for number in range(8):
            assert isinstance(desk.ask(question(str(number))), Failed)
        with pytest.raises(ModelUnusable, match="one answer after the other"):
            desk.ask(question("once more"))
        assert len(model.requests) == 8


def test_a_text_longer_than_its_tokens_can_say_is_not_read() -> None:
    body = completion(choices=[{"message": {"content": "x" * 300_000}}])
    with ScriptedModel([body]) as model, endpoint(model) as line:
        failed = make_desk(line).ask(question())
        assert isinstance(failed, Failed)
        assert (failed.kind, failed.detail) == (IS.TOO_LARGE, "300000 characters for 1024 tokens")


@pytest.mark.parametrize(
    "usage",
    [None, "lies", {}, {"prompt_tokens": -5}, {"prompt_tokens": 1e30}, {"prompt_tokens": "many"}, [1]],
)
def test_without_a_count_the_worst_case_is_booked(usage: Any) -> None:
    with ScriptedModel([Says(json.dumps(GOOD), usage=usage)]) as model, endpoint(model) as line:
        desk = make_desk(line)
        assert isinstance(desk.ask(question()), Answer)
        assert spent(desk) > owed_to(model)
        assert desk.remarks == ("1 answers came without a count of tokens and are counted at the worst case",)


def test_more_cached_than_there_is_counts_as_all_of_it() -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 99}}
    with ScriptedModel([Says(json.dumps(GOOD), usage=usage)]) as model, endpoint(model) as line:
        desk = make_desk(line)
        desk.ask(question())
        assert (desk.spend.cached_tokens, spent(desk)[1]) == (10, 10 * 75_000 + 600_000)


def test_an_endpoint_that_counts_more_than_can_be_ends_a_capped_run() -> None:
    usage = {"prompt_tokens": 10_000, "completion_tokens": 1}
    with ScriptedModel([Says(json.dumps(GOOD), usage=usage)]) as model, endpoint(model) as line:
        desk = make_desk(line, budget=Budget(max_tokens=10**9))
        assert isinstance(desk.ask(question()), Answer)
        with pytest.raises(ModelUnusable, match="counts more tokens than the request can have"):
            desk.ask(question("next"))
