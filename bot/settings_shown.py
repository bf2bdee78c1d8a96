"""The operator's settings as they are in effect, for reading: nothing secret is among them. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from pydantic import BaseModel, SecretStr

from bot.settings import PREFIX, Settings

HIDDEN = "(set, not shown)"


def shown(settings: Settings) -> Mapping[str, str]:
    """Variable → value, in the order of the documentation; an empty text where nothing is set."""
    return dict(_rows(settings))


def _rows(settings: Settings) -> Iterator[tuple[str, str]]:
    for name in Settings.model_fields:
        value = getattr(settings, name)
        if isinstance(value, BaseModel):
            for inner in type(value).model_fields:
                yield f"{PREFIX}{name}__{inner}".upper(), _text(getattr(value, inner))
        else:
            yield f"{PREFIX}{name}".upper(), _text(_without_password(name, value))


def _without_password(name: str, value: Any) -> Any:
    if name != "database_url" or value is None or not urlsplit(value).password:
        return value
    parts = urlsplit(value)
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, f"{parts.username}:***@{place}", parts.path, "", ""))


def _text(value: Any) -> str:
    match value:
        case None:
            return ""
        case SecretStr():
            return HIDDEN
        case tuple() | list() | frozenset():
            return ",".join(str(each) for each in value)
        case Mapping():
            rows = {key: _plain(each) for key, each in value.items()}
            return json.dumps(rows, default=str) if rows else ""
        case bool():
            return str(value).lower()
        case _:
            return str(getattr(value, "value", value))


def _plain(value: Any) -> Any:
    return value.model_dump(mode="json", exclude_none=True) if isinstance(value, BaseModel) else value
