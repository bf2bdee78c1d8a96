"""Which names of other modules a Python file uses, as far as that can be told for sure.

Left out: what is guarded (``try``, ``hasattr``, version and platform checks), annotations, what goes
through a name that the file binds in another way as well, and files that do not parse.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from agent.localize.safe_ast import decode, dotted, parse_module

_GUARDS = frozenset(
    {"hasattr", "getattr", "sys", "os", "platform", "version", "version_info", "TYPE_CHECKING"}
)
_CATCHING = frozenset({"ImportError", "ModuleNotFoundError", "AttributeError", "Exception", "BaseException"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """``name`` taken from ``module``; an import of the module itself when it is empty. ``sets`` says that the
    file gives the name to the module."""

    module: str
    name: str
    line: int
    sets: bool = False


def uses(content: bytes) -> tuple[Use, ...]:
    """In the order of the file; none of a file that does not parse."""
    text = decode(content)
    tree = parse_module(text) if text is not None else None
    return () if tree is None else tuple(_uses(tree))


def _uses(tree: ast.Module) -> Iterator[Use]:
    aliases = _aliases(tree)
    guarded = _guarded(tree)
    for node in ast.walk(tree):
        if node in guarded:
            continue
        match node:
            case ast.Import(names=names):
                yield from (Use(module=one.name, name="", line=node.lineno) for one in names)
            case ast.ImportFrom(module=str(module), names=names, level=0):
                yield Use(module=module, name="", line=node.lineno)
                yield from (
                    Use(module=module, name=one.name, line=node.lineno) for one in names if one.name != "*"
                )
            case ast.Attribute():
                yield from _attribute(node, aliases)
            case _:
                pass


def _attribute(node: ast.Attribute, aliases: dict[str, str]) -> Iterator[Use]:
    """``a.b.name`` where ``a`` is an imported module: the last part is a name of what stands before it, which
    is a module or not; who asks must know."""
    head, _, rest = dotted(node.value).partition(".")
    if head in aliases:
        owner = f"{aliases[head]}.{rest}" if rest else aliases[head]
        sets = not isinstance(node.ctx, ast.Load)
        yield Use(module=owner, name=node.attr, line=node.lineno, sets=sets)


def _aliases(tree: ast.Module) -> dict[str, str]:
    """Names that an import alone binds, in the whole file, and what they stand for."""
    found: dict[str, set[str]] = {}
    otherwise: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                for one in names:
                    top = one.name.split(".")[0]
                    found.setdefault(one.asname or top, set()).add(one.name if one.asname else top)
            case ast.ImportFrom(module=module, names=names, level=level):
                for one in names:
                    found.setdefault(one.asname or one.name, set()).add(
                        f"{module}.{one.name}" if not level else ""
                    )
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()) | ast.arg(arg=name):
                otherwise.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                otherwise.add(name)
            case (
                ast.ExceptHandler(name=str(name))
                | ast.MatchAs(name=str(name))
                | ast.MatchStar(name=str(name))
            ):
                otherwise.add(name)
            case ast.MatchMapping(rest=str(name)):
                otherwise.add(name)
            case _:
                pass
    return {
        name: next(iter(origins))
        for name, origins in found.items()
        if len(origins) == 1 and "" not in origins and name not in otherwise
    }


def _guarded(tree: ast.Module) -> set[ast.AST]:
    """Everything whose being there does not mean that it runs."""
    found: set[ast.AST] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Try() | ast.TryStar() if any(_catches(one) for one in node.handlers):
                inside: list[ast.AST] = [*node.body, *node.handlers, *node.orelse]
            case ast.With() if any("suppress" in ast.dump(one.context_expr) for one in node.items):
                inside = [*node.body]
            case ast.If() | ast.IfExp() if _is_guard(node.test):
                inside = [*ast.iter_child_nodes(node)]
            case ast.arg(annotation=ast.expr() as kind) | ast.AnnAssign(annotation=kind):
                inside = [kind]  # seldom evaluated: types that only a checker knows stand here
            case (
                ast.FunctionDef(returns=ast.expr() as kind) | ast.AsyncFunctionDef(returns=ast.expr() as kind)
            ):
                inside = [kind]
            case ast.BoolOp() if any(_is_guard(one) for one in node.values):
                inside = [node]
            case _:
                continue
        found.update(child for one in inside if one not in found for child in ast.walk(one))
    return found


def _catches(handler: ast.ExceptHandler) -> bool:
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(one is None or dotted(one).rpartition(".")[2] in _CATCHING for one in kinds)


def _is_guard(test: ast.expr) -> bool:
    """A condition on the interpreter, the platform or on what is there. Constants in capitals count: "PY3",
    "HAS_NUMPY"."""
    names = {
        node.id if isinstance(node, ast.Name) else node.attr
        for node in ast.walk(test)
        if isinstance(node, ast.Name | ast.Attribute)
    }
    return bool(names & _GUARDS) or any(name.isupper() and len(name) > 1 for name in names)
