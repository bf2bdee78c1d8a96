"""Reading JSON of which nothing is known: what is missing or of another type is a default, never an error.

A journal may be an older version's, another program's or a forger's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

Body = Mapping[str, Any]
NOTHING: Body = {}
LONGEST_TEXT = 4_000  # characters of a text that is kept to be shown; the journal has the whole
MOST = 100  # entries of a list that is kept to be shown
LARGEST = 1 << 53  # what every reader of JSON agrees on


def body_of(value: object, name: str) -> Body:
    found = value.get(name) if isinstance(value, Mapping) else None
    return found if isinstance(found, Mapping) else NOTHING


def text_of(value: Body, name: str, limit: int = LONGEST_TEXT) -> str:
    found = value.get(name)
    return shortened(found, limit) if isinstance(found, str) else ""


def number_of(value: Body, name: str) -> float | None:
    found = value.get(name)
    if isinstance(found, bool) or not isinstance(found, int | float):
        return None
    if isinstance(found, int) and abs(found) > LARGEST:
        return None
    return float(found) if math.isfinite(found) else None


def count_of(value: Body, name: str) -> int:
    found = number_of(value, name)
    return int(found) if found is not None else 0


def id_of(value: Body, name: str) -> int | None:
    """The number of a node."""
    found = value.get(name)
    if isinstance(found, bool) or not isinstance(found, int):
        return None
    return found if 0 <= found <= LARGEST else None


def flag_of(value: Body, name: str) -> bool | None:
    found = value.get(name)
    return found if isinstance(found, bool) else None


def bodies_of(value: Body, name: str, most: int = MOST) -> tuple[Body, ...]:
    found = value.get(name)
    items = found if isinstance(found, Sequence) and not isinstance(found, str) else ()
    return tuple(item for item in items[:most] if isinstance(item, Mapping))


def texts_of(value: Body, name: str, most: int = MOST, limit: int = 300) -> tuple[str, ...]:
    found = value.get(name)
    items = found if isinstance(found, Sequence) and not isinstance(found, str) else ()
    return tuple(shortened(item, limit) for item in items[:most] if isinstance(item, str))


def named_texts_of(value: Body, name: str, most: int = MOST, limit: int = 300) -> dict[str, str]:
    found = list(body_of(value, name).items())[:most]
    return {shortened(key, 300): shortened(text, limit) for key, text in found if isinstance(text, str)}


def shortened(text: str, limit: int) -> str:
    """Cut between words: half a secret would no longer be seen to be one when it is redacted later."""
    if len(text) <= limit:
        return text
    kept = text[:limit]
    while kept and not kept[-1].isspace():
        kept = kept[: -len(kept.split()[-1])] if kept.split() else ""
    return f"{kept}… ({len(text) - len(kept)} characters more)"
