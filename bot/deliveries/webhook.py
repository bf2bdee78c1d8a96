"""What GitHub sends, before anything is decided: signature, bounds, and the few fields that are used.

Pure. Nothing is parsed before the signature over the raw bytes was found right, and there is no unsigned mode
(threats 1 and 4). What is read of each event is in ``bot.deliveries.payloads``.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from dataclasses import dataclass
from typing import Any, NoReturn

from pydantic import ValidationError

from bot.deliveries.payloads import MODELS, Payload

BODY_CAP = 25 * 1024 * 1024  # GitHub's own cap on a delivery
DEPTH_CAP = 64  # GitHub's deepest example has 9
TITLE_CAP = 1024
TEXT_CAP = 65_536  # GitHub's own cap on an issue's body

_SIGNATURE = re.compile(r"sha256=([0-9a-f]{64})", re.ASCII)
_EVENT = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)
_GUID = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{7,63}", re.ASCII)


def well_formed(signature: str | None) -> bool:
    """Whether an X-Hub-Signature-256 header can be a signature at all; lets a body stay unread."""
    return signature is not None and _SIGNATURE.fullmatch(signature) is not None


def verify(secret: bytes, body: bytes, header: str | None) -> bool:
    """Whether the body carries this signature. Never raises; an empty secret verifies nothing."""
    match = _SIGNATURE.fullmatch(header) if header is not None else None
    if match is None or not secret:
        return False
    expected = hmac.new(secret, body, hashlib.sha256).digest()
    return hmac.compare_digest(expected, bytes.fromhex(match[1]))


def sign(secret: bytes, body: bytes) -> str:
    """The header that GitHub would send."""
    return "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One verified delivery. ``payload`` is None when its event is not used, or when the fields that are
    used were not found (``unreadable`` then says which)."""

    event: str
    guid: str
    payload: Payload | None = None
    unreadable: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Malformed:
    """Signed, but not a delivery."""

    reason: str


def parse(event: str | None, guid: str | None, body: bytes) -> Delivery | Malformed:
    """Turn verified bytes into a delivery."""
    if event is None or not _EVENT.fullmatch(event):
        return Malformed(reason="X-GitHub-Event is missing or malformed")
    if guid is None or not _GUID.fullmatch(guid):
        return Malformed(reason="X-GitHub-Delivery is missing or malformed")
    try:
        data = json.loads(body, parse_constant=_no_constant)
    except RecursionError:
        return Malformed(reason="the body is nested too deeply")
    except ValueError:  # bad UTF-8, bad JSON, a number of thousands of digits
        return Malformed(reason="the body is not JSON")
    if not isinstance(data, dict):
        return Malformed(reason="the body is not a JSON object")
    if _deeper_than(data, DEPTH_CAP):
        return Malformed(reason="the body is nested too deeply")
    model = MODELS.get(event)
    if model is None:
        return Delivery(event=event, guid=guid)
    try:
        return Delivery(event=event, guid=guid, payload=model.model_validate(data))
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors(include_input=False)[0]["loc"])
        return Delivery(event=event, guid=guid, unreadable=where or "payload")


def storable(text: str, cap: int) -> str:
    """Text that every database and file can hold: no lone surrogate, no NUL, bounded."""
    return text[:cap].replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _deeper_than(value: Any, cap: int) -> bool:
    level = [value]
    for _ in range(cap):
        level = [
            child
            for item in level
            for child in (item.values() if isinstance(item, dict) else item)
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True
