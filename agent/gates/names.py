"""Every name that the patch uses is defined: only unresolved names that were not there before count."""

from __future__ import annotations

import ast
import builtins
import symtable
import warnings
from collections.abc import Iterator

from agent.gates.evidence import Evidence, listed, passed, refused
from agent.types import GateResult

NAME = "names-resolve"

MODULE_NAMES = frozenset(dir(builtins)) | {
    *("__file__", "__name__", "__path__", "__doc__", "__package__", "__spec__", "__loader__", "__builtins__"),
    *("__annotations__", "__cached__", "__dict__", "__class__", "__module__", "__qualname__", "__debug__"),
    *("WindowsError", "ExceptionGroup", "BaseExceptionGroup", "EncodingWarning", "aiter", "anext"),
}


def check(evidence: Evidence) -> GateResult:
    faults = []
    for change in evidence.changes:
        if change.path.endswith(".py") and change.content is not None:
            known = unresolved(evidence.source.read(change.path) or b"")
            faults += [f"{name} in {change.path}" for name in sorted(unresolved(change.content) - known)]
    if faults:
        return refused(NAME, f"not defined anywhere: {listed(faults)}")
    return passed(NAME, "no new name is undefined")


def unresolved(content: bytes) -> frozenset[str]:
    """Names that some scope looks up in the module and that neither the module nor Python defines.

    Empty for what does not parse (another gate's concern) and for modules with a star import or a namespace
    that is filled at run time.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(content)
            module = symtable.symtable(content.decode("utf-8", "replace"), "module", "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return frozenset()
    if _open_ended(tree):
        return frozenset()
    scopes = list(_scopes(module))
    defined = {symbol.get_name() for symbol in module.get_symbols() if _binds(symbol)}
    # "global x" in a function that assigns x defines it in the module.
    defined |= {s.get_name() for scope in scopes for s in scope.get_symbols() if s.is_global() and _binds(s)}
    wanted = {
        symbol.get_name() for scope in scopes for symbol in scope.get_symbols() if _looks_up(symbol, scope)
    }
    return frozenset(wanted - defined - MODULE_NAMES)


def _open_ended(tree: ast.Module) -> bool:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
            return True
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "update":
            owner = node.func.value
            if (
                isinstance(owner, ast.Call)
                and isinstance(owner.func, ast.Name)
                and owner.func.id == "globals"
            ):
                return True
    return False


def _scopes(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    pending = [table]  # not recursive: nesting is the patch's choice
    while pending:
        scope = pending.pop()
        yield scope
        pending += scope.get_children()


def _binds(symbol: symtable.Symbol) -> bool:
    return symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace() or symbol.is_parameter()


def _looks_up(symbol: symtable.Symbol, scope: symtable.SymbolTable) -> bool:
    if not symbol.is_referenced():
        return False
    if scope.get_type() == "module":
        return not _binds(symbol)
    return symbol.is_global()
