"""What GitHub sends, before anything is decided: signature, bounds, and the few fields that are used.

Pure. Nothing is parsed before the signature over the raw bytes was found right, and there is no unsigned mode
(threats 1 and 4). The models name only what is used and ignore the rest: a third of GitHub's own example
payloads fail when parsed by its full description.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, NoReturn

from pydantic import BaseModel, ConfigDict, Field, ValidationError

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


Id = Annotated[int, Field(ge=0, lt=2**63)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class User(_Model):
    login: str
    type: str = "User"


class Label(_Model):
    name: str


class IssueData(_Model):
    number: Id
    title: str
    body: str | None = None
    state: str = "open"
    user: User | None = None  # null for a deleted account
    pull_request: object | None = None  # present when the issue is a pull request
    updated_at: str | None = None


class Repository(_Model):
    id: Id
    full_name: str
    archived: bool = False


class InstallationData(_Model):
    id: Id


class Payload(_Model):
    """What every event may carry."""

    action: str = ""
    sender: User | None = None
    repository: Repository | None = None
    installation: InstallationData | None = None


class IssuesPayload(Payload):
    issue: IssueData
    label: Label | None = None


class CommentData(_Model):
    id: Id
    body: str | None = None
    user: User | None = None


class IssueCommentPayload(Payload):
    issue: IssueData
    comment: CommentData


class InstallationPayload(Payload):
    pass


class PingPayload(Payload):
    zen: str = ""


MODELS: Mapping[str, type[Payload]] = {
    "issues": IssuesPayload,
    "issue_comment": IssueCommentPayload,
    "installation": InstallationPayload,
    "installation_repositories": InstallationPayload,
    "ping": PingPayload,
}


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
