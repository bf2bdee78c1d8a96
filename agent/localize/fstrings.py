"""Where the expressions inside an f-string stand.

The syntax tree cannot be asked: before Python 3.12 it gives the first occurrence for each of two equal
expressions, so the literal is scanned and each find is checked against the tree.
"""

from __future__ import annotations

import ast
import re

LITERAL = re.compile(r"(?P<prefix>[A-Za-z]{0,2})(?P<quote>'''|\"\"\"|'|\")")
CLOSING = {"(": ")", "[": "]", "{": "}"}

Span = tuple[int, int]


def spans_in_fstring(node: ast.JoinedStr, text: str) -> dict[ast.AST, Span]:
    """Spans, relative to ``text``, of the nodes of each replaced expression; empty when in doubt."""
    fields = [value for value in node.values if isinstance(value, ast.FormattedValue)]
    places = _fields(text)
    if places is None or len(places) != len(fields):
        return {}
    found: dict[ast.AST, Span] = {}
    for field, (start, end) in zip(fields, places, strict=True):
        spans = _inner_spans(field.value, text[start:end])
        if spans is None:
            return {}
        found |= {child: (start + first, start + last) for child, (first, last) in spans.items()}
    return found


def _inner_spans(node: ast.expr, text: str) -> dict[ast.AST, Span] | None:
    """Parse the expression by itself and walk both trees side by side."""
    if not text.isascii() or "\n" in text or "\r" in text:
        return None
    try:
        again = ast.parse(f"({text})", mode="eval").body
    except (SyntaxError, ValueError):
        return None
    if ast.dump(again) != ast.dump(node):
        return None
    pairs = zip(ast.walk(node), ast.walk(again), strict=True)
    return {
        ours: (theirs.col_offset - 1, (theirs.end_col_offset or 0) - 1)
        for ours, theirs in pairs
        if isinstance(theirs, ast.expr | ast.keyword | ast.arg)
    }


def _fields(text: str) -> list[Span] | None:
    """The expressions of all ``{…}`` fields of adjacent string literals, in order."""
    found: list[Span] = []
    position = 0
    while match := LITERAL.search(text, position):
        quote = match["quote"]
        end = _literal_end(text, match.end(), quote)
        if end is None:
            return None
        if "f" in match["prefix"].lower():
            inner = _fields_of_literal(text, match.end(), end)
            if inner is None:
                return None
            found += inner
        position = end + len(quote)
    return found


def _literal_end(text: str, position: int, quote: str) -> int | None:
    while position < len(text):
        if text[position] == "\\":
            position += 2
        elif text.startswith(quote, position):
            return position
        else:
            position += 1
    return None


def _fields_of_literal(text: str, position: int, end: int) -> list[Span] | None:
    found: list[Span] = []
    while position < end:
        if text[position : position + 2] in ("{{", "}}"):
            position += 2
        elif text[position] == "{":
            stop = _expression_end(text, position + 1, end)
            close = _field_end(text, stop, end) if stop is not None else None
            if stop is None or close is None:
                return None
            found.append((position + 1, stop))
            position = close + 1
        else:
            position += 1
    return found


def _expression_end(text: str, position: int, end: int) -> int | None:
    """Up to the conversion, format or closing brace, outside brackets and strings."""
    expected: list[str] = []
    while position < end:
        char = text[position]
        if char in "'\"":
            inner = _literal_end(text, position + 1, char)
            position = end if inner is None else inner
        elif char in CLOSING:
            expected.append(CLOSING[char])
        elif expected and char == expected[-1]:
            expected.pop()
        elif not expected and (char in ":}" or (char in "!=" and _is_suffix(text, position))):
            return position
        position += 1
    return None


def _is_suffix(text: str, position: int) -> bool:
    """``!r`` and ``=`` end an expression, ``!=``, ``==``, ``<=`` do not."""
    if text[position] == "!":
        return text[position + 1 : position + 2] != "="
    return text[position + 1 : position + 2] in ("}", "!", ":") and text[position - 1] not in "=!<>"


def _field_end(text: str, position: int, end: int) -> int | None:
    depth = 0
    while position < end:
        if text[position] == "{":
            depth += 1
        elif text[position] == "}":
            if depth == 0:
                return position
            depth -= 1
        position += 1
    return None
