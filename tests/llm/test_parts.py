"""The pure parts of the model client: rows and properties."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import product
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from agent.llm.client import arguments
from agent.llm.completion import delivered
from agent.llm.dialect import Complaint
from agent.llm.exchange import Call, Count, Delivered, Dialect, Format, Lost, Rejected
from agent.llm.ledger import Cost, Ledger
from agent.llm.pricing import ANY, FREE, Price, Prices, dollars, picodollars
from agent.llm.reading import Unsound, read
from agent.llm.rejection import complaint, judged, retry_after
from agent.llm.retry import ATTEMPTS, Again, GiveUp, decide
from agent.llm.schema import form_of
from agent.llm.types import Misbehaviour
from agent.llm.worst_case import worst_case
from agent.types import StopReason
from tests.llm.desks import Verdict
from tests.scripted_model.bill import prompt_tokens
from tests.scripted_model.shape import complaint as complaint_of_the_api

IS = Misbehaviour


class Inner(BaseModel):
    name: str = Field(min_length=1, max_length=9, title="a name")
    number: int | None = None


class Other(BaseModel):
    kind: Literal["other"] = "other"
    items: list[Inner] = Field(default_factory=list, max_length=3)


class Deep(BaseModel):
    """With everything that a strict schema has rules for."""

    kind: Literal["deep"] = "deep"
    inner: Inner = Field(description="beside a reference")
    either: Inner | Other | None = None
    tagged: Inner | Other = Field(discriminator=None)
    share: float = Field(ge=0, le=1)


class Mapped(BaseModel):
    table: dict[str, int]


FORMS = (Verdict, Deep, Other)
CALL = Call(model="m", system="s", user="u", form=form_of(Verdict), temperature=0.2, max_tokens=64, key="k")


# -- the worst case -----------------------------------------------------------------------------------------


@given(
    system=st.text(max_size=300),
    user=st.text(max_size=3000),
    reply=st.sampled_from(FORMS),
    said=st.sampled_from(list(product(Format, (True, False)))),
)
def test_no_prompt_has_more_tokens_than_its_worst_case(
    system: str, user: str, reply: type[BaseModel], said: tuple[Format, bool]
) -> None:
    call = replace(CALL, system=system, user=user, form=form_of(reply))
    dialect = Dialect(format=said[0], system=said[1])
    messages = arguments(call, dialect)["messages"]
    text = "".join(message["content"] for message in messages)
    schema = call.form.text if dialect.format is Format.SCHEMA else ""
    worst = worst_case(call).prompt
    assert len(prompt_tokens(messages, schema)) <= worst
    assert len((text + schema).encode("utf-8", "surrogatepass")) <= worst  # one token for each byte


prices = st.builds(Price, **{name: st.integers(0, 10**9) for name in ("input", "cached_input", "output")})


@given(
    price=prices, prompt=st.integers(0, 10**7), cached=st.integers(0, 10**7), completion=st.integers(0, 10**6)
)
def test_no_answer_costs_more_than_its_worst_case(
    price: Price, prompt: int, cached: int, completion: int
) -> None:
    count = Count(prompt=prompt, cached=min(cached, prompt), completion=completion)
    assert price.of(count) <= price.at_most(Count(prompt=prompt, completion=completion))


@given(cents=st.integers(0, 10**9))
def test_a_cap_is_taken_exactly(cents: int) -> None:
    assert picodollars(cents / 100) == cents * 10**10
    assert dollars(cents * 10**10) == cents / 100


def test_prices() -> None:
    price = Price.per_million(Decimal("0.15"), Decimal("0.60"))
    assert price == Price(input=150_000, cached_input=150_000, output=600_000)
    assert price.of(Count(prompt=1000, cached=400, completion=10)) == 156_000_000
    table = Prices(rows={"m": price, ANY: FREE})
    assert (table.of("m"), table.of("n"), Prices().of("m")) == (price, FREE, None)
    for wrong in ("-1", "NaN", "Infinity", "0.0000001"):
        with pytest.raises(ValueError, match="is no price"):
            Price.per_million(Decimal(wrong), Decimal(1))


def test_the_ledger_says_what_is_over() -> None:
    ledger = Ledger(max_tokens=100, max_money=0)
    worst = Cost(tokens=60, money=7)
    assert ledger.reserve("a", worst) is None
    over = ledger.reserve("b", worst)
    assert over is not None
    assert over.stop is StopReason.TOKENS
    assert over.message == "60 tokens are used or reserved, the next call may take 60, the cap is 100"
    ledger.book("a", Cost(tokens=5, money=1))
    ledger.book("a", Cost(tokens=5, money=1))
    assert ledger.reserve("b", worst) is None
    assert ledger.total == Cost(tokens=65, money=8)
    ledger.owe("a", worst)  # its answer is known: nothing is owed
    assert ledger.total == Cost(tokens=65, money=8)


# -- retries ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("failure", "attempt", "remaining", "decision"),
    [
        (Rejected(kind=IS.RATE_LIMITED), 1, 99, Again(seconds=1.0)),
        (Rejected(kind=IS.RATE_LIMITED), 3, 99, Again(seconds=4.0)),
        (Rejected(kind=IS.RATE_LIMITED, after=0.0), 1, 99, Again(seconds=0.0)),
        (Rejected(kind=IS.RATE_LIMITED, after=17.5), 5, 99, Again(seconds=17.5)),
        (Rejected(kind=IS.RATE_LIMITED, after=17.5), 6, 99, GiveUp()),
        (Rejected(kind=IS.RATE_LIMITED, after=1e9), 1, 99, Again(seconds=60.0)),
        (Rejected(kind=IS.RATE_LIMITED, after=1e9), 1, 60, GiveUp()),
        (Rejected(kind=IS.RATE_LIMITED, fatal=True), 1, 99, GiveUp()),
        (Rejected(kind=IS.SERVER), 1, 0, GiveUp()),
        (Rejected(kind=IS.SERVER), 1, -5, GiveUp()),
        (Lost(kind=IS.TIMEOUT), 1, 99, Again(seconds=1.0)),
        (Lost(kind=IS.TIMEOUT), 2, 99, GiveUp()),
        (Lost(kind=IS.CONNECTION), 3, 99, Again(seconds=4.0)),
        (Lost(kind=IS.TOO_LARGE), 1, 99, GiveUp()),
        (Rejected(kind=IS.BAD_REQUEST), 1, 99, GiveUp()),
        (Rejected(kind=IS.CONTEXT), 1, 99, GiveUp()),
    ],
)
def test_whether_to_ask_again(
    failure: Rejected | Lost, attempt: int, remaining: float, decision: Again | GiveUp
) -> None:
    assert decide(failure, attempt, remaining) == decision


@given(
    kind=st.sampled_from(Misbehaviour),
    after=st.none() | st.floats(0, 1e12),
    attempt=st.integers(1, 20),
    remaining=st.floats(-10, 1e6),
)
def test_nothing_is_asked_again_after_the_deadline_or_for_ever(
    kind: Misbehaviour, after: float | None, attempt: int, remaining: float
) -> None:
    decision = decide(Rejected(kind=kind, after=after), attempt, remaining)
    if isinstance(decision, Again):
        assert decision.seconds < remaining
        assert decision.seconds <= 60
        assert attempt < ATTEMPTS[kind]


NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.25"}, 0.25),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Sun, 01 Mar 2026 12:00:30 GMT"}, 30.0),
        ({"retry-after": "Sun, 01 Mar 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after": "9" * 400}, None),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, NOW) == seconds


# -- refusals -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "message", "code", "kind", "fatal"),
    [
        (400, "Invalid value for temperature", "", IS.BAD_REQUEST, False),
        (400, "maximum context length is 8192 tokens", "", IS.CONTEXT, False),
        (400, "prompt is too long: 200001 tokens > 200000 maximum", "", IS.CONTEXT, False),
        (400, "?", "context_length_exceeded", IS.CONTEXT, False),
        (422, "the request exceeds the available context size", "", IS.CONTEXT, False),
        (400, "The response was filtered: content management policy", "", IS.FILTERED, False),
        (400, "The model x has been decommissioned", "model_decommissioned", IS.NO_SUCH_MODEL, True),
        (400, "x is not a valid model ID", "", IS.NO_SUCH_MODEL, True),
        (404, "model 'llama' not found, try pulling it first", "", IS.NO_SUCH_MODEL, True),
        (404, "The model `x` does not exist or you do not have access to it.", "", IS.NO_SUCH_MODEL, True),
        (404, "No endpoints found that support the requested parameters", "", IS.BAD_REQUEST, False),
        (400, "This model does not support structured outputs", "", IS.BAD_REQUEST, False),
        (400, "'max_tokens' is not supported with this model", "", IS.BAD_REQUEST, False),
        (401, "no", "", IS.UNAUTHORIZED, True),
        (403, "Input was flagged by moderation", "", IS.FILTERED, False),
        (403, "no", "", IS.UNAUTHORIZED, True),
        (429, "slow down", "", IS.RATE_LIMITED, False),
        (429, "Insufficient balance", "", IS.UNAUTHORIZED, True),
        (409, "in progress", "", IS.SERVER, False),
        (500, "model not found in cache", "", IS.SERVER, False),
        (529, "overloaded", "", IS.SERVER, False),
        (301, "", "", IS.BAD_REQUEST, False),
        (418, "teapot", "", IS.BAD_REQUEST, False),
    ],
)
def test_what_a_refusal_means(status: int, message: str, code: str, kind: Misbehaviour, fatal: bool) -> None:
    said = judged(status, Complaint(message=message, code=code), None)
    assert isinstance(said, Rejected)
    assert (said.kind, said.fatal) == (kind, fatal)


@pytest.mark.parametrize("status", [408, 502, 504, 522, 524])
def test_behind_a_gateway_the_answer_may_have_been_made(status: int) -> None:
    assert isinstance(judged(status, Complaint(), None), Lost)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"error": {"message": "m", "param": "p", "code": 7}}, Complaint(message="m", param="p", code="7")),
        ({"error": "plain"}, Complaint(message="plain")),
        ({"detail": [{"loc": ["body"]}]}, Complaint(message="[{'loc': ['body']}]")),
        ({"message": "m", "code": "c"}, Complaint(message="m", code="c")),
        ("<html>", Complaint(message="<html>")),
        ({}, Complaint()),
        (None, Complaint()),
        ([1], Complaint(message="[1]")),
    ],
)
def test_what_an_error_body_says(body: object, said: Complaint) -> None:
    assert complaint(body) == said


any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)
keys = st.sampled_from(["choices", "message", "content", "usage", "error", "logprobs", "tool_calls", "code"])
likely = st.recursive(
    any_json,
    lambda inner: st.dictionaries(keys, inner, max_size=4) | st.lists(inner, max_size=2),
    max_leaves=12,
)


@given(body=st.binary(max_size=60) | likely.map(lambda value: json.dumps(value).encode()))
def test_no_body_is_a_crash(body: bytes) -> None:
    assert isinstance(delivered(body, CALL, Dialect()), Delivered | Rejected | Lost)


@given(body=likely, status=st.integers(300, 600))
def test_no_error_body_is_a_crash(body: Any, status: int) -> None:
    assert isinstance(judged(status, complaint(body), None), Rejected | Lost)


# -- answers ------------------------------------------------------------------------------------------------


@given(text=st.text(max_size=200) | likely.map(json.dumps))
def test_no_answer_is_a_crash(text: str) -> None:
    assert isinstance(read(text, Verdict), Verdict | Unsound)


@given(reason=st.text(max_size=80), before=st.text("ab []}`.\n", max_size=20))
def test_an_answer_is_found_behind_words(reason: str, before: str) -> None:
    text = Verdict(reason=reason, use=True).model_dump_json()
    assert read(f"I say{before}: {text}\nThat is all.", Verdict) == Verdict(reason=reason, use=True)
    fenced = f"I say{before.replace('`', '')}\n```json\n{text}\n```\nThat is all."
    assert read(fenced, Verdict) == Verdict(reason=reason, use=True)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("piece", ["a```\n", "```\n", "```json\n{", '{"a":', "{[", "<think>", '{"a":1} '])
def test_a_long_answer_of_nothing_takes_no_time(piece: str) -> None:
    assert isinstance(read(piece * (500_000 // len(piece)), Verdict), Unsound)


@pytest.mark.parametrize(
    ("text", "formless"),
    [
        ("no", True),
        ('{"reason": 1, "use": true}', True),
        ('{"use": true}', True),
        ("{" * 5000, True),
        ("[" * 100_000, True),
        ("9" * 10_000, True),
    ],
)
def test_what_ignores_the_form(text: str, formless: bool) -> None:
    said = read(text, Verdict)
    assert isinstance(said, Unsound)
    assert said.formless is formless
    assert len(said.detail) < 2000


def test_a_value_out_of_range_has_the_form() -> None:
    said = read('{"kind": "deep", "inner": {"name": "n"}, "tagged": {"name": "n"}, "share": 7}', Deep)
    assert isinstance(said, Unsound)
    assert (said.kind, said.formless) == (IS.SCHEMA, False)
    assert said.detail == "share: Input should be less than or equal to 1"


@pytest.mark.parametrize("reply", FORMS)
def test_schemas_are_such_as_the_real_api_takes(reply: type[BaseModel]) -> None:
    call = replace(CALL, form=form_of(reply))
    body = {name: value for name, value in arguments(call, Dialect()).items() if name != "extra_body"}
    assert complaint_of_the_api(body, frozenset()) is None


def test_a_schema_keeps_order_descriptions_and_alternatives() -> None:
    schema: Any = form_of(Deep).schema
    assert list(schema["properties"]) == ["kind", "inner", "either", "tagged", "share"]
    assert schema["required"] == list(schema["properties"])
    assert [list(each) for each in schema["properties"]["either"]["anyOf"]] == [["$ref"], ["$ref"], ["type"]]
    assert schema["$defs"]["Inner"]["properties"]["name"] == {"type": "string"}
    assert form_of(Deep) is form_of(Deep)


def test_a_free_form_mapping_cannot_be_asked_for() -> None:
    with pytest.raises(TypeError, match=r"Mapped\.table has a free-form mapping"):
        form_of(Mapped)
