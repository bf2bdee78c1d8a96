"""The JSON Schema of an answer's class, in the form that strict structured outputs take. Pure.

OpenAI's rules (Structured outputs, "Supported schemas"): every object is closed and all of its fields are
required, unions are ``anyOf``, and a ``$ref`` stands alone. Keywords without support are left out: what they
asked for is checked when the answer is read.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import BaseModel

from agent.protocols import JsonObject

DROPPED = frozenset(
    {"default", "title", "discriminator", "minLength", "maxLength", "uniqueItems", "examples"}
)


@dataclass(frozen=True, kw_only=True)
class Form:
    """The form of an answer. ``text`` is its schema as compact JSON."""

    name: str
    schema: JsonObject
    text: str

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()


@cache
def form_of(reply: type[BaseModel]) -> Form:
    """Raises TypeError for a class whose answers cannot be asked for strictly (free-form mappings)."""
    schema = _strict(reply.model_json_schema(), reply.__name__)
    name = re.sub(r"[^A-Za-z0-9_-]", "_", reply.__name__)[:64]
    return Form(name=name, schema=schema, text=json.dumps(schema, separators=(",", ":"), ensure_ascii=False))


def _strict(schema: Any, at: str) -> Any:
    """A new schema; ``at`` says in errors where."""
    if isinstance(schema, list):
        return [_strict(each, at) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return {"$ref": schema["$ref"]}
    if schema.get("additionalProperties") not in (None, False):
        raise TypeError(f"{at} has a free-form mapping, which no strict schema can say; use a list of pairs")
    made: dict[str, Any] = {}
    for word, value in schema.items():
        if word in DROPPED:
            continue
        if word in ("properties", "$defs"):
            made[word] = {name: _strict(inner, f"{at}.{name}") for name, inner in value.items()}
        elif word == "allOf" and len(value) == 1:
            made |= _strict(value[0], at)
        elif word == "enum":
            made[word] = value
        else:
            made["anyOf" if word == "oneOf" else word] = _strict(value, at)
    if made.get("type") == "object":
        made |= {"required": list(made.setdefault("properties", {})), "additionalProperties": False}
    return made
