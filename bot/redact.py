"""Secrets taken out of text before it goes anywhere: logs, comments, pages, errors (threat 11).

Known secrets are found by their exact value, also base64-encoded, URL-quoted, or broken by line ends and
terminal colours; tokens that nobody told about are found by their shape.
"""

from __future__ import annotations

import base64
import re
import threading
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote

MARK: Final = "[redacted]"
SHORTEST: Final = 8  # a shorter "secret" would be found everywhere

_SHAPES: Final = (
    # Installation tokens are JWTs of about 520 characters since April 2026: dots and dashes too.
    re.compile(r"gh[opusr]_[A-Za-z0-9._-]{36,}"),
    re.compile(r"github_pat_[A-Za-z0-9_]{22,}"),
    re.compile(r"\bsk-[A-Za-z0-9_-]{20,}"),
    re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}"),
    re.compile(
        r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----.{0,20000}?(?:-----END [A-Z ]{0,30}PRIVATE KEY-----|\Z)",
        re.S,
    ),
    re.compile(r"(?<=://)[^/@\s:]{1,200}:[^/@\s]{1,2000}(?=@)"),
    re.compile(r"(?i)(?<=authorization: )(?:bearer|basic|token) [A-Za-z0-9+/=._-]{8,}"),
)
_BREAK: Final = r"(?:\s|\x1b\[[0-9;]{0,20}m)*"


class Redactor:
    """Forgets nothing it was told; may be told more at any time, from any thread."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._guard = threading.Lock()
        self._known: tuple[re.Pattern[str], ...] = ()
        self._seen: set[str] = set()
        for secret in secrets:
            self.add(secret)

    def add(self, secret: str) -> None:
        secret = secret.strip()
        with self._guard:
            if len(secret) < SHORTEST or secret in self._seen:
                return
            self._seen.add(secret)
            self._known = (*self._known, *(_anywhere(form) for form in _forms(secret)))

    def __call__(self, text: str) -> str:
        for pattern in (*self._known, *_SHAPES):
            text = pattern.sub(MARK, text)
        return text


def _forms(secret: str) -> Iterable[str]:
    plain = (secret, f"x-access-token:{secret}")
    encoded = (base64.b64encode(form.encode()).decode() for form in plain)
    forms = {secret, quote(secret, safe=""), *(form.rstrip("=") for form in encoded)}
    forms |= {form.replace("+", "-").replace("/", "_") for form in forms}
    return sorted(forms, key=len, reverse=True)


def _anywhere(form: str) -> re.Pattern[str]:
    return re.compile(_BREAK.join(re.escape(character) for character in form if not character.isspace()))
