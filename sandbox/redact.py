"""Take secrets out of a text before it is logged, journaled, commented or published.

Known values are found exactly and in their usual encodings, unknown ones by their form. Terminal
sequences, line breaks and invisible characters between the characters of a secret do not hide it: every
search is also made in a view of the text without them.
"""

from __future__ import annotations

import base64
import json
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import quote

MARK = "[redacted]"
SHORTEST = 4
"""A "secret" of fewer characters would take half of every text with it."""

GIT_USER = "x-access-token:"


@dataclass(frozen=True, slots=True)
class Form:
    """What a secret looks like. A ``word`` begins where no letter or digit stands before it."""

    pattern: re.Pattern[str]
    word: bool = False


FORMS = (
    # GitHub: installation tokens may be a JWT of some 520 characters with dots and hyphens since 2026.
    Form(re.compile(r"gh[oprsu]_[A-Za-z0-9._-]{36,}")),
    Form(re.compile(r"github_pat_[A-Za-z0-9_]{22,}")),
    Form(re.compile(r"glpat-[A-Za-z0-9_-]{20,}")),
    Form(re.compile(r"sk-[A-Za-z0-9_-]{20,}"), word=True),
    Form(re.compile(r"xox[abeprs]-[A-Za-z0-9-]{10,}"), word=True),
    Form(re.compile(r"(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])"), word=True),
    Form(re.compile(r"eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}")),
    Form(re.compile(r"(?<=://)[^/@\s:]{1,200}:[^/@\s]{1,2000}(?=@)")),  # user and password of an URL
    Form(re.compile(r"(?i)(?<=authorization: )(?:bearer|basic|token) [A-Za-z0-9+/=._-]{8,}")),
    # When the end line was cut off: as far as it looks like the inside of a key.
    Form(
        re.compile(
            r"-----BEGIN[A-Z0-9 ]{0,40}PRIVATE ?KEY(?: ?BLOCK)?-----"
            r"(?:[\s\S]{0,16384}?-----END[A-Z0-9 ]{0,40}PRIVATE ?KEY(?: ?BLOCK)?-----"
            r"|[A-Za-z0-9+/=\s\\:,\"'-]{0,16384})"
        )
    ),
)

# Also as they look inside a JSON string or a Python repr.
_TERMINAL = (
    r"(?:\x1b|\\x1b|\\u001b|\\033|\\e)"
    r"(?:\[[0-?]{0,64}[ -/]{0,8}[@-~]|\][^\x07\x1b\\]{0,256}(?:\x07|\x1b\\|\\x07)|[@-Z^_])"
)
_INVISIBLE = "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x9b\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff]"
# Colours may be switched between the blanks around a line end.
_BLANK = rf"(?:[ \t]|{_TERMINAL}|{_INVISIBLE}){{0,8}}"
_BREAK = rf"{_BLANK}(?:\r\n|\r|\n|\\r\\n|\\n|\\r){_BLANK}"
DECORATION = re.compile(f"(?:{_TERMINAL}|{_INVISIBLE})+")
ALL_BETWEEN = re.compile(f"(?:{_TERMINAL}|{_INVISIBLE}|{_BREAK})+")
# For secrets with blanks in them: one that is cut beside its blank loses that blank with the cut.
ALL_BLANK = re.compile(f"(?:{_TERMINAL}|{_INVISIBLE}|{_BREAK}|[ \\t])+")


class Redactor:
    """Knows secrets; callable on a text. More can be added while it is in use, from any thread.

    Without ``forms`` only the known values are taken out, and everything else stays as it is.
    """

    def __init__(self, secrets: Iterable[str] = (), *, forms: tuple[Form, ...] = FORMS) -> None:
        self._needles: frozenset[str] = frozenset()
        self._forms = forms
        for secret in secrets:
            self.add(secret)

    def add(self, secret: str) -> None:
        if len(secret) >= SHORTEST:
            self._needles |= frozenset(_writings(secret))

    def __call__(self, text: str) -> str:
        spans = sorted(
            span for view in _views(text, self._needles) for span in view.spans(self._needles, self._forms)
        )
        if not spans:
            return text
        parts, at = [], 0
        for start, end in _merged(spans):
            parts += [text[at:start], MARK]
            at = end
        return "".join((*parts, text[at:]))

    def data(self, data: bytes) -> bytes:
        """The same for bytes, whatever they are."""
        return self(data.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")


@dataclass(frozen=True, slots=True)
class _View:
    """A text without what ``between`` matches, and where every piece of it came from."""

    text: str
    between: re.Pattern[str] | None
    starts: tuple[int, ...]
    origins: tuple[int, ...]

    def spans(self, needles: frozenset[str], forms: tuple[Form, ...]) -> Iterator[tuple[int, int]]:
        """In the original text."""
        if self.between is ALL_BLANK:  # text without its blanks looks like anything: only for what has some
            needles, forms = frozenset(filter(_has_blank, needles)), ()
        for needle in needles:
            needle = needle if self.between is None else self.between.sub("", needle)
            at = self.text.find(needle) if needle else -1
            while at >= 0:
                yield self._original(at, at + len(needle))
                at = self.text.find(needle, at + 1)
        for form in forms:
            for match in form.pattern.finditer(self.text):
                if not (form.word and self._continues(match.start())):
                    yield self._original(match.start(), match.end())

    def _continues(self, at: int) -> bool:
        """Whether a letter or digit stands right before ``at``, with nothing taken out between them."""
        return at > 0 and self.text[at - 1].isalnum() and at not in self.starts

    def _original(self, start: int, end: int) -> tuple[int, int]:
        return self._origin(start), self._origin(end - 1) + 1

    def _origin(self, at: int) -> int:
        piece = bisect_right(self.starts, at) - 1
        return self.origins[piece] + at - self.starts[piece]


def _views(text: str, needles: frozenset[str]) -> Iterator[_View]:
    yield _View(text, None, (0,), (0,))
    for between in (DECORATION, ALL_BETWEEN, *([ALL_BLANK] if any(map(_has_blank, needles)) else ())):
        pieces, starts, origins, size, at = [], [], [], 0, 0
        for match in (*between.finditer(text), None):
            end = len(text) if match is None else match.start()
            if end > at:
                pieces.append(text[at:end])
                starts.append(size)
                origins.append(at)
                size += end - at
            at = end if match is None else match.end()
        if origins not in ([], [0]) or size != len(text):
            yield _View("".join(pieces), between, tuple(starts), tuple(origins))


def _has_blank(needle: str) -> bool:
    return " " in needle or "\t" in needle


def _writings(secret: str) -> Iterator[str]:
    """The ways in which a secret may stand in a text."""
    yield secret
    yield quote(secret, safe="")
    yield json.dumps(secret)[1:-1]
    yield secret.encode("utf-8", "surrogateescape").hex()
    yield secret.encode("utf-8", "surrogateescape").hex().upper()
    for value in (secret, f"{GIT_USER}{secret}"):
        yield from _base64(value.encode("utf-8", "surrogateescape"))


def _base64(value: bytes) -> Iterator[str]:
    """The characters that depend on the value alone, for each of the three ways it can lie in the
    encoded bytes.
    """
    for before, foreign in ((0, 0), (1, 2), (2, 3)):
        text = base64.b64encode(bytes(before) + value).decode("ascii")
        core = text.rstrip("=")
        core = core[foreign : len(core) - (core != text)]
        if len(core) >= 2 * SHORTEST:
            yield core
            yield core.replace("+", "-").replace("/", "_")


def _merged(spans: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    start, end = spans[0]
    for next_start, next_end in spans[1:]:
        if next_start > end:
            yield start, end
            start, end = next_start, next_end
        end = max(end, next_end)
    yield start, end
