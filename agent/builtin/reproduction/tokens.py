"""Prose as tokens: words, punctuation, and whatever looks like code with or without backticks.

One pass over the text. Nothing here is searched for twice: a mark without its partner is remembered as such.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from agent.localize.safe_ast import parse_expression

MAX_SPAN = 400  # of a piece of code inside prose
ABBREVIATIONS = frozenset(["e.g.", "i.e.", "eg.", "ie.", "vs.", "etc.", "cf.", "approx.", "incl.", "resp."])
OPENING = "([{"
CLOSING = {"(": ")", "[": "]", "{": "}"}
LABEL_WORDS = 4


class Type(StrEnum):
    WORD = "word"
    CODE = "code"  # in backticks
    CALL = "call"  # f(1) in running text
    QUOTE = "quote"  # "text" in running text
    LITERAL = "literal"  # [1, 2] in running text
    PUNCT = "punctuation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """``start`` and ``end`` are offsets in the paragraph; ``low`` is what phrases are matched with."""

    type: Type
    text: str
    start: int
    end: int

    @property
    def low(self) -> str:
        return self.text.lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    tokens: tuple[Token, ...]
    text: str
    start: int = 0

    def raw(self, first: int, last: int) -> str:
        """The text from token ``first`` to before token ``last``."""
        if first >= min(last, len(self.tokens)):
            return ""
        return self.text[
            self.tokens[first].start - self.start : self.tokens[min(last, len(self.tokens)) - 1].end
            - self.start
        ]


def sentences(paragraph: str) -> tuple[Sentence, ...]:
    """A paragraph's sentences. A label at the start of a line ("Expected:") starts one too."""
    found: list[Sentence] = []
    current: list[Token] = []
    for token in _tokens(paragraph):
        if current and _label_line(paragraph, token, current[-1]):
            found.append(_sentence(paragraph, current))
            current = []
        current.append(token)
        if _ends(paragraph, token):
            found.append(_sentence(paragraph, current))
            current = []
    if current:
        found.append(_sentence(paragraph, current))
    return tuple(found)


def _sentence(paragraph: str, tokens: list[Token]) -> Sentence:
    start, end = tokens[0].start, tokens[-1].end
    return Sentence(tokens=tuple(tokens), text=paragraph[start:end], start=start)


def _ends(text: str, token: Token) -> bool:
    following = text[token.end : token.end + 1]
    return (
        token.type is Type.PUNCT and token.text in ".!?。！？" and following in ("", " ", "\n", ")", '"', "*")
    )


def _label_line(text: str, token: Token, before: Token) -> bool:
    if "\n" not in text[before.end : token.start]:
        return False
    line = text[token.start : token.start + 60].split("\n")[0]
    if token.type in (Type.CODE, Type.CALL) and "(" in token.text:
        return before.text == ")" or any(arrow in line for arrow in ("->", "=>", "→"))
    head, colon, _ = line.partition(":")
    return bool(colon) and len(head.split()) <= LABEL_WORDS and "(" not in head


def _tokens(text: str) -> Iterator[Token]:
    scan = _Scanner(text)
    while scan.at < len(text):
        token = scan.next()
        if token is not None:
            yield token


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.unclosed: set[str] = set()  # runs of backticks known to have no partner further on

    def next(self) -> Token | None:
        one = self.text[self.at]
        if one.isspace() or one in "*\\":
            self.at += 1
            return None
        before = self.text[self.at - 1 : self.at]
        free = not before or before.isspace() or before in "(/*,:=>"
        if one == "`":
            return self._backticks()
        if one in '"“«' and free:
            return self._quoted({"“": "”", "«": "»"}.get(one, one), 200) or self._punct()
        if one in "'‘" and free:
            return self._quoted({"‘": "’"}.get(one, one), 80) or self._punct()
        if one in "[{" and free:
            return self._literal() or self._punct()
        if one == "_" or one.isalpha():
            return self._word()
        if one.isdigit() or (one in "-." and free and self.text[self.at + 1 : self.at + 2].isdigit()):
            return self._number()
        return self._punct()

    def _token(self, type: Type, start: int, end: int, text: str) -> Token:
        self.at = end
        return Token(type=type, text=text, start=start, end=end)

    def _backticks(self) -> Token | None:
        start = self.at
        run = start
        while self.text[run : run + 1] == "`":
            run += 1
        mark = self.text[start:run]
        end = -1 if mark in self.unclosed else self.text.find(mark, run)
        if end < 0:
            self.unclosed.add(mark)
            self.at = run
            return None
        while self.text[end + len(mark) : end + len(mark) + 1] == "`":
            end += 1  # "`` `a` ``": the closing run is the last marks of the run
        body = (
            " ".join(self.text[run:end].split()) if "\n" in self.text[run:end] else self.text[run:end].strip()
        )
        return self._token(Type.CODE, start, end + len(mark), body)

    def _quoted(self, mark: str, limit: int) -> Token | None:
        start = self.at
        end = self.text.find(mark, start + 1, start + limit)
        after = self.text[end + 1 : end + 2]
        if end <= start or "\n" in self.text[start:end] or after.isalnum():
            return None
        return self._token(Type.QUOTE, start, end + 1, self.text[start + 1 : end])

    def _literal(self) -> Token | None:
        end = balanced(self.text, self.at)
        body = self.text[self.at : end]
        if not end or (len(body) > 2 and not body.strip("[]{} ")) or parse_expression(body) is None:
            return None
        return self._token(Type.LITERAL, self.at, end, body)

    def _word(self) -> Token:
        start = end = self.at
        while end < len(self.text) and (self.text[end].isalnum() or self.text[end] in "_.-'’"):
            end += 1
        word = self.text[start:end].rstrip("-'’_" if self.text[start] != "_" else "-'’")
        if word.lower() not in ABBREVIATIONS:
            word = word.rstrip(".")
        end = start + len(word)
        if self.text[end : end + 1] == "(" and word.replace(".", "_").isidentifier():
            closed = call_end(self.text, end)
            if closed and parse_expression(self.text[start:closed]) is not None:
                return self._token(Type.CALL, start, closed, self.text[start:closed])
        if self.text[end : end + 1] == "=" and word.isidentifier():
            closed = self._assigned(end + 1)
            if closed and parse_expression(f"f({self.text[start:closed]})") is not None:
                return self._token(Type.CALL, start, closed, self.text[start:closed])
        return self._token(Type.WORD, start, max(end, start + 1), word.replace("’", "'") or self.text[start])

    def _assigned(self, at: int) -> int:
        """The end of a keyword's value in running text ("gnu=True"); 0 when none stands there."""
        one = self.text[at : at + 1]
        if one in ("'", '"'):
            return self.text.find(one, at + 1, at + MAX_SPAN) + 1
        if one and one in OPENING:
            return balanced(self.text, at)
        end = at
        while end < len(self.text) and (self.text[end].isalnum() or self.text[end] in "_.-"):
            end += 1
        while end > at and self.text[end - 1] == ".":
            end -= 1
        return end if end > at else 0

    def _number(self) -> Token:
        start = end = self.at
        end += 1
        while end < len(self.text) and (self.text[end].isalnum() or self.text[end] in "._+"):
            end += 1
        body = self.text[start:end].rstrip(".")
        return self._token(Type.WORD, start, start + len(body), body)

    def _punct(self) -> Token:
        for arrow in ("==>", "-->", "=>", "->", "=="):
            if self.text.startswith(arrow, self.at):
                return self._token(Type.PUNCT, self.at, self.at + len(arrow), "->")
        one = self.text[self.at]
        return self._token(Type.PUNCT, self.at, self.at + 1, "->" if one in "→⇒" else one)


def call_end(text: str, at: int) -> int:
    """The end of a call whose bracket opens at ``at``, with what is chained to it; 0: it does not close."""
    end = balanced(text, at)
    while end and end < len(text):
        if text[end] in "([":
            more = balanced(text, end)
        elif text[end] == "." and text[end + 1 : end + 2].isidentifier():
            more = end + 1
            while more < len(text) and (text[more].isalnum() or text[more] == "_"):
                more += 1
        else:
            return end
        if not more:
            return end
        end = more
    return end


def balanced(text: str, at: int) -> int:
    """The offset behind the bracket that closes the one at ``at``; 0 when there is none near."""
    expected: list[str] = []
    quote = ""
    limit = min(len(text), at + MAX_SPAN)
    while at < limit:
        one = text[at]
        if quote:
            if one == "\\":
                at += 1
            elif one == quote:
                quote = ""
        elif one in "\"'":
            quote = one
        elif one in OPENING:
            expected.append(CLOSING[one])
        elif expected and one == expected[-1]:
            expected.pop()
            if not expected:
                return at + 1
        elif one in ")]}\n":
            return 0
        at += 1
    return 0
