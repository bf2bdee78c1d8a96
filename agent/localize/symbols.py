"""The repository's symbols: modules, classes, functions and methods, found with ``ast`` and never imported.

A :class:`SymbolIndex` is a pure function of the files; it parses a file when it is first asked for, so a
question about one name costs the files that mention the name and not the whole repository.
"""

from __future__ import annotations

import ast
import doctest
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from pathlib import PurePosixPath

from agent.localize.safe_ast import decode, dotted, own_nodes, parse_module
from agent.protocols import Context, SourceTree


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


MAX_FILE = 1_000_000
MAX_DOC = 20_000
NOT_PACKAGES = _words("""
    test tests testing doc docs example examples script scripts benchmark benchmarks tools build dist setup
    conftest noxfile tasks bootstrap fabfile manage
""")
LAZY = ("Iterator", "Generator", "Iterable", "AsyncIterator")
LAZY_CALLS = _words("""
    map filter zip iter reversed enumerate chain from_iterable islice takewhile dropwhile starmap cycle count
    repeat accumulate product permutations combinations zip_longest groupby compress filterfalse pairwise tee
""")


Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


class Kind(StrEnum):
    CLASS = "class"
    FUNCTION = "function"
    METHOD = "method"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """``star`` is "", "*" or "**"."""

    name: str
    required: bool
    keyword_only: bool = False
    positional_only: bool = False
    star: str = ""
    annotation: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One doctest example of a docstring."""

    source: str
    want: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Symbol:
    """A definition. ``name`` is dotted within its module ("Bits.as_int"); a class has its constructor's
    parameters and exceptions, without self. ``lazy`` says that calling it gives an iterator. ``calls`` are
    the dotted names it calls."""

    path: str
    module: str
    name: str
    kind: Kind
    line: int
    last_line: int
    parameters: tuple[Parameter, ...] = ()
    returns: str = ""
    doc: str = ""
    raises: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()
    bases: tuple[str, ...] = ()
    decorators: tuple[str, ...] = ()
    lazy: bool = False

    @property
    def dotted(self) -> str:
        return f"{self.module}.{self.name}" if self.module else self.name

    @property
    def short(self) -> str:
        return self.name.rpartition(".")[2]

    @property
    def private(self) -> bool:
        return any(part.startswith("_") and not part.startswith("__") for part in self.dotted.split("."))

    @property
    def examples(self) -> tuple[Example, ...]:
        try:
            found = doctest.DocTestParser().get_examples(self.doc)
        except ValueError:
            return ()  # a docstring whose example is malformed has none
        return tuple(Example(source=one.source, want=one.want) for one in found)

    @property
    def signature(self) -> str:
        return f"{self.name}({', '.join(one.star + one.name for one in self.parameters)})"

    def takes(self, keyword: str) -> bool:
        return any(one.name == keyword or one.star == "**" for one in self.parameters)


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """One parsed file. ``exports`` maps names bound by imports and aliases to what they stand for (dotted);
    ``stars`` are modules whose public names are all imported."""

    path: str
    name: str
    symbols: Mapping[str, Symbol] = field(default_factory=dict)
    exports: Mapping[str, str] = field(default_factory=dict)
    stars: tuple[str, ...] = ()
    constants: tuple[str, ...] = ()


class SymbolIndex:
    """Answers questions about the symbols of a tree."""

    def __init__(self, source: SourceTree, roots: tuple[str, ...] = (".",)) -> None:
        self._source = source
        self._roots = tuple(sorted((_clean(root) for root in roots), key=lambda root: (-len(root), root)))
        self._parsed: dict[str, Module | None] = {}
        self._texts: dict[str, bytes] = {}

    @classmethod
    def of(cls, context: Context) -> SymbolIndex:
        return cls(context.source, context.import_roots)

    @cached_property
    def python_files(self) -> tuple[str, ...]:
        return tuple(path for path in self._source.paths() if path.endswith(".py"))

    @cached_property
    def modules(self) -> Mapping[str, str]:
        """Importable dotted name → path."""
        found: dict[str, str] = {}
        for path in self.python_files:
            name = self.module_name(path)
            if name:
                found.setdefault(name, path)
        return found

    @cached_property
    def packages(self) -> tuple[str, ...]:
        """Top-level names that the repository is there for: no tests, documents or tools."""
        tops = {
            name.split(".")[0]
            for name, path in self.modules.items()
            if "." not in name or path.endswith("/__init__.py") or f"{name.split('.')[0]}" in self.modules
        }
        likely = sorted(top for top in tops if not top.startswith("test"))
        return tuple(top for top in likely if top.lower() not in NOT_PACKAGES) or tuple(likely)

    def module_name(self, path: str) -> str:
        """The dotted name a file is imported by; empty when it cannot be."""
        for root in self._roots:
            if not path.startswith(root):
                continue
            parts = list(PurePosixPath(path[len(root) :]).with_suffix("").parts)
            if parts and parts[-1] == "__init__":
                parts.pop()
            if parts and all(part.isidentifier() for part in parts):
                return ".".join(parts)
        return ""

    def is_test(self, path: str) -> bool:
        parts = PurePosixPath(path)
        return (
            any(part in ("test", "tests", "testing") for part in parts.parts[:-1])
            or parts.name.startswith("test")
            or parts.stem.endswith("_test")
            or parts.name == "conftest.py"
        )

    def text(self, path: str) -> bytes:
        if path not in self._texts:
            data = self._source.read(path) or b""
            self._texts[path] = data if len(data) <= MAX_FILE else b""
        return self._texts[path]

    def module(self, path: str) -> Module | None:
        """A file's definitions; None when it is no Python."""
        if path not in self._parsed:
            text = decode(self.text(path))
            tree = None if text is None else parse_module(text, limit=MAX_FILE)
            self._parsed[path] = None if tree is None else _read(tree, path, self.module_name(path))
        return self._parsed[path]

    def resolve(self, name: str) -> Symbol | None:
        """The definition that a dotted name ("pydash.multiply") stands for, through re-exports."""
        return self._resolve(name, frozenset())

    def has(self, name: str) -> bool:
        """Whether a dotted name stands for anything: a module, a definition, or a module's constant."""
        if name in self.modules or self.resolve(name) is not None:
            return True
        owner, _, last = name.rpartition(".")
        module = self.module(self.modules[owner]) if owner in self.modules else None
        return module is not None and (last in module.constants or last in module.exports)

    def named(self, name: str) -> tuple[Symbol, ...]:
        """Definitions outside tests whose last component is ``name``: public and shallow ones first."""
        wanted = name.rpartition(".")[2].encode()
        found = [
            symbol
            for path in self.python_files
            if not self.is_test(path) and wanted in self.text(path)
            for symbol in self.symbols(path)
            if symbol.name == name or symbol.name.endswith("." + name)
        ]
        return tuple(sorted(found, key=self._plainness))

    def symbols(self, path: str) -> tuple[Symbol, ...]:
        module = self.module(path)
        return () if module is None else tuple(module.symbols.values())

    def enclosing(self, path: str, line: int) -> Symbol | None:
        """The innermost definition around a line (from 1)."""
        around = [one for one in self.symbols(path) if one.line <= line <= one.last_line]
        return max(around, key=lambda one: (one.line, -one.last_line), default=None)

    def import_path(self, symbol: Symbol) -> str:
        """The dotted name that users import a definition by: the shortest public one that leads to it."""
        parts = symbol.module.split(".")
        for depth in range(1, len(parts)):
            name = ".".join((*parts[:depth], symbol.name))
            if self.resolve(name) == symbol:
                return name
        return symbol.dotted

    def method(self, symbol: Symbol, name: str) -> Symbol | None:
        """A method of a class, its own or inherited."""
        return self.resolve(f"{symbol.dotted}.{name}")

    def exceptions_of(self, symbol: Symbol) -> tuple[str, ...]:
        """Names of the exceptions that a definition raises itself or through helpers beside it."""
        found: dict[str, None] = {}
        seen: set[str] = set()
        queue = [(symbol, 0)]
        while queue:
            one, depth = queue.pop(0)
            if one.dotted in seen:
                continue
            seen.add(one.dotted)
            found.update(dict.fromkeys(one.raises))
            if depth < 2:
                queue.extend((callee, depth + 1) for callee in self._callees(one))
        return tuple(found)

    def _callees(self, symbol: Symbol) -> Iterator[Symbol]:
        owner = symbol.name.rpartition(".")[0]
        for call in symbol.calls:
            head, _, rest = call.partition(".")
            if head in ("self", "cls") and rest:
                name = f"{symbol.module}.{symbol.name if symbol.kind is Kind.CLASS else owner}.{rest}"
            else:
                name = f"{symbol.module}.{call}"
            callee = self.resolve(name)
            if callee is not None:
                yield callee

    def _plainness(self, symbol: Symbol) -> tuple[bool, bool, int, int, str, int]:
        top = symbol.module.split(".")[0]
        exported = self.import_path(symbol) != symbol.dotted
        foreign = top not in self.packages
        return (
            foreign or symbol.private,
            not exported,
            symbol.name.count("."),
            symbol.module.count("."),
            symbol.dotted,
            symbol.line,
        )

    def _resolve(self, name: str, seen: frozenset[str]) -> Symbol | None:
        if name in seen or len(seen) > 12:
            return None
        seen |= {name}
        parts = name.split(".")
        for cut in range(len(parts) - 1, 0, -1):
            path = self.modules.get(".".join(parts[:cut]))
            module = None if path is None else self.module(path)
            if module is not None:
                return self._member(module, parts[cut:], seen)
        return None

    def _member(self, module: Module, parts: list[str], seen: frozenset[str]) -> Symbol | None:
        local = ".".join(parts)
        if local in module.symbols:
            return module.symbols[local]
        head, rest = parts[0], parts[1:]
        if head in module.exports:
            return self._resolve(".".join((module.exports[head], *rest)), seen)
        if head in module.symbols and rest:
            return self._inherited(module, module.symbols[head], rest, seen)
        if not head.startswith("_"):
            for star in module.stars:
                found = self._resolve(".".join((star, *parts)), seen)
                if found is not None:
                    return found
        return None

    def _inherited(
        self, module: Module, owner: Symbol, rest: list[str], seen: frozenset[str]
    ) -> Symbol | None:
        for base in owner.bases:
            found = self._resolve(".".join((module.name, base, *rest)), seen)
            if found is not None:
                return found
        return None


def _clean(root: str) -> str:
    inside = root.strip("/").removeprefix("./")
    return "" if inside in (".", "") else inside + "/"


# --- Reading one file ---------------------------------------------------------------------------------


def _read(tree: ast.Module, path: str, name: str) -> Module:
    package = name if path.endswith("__init__.py") else name.rpartition(".")[0]
    symbols: dict[str, Symbol] = {}
    exports: dict[str, str] = {}
    stars: list[str] = []
    constants: dict[str, None] = {}
    for statement in _statements(tree.body):
        match statement:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                symbols.update(_definitions(statement, path, name, ""))
            case ast.Import(names=names):
                for one in names:
                    top = one.name.split(".")[0]
                    exports[one.asname or top] = one.name if one.asname else top
            case ast.ImportFrom():
                origin = _origin(statement, package)
                stars.extend(origin for one in statement.names if one.name == "*")
                exports.update((one.asname or one.name, f"{origin}.{one.name}") for one in statement.names)
            case ast.Assign(targets=[ast.Name(id=target)], value=value):
                constants[target] = None
                if dotted(value):
                    exports[target] = f"{name}.{dotted(value)}"
            case ast.AnnAssign(target=ast.Name(id=target)):
                constants[target] = None
            case _:
                pass
    return Module(
        path=path, name=name, symbols=symbols, exports=exports, stars=tuple(stars), constants=tuple(constants)
    )


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Top-level statements, those under ``if`` and ``try`` (TYPE_CHECKING, optional imports) included."""
    for statement in body:
        match statement:
            case ast.If(body=inner, orelse=other):
                yield from _statements(inner)
                yield from _statements(other)
            case ast.Try(body=inner, handlers=handlers, orelse=other):
                yield from _statements(inner)
                for handler in handlers:
                    yield from _statements(handler.body)
                yield from _statements(other)
            case _:
                yield statement


def _origin(statement: ast.ImportFrom, package: str) -> str:
    if not statement.level:
        return statement.module or ""
    parts = package.split(".")
    base = parts[: len(parts) - statement.level + 1]
    return ".".join((*base, statement.module) if statement.module else base)


def _definitions(node: Definition, path: str, module: str, owner: str) -> Iterator[tuple[str, Symbol]]:
    name = f"{owner}.{node.name}" if owner else node.name
    if not isinstance(node, ast.ClassDef):
        kind = Kind.METHOD if owner else Kind.FUNCTION
        yield name, _function(node, path, module, name, kind)
        return
    members = [one for one in _statements(node.body) if isinstance(one, Definition)]
    yield name, _class(node, members, path, module, name)
    for member in members:
        yield from _definitions(member, path, module, name)


def _function(
    node: ast.FunctionDef | ast.AsyncFunctionDef, path: str, module: str, name: str, kind: Kind
) -> Symbol:
    decorators = tuple(filter(None, (dotted(_called(one)) for one in node.decorator_list)))
    parameters = _parameters(node.args)
    bound = kind is Kind.METHOD and "staticmethod" not in decorators
    nodes = _in_order(node)
    return Symbol(
        path=path,
        module=module,
        name=name,
        kind=kind,
        line=node.lineno,
        last_line=node.end_lineno or node.lineno,
        parameters=parameters[1:] if bound else parameters,
        returns=ast.unparse(node.returns) if node.returns else "",
        doc=(ast.get_docstring(node) or "")[:MAX_DOC],
        raises=_raised(nodes),
        calls=_calls(nodes),
        decorators=decorators,
        lazy=_lazy(node, decorators),
    )


def _class(node: ast.ClassDef, members: list[Definition], path: str, module: str, name: str) -> Symbol:
    makers = [one for one in members if one.name in ("__init__", "__new__", "__post_init__")]
    init = next(
        (one for one in makers if isinstance(one, ast.FunctionDef) and one.name != "__post_init__"), None
    )
    names = {one.name for one in members}
    return Symbol(
        path=path,
        module=module,
        name=name,
        kind=Kind.CLASS,
        line=node.lineno,
        last_line=node.end_lineno or node.lineno,
        parameters=_parameters(init.args)[1:] if init else _fields(node),
        doc=(ast.get_docstring(node) or "")[:MAX_DOC],
        raises=tuple(dict.fromkeys(name for one in makers for name in _raised(_in_order(one)))),
        calls=tuple(dict.fromkeys(name for one in makers for name in _calls(_in_order(one)))),
        bases=tuple(filter(None, (dotted(one) for one in node.bases))),
        decorators=tuple(filter(None, (dotted(_called(one)) for one in node.decorator_list))),
        lazy="__next__" in names,
    )


def _called(node: ast.expr) -> ast.expr:
    return node.func if isinstance(node, ast.Call) else node


def _fields(node: ast.ClassDef) -> tuple[Parameter, ...]:
    """The constructor of a dataclass or named tuple, from its annotations."""
    return tuple(
        Parameter(name=one.target.id, required=one.value is None, annotation=ast.unparse(one.annotation))
        for one in node.body
        if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name)
    )


def _parameters(args: ast.arguments) -> tuple[Parameter, ...]:
    def made(one: ast.arg, **more: bool | str) -> Parameter:
        annotation = ast.unparse(one.annotation) if one.annotation else ""
        return Parameter(
            name=one.arg,
            annotation=annotation,
            required=bool(more.get("required")),
            keyword_only=bool(more.get("keyword_only")),
            positional_only=bool(more.get("positional_only")),
            star=str(more.get("star", "")),
        )

    positional = [*args.posonlyargs, *args.args]
    first_default = len(positional) - len(args.defaults)
    found = [
        made(one, required=at < first_default, positional_only=at < len(args.posonlyargs))
        for at, one in enumerate(positional)
    ]
    if args.vararg:
        found.append(made(args.vararg, star="*"))
    found.extend(
        made(one, required=default is None, keyword_only=True)
        for one, default in zip(args.kwonlyargs, args.kw_defaults, strict=True)
    )
    if args.kwarg:
        found.append(made(args.kwarg, star="**"))
    return tuple(found)


def _in_order(node: ast.AST) -> list[ast.AST]:
    found = [one for one in own_nodes(node) if isinstance(one, ast.stmt | ast.expr)]
    return sorted(found, key=lambda one: (one.lineno, one.col_offset, type(one).__name__))  # type: ignore[attr-defined]


def _raised(nodes: list[ast.AST]) -> tuple[str, ...]:
    names = (
        dotted(_called(one.exc)).rpartition(".")[2]
        for one in nodes
        if isinstance(one, ast.Raise) and one.exc is not None
    )
    return tuple(dict.fromkeys(name for name in names if name[:1].isupper()))


def _calls(nodes: list[ast.AST]) -> tuple[str, ...]:
    names = (dotted(one.func) for one in nodes if isinstance(one, ast.Call))
    return tuple(dict.fromkeys(name for name in names if name))


def _lazy(node: ast.FunctionDef | ast.AsyncFunctionDef, decorators: tuple[str, ...]) -> bool:
    if isinstance(node, ast.AsyncFunctionDef) or any(
        "context" in one or "fixture" in one for one in decorators
    ):
        return False
    if node.returns and ast.unparse(node.returns).rpartition("typing.")[2].split("[")[0] in LAZY:
        return True
    for one in own_nodes(node):
        match one:
            case ast.Yield() | ast.YieldFrom():
                return True
            case ast.Return(value=ast.GeneratorExp()):
                return True
            case ast.Return(value=ast.Call(func=func)) if dotted(func).rpartition(".")[2] in LAZY_CALLS:
                return True
            case _:
                pass
    return False
