"""Code blocks: scripts with commented results, interpreter sessions, tracebacks, bare output, snippets."""

from __future__ import annotations

import ast
import io
import textwrap
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass, field

from agent.builtin.reproduction.claims import Accepts, Form, Mode, Outcome, Raises, Text, Value
from agent.builtin.reproduction.ledger import Entry, Ledger
from agent.builtin.reproduction.lexicon import PHRASES, Cue
from agent.builtin.reproduction.markdown import Code
from agent.builtin.reproduction.prose import Prose
from agent.builtin.reproduction.resolve import expression
from agent.builtin.reproduction.tracebacks import traceback_of
from agent.builtin.reproduction.vocabulary import CallAtom, Vocabulary, exception
from agent.localize.safe_ast import parse_module

MAX_CODE = 8_000
MAX_OUTPUT = 1_000
PYTHON = (
    "",
    "text",
    "txt",
    "plain",
    "console",
    "python",
    "py",
    "python3",
    "pycon",
    "python-repl",
    "ipython",
    "pytb",
    "python3.11",
    "py3",
)
PROMPTS = (">>> ", ">>>", "In [")
CUT_LINES = 8
AFTER = frozenset(["after", "should", "wanted", "desired", "correct", "fixed"])
BEFORE = frozenset(["before", "actual", "current", "currently", "now", "bug", "wrong", "got", "observed"])


@dataclass
class CodeReader:
    """Reads code blocks into the ledger; ``mode`` is what the text around says of results, None: nothing."""

    ledger: Ledger
    vocabulary: Vocabulary
    prose: Prose
    prints: list[Entry] = field(default_factory=list)  # what the last script printed, in order

    def read(self, block: Code, mode: Mode | None) -> None:
        text = block.text[:MAX_CODE]
        before = list(self.ledger.last)
        if any(line.strip().startswith(PROMPTS) for line in text.split("\n")[:60]):
            self._session(text, mode)
        elif block.language in PYTHON and self._script(text, mode):
            pass
        elif (trace := traceback_of(text)) is not None:
            self._trace(trace.error, trace.lines, text)
        else:
            self._output(text, mode)
        if self.ledger.last != before and self.ledger.last:
            for stated, outcome, quote in self.prose.pending:
                self.ledger.tell(self.ledger.last[-1:], stated, outcome, quote)
            self.prose.pending.clear()

    # --- Scripts ------------------------------------------------------------------------------------------

    def _script(self, text: str, mode: Mode | None) -> bool:
        """Statements; what no longer parses at the end is output or a traceback."""
        head, tail = _split(textwrap.dedent(text))
        tree = parse_module(head, limit=MAX_CODE)
        if tree is None or not tree.body or self._is_value(tree, mode):
            return False
        remarks = _remarks(head, tree)
        entries: list[Entry] = []
        shown = [one for one in tree.body if not isinstance(one, ast.Import | ast.ImportFrom)]
        for statement in tree.body:
            remark = remarks.get(id(statement), "")
            last = bool(shown) and statement is shown[-1]
            entry = self._statement(statement, bool(remark) or last, head)
            if entry is not None:
                entries.append(entry)
                if remark:
                    self.prose.remark(entry, remark, None if mode is Mode.ACTUAL else mode)
        if entries:
            self.ledger.last = entries[-1:]
            self._printed(tree, entries, tail, mode)
        if entries:
            self.prints = [entry for entry in entries if entry.subject.form is Form.PRINTED]
        return bool(entries) or any(not isinstance(one, ast.Expr) for one in tree.body)

    def _statement(self, statement: ast.stmt, asked: bool, text: str) -> Entry | None:
        """Add a statement to the program; the entry of it when something may be claimed of it."""
        program = self.vocabulary.program
        entry: Entry | None = None
        match statement:
            case ast.Assert(test=test):
                subject = program.subject(test, "", Form.ASSERTION)
                entry = self.ledger.entry(subject) if subject else None
                if entry is not None:
                    quote = ast.get_source_segment(text, statement) or ""
                    failed = Raises(exceptions=("AssertionError",))
                    self.ledger.tell([entry], Mode.EXPECTED, Accepts(), " ".join(quote.split()), 0.8)
                    self.ledger.tell([entry], Mode.ACTUAL, failed, "")
                return entry
            case ast.Expr(value=value):
                entry = self._expression(value, ast.get_source_segment(text, value) or "")
            case ast.Assign(value=value) | ast.AnnAssign(value=ast.expr() as value) if asked:
                entry = self._expression(value, ast.get_source_segment(text, value) or "")
            case ast.For() | ast.With() | ast.Try() | ast.AsyncWith() | ast.Delete() if asked:
                subject = program.subject(statement, "", Form.STATEMENT)
                entry = self.ledger.entry(subject) if subject else None
            case _:
                pass
        program.add(statement)
        return entry if asked or _prints(statement) else None

    def _expression(self, node: ast.expr, text: str) -> Entry | None:
        subject = self.vocabulary.subject(node, text)
        return self.ledger.entry(subject) if subject else None

    def _is_value(self, tree: ast.Module, mode: Mode | None) -> bool:
        """A lone literal; also a lone constructor where a result was announced."""
        match tree.body:
            case [ast.Expr(value=value)] if self.vocabulary.is_value(value, ast.unparse(value)):
                announced = mode is not None and bool(self.ledger.last)
                return announced or self.vocabulary.subject(value) is None
            case _:
                return False

    def _printed(self, tree: ast.Module, entries: list[Entry], tail: str, mode: Mode | None) -> None:
        """What stands below the statements in the same block."""
        if not tail.strip():
            return
        trace = traceback_of(tail)
        if trace is not None:
            self.ledger.tell(entries[-1:], Mode.ACTUAL, trace.error, _one_line(tail))
            return
        printing = [entry for entry in entries if entry.subject.form is Form.PRINTED]
        lines = [line for line in tail.split("\n") if line.strip()]
        if printing and len(printing) == len(lines) and len(_prints_of(tree)) == len(lines):
            for entry, line in zip(printing, lines, strict=True):
                self._result(entry, line.strip(), mode, "str")

    # --- Sessions -----------------------------------------------------------------------------------------

    def _session(self, text: str, mode: Mode | None) -> None:
        entries: list[Entry] = []
        for source, output, heading in _examples(text):
            mode = _heading_mode(heading, mode)
            tree = parse_module(source, limit=MAX_CODE)
            if tree is None:
                continue
            remarks = _remarks(source, tree)
            for statement in tree.body:
                shown = bool(output.strip()) or isinstance(statement, ast.Expr)
                entry = self._statement(statement, shown, source)
                if entry is None:
                    continue
                entries.append(entry)
                if output.strip():
                    self._result(entry, output, mode, "str" if _prints(statement) else "repr")
                if id(statement) in remarks:
                    self.prose.remark(entry, remarks[id(statement)])
        stated = [entry for entry in entries if entry.weak or entry.actual or entry.expected]
        if entries:
            self.ledger.last = (stated or entries)[-1:]

    def _result(self, entry: Entry, output: str, mode: Mode | None, via: str) -> None:
        """Output shown below a subject: by itself it may be what came or what ought to come."""
        trace = traceback_of(output)
        error = trace.error if trace else exception(output) if "\n" not in output.strip() else None
        quote = _one_line(f"{entry.subject.source} {output}")
        if error is not None:
            self.ledger.tell([entry], mode or Mode.ACTUAL, error, quote)
            return
        outcome = self._outcome(output, via)
        if outcome is None:
            return
        if mode is None:
            entry.weak = entry.weak or outcome
            if quote not in entry.quotes:
                entry.quotes.append(quote)
        else:
            self.ledger.tell([entry], mode, outcome, quote, 0.85)

    def _outcome(self, output: str, via: str) -> Outcome | None:
        body = output.strip("\n").rstrip()
        if not body.strip() or len(body) > MAX_OUTPUT or " at 0x" in body:
            return None
        node = expression(body)
        if node is not None and self.vocabulary.is_value(node, body):
            return Value(source=ast.unparse(node), spoken=body.strip())
        return Text(text=body, via=via)

    # --- The rest -----------------------------------------------------------------------------------------

    def _trace(self, error: Raises, lines: tuple[str, ...], text: str) -> None:
        targets = self.ledger.last
        if not targets:
            for line in lines:
                entry = self._line(line)
                if entry is not None:
                    targets = [entry]
                    break
        if targets:
            self.ledger.tell(targets[-1:], Mode.ACTUAL, error, _one_line(text.strip().split("\n")[-1]))
            self.ledger.last = targets
        else:
            self.ledger.orphans.append((error, _one_line(text.strip().split("\n")[-1])))

    def _line(self, line: str) -> Entry | None:
        tree = parse_module(line, limit=400)
        match tree.body if tree else []:
            case [ast.Assert(test=test)]:
                subject = self.vocabulary.program.subject(test, "", Form.ASSERTION)
                entry = self.ledger.entry(subject) if subject else None
                if entry is not None:
                    self.ledger.tell([entry], Mode.EXPECTED, Accepts(), _one_line(line), 0.6)
                return entry
            case [ast.Expr(value=value) | ast.Assign(value=value) | ast.Return(value=ast.expr() as value)]:
                return self._expression(value, "")
            case _:
                return None

    def _output(self, text: str, mode: Mode | None) -> None:
        """Something shown that is no statement: a snippet to run, or a result of what was spoken of."""
        snippet = self.vocabulary.snippets.subject(text)
        if snippet is not None and mode is None:
            entry = self.ledger.entry(snippet)
            self.ledger.last = [entry] if entry else self.ledger.last
            return
        lines = [line.strip() for line in text.split("\n") if line.strip()]
        if len(lines) > 1 and len(lines) == len(self.prints):
            for entry, line in zip(self.prints, lines, strict=True):
                self._result(entry, line, mode, "str")
            return
        if len(self.prints) > 1 and self.ledger.last[-1:] == self.prints[-1:]:
            return  # which line belongs to which print is not known
        error = exception(text) if len(lines) == 1 else None
        for entry in self.ledger.last[-1:]:
            outcome = error or self._outcome(text, "str")
            if outcome is not None and mode is not None:
                self.ledger.tell([entry], mode, outcome, _one_line(text), 0.8)
            elif outcome is not None and not isinstance(outcome, Raises):
                entry.weak = entry.weak or outcome
            elif outcome is not None:
                self.ledger.tell([entry], Mode.ACTUAL, outcome, _one_line(text))


def table(header: tuple[str, ...], rows: tuple[tuple[str, ...], ...], reader: CodeReader) -> None:
    """A table of calls with what comes and what ought to come of them."""
    columns = [_column(name) for name in header]
    for row in rows[:40]:
        entry: Entry | None = None
        for kind, cell in zip(columns, row, strict=False):
            bare = cell.strip().strip("`").strip()
            if kind is None and entry is None:
                atom = reader.vocabulary.atom(bare)
                entry = reader.ledger.entry(atom.subject) if isinstance(atom, CallAtom) else None
            elif kind is not None and entry is not None and bare:
                reader._result(entry, bare, kind, "")


def _column(name: str) -> Mode | None:
    for word in name.lower().replace("`", " ").split():
        for cue in PHRASES.get((word.strip(":"),), ()):
            if cue is Cue.EXPECT:
                return Mode.EXPECTED
            if cue in (Cue.ACTUAL, Cue.RESULT, Cue.RAISE):
                return Mode.ACTUAL
    return None


def _split(text: str) -> tuple[str, str]:
    """Statements, and what stands below them that is none."""
    cut = text.find("Traceback (most recent call last)")
    if cut >= 0:
        return text[:cut], text[cut:]
    lines = text.split("\n")
    for dropped in range(min(CUT_LINES, len(lines))):
        head = "\n".join(lines[: len(lines) - dropped])
        if parse_module(head, limit=MAX_CODE) is not None:
            return head, "\n".join(lines[len(lines) - dropped :])
    return text, ""


def _heading_mode(heading: str, mode: Mode | None) -> Mode | None:
    """What a comment on a line of its own says of the prompts below it: "# Before", "# After"."""
    words = heading.lower().replace(":", " ").split()
    if not words or len(words) > 4:
        return mode
    if any(word in AFTER or word.startswith("expect") for word in words):
        return Mode.EXPECTED
    return Mode.ACTUAL if any(word in BEFORE for word in words) else mode


def _examples(text: str) -> Iterator[tuple[str, str, str]]:
    """(source, output, comment above) of each prompt of a session."""
    heading = said = ""
    source: list[str] = []
    output: list[str] = []
    for line in text.split("\n"):
        bare = line.strip()
        if bare.startswith(">>>") or (bare.startswith("In [") and "]:" in bare):
            if source:
                yield "\n".join(source), "\n".join(output), heading
            heading, said = said, ""
            source, output = [_unprompted(bare)], []
        elif bare.startswith("...") and source and not output:
            source.append(line.strip("\n").lstrip()[3:].removeprefix(" "))
        elif bare.startswith("# ") and (not output or not output[-1].strip() or not source):
            said = bare[2:]
        elif bare.startswith("Out[") and "]:" in bare:
            output.append(bare.split("]:", 1)[1].strip())
        elif source and (bare or output):
            output.append(line if bare else "")
    if source:
        yield "\n".join(source), "\n".join(output), heading


def _unprompted(line: str) -> str:
    return line.split("]:", 1)[1].strip() if line.startswith("In [") else line[3:].removeprefix(" ")


def _remarks(text: str, tree: ast.Module) -> dict[int, str]:
    """id of statement → comments on it: at its end, below it, or, after a blank line, above it."""
    comments = _comments(text)
    found: dict[int, str] = {}
    taken: set[int] = set()
    lines = text.split("\n")
    for statement in tree.body:
        end = statement.end_lineno or statement.lineno
        said = [comments[end]] if end in comments and lines[end - 1].strip()[:1] != "#" else []
        below = end + 1
        while (
            below in comments
            and lines[below - 1].strip().startswith("#")
            and _tells(comments[below], bool(said))
        ):
            said.append(comments[below])
            taken.add(below)
            below += 1
        above = statement.lineno - 1
        if not said and above in comments and above not in taken and lines[above - 1].strip().startswith("#"):
            alone = above == 1 or not lines[above - 2].strip() or (above - 1) in comments
            said = [comments[above]] if alone and _wishes(comments[above]) else []
        if said:
            found[id(statement)] = ". ".join(said)
    return found


def _comments(text: str) -> dict[int, str]:
    found: dict[int, str] = {}
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                found[token.start[0]] = token.string.lstrip("#>! ").strip()
    except (tokenize.TokenError, IndentationError, SyntaxError):
        pass  # the comments up to there are enough
    return {line: comment for line, comment in found.items() if comment}


def _tells(comment: str, goes_on: bool) -> bool:
    """Whether a comment below a statement is about its result and not about what comes next."""
    words = comment.lower().replace(":", " ").split()
    first = tuple(words[:1])
    return (
        bool(PHRASES.get(first))
        or comment.startswith(("->", "=>"))
        or exception(comment) is not None
        or (not goes_on and expression(comment) is not None)
        or "traceback" in words[:1]
    )


def _wishes(comment: str) -> bool:
    return any(Cue.EXPECT in PHRASES.get((word,), ()) or Cue.RAISE in PHRASES.get((word,), ())
               for word in comment.lower().split())  # fmt: skip


def _prints(statement: ast.stmt) -> bool:
    match statement:
        case ast.Expr(value=ast.Call(func=ast.Name(id="print"))):
            return True
        case _:
            return False


def _prints_of(tree: ast.Module) -> list[ast.stmt]:
    return [one for one in tree.body if _prints(one)]


def _one_line(text: str) -> str:
    return " ".join(text.split())[:300]
