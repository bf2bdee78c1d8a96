"""An issue's text as blocks: a reader of the Markdown that people really write, linear in the text's length.

Hidden text (HTML comments, zero-width and bidirectional characters) is dropped: what a maintainer cannot see
on the page must not steer the bot.
"""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from agent.localize.safe_ast import parse_module

MAX_TEXT = 40_000
MAX_BLOCKS = 400
HIDDEN = frozenset(
    "\u200b\u200c\u200d\u2060\ufeff\u00ad\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)
MARKERS = ("- [ ] ", "- [x] ", "- [X] ", "* [ ] ", "* [x] ", "- ", "* ", "+ ", "• ")
DROPPED_TAGS = ("details", "summary", "br", "p", "div", "pre", "code", "b", "i", "h1", "h2", "h3", "sub")


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Paragraph:
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    text: str
    language: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


Block = Heading | Paragraph | Code | Table


def blocks(text: str) -> tuple[Block, ...]:
    """The blocks of an issue, in order; at most MAX_BLOCKS of its first MAX_TEXT characters."""
    found: list[Block] = []
    for block in _Reader(visible(text)).blocks():
        found.append(block)
        if len(found) >= MAX_BLOCKS:
            break
    return tuple(found)


def visible(text: str) -> str:
    """The part of a text that a reader of the page sees, with plain line ends."""
    plain = text[:MAX_TEXT].replace("\r\n", "\n").replace("\r", "\n").replace("\u00a0", " ")
    plain = "".join(one for one in plain if one not in HIDDEN and (one >= " " or one in "\n\t"))
    return "\n".join(_uncommented(plain.split("\n"))).expandtabs(4)


def _uncommented(lines: list[str]) -> Iterator[str]:
    """Without HTML comments, but for those inside code, which the page shows."""
    fence = ""
    hidden = False
    for line in lines:
        bare = line.strip()
        if not hidden and (fence or _fence(bare)):
            closes = bool(fence) and bare.startswith(fence) and not bare.strip(fence[0])
            fence = "" if closes else fence or _fence(bare)
            yield line
            continue
        shown: list[str] = []
        while line:
            cut = line.find("-->") if hidden else line.find("<!--")
            if not hidden and cut >= 0 and line.count("`", 0, cut) % 2:
                cut = -1
            if not hidden:
                shown.append(line if cut < 0 else line[:cut])
            if cut < 0:
                break
            line = line[cut + 3 :] if hidden else line[cut + 4 :]
            hidden = not hidden
        yield "".join(shown)


class _Reader:
    """Walks the lines once; every method starts at ``self.at`` and leaves it behind what it took."""

    def __init__(self, text: str) -> None:
        self.lines = text.split("\n")
        self.at = 0
        self.after_item = False

    def blocks(self) -> Iterator[Block]:
        while self.at < len(self.lines):
            line = self.lines[self.at]
            bare = line.strip()
            if not bare:
                self.at += 1
            elif _fence(bare):
                yield self._fenced(line, bare)
            elif bare.startswith(">>> "):
                yield Code(text=self._take(_goes_on), language="pycon")
            elif bare.startswith("Traceback (most recent call last)"):
                yield Code(text=self._traceback(), language="pytb")
            elif line.startswith("    ") and not self.after_item:
                yield Code(text=self._take(lambda one: one.startswith("    ")))
            elif bare.startswith("#") and bare.lstrip("#").startswith(" "):
                self.at += 1
                self.after_item = False
                yield Heading(text=bare.strip("# "))
            elif bare.startswith("|") and self._rule(self.at + 1):
                yield self._table()
            else:
                yield from self._prose()

    def _fenced(self, line: str, opening: str) -> Code:
        indent = len(line) - len(line.lstrip())
        mark = _fence(opening)
        self.at += 1
        body: list[str] = []
        while self.at < len(self.lines):
            line = self.lines[self.at]
            self.at += 1
            bare = line.strip()
            if bare.startswith(mark) and not bare.strip(mark[0]):
                break
            body.append(line[min(indent, len(line) - len(line.lstrip())) :])
        language = opening.strip("`~").strip().split(" ")[0].strip("{.}").lower()
        return Code(text="\n".join(body).strip("\n"), language=language)

    def _take(self, belongs: Callable[[str], bool]) -> str:
        start = self.at
        self.at += 1
        while self.at < len(self.lines) and self.lines[self.at].strip() and belongs(self.lines[self.at]):
            self.at += 1
        return textwrap.dedent("\n".join(self.lines[start : self.at]))

    def _traceback(self) -> str:
        start = self.at
        self.at += 1
        while self.at < len(self.lines) and (self.lines[self.at].startswith(" ") or not self.lines[self.at]):
            self.at += 1
        self.at = min(self.at + 1, len(self.lines))
        return "\n".join(self.lines[start : self.at])

    def _rule(self, at: int) -> bool:
        line = self.lines[at].strip() if at < len(self.lines) else ""
        return "-" in line and not line.strip("|-: ")

    def _table(self) -> Table:
        header = _cells(self.lines[self.at])
        self.at += 2
        rows: list[tuple[str, ...]] = []
        while self.at < len(self.lines) and self.lines[self.at].strip().startswith("|"):
            rows.append(_cells(self.lines[self.at]))
            self.at += 1
        return Table(header=header, rows=tuple(rows))

    def _prose(self) -> Iterator[Block]:
        """A paragraph or list item; one that is Python without a fence comes out as code."""
        first = self.lines[self.at]
        lines = [_unmarked(first)]
        item = lines[0] != first.strip().lstrip(">").strip()
        self.at += 1
        while self.at < len(self.lines) and not self._starts(self.lines[self.at]):
            lines.append(_unmarked(self.lines[self.at]))
            self.at += 1
        self.after_item = item
        lines = [line for line in map(_untagged, lines) if line]
        if not lines:
            return
        if _is_bold(lines):
            yield Heading(text=lines[0].strip("*_: "))
        elif not item and _is_python("\n".join(lines)):
            yield Code(text="\n".join(lines), language="python")
        else:
            yield Paragraph(text="\n".join(lines))

    def _starts(self, line: str) -> bool:
        """Whether a line ends the paragraph before it."""
        bare = line.strip()
        return (
            not bare
            or bool(_fence(bare))
            or bare.startswith((">>> ", "Traceback (most recent call last)", "# ", "## ", "### ", "#### "))
            or _unmarked(line) != bare.lstrip(">").strip()
        )


def _fence(line: str) -> str:
    """The run of marks that opens a fenced block; empty for any other line, "```f(1)```" included."""
    for mark in "`~":
        run = len(line) - len(line.lstrip(mark))
        if run >= 3 and mark not in line[run:]:
            return mark * run
    return ""


def _goes_on(line: str) -> bool:
    """Whether a line after ``>>>`` still is of the session: prose right below it is not rare."""
    bare = line.strip()
    words = bare.split(" ")
    return bare.startswith((">>>", "...")) or len(words) < 6 or not words[0].isalpha() or ":" in words[0]


def _unmarked(line: str) -> str:
    """Without list marker, number, quotation mark."""
    bare = line.strip()
    while bare.startswith(">") and not bare.startswith(">>>"):
        bare = bare[1:].strip()
    for marker in MARKERS:
        if bare.startswith(marker):
            return bare[len(marker) :].strip()
    head, dot, rest = bare.partition(". ")
    return rest.strip() if dot and head.isdigit() and len(head) <= 2 else bare


def _untagged(line: str) -> str:
    """Without the layout tags of GitHub's pages; any other markup may be what the issue is about."""
    if "<" not in line or "`" in line:
        return line
    for tag in DROPPED_TAGS:
        for form in (f"<{tag}>", f"</{tag}>", f"<{tag}/>", f"<{tag} />"):
            line = line.replace(form, " ")
    return line.strip()


def _is_bold(lines: list[str]) -> bool:
    line = lines[0]
    return (
        len(lines) == 1
        and line.startswith(("**", "__"))
        and line.endswith(("**", "__", "**:"))
        and len(line) < 80
    )


def _is_python(text: str) -> bool:
    """Statements without a fence: it parses, and something in it is no mere word."""
    if not any(mark in text for mark in ("(", "=", "import ")):
        return False
    tree = None if "`" in text else parse_module(text, limit=8_000)
    return tree is not None and not any(
        isinstance(one, ast.AnnAssign) and one.value is None for one in tree.body
    )


def _cells(line: str) -> tuple[str, ...]:
    """Cells of a table row; a bar inside backticks or after a backslash divides nothing."""
    cells: list[str] = []
    cell: list[str] = []
    quoted = escaped = False
    for one in line.strip().strip("|"):
        if one == "|" and not quoted and not escaped:
            cells.append("".join(cell).strip())
            cell = []
            continue
        if one == "|" and escaped:
            cell.pop()
        quoted ^= one == "`"
        escaped = one == "\\"
        cell.append(one)
    return (*cells, "".join(cell).strip())
