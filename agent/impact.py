"""May-impact: which signatures a change changes, and which calls in the repository do not fit them any more.

Pure over two :class:`agent.localize.symbols.SymbolIndex`. Only what can be told from the text is told: a
definition whose decorators may change its signature is left alone, and so is a call whose arguments are
unpacked where that matters.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from agent.localize.safe_ast import decode, dotted, parse_module
from agent.localize.symbols import Kind, Parameter, Symbol, SymbolIndex

Resolve = Callable[[str], Symbol | None]

MAX_SITES = 500  # of one symbol
TRANSPARENT = frozenset({
    "staticmethod", "classmethod", "abstractmethod", "abc.abstractmethod", "cache", "functools.cache",
    "lru_cache", "functools.lru_cache", "contextmanager", "contextlib.contextmanager", "override",
    "typing.override", "final", "typing.final",
})  # fmt: skip
DATACLASSES = frozenset({"dataclass", "dataclasses.dataclass"})
COMMON_METHODS = frozenset(
    name for kind in (str, bytes, list, dict, set, tuple, int, float, type, object) for name in dir(kind)
) | frozenset(
    {"close", "open", "read", "write", "run", "start", "stop", "send", "put", "match", "search", "group"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A function, method or class (its constructor) whose parameters change; ``after`` is None when it is
    gone."""

    before: Symbol
    after: Symbol | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSite:
    """One call. ``positional`` counts plain arguments; ``unpacked`` says that there are ``*`` or ``**``
    arguments. ``certain`` is false where only the method's name says what is called."""

    path: str
    line: int
    caller: str  # symbol around it; empty at module level
    positional: int
    keywords: tuple[str, ...] = ()
    unpacked: bool = False
    certain: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenCall:
    """A call that fitted before and does not now, and why."""

    changed: Changed
    site: CallSite
    reason: str


def changed_signatures(before: SymbolIndex, after: SymbolIndex, paths: Iterable[str]) -> tuple[Changed, ...]:
    """What of the given files has other parameters, or is gone. A file that does not parse tells nothing."""
    return tuple(change for path in sorted(set(paths)) for change in _changes(before, after, path))


def _changes(before: SymbolIndex, after: SymbolIndex, path: str) -> Iterator[Changed]:
    old, new = before.module(path), after.module(path)
    if old is None or (new is None and after.text(path)):
        return
    found = new.symbols if new is not None else {}
    for name, symbol in old.symbols.items():
        now = found.get(name)
        if now is None:
            if symbol.module and not _still_there(after, symbol):
                yield Changed(before=symbol, after=None)
        elif _readable(symbol) and _readable(now) and _shape(symbol.parameters) != _shape(now.parameters):
            yield Changed(before=symbol, after=now)


def _still_there(after: SymbolIndex, symbol: Symbol) -> bool:
    """Under its old name, by an import, an alias or inheritance; or nobody can tell."""
    if after.has(symbol.dotted) or after.has(f"{symbol.module}.__getattr__"):
        return True
    owner = after.resolve(symbol.dotted.rpartition(".")[0]) if "." in symbol.name else None
    return owner is not None and (
        bool(owner.bases or owner.decorators) or after.method(owner, "__getattr__") is not None
    )


def _readable(symbol: Symbol) -> bool:
    """Whether its parameters are those that a caller sees."""
    if symbol.kind is not Kind.CLASS:
        return TRANSPARENT.issuperset(symbol.decorators)
    plain = not symbol.bases and bool(symbol.decorators) and DATACLASSES.issuperset(symbol.decorators)
    return plain and not any("KW_ONLY" in one.annotation for one in symbol.parameters)


def _shape(parameters: Iterable[Parameter]) -> tuple[tuple[object, ...], ...]:
    return tuple(
        (one.name, one.required, one.keyword_only, one.positional_only, one.star)
        for one in parameters
        if "ClassVar" not in one.annotation
    )


# --- Calls ------------------------------------------------------------------------------------------------


def call_sites(index: SymbolIndex, symbol: Symbol, resolve: Resolve | None = None) -> tuple[CallSite, ...]:
    """Where a symbol is called, in all files of the index; for ``__init__`` where its class is. ``resolve``
    says what a dotted name stands for, where that is not the index itself."""
    wanted = _called_as(symbol)
    found: list[CallSite] = []
    for path in index.python_files:
        if wanted.encode() in index.text(path) or (
            symbol.short == "__init__" and b"super()" in index.text(path)
        ):
            found.extend(_Reader(index, path, symbol, resolve or index.resolve).sites())
        if len(found) >= MAX_SITES:
            break
    return tuple(found[:MAX_SITES])


def _called_as(symbol: Symbol) -> str:
    return symbol.name.split(".")[-2] if symbol.short == "__init__" else symbol.short


class _Reader:
    """Finds the calls of one symbol in one file."""

    def __init__(self, index: SymbolIndex, path: str, symbol: Symbol, resolve: Resolve) -> None:
        self._index = index
        self._path = path
        self._symbol = symbol
        self._resolve = resolve
        self._module = index.module(path)
        text = decode(index.text(path))
        self._tree = parse_module(text) if text is not None else None
        self._local = _local_names(self._tree) if self._tree else frozenset()

    def sites(self) -> Iterator[CallSite]:
        if self._tree is None or self._module is None:
            return
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Call):
                kind = self._kind(node.func)
                if kind is not None:
                    yield self._site(node, *kind)

    def _site(self, call: ast.Call, shift: int, certain: bool) -> CallSite:
        caller = self._index.enclosing(self._path, call.lineno)
        starred = any(isinstance(one, ast.Starred) for one in call.args)
        plain = sum(not isinstance(one, ast.Starred) for one in call.args)
        return CallSite(
            path=self._path,
            line=call.lineno,
            caller=caller.name if caller else "",
            positional=max(plain - shift, 0),
            keywords=tuple(one.arg for one in call.keywords if one.arg),
            unpacked=starred or any(one.arg is None for one in call.keywords),
            certain=certain,
        )

    def _kind(self, called: ast.expr) -> tuple[int, bool] | None:
        """(arguments that stand for self, certain) when this calls the symbol."""
        name = dotted(called)
        head, _, rest = name.partition(".")
        if isinstance(called, ast.Attribute) and _is_super(called.value):
            return (0, True) if self._is_super_of(called) else None
        if name and head in ("self", "cls") and rest and "." not in rest:
            owner = self._owner(called.lineno)
            found = self._resolve(f"{owner.dotted}.{rest}") if owner else None
            return (0, True) if found is not None and self._same(found) else None
        if name and head not in self._local:
            found = self._resolve(self._full(name))
            if found is not None:
                return self._direct(name, found)
        return self._by_name(called)

    def _direct(self, name: str, found: Symbol) -> tuple[int, bool] | None:
        if found.kind is Kind.CLASS:
            made = self._resolve(f"{found.dotted}.__init__")
            is_it = self._same(found) or (made is not None and self._same(made))
            new = self._resolve(f"{found.dotted}.__new__")
            return (0, True) if is_it and new is None else None
        if not self._same(found):
            return None
        through_class = found.kind is Kind.METHOD and not {"staticmethod", "classmethod"} & {
            *found.decorators
        }
        owner = self._resolve(self._full(name.rpartition(".")[0])) if through_class else None
        return (1 if owner is not None and owner.kind is Kind.CLASS else 0), True

    def _by_name(self, called: ast.expr) -> tuple[int, bool] | None:
        """A method of something unknown: its name must be the repository's alone."""
        symbol = self._symbol
        if symbol.kind is not Kind.METHOD or not isinstance(called, ast.Attribute):
            return None
        if called.attr != symbol.short or called.attr in COMMON_METHODS:
            return None
        head = dotted(called.value).partition(".")[0]
        if self._module and head in self._module.exports:
            return None  # what was imported resolves, or is somebody else's
        return (0, False) if len(self._index.named(symbol.short)) == 1 else None

    def _same(self, found: Symbol) -> bool:
        return (found.path, found.name) == (self._symbol.path, self._symbol.name)

    def _is_super_of(self, called: ast.Attribute) -> bool:
        owner = self._owner(called.lineno)
        if owner is None or called.attr != self._symbol.short:
            return False
        for base in owner.bases:
            found = self._resolve(f"{self._full(base)}.{called.attr}")
            if found is not None:
                return self._same(found)
        return False

    def _owner(self, line: int) -> Symbol | None:
        """The class around a line."""
        around = [
            one
            for one in self._index.symbols(self._path)
            if one.kind is Kind.CLASS and one.line <= line <= one.last_line
        ]
        return max(around, key=lambda one: one.line, default=None)

    def _full(self, name: str) -> str:
        """A name of this module, as a dotted name of the repository."""
        assert self._module is not None
        head, _, rest = name.partition(".")
        origin = self._module.exports.get(head) or f"{self._module.name}.{head}"
        return f"{origin}.{rest}" if rest else origin


def _is_super(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and dotted(node.func) == "super"


def _local_names(tree: ast.Module) -> frozenset[str]:
    """Names that some function binds: calls through them are of something that is not known."""
    found: set[str] = set()
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            for node in ast.walk(function):
                match node:
                    case ast.Name(id=name, ctx=ast.Store() | ast.Del()) | ast.arg(arg=name):
                        found.add(name)
                    case ast.Import(names=names) | ast.ImportFrom(names=names):
                        found.update((one.asname or one.name).split(".")[0] for one in names)
                    case ast.FunctionDef(name=name) | ast.ClassDef(name=name) if node is not function:
                        found.add(name)
                    case _:
                        pass
    return frozenset(found)


# --- Fit --------------------------------------------------------------------------------------------------


def broken_calls(
    before: SymbolIndex, after: SymbolIndex, changed: Iterable[Changed]
) -> tuple[BrokenCall, ...]:
    """Calls in the files of ``after`` that fitted the old parameters and do not fit the new ones."""
    found: list[BrokenCall] = []
    for change in changed:
        if change.after is None:
            sites = call_sites(after, change.before, before.resolve)
            found.extend(
                BrokenCall(changed=change, site=site, reason="is gone") for site in sites if site.certain
            )
            continue
        old, new = change.before.parameters, change.after.parameters
        for site in call_sites(after, change.after):
            reason = misfit(new, site)
            if reason and not misfit(old, site):
                found.append(BrokenCall(changed=change, site=site, reason=reason))
    return tuple(found)


def misfit(parameters: Iterable[Parameter], site: CallSite) -> str:
    """Why a call does not fit parameters (without self), as Python would say; empty when it fits, or may."""
    known = [one for one in parameters if "ClassVar" not in one.annotation]
    positional = [one for one in known if not one.star and not one.keyword_only]
    if site.positional > len(positional) and not any(one.star == "*" for one in known):
        return f"takes at most {len(positional)} positional arguments and is given {site.positional}"
    open_ended = any(one.star == "**" for one in known)
    by_name = {one.name for one in known if not one.star and not one.positional_only}
    for keyword in site.keywords:
        if keyword not in by_name and not open_ended:
            return f"takes no argument {keyword!r}"
    if site.unpacked:
        return ""
    filled = {one.name for one in positional[: site.positional]}
    twice = [keyword for keyword in site.keywords if keyword in filled & by_name]
    if twice:
        return f"is given {twice[0]!r} twice"
    for one in known:
        if one.required and not one.star and one.name not in filled and one.name not in site.keywords:
            return f"needs {one.name!r}"
    return ""
