"""The published JSON schema of ``codeagent.yml``, for editors and checks. Pure.

``docs/codeagent.schema.json`` is what ``codeagent config schema`` prints; a test keeps it true.
"""

from __future__ import annotations

import json
from typing import Any, Final

from bot.config.keys import RepoConfig

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, Any]:
    """What editors show: each key with its meaning. What a file may say is decided by ``bot.config.reading``,
    which takes a little more (`yes` for true) and knows more (which placeholders there are)."""
    made = _plain(RepoConfig.model_json_schema())
    made["properties"]["python"]["anyOf"].append({"type": "number"})  # 3.12 without quotes
    return {"$schema": DIALECT, "title": "CodeAgent: .github/codeagent.yml", **made}


def schema_text() -> str:
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def _plain(value: Any) -> Any:
    """Without the titles that pydantic makes of names; a property may well be called "title"."""
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        key: {name: _plain(each) for name, each in inner.items()} if key == "properties" else _plain(inner)
        for key, inner in value.items()
        if not (key == "title" and isinstance(inner, str))
    }
