"""What the real API accepts in a Chat Completions request: the names come from the SDK's own description of
it, the forms of what CodeAgent uses are written out. The second half is what "strict" asks of a schema."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from openai.types.chat import completion_create_params
from pydantic import BaseModel, ConfigDict, Field, ValidationError

KNOWN = frozenset(completion_create_params.CompletionCreateParamsBase.__annotations__) | {"stream"}
DEPTH = 10  # levels of nesting that strict schemas may have
UNSUPPORTED = frozenset({"default", "oneOf", "allOf", "not", "if", "then", "else", "discriminator"})
UNSUPPORTED |= {"dependentRequired", "dependentSchemas", "patternProperties", "unevaluatedProperties"}
UNSUPPORTED |= {"propertyNames", "minProperties", "maxProperties", "minLength", "maxLength"}
UNSUPPORTED |= {"uniqueItems", "contains"}


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Message(_Part):
    role: Literal["system", "user", "assistant", "developer"]
    content: str = Field(min_length=1)
    name: str | None = None


class JsonSchema(_Part):
    name: str = Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")
    description: str | None = None
    strict: bool | None = None
    schema_: dict[str, Any] = Field(alias="schema")


class AsSchema(_Part):
    type: Literal["json_schema"]
    json_schema: JsonSchema


class AsObject(_Part):
    type: Literal["json_object", "text"]


class Body(BaseModel):
    """The fields that CodeAgent sends; the others are checked by name only."""

    model_config = ConfigDict(extra="allow", strict=True)

    model: str = Field(min_length=1)
    messages: list[Message] = Field(min_length=1)
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, ge=0, le=1)
    n: int | None = Field(default=None, ge=1, le=128)
    seed: int | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = Field(default=None, ge=0, le=20)
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    response_format: Annotated[AsSchema | AsObject, Field(discriminator="type")] | None = None


def complaint(body: Any, extra_fields: frozenset[str]) -> tuple[str, str] | None:
    """(field, message) of the first thing that the API would not take."""
    if not isinstance(body, dict):
        return "", "We could not parse the JSON body of your request."
    for name in body:
        if name not in KNOWN | extra_fields:
            return name, f"Unrecognized request argument supplied: {name}"
    try:
        checked = Body.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        return str(first["loc"][0]), f"Invalid value for {'.'.join(map(str, first['loc']))}: {first['msg']}"
    if checked.max_tokens and checked.max_completion_tokens:
        return (
            "max_tokens",
            "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.",
        )
    if checked.top_logprobs and not checked.logprobs:
        return "top_logprobs", "'top_logprobs' needs 'logprobs'."
    return _format_complaint(checked)


def _format_complaint(body: Body) -> tuple[str, str] | None:
    wanted = body.response_format
    if isinstance(wanted, AsObject) and wanted.type == "json_object":
        if not any("json" in message.content.lower() for message in body.messages):
            return (
                "messages",
                "'messages' must contain the word 'json' to use 'response_format' 'json_object'.",
            )
    elif isinstance(wanted, AsSchema) and wanted.json_schema.strict:
        schema = wanted.json_schema.schema_
        for problem in _not_strict(schema, "schema", 0, root=True):
            return "response_format", f"Invalid schema for response_format: {problem}"
    return None


def _not_strict(schema: Any, at: str, depth: int, *, root: bool = False) -> Iterator[str]:
    if not isinstance(schema, dict):
        yield f"{at} is not an object"
        return
    if depth > DEPTH:
        yield f"{at} is nested too deep"
    if root and schema.get("type") != "object":
        yield "schema must be a JSON Schema of 'type: \"object\"'"
    for word in sorted(UNSUPPORTED & set(schema)):
        yield f"In {at}, '{word}' is not permitted."
    if "$ref" in schema and len(schema) > 1:
        yield f"In {at}, $ref cannot have keywords."
    if schema.get("type") == "object":
        names = list(schema.get("properties", {}))
        if schema.get("additionalProperties") is not False:
            yield f"In {at}, 'additionalProperties' is required to be supplied and to be false."
        if sorted(schema.get("required", [])) != sorted(names):
            yield f"In {at}, 'required' is required to be an array including every key in properties."
    for word in ("properties", "$defs"):
        for name, inner in schema.get(word, {}).items():
            yield from _not_strict(inner, f"{at}.{name}", depth + (word == "properties"))
    if "items" in schema:
        yield from _not_strict(schema["items"], f"{at}.items", depth)
    for number, inner in enumerate(schema.get("anyOf", [])):
        yield from _not_strict(inner, f"{at}.anyOf.{number}", depth)
