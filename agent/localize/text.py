"""What the issue's words say about the code: identifiers it names, and BM25 of its words over functions."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MAX_TEXT = 60_000
MAX_NAME = 120  # what is longer is no name, and would keep the pattern for names busy
WORD = re.compile(r"[A-Za-z]+|\d+")
IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*")
QUOTED = re.compile(r"`{3}[^\n]{0,80}\n(.*?)`{3}|`([^`\n]{1,300})`", re.DOTALL)
CALLED = re.compile(r"\b([A-Za-z_][\w.]{0,150})\(")
CODE_LIKE = re.compile(r"^(?:\w*_\w*|[a-z]+[A-Z]\w*|[A-Z]\w*[a-z]\w*[A-Z]\w*|.*\..*)$")
CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|_")
COMMON = frozenset({
    "a", "also", "an", "and", "are", "as", "at", "be", "but", "by", "can", "class", "def", "do",
    "does", "error", "expected", "false", "for", "from", "get", "has", "have", "i", "if", "import",
    "in", "instead", "into", "is", "it", "its", "me", "my", "no", "none", "not", "of", "on", "only",
    "or", "our", "raise", "raises", "return", "returns", "self", "should", "so", "that", "the", "then",
    "there", "this", "to", "true", "up", "use", "used", "using", "was", "we", "what", "when", "where",
    "which", "will", "with", "would",
})  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueText:
    """What of an issue can be found again in code. ``identifiers`` maps a simple name to how plainly it is
    meant as code: 1 called in quoted code, 0.9 quoted, 0.7 written like an identifier."""

    identifiers: Mapping[str, float]
    words: tuple[str, ...]


def read_issue(title: str, body: str) -> IssueText:
    text = f"{title}\n{body}"[:MAX_TEXT]
    found: dict[str, float] = {}
    for quoted in (group for match in QUOTED.finditer(text) for group in match.groups() if group):
        for name in IDENTIFIER.findall(quoted):
            _note(found, name, 0.9)
    for name in CALLED.findall(text):
        _note(found, name.rstrip("."), 1.0)
    for name in IDENTIFIER.findall(text):
        if len(name) <= MAX_NAME and CODE_LIKE.match(name):
            _note(found, name, 0.7)
    return IssueText(identifiers=found, words=tuple(stems(text)))


def _note(found: dict[str, float], dotted: str, weight: float) -> None:
    """A dotted name counts for its last part; the parts before it less."""
    *before, last = dotted.split(".")
    for name, share in [*((part, 0.6) for part in before), (last, 1.0)]:
        if name.lower() not in COMMON:
            found[name] = max(found.get(name, 0.0), weight * share)


def stems(text: str) -> list[str]:
    """Lower-case words of prose and of identifiers, plural endings and the like cut off."""
    parts = (
        part for name in IDENTIFIER.findall(text) for piece in name.split(".") for part in CAMEL.split(piece)
    )
    words = (word.lower() for part in parts for word in WORD.findall(part))
    return [stem(word) for word in words if word not in COMMON and len(word) > 1]


def stem(word: str) -> str:
    for ending in ("ing", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


def bm25(
    query: Sequence[str], documents: Sequence[Sequence[str]], k1: float = 1.2, b: float = 0.75
) -> list[float]:
    """Okapi BM25 of each document, divided by the largest: 0 to 1."""
    counts = [Counter(document) for document in documents]
    return bm25_of_counts(query, counts, [len(document) for document in documents], k1, b)


def bm25_of_counts(
    query: Sequence[str],
    counts: Sequence[Mapping[str, int]],
    lengths: Sequence[int],
    k1: float = 1.2,
    b: float = 0.75,
) -> list[float]:
    """The same of documents given by how often they have each word of the query, and by their lengths."""
    if not counts:
        return []
    mean = sum(lengths) / len(lengths) or 1.0
    wanted = sorted(set(query))
    spread = {word: sum(word in count for count in counts) for word in wanted}
    inverse = {
        word: math.log(1 + (len(counts) - spread[word] + 0.5) / (spread[word] + 0.5)) for word in wanted
    }
    scores = [
        sum(
            inverse[word] * count[word] * (k1 + 1) / (count[word] + k1 * (1 - b + b * length / mean))
            for word in wanted
            if word in count
        )
        for count, length in zip(counts, lengths, strict=True)
    ]
    top = max(scores)
    return [score / top for score in scores] if top > 0 else scores
