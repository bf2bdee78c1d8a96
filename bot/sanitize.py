"""Untrusted text made safe to stand in GitHub markdown: pure functions (threats 9 and 20).

Issue text, test output and what is made from them may hold mentions, references that close other people's
issues, links, images, HTML, comments that look like the bot's own markers, and characters that are not seen.
After these functions none of it is live: what is code stands in a code span or a fence that it cannot leave,
what is prose is escaped. What is changed is changed visibly; no invisible characters are put in.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

BODY_LIMIT: Final = 65_000
"""GitHub refuses a comment or description of more than 65,536 characters."""

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]{0,1000}(?:\x07|\x1b\\)|[@-Z\\-_])")
_HIDDEN_CATEGORIES: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Letters and marks that show nothing: fillers, combining joiner, variation selectors.
_HIDDEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\uffa0\ufe00-\ufe0f\U000e0100-\U000e01ef]"
)

_CODE_SPAN = re.compile(r"`[^`\n]+`")
_SPECIAL = re.compile(r"([\\*_\[\]!|~$])")
_MENTION = re.compile(r"@(?=[A-Za-z0-9_-])")
_REFERENCE = re.compile(r"#(?=\d)")
_GH_REFERENCE = re.compile(r"\b(GH)-(?=\d)", re.IGNORECASE)
_URL = re.compile(r"(?<=[A-Za-z]):(?=//)|\b(?<=www)\.(?=\w)", re.IGNORECASE)
_CLOSING = re.compile(
    r"\b(close[sd]?|fix(?:e[sd])?|resolve[sd]?)(\s*:?\s+)(?=(?:[\w.-]+/[\w.-]+)?#\d|GH-\d|https?://)",
    re.IGNORECASE,
)
_LINE_START = re.compile(r"^(\s*)([-+=#])", re.MULTILINE)


def visible(text: str) -> str:
    """Without terminal escapes; every other character that cannot be seen is written out as \\u202e."""
    text = _ESCAPES.sub("", text.replace("\r\n", "\n"))
    if text.isascii() and text.isprintable():
        return text
    return "".join(_shown(character) for character in _HIDDEN.sub("", text))


def _shown(character: str) -> str:
    if character in "\n\t" or unicodedata.category(character) not in _HIDDEN_CATEGORIES:
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def one_line(text: str, limit: int = 200) -> str:
    """A single line of visible characters, cut with an ellipsis."""
    line = " ".join(visible(text[: limit * 8]).split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def plain(text: str, limit: int = 200) -> str:
    """One line for where there is no markup but references may still be live: titles, commit messages."""
    return one_line(_inert(visible(text[: limit * 8])), limit)


def code(text: str, limit: int = 200) -> str:
    """A code span on one line. Nothing in it is live, and it cannot be left."""
    line = _unclosing(one_line(text, limit))
    if not line:
        return "` `"
    ticks = "`" * (_longest_run(line, "`") + 1)
    pad = " " if line[0] == "`" or line[-1] == "`" else ""
    return f"{ticks}{pad}{line}{pad}{ticks}"


def cell(text: str, limit: int = 200) -> str:
    """A code span within a table."""
    return code(text, limit).replace("|", "\\|")


def block(text: str, limit: int = 8_000, language: str = "text") -> str:
    """A fenced code block; the middle of a long text is left out with a note."""
    body = _unclosing(middle_cut(visible(middle_cut(text, 2 * limit)), limit)).strip("\n")
    fence = "`" * max(3, _longest_run(body, "`") + 1)
    return f"{fence}{language}\n{body}\n{fence}"


def prose(text: str, limit: int = 4_000) -> str:
    """Paragraphs: code spans stay, everything else that markdown or GitHub would act on is escaped."""
    text = tail_cut(visible(tail_cut(text, limit)), limit)
    parts: list[str] = []
    end = 0
    for span in _CODE_SPAN.finditer(text):
        parts += [_escaped(text[end : span.start()]), _unclosing(span[0])]
        end = span.end()
    parts.append(_escaped(text[end:]))
    return "".join(parts).strip()


def capped(body: str, limit: int = BODY_LIMIT) -> str:
    """The last guard: a body that is still too long is cut with a note, outside of any open fence."""
    if len(body) <= limit:
        return body
    note = "\n\n*The rest was cut: GitHub allows no more.*\n"
    kept = body[: limit - len(note) - 80]
    kept = kept[: kept.rfind("\n") + 1] or kept
    fence, details = _left_open(kept)
    return kept + (f"\n{fence}\n" if fence else "") + "\n</details>\n" * details + note


def middle_cut(text: str, limit: int) -> str:
    """Head and tail of a long text: a test's output says what matters at its end."""
    if len(text) <= limit:
        return text
    head, tail = limit // 3, limit - limit // 3
    return f"{text[:head]}\n… {len(text) - limit} characters left out …\n{text[-tail:]}"


def tail_cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _inert(text: str) -> str:
    """Break whatever GitHub links or acts on, with a visible space."""
    for pattern, replacement in (
        (_MENTION, "@ "),
        (_REFERENCE, "# "),
        (_GH_REFERENCE, r"\1 "),
        (_URL, r"\g<0> "),
    ):
        text = pattern.sub(replacement, text)
    return text


def _unclosing(text: str) -> str:
    """Within code nothing is live, but a squashed commit takes a description over as plain text: keywords
    that would close an issue are broken there too."""
    return _CLOSING.sub(r"\1\2… ", text)


def _escaped(text: str) -> str:
    text = _SPECIAL.sub(r"\\\1", text).replace("`", "\\`")
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _LINE_START.sub(r"\1\\\2", _inert(text))


def _longest_run(text: str, character: str) -> int:
    return max((len(run) for run in re.findall(re.escape(character) + "+", text)), default=0)


def _left_open(text: str) -> tuple[str, int]:
    """The fence that is open at the end of a text (empty: none), and how many details are."""
    fence, details = "", 0
    for line in text.split("\n"):
        run = re.match(r" {0,3}(`{3,})", line)
        if fence:
            closes = run is not None and len(run[1]) >= len(fence) and not line.strip("` ")
            fence = "" if closes else fence
        elif run is not None:
            fence = run[1]
        else:
            details += line.startswith("<details>") - line.startswith("</details>")
    return fence, details
