"""The scripted model, seen through the real SDK."""

from __future__ import annotations

import openai
import pytest

from tests.scripted_model.replies import Empty, Filtered, Refuses, Reset, Says, Status
from tests.scripted_model.server import Asked, Price, ScriptedModel, count

STRICT = {
    "type": "json_schema",
    "json_schema": {
        "name": "Yes",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {"yes": {"type": "boolean"}},
            "required": ["yes"],
            "additionalProperties": False,
        },
    },
}


def client(model: ScriptedModel) -> openai.OpenAI:
    return openai.OpenAI(api_key=model.key, base_url=model.base_url, max_retries=0, timeout=10)


def ask(model: ScriptedModel, text: str = "hello", *, key: str = "", **more):  # type: ignore[no-untyped-def]
    headers = {"Idempotency-Key": key} if key else {}
    with client(model) as sdk:
        return sdk.chat.completions.create(
            model=model.name, messages=[{"role": "user", "content": text}], extra_headers=headers, **more
        )


def test_a_function_answers_and_everything_is_counted() -> None:
    price = Price(input=150_000, cached_input=75_000, output=600_000)

    def play(asked: Asked) -> dict[str, bool]:
        assert asked.schema_name == "Yes"
        return {"yes": True}

    with ScriptedModel(play, prices={"scripted": price}) as model:
        done = ask(model, response_format=STRICT, logprobs=True, max_tokens=50, temperature=0.2)
        assert done.choices[0].message.content == '{"yes": true}'
        tokens = done.choices[0].logprobs.content
        assert "".join(token.token for token in tokens) == '{"yes": true}'
        assert {token.logprob for token in tokens} == {-0.1}
        bill, usage = model.billed, done.usage
        assert (bill.calls, bill.prompt_tokens, bill.completion_tokens) == (
            1,
            usage.prompt_tokens,
            len(tokens),
        )
        assert bill.money == usage.prompt_tokens * 150_000 + usage.completion_tokens * 600_000
        assert [asked.user for asked in model.requests] == ["hello"]


def test_a_prefix_that_was_seen_is_cached_and_cheaper() -> None:
    long = "word " * 1500
    with ScriptedModel(["a", "b"], prices={"scripted": Price(input=10, cached_input=1)}) as model:
        first, second = ask(model, long + "one").usage, ask(model, long + "two").usage
        assert first.prompt_tokens_details.cached_tokens == 0
        cached = second.prompt_tokens_details.cached_tokens
        assert cached > 1024
        assert cached % 128 == 0
        both = first.prompt_tokens + second.prompt_tokens
        assert model.billed.money == (both - cached) * 10 + cached


def test_the_same_idempotency_key_is_billed_once() -> None:
    with ScriptedModel([Reset(billed=True, says="made")]) as model:
        with pytest.raises(openai.APIConnectionError):
            ask(model, key="k1")
        assert ask(model, key="k1").choices[0].message.content == "made"
        assert (model.billed.calls, len(model.requests), len(model.answered)) == (1, 2, 1)


def test_a_token_limit_cuts_off() -> None:
    with ScriptedModel([Says("one two three")]) as model:
        choice = ask(model, max_tokens=2).choices[0]
        assert (choice.finish_reason, count(choice.message.content)) == ("length", 2)


def test_misbehaviour_is_as_the_real_api_does_it() -> None:
    with ScriptedModel(
        [Refuses("no"), Empty(), Filtered(), Status(429, headers={"Retry-After": "7"})]
    ) as model:
        assert ask(model).choices[0].message.refusal == "no"
        assert ask(model).choices == []
        assert ask(model).choices[0].finish_reason == "content_filter"
        with pytest.raises(openai.RateLimitError) as caught:
            ask(model)
        assert caught.value.response.headers["Retry-After"] == "7"
        assert model.billed.calls == 3


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"extra_body": {"top_k": 5}}, "Unrecognized request argument supplied: top_k"),
        ({"temperature": 3.0}, "Invalid value for temperature"),
        ({"max_tokens": 1, "max_completion_tokens": 1}, "at the same time"),
        ({"response_format": {"type": "json_object"}}, "must contain the word 'json'"),
        (
            {
                "response_format": {
                    **STRICT,
                    "json_schema": {**STRICT["json_schema"], "schema": {"type": "object"}},
                }
            },
            "'additionalProperties' is required",
        ),
    ],
)
def test_what_the_real_api_would_not_take_is_a_bug(more: dict[str, object], message: str) -> None:
    model = ScriptedModel(["never"]).start()
    with pytest.raises(openai.BadRequestError, match=message):
        ask(model, **more)
    model.stop()
    assert message in model.bugs[0]


@pytest.mark.parametrize("feature", ["json_schema", "logprobs", "max_tokens", "temperature"])
def test_an_endpoint_may_refuse_what_others_know(feature: str) -> None:
    with ScriptedModel(["fine"], refuses=[feature]) as model:
        with pytest.raises(openai.BadRequestError, match=feature):
            ask(model, response_format=STRICT, logprobs=True, max_tokens=50, temperature=0.2)
        assert ask(model).choices[0].message.content == "fine"


def test_another_key_or_model_is_refused() -> None:
    with ScriptedModel(["never"]) as model:
        with client(model).with_options(api_key="sk-wrong") as sdk, pytest.raises(openai.AuthenticationError):
            sdk.models.list()
        with client(model) as sdk, pytest.raises(openai.NotFoundError):
            sdk.chat.completions.create(model="other", messages=[{"role": "user", "content": "x"}])
        with client(model) as sdk:
            assert [each.id for each in sdk.models.list().data] == ["scripted"]
