"""The settings of the language model, its prices, and who drives the search."""

from __future__ import annotations

import json
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

from agent.llm.pricing import Price

OPENAI = "https://api.openai.com/v1"


class DriverChoice(StrEnum):
    AUTO = "auto"  # escalate when a model is named, else built-in
    BUILT_IN = "built-in"
    MODEL = "model"
    ESCALATE = "escalate"
    PIPELINE = "pipeline"


class PriceSettings(BaseModel):
    """US dollars per million tokens. Without ``cached_input`` a cached prompt costs what any other does."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    input: Decimal
    output: Decimal
    cached_input: Decimal | None = None

    @model_validator(mode="after")
    def _exact(self) -> Self:
        _ = self.price
        return self

    @property
    def price(self) -> Price:
        return Price.per_million(self.input, self.output, self.cached_input)


class ModelSettings(BaseModel):
    """The endpoint, the models and how they are asked."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    base_url: str = Field(
        default=OPENAI, description="any OpenAI-compatible endpoint: what comes before /chat/completions"
    )
    api_key: SecretStr | None = Field(default=None, description="its key; endpoints without keys need none")
    name: str = Field(default="", max_length=200, description="the model; empty: none is used")
    policy: str = Field(default="", max_length=200, description="another model that proposes actions")
    planner: str = Field(default="", max_length=200, description="another model that writes the edits")
    decision: str = Field(default="", max_length=200, description="another model that decides on plans")
    feedback: str = Field(default="", max_length=200, description="another model that explains failing tests")
    test_designer: str = Field(default="", max_length=200, description="another model that writes the tests")
    clarifier: str = Field(default="", max_length=200, description="another model that words questions")
    temperature: float = Field(default=0.2, ge=0, le=2, description="of all answers")
    top_k: int | None = Field(
        default=None, ge=1, description="sent when it is set; not every endpoint knows it"
    )
    max_tokens: int = Field(default=1024, ge=64, le=1 << 20, description="cap of one answer, in tokens")
    edit_tokens: int = Field(
        default=4096, ge=64, le=1 << 20, description="the same of answers that hold edits or test files"
    )
    log_probabilities: bool = Field(
        default=True, description="ask for them, to score actions; endpoints without them are recognised"
    )
    seconds: float = Field(default=180.0, gt=0, le=3600, description="wall-clock seconds of one call")
    prices: Annotated[dict[str, PriceSettings], NoDecode] = Field(
        default_factory=dict,
        description='JSON, US dollars per million tokens: {"NAME": {"input": 1.5, "cached_input": 0.75, '
        '"output": 6}}; "*" stands for all others',
    )

    @model_validator(mode="after")
    def _named(self) -> Self:
        others = (self.policy, self.planner, self.decision, self.feedback, self.test_designer, self.clarifier)
        if any(others) and not self.name:
            raise ValueError("other models are set, but no name: name is what all else uses")
        return self

    @field_validator("prices", mode="before")
    @classmethod
    def _table(cls, value: Any) -> Any:
        try:
            return json.loads(value) if isinstance(value, str) else value
        except ValueError as error:
            raise ValueError(f"is not JSON: {error}") from None

    @field_validator("base_url")
    @classmethod
    def _url(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("https", "http") or not parts.hostname:
            raise ValueError("must be an http(s) URL")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("must be without user, password, query and fragment")
        return value.rstrip("/").removesuffix("/chat/completions")

    @field_validator("api_key")
    @classmethod
    def _sendable(cls, value: SecretStr | None) -> SecretStr | None:
        key = value.get_secret_value() if value is not None else ""
        if not key.isascii() or not key.isprintable() or " " in key:
            raise ValueError("must be printable ASCII without blanks: it goes into a header")
        return value if key else None
