"""The forms that training data comes in. Each has a JSON Schema beside this file; a form that changes gets a
new version, in its schema's ``$id`` and, where the form has room for it, on every line."""

from __future__ import annotations

import json
from enum import StrEnum
from importlib.resources import files
from typing import Any


class Form(StrEnum):
    """What a line is."""

    TRIPLETS = "triplets"
    MASKED = "masked"
    SFT = "sft"
    PREFERENCES = "preferences"


VERSION = 1


def schema_of(form: Form) -> dict[str, Any]:
    """The published JSON Schema (draft 2020-12) of a form's lines."""
    text = files("agent.triplets").joinpath("schemas", f"{form.value}.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema
