"""Endpoints that know less than the real API: what they refuse or ignore is left out, and remembered."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agent.journal import MemoryJournal
from agent.llm.dialect import Complaint, lower, simpler
from agent.llm.exchange import Call, Dialect, Format
from agent.llm.schema import form_of
from agent.llm.types import Answer, Failed, Misbehaviour, Token
from tests.llm.desks import GOOD, Verdict, endpoint, make_desk, method, question
from tests.scripted_model.replies import Says, Status
from tests.scripted_model.server import FEATURES, Asked, ScriptedModel

CALL = Call(
    model="m", system="s", user="u", form=form_of(Verdict), temperature=0.2, max_tokens=9, top_k=4, key="k"
)


def obedient(asked: Asked) -> Any:
    """Knows no structured outputs by itself: gives the form only when it is told in words, or held to it."""
    return GOOD if asked.schema_name or "JSON Schema" in asked.user else "Sure, let me think about it."


def test_what_is_sent_when_everything_is_known() -> None:
    with ScriptedModel([GOOD], extra_fields=["top_k"]) as model, endpoint(model) as line:
        answer = make_desk(line, how=method(top_k=40)).ask(question())
        (asked,) = model.requests
        assert asked.features == FEATURES - {"json_object", "max_completion_tokens"}
        assert (asked.schema_name, asked.body["temperature"], asked.limit) == ("Verdict", 0.2, 1024)
        assert asked.body["response_format"]["json_schema"]["strict"] is True
        assert [message["role"] for message in asked.body["messages"]] == ["system", "user"]
        assert asked.user == "The task.\n\nIs it so?"
        assert isinstance(answer, Answer)
        assert "".join(token.text for token in answer.tokens) == answer.text
        assert answer.tokens[0] == Token(text="{", logprob=-0.1)


@pytest.mark.parametrize("vague", [False, True])
@pytest.mark.parametrize(
    "refused",
    [
        ["json_schema"],
        ["json_schema", "json_object"],
        ["logprobs"],
        ["max_tokens"],
        ["temperature"],
        ["system"],
        ["top_k"],
        ["json_schema", "json_object", "logprobs", "temperature", "max_tokens", "system", "top_k"],
    ],
    ids=",".join,
)
def test_what_is_refused_is_left_out_and_remembered(refused: list[str], vague: bool) -> None:
    with (
        ScriptedModel(obedient, refuses=refused, vague=vague, extra_fields=["top_k"]) as model,
        endpoint(model) as line,
    ):
        desk = make_desk(line, how=method(top_k=40))
        assert isinstance(desk.ask(question()), Answer)
        first = len(model.requests)
        assert isinstance(desk.ask(question("And now?")), Answer)
        assert len(model.requests) == first + 1  # remembered
        last = model.requests[-1]
        assert not set(refused) & last.features
        if not vague:
            assert first == len(refused) + 1
            wanted = {"json_schema", "logprobs", "max_tokens", "temperature", "system", "top_k"}
            assert wanted - set(refused) <= last.features
        assert (desk.spend.model_calls, desk.spend.tokens) == (2, model.billed.tokens)


def test_a_schema_that_is_ignored_is_said_in_words_from_then_on() -> None:
    def play(asked: Asked) -> Any:
        return GOOD if "JSON Schema" in asked.user else "Sure, it is so."

    with ScriptedModel(play) as model, endpoint(model) as line:
        desk = make_desk(line)
        assert isinstance(desk.ask(question()), Answer)
        assert isinstance(desk.ask(question("And now?")), Answer)
        formats = [asked.body["response_format"]["type"] for asked in model.requests]
        assert formats == ["json_schema", "json_object", "json_object"]


def test_log_probabilities_that_do_not_come_are_none() -> None:
    with ScriptedModel([GOOD], ignores=["logprobs"]) as model, endpoint(model) as line:
        answer = make_desk(line).ask(question())
        assert isinstance(answer, Answer)
        assert answer.tokens == ()


def test_they_are_not_asked_for_when_they_are_not_wanted() -> None:
    with ScriptedModel([GOOD]) as model, endpoint(model) as line:
        make_desk(line, how=method(log_probabilities=False)).ask(question())
        assert "logprobs" not in model.requests[0].body


def test_what_was_learned_is_known_after_a_resume() -> None:
    journal = MemoryJournal()
    with ScriptedModel(obedient, refuses=["json_schema", "logprobs"]) as model:
        with endpoint(model) as line:
            make_desk(line, journal).ask(question())
        before = len(model.requests)
        with endpoint(model) as line:
            desk = make_desk(line, journal)
            desk.ask(question())
            assert isinstance(desk.ask(question("And now?")), Answer)
        assert len(model.requests) == before + 1


def test_an_endpoint_that_ignores_the_token_limit_is_found_out() -> None:
    text = json.dumps({"reason": "word " * 1200, "use": True})
    with ScriptedModel([Says(text)], ignores=["max_tokens"]) as model, endpoint(model) as line:
        desk = make_desk(line)
        assert isinstance(desk.ask(question()), Answer)
        assert desk.spend.tokens == model.billed.tokens


def test_nothing_of_this_machine_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_ADMIN_KEY"):
        monkeypatch.setenv(name, "from-the-environment")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Secret: from-the-environment")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/elsewhere")
    with ScriptedModel([GOOD]) as model, endpoint(model) as line:
        make_desk(line).ask(question())
        headers = model.requests[0].headers
        assert "from-the-environment" not in str(headers)
        assert set(headers) <= {
            *("host", "accept", "accept-encoding", "authorization", "connection", "content-length"),
            *("content-type", "idempotency-key", "user-agent", "x-stainless-raw-response"),
        }


def test_a_bad_request_that_nothing_helps_has_its_name() -> None:
    with ScriptedModel(lambda _: Status(400, "We do not like it.")) as model, endpoint(model) as line:
        desk = make_desk(line)
        failed = desk.ask(question())
        assert isinstance(failed, Failed)
        assert (failed.kind, failed.detail) == (Misbehaviour.BAD_REQUEST, "HTTP 400: We do not like it.")
        assert len(model.requests) == 7  # as simple as it gets
        assert "response_format" not in model.requests[-1].body
        assert desk.spend.tokens == 0
        desk.ask(question("And now?"))
        assert "response_format" in model.requests[7].body  # nothing was learned from that


@pytest.mark.parametrize(
    ("complaint", "changed"),
    [
        (Complaint(param="max_tokens", message="Use 'max_completion_tokens' instead."), "limit"),
        (Complaint(message="'temperature' does not support 0.2 with this model"), "temperature"),
        (Complaint(message="logprobs are not enabled"), "log_probabilities"),
        (Complaint(message="This model does not support structured outputs"), "format"),
        (Complaint(param="response_format.type", message="unknown"), "format"),
        (Complaint(message="System role not supported"), "system"),
        (Complaint(message="unexpected keyword top_k"), "top_k"),
        (Complaint(message="?"), "top_k"),  # the least common goes first
    ],
)
def test_a_complaint_names_what_to_leave_out(complaint: Complaint, changed: str) -> None:
    simple = simpler(Dialect(), complaint, CALL)
    assert simple is not None
    differing = [name for name in Dialect.__slots__ if getattr(simple, name) != getattr(Dialect(), name)]
    assert differing == [changed]


def test_there_is_an_end_to_simpler() -> None:
    said, steps = Dialect(), 0
    while (then := simpler(said, Complaint(), CALL)) is not None:
        assert lower(said, then) == then
        said, steps = then, steps + 1
    assert steps == 7
    assert said.format is Format.TEXT
