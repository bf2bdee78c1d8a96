"""An issue read from top to bottom: title, headings, prose, code, tables, into one ledger."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from agent.builtin.reproduction.claims import Accepts, Claim, Mode, Raises
from agent.builtin.reproduction.code import CodeReader, table
from agent.builtin.reproduction.ledger import Ledger
from agent.builtin.reproduction.lexicon import ACTUAL_HEADINGS, EXPECTED_HEADINGS, IGNORED_HEADINGS
from agent.builtin.reproduction.markdown import Code, Heading, Paragraph, Table, blocks, visible
from agent.builtin.reproduction.program import Program
from agent.builtin.reproduction.prose import Prose
from agent.builtin.reproduction.resolve import Names
from agent.builtin.reproduction.snippets import Snippets
from agent.builtin.reproduction.variations import derive, settle
from agent.builtin.reproduction.vocabulary import Vocabulary
from agent.localize.safe_ast import parse_module
from agent.localize.symbols import SymbolIndex
from agent.protocols import Context

MAX_HINTS = 300
MAX_TITLE = 300
LABEL_WORDS = 8
MAX_TRUST_FILES = 400


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What was understood: claims, crashes without a stated result, results of unstated kind."""

    claims: tuple[Claim, ...]
    crashes: tuple[Claim, ...]
    doubtful: tuple[Claim, ...]
    refused: tuple[str, ...]
    names: Names
    subjects: int


def read(context: Context, *, choice: int = 0) -> Reading:
    """Read the task's title and text. ``choice`` picks among symbols of the same name."""
    index = SymbolIndex.of(context)
    title, text = context.task.title[:MAX_TITLE], visible(context.task.text)
    names = Names(index=index, hints=_hints(f"{title}\n{text}"), choice=choice)
    program = Program(names=names, trusted=trusted(index))
    vocabulary = Vocabulary(names=names, snippets=Snippets(names), program=program)
    _gather_imports(text, names)
    ledger = Ledger()
    _Reader(ledger, vocabulary).read(title, text)
    _finish(ledger)
    settle(ledger)
    return Reading(
        claims=ledger.claims(),
        crashes=ledger.crashes(),
        doubtful=ledger.doubtful(),
        refused=tuple(program.refused),
        names=names,
        subjects=len(ledger.entries),
    )


class _Reader:
    """Hands blocks to their readers; keeps what headings and labels say of the blocks below them."""

    def __init__(self, ledger: Ledger, vocabulary: Vocabulary) -> None:
        self.ledger = ledger
        self.prose = Prose(ledger, vocabulary)
        self.code = CodeReader(ledger, vocabulary, self.prose)
        self.section: Mode | None = None
        self.ignored = False

    def read(self, title: str, text: str) -> None:
        if title:
            self.prose.read(title)
        for block in blocks(text):
            match block:
                case Heading(text=heading):
                    self._heading(heading)
                case _ if self.ignored:
                    pass
                case Paragraph(text=paragraph):
                    self.prose.read(paragraph, self.section or Mode.ACTUAL)
                    derive(self.ledger, paragraph)
                case Code() as code:
                    self.code.read(code, self.prose.next_mode or self.section)
                    self.prose.next_mode = None
                case Table(header=header, rows=rows):
                    table(header, rows, self.code)

    def _heading(self, heading: str) -> None:
        low = heading.lower()
        label = len(low.split()) <= LABEL_WORDS and "(" not in low and "`" not in low
        expected = label and any(word in low for word in EXPECTED_HEADINGS)
        actual = label and any(word in low for word in ACTUAL_HEADINGS)
        self.ignored = label and not expected and not actual and any(word in low for word in IGNORED_HEADINGS)
        both = expected and any(word in low for word in ("actual", " vs", "versus", "observed"))
        self.section = (
            Mode.EXPECTED if expected and not both else Mode.ACTUAL if actual and not both else None
        )
        self.prose.next_mode = None
        named = any(word.endswith(("Error", "Exception")) for word in heading.replace(":", " ").split())
        if not label or named:
            self.section = None
            self.prose.read(heading)


def _finish(ledger: Ledger) -> None:
    """What follows from the whole: of two calls of one function, one must be rejected and the other is
    accepted "as well"; so it must be rejected too."""
    rejecting = [entry for entry in ledger.entries.values() if isinstance(entry.expected, Raises)]
    for entry in ledger.entries.values():
        if isinstance(entry.actual, Accepts) and entry.expected is None and not entry.guard:
            alike = [one for one in rejecting if one.subject.targets == entry.subject.targets]
            if alike:
                entry.expected, entry.confidence = alike[0].expected, 0.7


def _hints(text: str) -> tuple[str, ...]:
    """Dotted names anywhere in the issue."""
    found: dict[str, None] = {}
    current: list[str] = []
    for one in f"{text} ":
        if one.isalnum() or one in "_.":
            current.append(one)
            continue
        word = "".join(current).strip(".")
        current.clear()
        if "." in word and len(word) < 120 and all(part.isidentifier() for part in word.split(".")):
            found[word] = None
            if len(found) >= MAX_HINTS:
                break
    return tuple(found)


def _gather_imports(text: str, names: Names) -> None:
    """Imports that the issue shows anywhere, for code that stands before or outside of them."""
    for line in text.split("\n"):
        bare = line.strip().lstrip(">. `").rstrip("`")
        if bare.startswith(("from ", "import ")) and len(bare) < 300:
            tree = parse_module(bare, limit=300)
            for statement in tree.body if tree else ():
                _pool(statement, names)


def _pool(statement: ast.stmt, names: Names) -> None:
    """Take the repository's own imports: what an issue says of other libraries binds nothing."""
    match statement:
        case ast.Import(names=aliases):
            for alias in aliases:
                if names.index.has(alias.name):
                    suffix = f" as {alias.asname}" if alias.asname else ""
                    names.pool.setdefault(
                        alias.asname or alias.name.split(".")[0], f"import {alias.name}{suffix}"
                    )
        case ast.ImportFrom(module=str(module), names=aliases, level=0):
            for alias in aliases:
                if alias.name != "*" and names.index.has(f"{module}.{alias.name}"):
                    suffix = f" as {alias.asname}" if alias.asname else ""
                    names.pool.setdefault(
                        alias.asname or alias.name, f"from {module} import {alias.name}{suffix}"
                    )
        case _:
            pass


def trusted(index: SymbolIndex) -> frozenset[str]:
    """Top-level modules that the repository is or imports, by the look of its lines: cheap for large ones."""
    found = set(index.packages)
    for path in index.python_files[:MAX_TRUST_FILES]:
        for line in index.text(path).decode(errors="replace").split("\n"):
            words = line.split(maxsplit=2)
            if len(words) > 1 and words[0] in ("import", "from"):
                found.add(words[1].split(".")[0].rstrip(","))
    return frozenset(found)
