"""Import graph and symbol index of a whole repository, in every language of ``agent.localize.grammars``.

An :class:`Index` is a pure function of the files. :meth:`Index.updated` reads only what a patch changes and
gives what a rebuild from scratch would give. ``agent.localize.symbols`` knows more of Python (parameters,
exceptions, re-exports) but only of files that parse.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from tree_sitter import Node, Parser, Query, QueryCursor, Tree

from agent.localize.grammars import Grammar, compiled, grammar_of, is_test
from agent.protocols import SourceTree

MAX_FILES = 6000
MAX_BYTES = 256 << 10  # larger files are generated; what is not of the language takes seconds per file
MAX_TOTAL = 48 << 20
MAX_DEFINITIONS = 3000  # per file
MAX_SIGNATURE = 200
MAX_NAME = 100
MAX_DEPTH = 2000  # of the syntax tree
MAX_RUN = 2000  # of anonymous nodes side by side
SAMPLES = 256  # nodes that are looked at, to tell whether there is more of these
VENDORED = frozenset({"node_modules", "site-packages", ".venv", "venv", ".tox", ".nox", "bower_components"})
_SPACE = re.compile(r"\s+")
_LINE_END = re.compile(rb"\r\n|\r|\n")  # as edits count lines; tree-sitter knows "\n" only


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """A class or function. ``name`` is dotted within its file ("Bits.__new__"), lines count from 1 and hold
    the decorators, ``head`` is the one that names it; ``signature`` is its head without decorators and body,
    on one line."""

    name: str
    kind: str  # "class" or "function"
    line: int
    last_line: int
    head: int
    signature: str

    @property
    def short(self) -> str:
        return self.name.rpartition(".")[2]

    @property
    def lines(self) -> range:
        return range(self.line, self.last_line + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """What a file imports, as written: ``module`` ("..a", "./b.js"), and the ``member`` taken from it."""

    module: str
    member: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileOutline:
    """What one file defines and imports. ``sound`` is false when it does not parse whole."""

    path: str
    language: str
    line_count: int
    definitions: tuple[Definition, ...] = ()
    imports: tuple[Import, ...] = ()
    sound: bool = True

    def enclosing(self, line: int) -> Definition | None:
        """The innermost definition around a line."""
        around = [one for one in self.definitions if line in one.lines]
        return max(around, key=lambda one: (one.line, -one.last_line), default=None)

    def named(self, symbol: str) -> Definition | None:
        return next((one for one in self.definitions if one.name == symbol), None)


@dataclass(frozen=True, kw_only=True)
class Index:
    """All files of a language that is known, and how they import each other."""

    files: Mapping[str, FileOutline]
    roots: tuple[str, ...] = field(default=(".",))

    @classmethod
    def of(cls, source: SourceTree, roots: tuple[str, ...] = (".",)) -> Index:
        found: dict[str, FileOutline] = {}
        room = MAX_TOTAL
        for path in source.paths():
            if len(found) < MAX_FILES and is_indexed(path):
                content = source.read(path) or b""
                room -= len(content)
                _put(found, path, content if room >= 0 else None)
        return cls(files=found, roots=roots)

    def updated(self, overlay: Mapping[str, bytes | None]) -> Index:
        """With files changed, added or (None) deleted; only these are read. Equal to an index of the changed
        tree, as long as that is within the caps."""
        changed = {path: content for path, content in overlay.items() if is_indexed(path)}
        if not changed:
            return self
        found = dict(self.files)
        for path, content in changed.items():
            _put(found, path, content)
        return Index(files={path: found[path] for path in sorted(found)}, roots=self.roots)

    @cached_property
    def _modules(self) -> Mapping[str, str]:
        """Dotted name → file, for each import root and the top."""
        found: dict[str, str] = {}
        for root in (*self.roots, ".", "src"):
            start = "" if root.strip("./") == "" else root.removeprefix("./").rstrip("/") + "/"
            for path, outline in self.files.items():
                if outline.language == "python" and path.startswith(start):
                    inside = path[len(start) :].rpartition(".")[0].removesuffix("/__init__")
                    found.setdefault(inside.replace("/", "."), path)
        return found

    @cached_property
    def imports(self) -> Mapping[str, tuple[str, ...]]:
        """File → the files of the repository that it imports, sorted."""
        return {path: self._resolved(outline) for path, outline in self.files.items()}

    @cached_property
    def importers(self) -> Mapping[str, tuple[str, ...]]:
        """File → the files that import it, sorted."""
        found: dict[str, list[str]] = {path: [] for path in self.files}
        for path, targets in self.imports.items():
            for target in targets:
                found[target].append(path)
        return {path: tuple(sorted(them)) for path, them in found.items()}

    def _resolved(self, outline: FileOutline) -> tuple[str, ...]:
        grammar = grammar_of(outline.path)
        found: set[str] = set()
        for one in outline.imports if grammar else ():
            target = self._target(grammar, one, outline.path) if grammar else None
            if target is not None and target != outline.path:
                found.add(target)
        return tuple(sorted(found))

    def _target(self, grammar: Grammar, one: Import, path: str) -> str | None:
        for place in grammar.targets(one.module, one.member, path):
            found = self._modules.get(place[:-1]) if place.endswith("*") else place
            if found in self.files:
                return found
        return None

    def neighbours(self, path: str) -> tuple[str, ...]:
        """Files one import away, what it imports first; tests last."""
        near = dict.fromkeys((*self.imports.get(path, ()), *self.importers.get(path, ())))
        return tuple(sorted(near, key=is_test))  # stable: keeps the order otherwise

    @cached_property
    def ranks(self) -> Mapping[str, float]:
        """How central each file is: PageRank over imports, tests not counted as importers; sums to 1."""
        return page_rank({path: self.imports[path] for path in self.files if not is_test(path)}, self.files)


def is_indexed(path: str) -> bool:
    return grammar_of(path) is not None and not VENDORED.intersection(path.split("/")[:-1])


def _put(found: dict[str, FileOutline], path: str, content: bytes | None) -> None:
    outline = None if content is None else outline_of(path, content)
    if outline is None:
        found.pop(path, None)
    else:
        found[path] = outline


@lru_cache(maxsize=256)  # states of a search share most of their changed files
def outline_of(path: str, content: bytes) -> FileOutline | None:
    """What a file defines and imports; None for a file of no known language, or one that cannot be read in
    bounded time."""
    grammar = grammar_of(path)
    if grammar is None or len(content) > MAX_BYTES:
        return None
    language, query = compiled(grammar)
    tree = Parser(language).parse(content)
    return None if _hostile(tree) else _read(grammar, query, tree, path, content)


def _hostile(tree: Tree) -> bool:
    """Whether a query over the tree would take minutes: it takes time with the square of the depth, and of a
    run of brackets and the like side by side, as in what does not parse ("((((" times 100,000). A query must
    not be given a callback that stops it, either: with tree-sitter 0.26 that crashes. Looked up at places
    spread over the tree, which is quick; what does harm takes up many of them."""
    count = tree.root_node.descendant_count
    samples = min(SAMPLES, count)
    cursor = tree.walk()
    seen: set[int] = set()
    for number in range(samples):
        cursor.goto_descendant(number * count // samples)
        if cursor.depth > MAX_DEPTH:
            return True
        node = cursor.node
        around = node.parent if node is not None else None
        if around is not None and around.id not in seen:
            seen.add(around.id)
            if around.child_count - around.named_child_count > MAX_RUN and _longest_run(around) > MAX_RUN:
                return True
    return False


def _longest_run(node: Node) -> int:
    """Of children without a name, side by side."""
    longest = run = 0
    for child in node.children:
        run = 0 if child.is_named else run + 1
        longest = max(longest, run)
    return longest


def _read(grammar: Grammar, query: Query, tree: Tree, path: str, content: bytes) -> FileOutline:
    nodes: list[tuple[Node, Node, str]] = []
    imports: dict[Import, None] = {}
    for _, captures in QueryCursor(query, match_limit=65536).matches(tree.root_node):
        if "from" in captures:
            member = _text(captures["member"][0]) if "member" in captures else ""
            imports[Import(module=_text(captures["from"][0]), member=member)] = None
        for kind in ("class", "function"):
            if kind in captures and "name" in captures:
                nodes.append((captures[kind][0], captures["name"][0], kind))
    return FileOutline(
        path=path,
        language=grammar.name,
        line_count=len(content.splitlines()),  # of bytes: the line ends of _LINE_END
        definitions=_definitions(nodes, grammar, content),
        imports=tuple(imports),
        sound=not tree.root_node.has_error,
    )


def _definitions(
    nodes: Iterable[tuple[Node, Node, str]], grammar: Grammar, content: bytes
) -> tuple[Definition, ...]:
    starts = [0, *(match.end() for match in _LINE_END.finditer(content))]
    found: list[Definition] = []
    stack: list[tuple[int, str]] = []  # (end, dotted name) of the definitions around
    for node, name, kind in sorted(nodes, key=lambda one: (one[0].start_byte, -one[0].end_byte)):
        if len(found) == MAX_DEFINITIONS:
            break
        while stack and node.start_byte >= stack[-1][0]:
            stack.pop()
        dotted = ".".join(filter(None, (stack[-1][1] if stack else "", _text(name))))
        stack.append((node.end_byte, dotted))
        whole = node
        while whole.parent is not None and whole.parent.type in grammar.around:
            whole = whole.parent
        found.append(
            Definition(
                name=dotted,
                kind=kind,
                line=bisect_right(starts, whole.start_byte),
                last_line=bisect_right(starts, max(whole.start_byte, whole.end_byte - 1)),
                head=bisect_right(starts, name.start_byte),
                signature=_signature(node, content),
            )
        )
    return tuple(found)


def _signature(node: Node, content: bytes) -> str:
    body = node.child_by_field_name("body")
    value = node.child_by_field_name("value")
    if body is None and value is not None:
        body = value.child_by_field_name("body")
    end = min(body.start_byte if body is not None else node.end_byte, node.start_byte + 4 * MAX_SIGNATURE)
    text = content[node.start_byte : end].decode("utf-8", "replace")
    line = _SPACE.sub(" ", text).strip()
    for opening in ("{", "=>", ":"):
        line = line.removesuffix(opening).rstrip()
    return line[:MAX_SIGNATURE]


def _text(node: Node) -> str:
    return (node.text or b"")[:MAX_NAME].decode("utf-8", "replace")


def page_rank(
    links: Mapping[str, Iterable[str]], nodes: Iterable[str], *, damping: float = 0.85, rounds: int = 20
) -> dict[str, float]:
    """Importance flows from a file to what it imports. The same floats for the same input."""
    names = tuple(nodes)
    if not names:
        return {}
    rank = dict.fromkeys(names, 1 / len(names))
    outgoing = {name: tuple(links.get(name, ())) for name in names}
    for _ in range(rounds):
        lost = sum(rank[name] for name in names if not outgoing[name])
        fresh = dict.fromkeys(names, (1 - damping + damping * lost) / len(names))
        for name in names:
            share = damping * rank[name] / (len(outgoing[name]) or 1)
            for target in outgoing[name]:
                fresh[target] += share
        rank = fresh
    return rank
