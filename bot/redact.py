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
_BREAK = re.compile(r"\s+|\x1b\[[0-9;]{0,20}m")


class Redactor:
    """Forgets nothing it was told; may be told more at any time, from any thread."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._guard = threading.Lock()
        self._known: tuple[str, ...] = ()  # longest first
        for secret in secrets:
            self.add(secret)

    def add(self, secret: str) -> None:
        secret = _BREAK.sub("", secret)
        if len(secret) >= SHORTEST:
            with self._guard:
                known = {*self._known, *_forms(secret)}
                self._known = tuple(sorted(known, key=len, reverse=True))

    def __call__(self, text: str) -> str:
        text = _without_known(text, self._known)
        for pattern in _SHAPES:
            text = pattern.sub(MARK, text)
        return text


def _forms(secret: str) -> Iterable[str]:
    encoded = (base64.b64encode(form.encode()).decode() for form in (secret, f"x-access-token:{secret}"))
    forms = {form.rstrip("=") for form in (secret, quote(secret, safe=""), *encoded)}
    forms |= {form.replace("+", "-").replace("/", "_") for form in forms}
    return (form for form in forms if len(form) >= SHORTEST)


def _without_known(text: str, known: tuple[str, ...]) -> str:
    """Looks in the text without its breaks, and takes out what lies there with them."""
    compact = _BREAK.sub("", text)
    found = [form for form in known if form in compact]
    if not found:
        return text
    places = _places(text)
    for start, end in sorted(_spans(compact, found), reverse=True):
        text = text[: places[start]] + MARK + text[places[end - 1] + 1 :]
    return text


def _places(text: str) -> list[int]:
    """Where each character of the text without breaks stands in the text with them."""
    places: list[int] = []
    end = 0
    for gap in _BREAK.finditer(text):
        places.extend(range(end, gap.start()))
        end = gap.end()
    places.extend(range(end, len(text)))
    return places


def _spans(compact: str, found: list[str]) -> list[tuple[int, int]]:
    """Where the known forms stand; overlapping ones are one."""
    spans = sorted(
        (match.start(), match.end()) for form in found for match in re.finditer(re.escape(form), compact)
    )
    merged: list[tuple[int, int]] = []
    for start, end in spans:
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
