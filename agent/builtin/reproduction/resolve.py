"""Names in an issue → imports that work in a test.

An issue writes ``multiply(0, 1)``, ``iterutils.split(...)`` or ``jsonschema._utils.equal(...)``; a test needs
the import. Asked in order: what the issue itself imports, the repository's packages and modules, its symbols
(best first), what the existing tests import, well-known names of the standard library.
"""

from __future__ import annotations

import ast
import builtins
import copy
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from agent.builtin.reproduction.lexicon import words
from agent.localize.safe_ast import dotted, parse_expression, parse_module
from agent.localize.symbols import Kind, Symbol, SymbolIndex

BUILTINS = frozenset(dir(builtins))
MAX_TEST_FILES = 60
WELL_KNOWN = {
    name: f"from {module} import {name}"
    for module, names in {
        "math": "nan inf pi",
        "decimal": "Decimal",
        "fractions": "Fraction",
        "datetime": "datetime date timedelta timezone time",
        "collections": "OrderedDict defaultdict Counter deque namedtuple ChainMap",
        "functools": "partial reduce",
        "io": "StringIO BytesIO",
        "uuid": "UUID",
        "pathlib": "Path PurePath PurePosixPath",
        "dataclasses": "dataclass field",
        "enum": "Enum IntEnum",
        "typing": "Any Optional Union NamedTuple TypedDict List Dict",
        "operator": "itemgetter attrgetter",
        "types": "SimpleNamespace MappingProxyType",
        "zoneinfo": "ZoneInfo",
    }.items()
    for name in names.split()
} | {
    "NaN": "from math import nan as NaN",
    "NAN": "from math import nan as NAN",
    "Infinity": "from math import inf as Infinity",
    "np": "import numpy as np",
    "pd": "import pandas as pd",
    "dt": "import datetime as dt",
    "OrderedDict": "from collections import OrderedDict",
}
DATETIME_CLASSES = ("datetime", "date", "time", "timedelta", "timezone")
WELL_KNOWN_MODULES = words("""
    math re json itertools functools collections operator string decimal fractions uuid io textwrap
    copy random typing enum dataclasses ipaddress asyncio html numbers statistics calendar zoneinfo
    types pathlib pickle
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """An expression or statement that a test can hold. ``missing`` are names that nothing was found for."""

    source: str
    imports: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a piece of the issue's own code defines: bound names, and the imports among them by name."""

    names: frozenset[str] = frozenset()
    imports: tuple[tuple[str, str], ...] = ()


@dataclass
class Names:
    """Resolves names for one issue: ``hints`` are dotted names that it mentions, ``pool`` what it imports."""

    index: SymbolIndex
    hints: tuple[str, ...] = ()
    pool: dict[str, str] = field(default_factory=dict)
    choice: int = 0  # of several symbols of one name: which
    ambiguous: bool = False  # some name could have meant another symbol
    _found: dict[str, tuple[str, str]] = field(default_factory=dict)
    _tests: dict[str, str] | None = None

    def resolve(self, node: ast.AST, scope: Scope = Scope(), *, keep: str = "") -> Resolved:
        """The imports that a tree needs; module prefixes become plain names where that is unambiguous.

        ``keep`` is the source as the issue wrote it, used when nothing had to be rewritten.
        """
        tree = copy.deepcopy(node)
        rewrite = _Rewrite(self, scope, _bound(tree))
        tree = rewrite.visit(tree)
        source = ast.unparse(tree)
        if keep and not rewrite.changed and "\n" not in keep.strip() and not _respaced(keep, source):
            source = keep.strip()  # as it was written: numbers keep their form
        return Resolved(
            source=source,
            imports=tuple(sorted(rewrite.imports)),
            targets=tuple(dict.fromkeys(rewrite.targets)),
            missing=tuple(dict.fromkeys(rewrite.missing)),
        )

    def touches(self, node: ast.AST, scope: Scope = Scope()) -> bool:
        """Whether a tree runs code of the repository, and all its names can be had."""
        resolved = self.resolve(node, scope)
        return not resolved.missing and (bool(resolved.targets) or bool(_loaded(node) & scope.names))

    def binding(self, name: str) -> tuple[str, str]:
        """(import statement, dotted target or "") for a free name; ("", "") when there is none."""
        if name not in self._found:
            self._found[name] = self._bind(name)
        return self._found[name]

    def symbol(self, name: str) -> Symbol | None:
        return self.index.resolve(name)

    def _bind(self, name: str) -> tuple[str, str]:
        if name in self.pool:
            return self.pool[name], self._target(self.pool[name], name)
        if name in self.index.packages:
            return f"import {name}", name
        module = self._module(name)
        if module:
            owner, _, last = module.rpartition(".")
            return (f"from {owner} import {last}" if owner else f"import {last}"), module
        symbol = self._symbol(name)
        if symbol is not None:
            path = self.index.import_path(symbol)
            return f"from {path.rpartition('.')[0]} import {name}", path
        if name in self.tests:
            return self.tests[name], self._target(self.tests[name], name)
        if name in WELL_KNOWN:
            return WELL_KNOWN[name], ""
        if name in WELL_KNOWN_MODULES:
            return f"import {name}", ""
        return "", ""

    def _module(self, name: str) -> str:
        """A module of the repository by its last component, when the issue speaks of it as of a module."""
        if not any(hint.split(".")[0] == name or f".{name}." in hint for hint in self.hints):
            return ""
        found = [one for one, path in self.index.modules.items()
                 if one.rpartition(".")[2] == name and not self.index.is_test(path)]  # fmt: skip
        found.sort(key=lambda one: (one.split(".")[0] not in self.index.packages, one.count("."), one))
        return found[0] if found else ""

    def _symbol(self, name: str) -> Symbol | None:
        found = [one for one in self.index.named(name) if one.kind is not Kind.METHOD and "." not in one.name]
        found = [one for one in found if one.module.split(".")[0] in self.index.packages]
        found.sort(key=lambda one: -self._hinted(one))
        if not found:
            return None
        best = [one for one in found if self._hinted(one) == self._hinted(found[0])]
        self.ambiguous |= len(best) > 1
        return best[min(self.choice, len(best) - 1)]

    def _hinted(self, symbol: Symbol) -> int:
        """How many components of a dotted name in the issue end in this symbol's own."""
        own = symbol.dotted.split(".")
        best = 0
        for hint in self.hints:
            parts = hint.split(".")
            if (len(parts) > 1 and own[-len(parts) :] == parts) or self.index.resolve(hint) == symbol:
                best = max(best, len(parts))
        return best

    def _target(self, statement: str, name: str) -> str:
        """What a name bound by an import statement stands for, when it is the repository's."""
        module = parse_module(statement, limit=2_000)
        for one in module.body if module else ():
            match one:
                case ast.Import(names=names):
                    for alias in names:
                        if (alias.asname or alias.name.split(".")[0]) == name:
                            full = alias.name if alias.asname else name
                            return full if full.split(".")[0] in self.index.packages else ""
                case ast.ImportFrom(module=origin, names=names, level=0) if origin:
                    for alias in names:
                        if (alias.asname or alias.name) == name and origin.split(".")[
                            0
                        ] in self.index.packages:
                            return f"{origin}.{alias.name}"
                case _:
                    pass
        return ""

    @property
    def tests(self) -> dict[str, str]:
        """Names that the existing tests import from the repository → the most common statement for it."""
        if self._tests is None:
            self._tests = _imports_of_tests(self.index)
        return self._tests


def imports_of(tree: ast.Module) -> dict[str, str]:
    """Bound name → its own import statement, for the absolute imports of a piece of code."""
    found: dict[str, str] = {}
    for one in tree.body:
        match one:
            case ast.Import(names=names):
                for alias in names:
                    bound = alias.asname or alias.name.split(".")[0]
                    found[bound] = f"import {alias.name}" + (f" as {alias.asname}" if alias.asname else "")
            case ast.ImportFrom(module=origin, names=names, level=0) if origin:
                for alias in names:
                    suffix = f" as {alias.asname}" if alias.asname else ""
                    found[alias.asname or alias.name] = f"from {origin} import {alias.name}{suffix}"
            case _:
                pass
    return found


def _imports_of_tests(index: SymbolIndex) -> dict[str, str]:
    counts: dict[str, Counter[str]] = {}
    files = [path for path in index.python_files if index.is_test(path)][:MAX_TEST_FILES]
    for path in files:
        tree = parse_module(index.text(path).decode(errors="replace"), limit=400_000)
        for name, statement in (imports_of(tree) if tree else {}).items():
            top = statement.split()[1].split(".")[0]
            if top in index.packages:
                counts.setdefault(name, Counter())[statement] += 1
    return {name: min(count, key=lambda one: (-count[one], one)) for name, count in counts.items()}


class _Rewrite(ast.NodeTransformer):
    def __init__(self, names: Names, scope: Scope, bound: frozenset[str]) -> None:
        self.names = names
        self.scope = dict(scope.imports)
        self.bound = bound | (scope.names - set(self.scope))
        self.imports: set[str] = set()
        self.targets: list[str] = []
        self.missing: list[str] = []
        self.changed = False

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        name = dotted(node)
        if not name:
            return self.generic_visit(node)
        head, *rest = name.split(".")
        if head in self.bound or head in self.scope:
            return self.generic_visit(node)
        if head == "datetime" and rest[0] in DATETIME_CLASSES and head not in self.names.pool:
            self.imports.add("import datetime")
            return node
        statement, target = self.names.binding(head)
        full = ".".join((target, *rest)) if target else ""
        index = self.names.index
        symbol = index.resolve(full) if full else None
        if symbol is None or symbol.kind is Kind.METHOD or symbol.short in BUILTINS | self.bound:
            if full and rest and full.rpartition(".")[0] in index.modules and statement:
                self.imports.add(f"import {full.rpartition('.')[0]}" if target == head else statement)
                self.targets.append(full)
                return node
            return self.generic_visit(node)
        self.imports.add(f"from {full.rpartition('.')[0]} import {symbol.name.split('.')[0]}")
        self.targets.append(full)
        self.changed = True
        return ast.copy_location(ast.Name(id=symbol.short, ctx=node.ctx), node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        name = node.id
        if name in self.bound:
            return node
        if name in self.scope:
            self.imports.add(self.scope[name])
            target = self.names._target(self.scope[name], name)
            if target:
                self.targets.append(target)
            return node
        hinted = name in self.names.pool
        if name in BUILTINS and not hinted:
            return node
        statement, target = self.names.binding(name)
        if not statement:
            self.missing.append(name)
            return node
        self.imports.add(statement)
        if target:
            self.targets.append(target)
        return node


def _bound(tree: ast.AST) -> frozenset[str]:
    """Names that a tree binds itself: assignments, parameters, loops, definitions."""
    found: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()):
                found.add(name)
            case ast.arg(arg=name):
                found.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                found.add(name)
            case ast.ExceptHandler(name=str(name)):
                found.add(name)
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                found.update(alias.asname or alias.name.split(".")[0] for alias in names)
            case _:
                pass
    return frozenset(found)


def _loaded(tree: ast.AST) -> frozenset[str]:
    return frozenset(node.id for node in ast.walk(tree) if isinstance(node, ast.Name))


def scope_of(statements: Iterable[ast.stmt]) -> Scope:
    """What statements define for those after them."""
    module = ast.Module(body=list(statements), type_ignores=[])
    return Scope(names=_bound(module), imports=tuple(sorted(imports_of(module).items())))


def _respaced(one: str, other: str) -> bool:
    """Whether two sources differ in blanks and quotation marks only."""
    table = str.maketrans("", "", " '\"")
    return one.translate(table) == other.translate(table)


def expression(text: str) -> ast.expr | None:
    """A piece of the issue as an expression; an ellipsis in it stands for something left out."""
    node = parse_expression(text)
    if node is None or any(isinstance(one, ast.Constant) and one.value is ... for one in ast.walk(node)):
        return None
    return node
