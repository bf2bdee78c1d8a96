"""The model's settings: who drives, what it costs, and what is refused before anything is asked."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping

import pytest

from agent.llm.pricing import Price
from agent.llm.types import Component
from agent.method import Driver
from bot import engine
from bot.doctor import Finding
from bot.doctor import model as examine
from bot.errors import ConfigError
from bot.model import endpoint, method, open_to_listeners, prices
from bot.settings import Settings, read_settings
from sandbox.redact import Redactor
from tests.scripted_model.server import ScriptedModel

PRICES = '{"m": {"input": 0.15, "cached_input": "0.075", "output": 0.6}, "*": {"input": 0, "output": 0}}'
KEY = "sk-configured-0123456789abcdef"
Read = Callable[..., Settings]


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Iterator[Read]:
    def made(variables: Mapping[str, str] | None = None) -> Settings:
        for name in list(os.environ):
            if name.startswith("CODEAGENT_"):
                monkeypatch.delenv(name)
        for name, value in (variables or {}).items():
            monkeypatch.setenv(f"CODEAGENT_{name}", value)
        return read_settings()

    return made


def test_without_a_model_the_built_in_policy_drives(read: Read) -> None:
    settings = read()
    assert (method(settings).driver, endpoint(settings)) == (Driver.BUILT_IN, None)
    assert method(settings).models == ()


@pytest.mark.parametrize(
    ("choice", "drives"),
    [
        ("auto", Driver.ESCALATE),
        ("model", Driver.MODEL),
        ("escalate", Driver.ESCALATE),
        ("pipeline", Driver.PIPELINE),
        ("built-in", Driver.BUILT_IN),
    ],
)
def test_who_drives(choice: str, drives: Driver, read: Read) -> None:
    settings = read({"MODEL__NAME": "m", "DRIVER": choice})
    line = endpoint(settings)
    assert method(settings).driver is drives
    assert (line is None) == (drives is Driver.BUILT_IN)
    if line is not None:
        line.close()


def test_each_component_may_have_a_model_of_its_own(read: Read) -> None:
    how = method(read({"MODEL__NAME": "m", "MODEL__POLICY": "p", "MODEL__TEST_DESIGNER": "t"}))
    named = {component.name: how.model_of(component) for component in Component}
    assert named["POLICY"] == "p"
    assert named["TEST_DESIGNER"] == "t"
    assert {named[name] for name in named if name not in ("POLICY", "TEST_DESIGNER")} == {"m"}


def test_how_it_is_asked(read: Read) -> None:
    how = method(read({"MODEL__NAME": "m", "MODEL__TEMPERATURE": "0.7", "MODEL__TOP_K": "40"}))
    assert (how.temperature, how.top_k, how.max_tokens, how.edit_tokens) == (0.7, 40, 1024, 4096)
    assert method(read()).temperature == 0.2  # G2


def test_prices_are_exact(read: Read) -> None:
    table = prices(read({"MODEL__PRICES": PRICES}))
    assert table.of("m") == Price(input=150_000, cached_input=75_000, output=600_000)
    assert table.of("another") == Price(input=0, cached_input=0, output=0)


def test_a_cap_of_money_needs_prices(read: Read) -> None:
    capped = {"MODEL__NAME": "m", "MODEL__PLANNER": "dear", "BUDGET__MONEY": "0.5"}
    with pytest.raises(ConfigError, match=r"no price is known for dear, m: set CODEAGENT_MODEL__PRICES"):
        method(read(capped))
    settings = read({**capped, "MODEL__PRICES": PRICES, "BUDGET__TOKENS": "9000"})
    assert method(settings).driver is Driver.ESCALATE
    budget = engine.budget(settings)
    assert (budget.max_money, budget.max_tokens) == (0.5, 9000)


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"DRIVER": "model"}, "CODEAGENT_DRIVER is model, which needs a model: set CODEAGENT_MODEL__NAME"),
        ({"MODEL__PLANNER": "p"}, "CODEAGENT_MODEL: other models are set, but no name"),
        ({"MODEL__BASE_URL": "ftp://x"}, "CODEAGENT_MODEL__BASE_URL: must be an http"),
        ({"MODEL__BASE_URL": "https://u:p@x/v1"}, "must be without user, password"),
        ({"MODEL__API_KEY": "a key"}, "CODEAGENT_MODEL__API_KEY: must be printable ASCII"),
        ({"MODEL__TEMPERATURE": "9"}, "CODEAGENT_MODEL__TEMPERATURE: Input should be less than"),
        ({"MODEL__PRICES": '{"m": {"input": -1, "output": 1}}'}, "is no price"),
        ({"MODEL__PRICES": '{"m": {"input": 0.0000001, "output": 1}}'}, "at most six decimals"),
        ({"MODEL__PRICES": '{"m": {"input": 1}}'}, "CODEAGENT_MODEL__PRICES__M__OUTPUT: Field required"),
        ({"MODEL__PRICES": "cheap"}, "CODEAGENT_MODEL__PRICES: is not JSON"),
        ({"BUDGET__MONEY": "-1"}, "CODEAGENT_BUDGET__MONEY"),
        ({"MODEL__NAM": "m"}, "did you mean CODEAGENT_MODEL__NAME?"),
    ],
)
def test_what_is_wrong_is_said(variables: dict[str, str], said: str, read: Read) -> None:
    with pytest.raises(ConfigError) as caught:
        method(read(variables))
    assert said in str(caught.value)


def test_the_key_is_not_shown(read: Read) -> None:
    settings = read({"MODEL__NAME": "m", "MODEL__API_KEY": KEY})
    redact = Redactor()
    line = endpoint(settings, redact)
    assert line is not None
    line.close()
    assert KEY not in repr(settings) + repr(line) + str(settings.model_dump())
    assert redact(f"the key is {KEY}.") == "the key is [redacted]."


@pytest.mark.parametrize(
    ("url", "open_"),
    [
        ("http://llm.example/v1", True),
        ("https://llm.example/v1", False),
        ("http://127.0.0.1:8000/v1", False),
        ("http://localhost:11434/v1", False),
        ("http://[::1]:1/v1", False),
        ("http://10.0.0.5/v1", True),
    ],
)
def test_a_key_in_clear(url: str, open_: bool, read: Read) -> None:
    assert open_to_listeners(read({"MODEL__BASE_URL": url, "MODEL__API_KEY": KEY})) is open_
    assert not open_to_listeners(read({"MODEL__BASE_URL": url}))


def rows(settings: Settings) -> dict[str, Finding]:
    return {row.name: row for row in examine(settings)}


def test_the_check_up_without_a_model(read: Read) -> None:
    row = rows(read())["model"]
    assert (row.ok, row.needed) == (False, False)


def test_the_check_up_asks_the_endpoint_for_its_models(read: Read) -> None:
    with ScriptedModel([], name="m", key=KEY) as model:
        configured = {"MODEL__NAME": "m", "MODEL__API_KEY": KEY, "MODEL__BASE_URL": model.base_url}
        assert rows(read(configured))["model"].ok
        assert not rows(read(configured))["model prices"].ok
        assert rows(read({**configured, "MODEL__PRICES": PRICES}))["model prices"].ok
        wrong = rows(read({**configured, "MODEL__NAME": "n"}))["model"]
        assert (wrong.ok, wrong.remedy) == (False, "set CODEAGENT_MODEL__NAME to one of: m")
        refused = rows(read({**configured, "MODEL__API_KEY": "sk-another-0123456789abcdef"}))["model"]
        assert "the key was not accepted" in refused.detail
        assert "sk-another" not in refused.detail
        assert rows(read({"MODEL__NAME": "m", "BUDGET__MONEY": "1"}))["model"].detail == "not usable"
        assert model.requests == ()


@pytest.mark.parametrize("body", [None, b"<html>", b"{}", b"[]", b'{"data": [7]}', b'{"data": null}', b"9"])
def test_an_endpoint_need_not_list_its_models(body: bytes | None, read: Read) -> None:
    with ScriptedModel([], name="m", key=KEY, models_body=body) as model:
        configured = {"MODEL__NAME": "m", "MODEL__API_KEY": KEY, "MODEL__BASE_URL": model.base_url}
        row = rows(read(configured))["model"]
        assert (row.ok, row.detail) == (True, f"m at {model.base_url}; it lists no models")


def test_services_carry_the_model(read: Read) -> None:
    settings = read({"MODEL__NAME": "m", "MODEL__PRICES": PRICES, "MODEL__SECONDS": "9"})
    services = engine.with_model(engine.offline_services(), settings)
    assert services.line is not None
    assert (services.method.driver, services.call_seconds) == (Driver.ESCALATE, 9.0)
    assert services.prices.of("m") is not None
