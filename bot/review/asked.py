"""What a reviewer's comment asks for, read without a model. Pure and bounded.

A suggestion is the change itself. A statement with an example ("`f(None)` should return `0`", a doctest, a
traceback) says what is wrong: a test can be made of it. Anything else gets an explanation, and a word of
thanks gets nothing. What a comment quotes is somebody else's word.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

MOST: Final = 65_536  # characters that are looked at; GitHub allows no longer comment
MOST_SUGGESTIONS: Final = 20
CHATTER: Final = 8  # words


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggested:
    """``texts``: what each block would put in the place of the lines commented on, in whole lines; empty: the
    lines go. Several blocks are alternatives, for all of them replace the same lines."""

    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """Says with an example what should come out."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wished:
    """Wants another change, without an example that a test could be made of."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Questioned:
    """Wants to know something."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chatter:
    """Thanks, praise, agreement: nobody waits for an answer."""


Asked = Suggested | Stated | Wished | Questioned | Chatter

_HIDDEN = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_FENCE = re.compile(r"( {0,3})(`{3,}|~{3,})[ \t]*([^\n]*)")
_CALL = re.compile(r"(?<![\w.])[A-Za-z_][\w.]{0,100}\([^`\n]{0,300}\)")
_RESULT = re.compile(
    r"""(?ix)
    \b(?: should | shouldn[’']t | ought | expect(?:s|ed|ing)? | must(?:n[’']t)? | instead | has\s+to
       | gives | returns | raises | crashes | fails | throws | but\s+(?:got|is) )\b
    | → | -> | =>"""
)
_ASKS = re.compile(
    r"""(?ix)
    (?: (?:and|but|so|also|hm+|ok(?:ay)?) ,?\s+ )*
    (?: why|how|what|where|when|who|whom|which|is|are|was|were|does|do|did|can|could
      |would|will|has|have|may|am )\b"""
)
_THANKS = re.compile(
    r"""(?ix)\s*
    (?: thank(?:s|\s+you) | thx | ty | lgtm | looks?\s+good | nice | great | perfect | cool | awesome | good
      | ok(?:ay)? | done | agreed? | yes | fine | ack | \+1 | 👍 | 🎉 | ❤️? | :\+1: | :tada: ) (?![\w(])"""
)


def asked(body: str) -> Asked:
    """What a comment asks for."""
    text = visible(body)
    if (texts := suggestions(body)) is not None:
        return Suggested(texts=texts)
    code, prose = _parted(text)
    if any(_shows(block) for block in code) or any(_states(sentence) for sentence in _sentences(prose)):
        return Stated(text=text.strip())
    words = prose.split()
    if not words and not code:
        return Chatter()
    if not code and "?" not in prose and len(words) <= CHATTER and _THANKS.match(prose):
        return Chatter()
    if "?" in prose or _ASKS.match(prose.strip()):
        return Questioned(text=text.strip())
    return Wished(text=text.strip())


def visible(body: str) -> str:
    """What a reader sees and the writer says: without hidden comments and quotations."""
    text = _HIDDEN.sub("", body[:MOST].replace("\r\n", "\n").replace("\r", "\n"))
    return "\n".join(line for line in text.split("\n") if not re.match(r" {0,3}>(?!>>)", line))


def suggestions(body: str) -> tuple[str, ...] | None:
    """The contents of the blocks fenced as ``suggestion``; None when there is none."""
    found = [content for info, content in _blocks(visible(body)) if re.match(r"suggestion(?::|\s|$)", info)]
    return tuple(dict.fromkeys(found[:MOST_SUGGESTIONS])) if found else None


def _blocks(text: str) -> list[tuple[str, str]]:
    """Fenced blocks: (what stands after the fence, content). One that is not closed ends with the text."""
    found: list[tuple[str, str]] = []
    fence, info, indent, lines = "", "", 0, list[str]()
    for line in text.split("\n"):
        mark = _FENCE.fullmatch(line)
        if not fence:
            if mark and not (mark[2][0] == "`" and "`" in mark[3]):
                fence, info, indent, lines = mark[2], mark[3].strip(), len(mark[1]), []
        elif mark and mark[2][0] == fence[0] and len(mark[2]) >= len(fence) and not mark[3].strip():
            found.append((info, "".join(f"{each}\n" for each in lines)))
            fence = ""
        else:
            lines.append(line[min(indent, len(line) - len(line.lstrip(" "))) :])
    if fence:
        found.append((info, "".join(f"{each}\n" for each in lines)))
    return found


def _parted(text: str) -> tuple[list[str], str]:
    """Code blocks, and what stands outside of them."""
    code: list[str] = []
    prose: list[str] = []
    fence = ""
    for line in text.split("\n"):
        mark = _FENCE.fullmatch(line)
        if not fence and mark and not (mark[2][0] == "`" and "`" in mark[3]):
            fence = mark[2]
            code.append("")
        elif fence and mark and mark[2][0] == fence[0] and len(mark[2]) >= len(fence):
            fence = ""
        elif fence:
            code[-1] += line + "\n"
        else:
            prose.append(line)
    return code, "\n".join(prose).strip()


def _shows(block: str) -> bool:
    """A session, a traceback or an assertion."""
    return bool(re.search(r"(?m)^\s*(?:>>> \S|assert\s|Traceback \(most recent call last\))", block))


def _sentences(prose: str) -> list[str]:
    """Parts that end with a mark that stands outside of code, or with a paragraph."""
    kept = re.sub(r"`[^`\n]{1,500}`", lambda span: span[0].replace(".", "\0").replace("?", "\1"), prose)
    parts = re.split(r"(?<=[.!?])\s+|\n\s*\n|\n(?=\s*[-*+]\s)", kept)
    return [part.replace("\0", ".").replace("\1", "?").strip() for part in parts]


def _states(sentence: str) -> bool:
    """Whether a sentence says what a call should come to; a question about one does not."""
    bare = sentence.lstrip("-*+ ")
    if re.match(r"\s*>>> \S", sentence):
        return True
    if _ASKS.match(bare) and sentence.rstrip().endswith("?"):
        return False
    outside = re.sub(r"`[^`\n]{1,500}`", "` `", bare)
    return bool(_CALL.search(bare)) and bool(_RESULT.search(outside))
