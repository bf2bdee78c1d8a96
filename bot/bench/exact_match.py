"""ExactMatch (H3): whether a submission is the reference solution, layout and names of its own aside."""

from __future__ import annotations

import ast
import warnings

DEFINITION = (
    "ExactMatch: the submitted module and the reference have the same syntax tree, after comments, layout, "
    "docstrings, type annotations and unused imports are left out, imports are sorted, and the names that a "
    "function binds (parameters, variables) are numbered in the order of their first appearance."
)


def exact_match(submitted: str, reference: str) -> bool:
    """False for what cannot be parsed."""
    one, two = normal_form(submitted), normal_form(reference)
    return one is not None and one == two


def normal_form(source: str) -> str | None:
    """The text that two modules share when they match; None for what cannot be parsed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = _Plain().visit(ast.parse(source))
            used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
            imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
            body = [_numbered(node) for node in tree.body if node not in imports]
            names = sorted(line for node in imports for line in _imported(node, used))
            return "\n".join([*dict.fromkeys(names), *(ast.dump(node) for node in body)])
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


class _Plain(ast.NodeTransformer):
    """Without docstrings and annotations."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        self.generic_visit(node)
        node.returns, node.body = None, _without_docstring(node.body)
        return node

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AsyncFunctionDef:
        self.generic_visit(node)
        node.returns, node.body = None, _without_docstring(node.body)
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        self.generic_visit(node)
        node.body = _without_docstring(node.body)
        return node

    def visit_Module(self, node: ast.Module) -> ast.Module:
        self.generic_visit(node)
        node.body = _without_docstring(node.body)
        return node

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        self.generic_visit(node)
        if node.value is None:
            return None
        return ast.Assign(targets=[node.target], value=node.value, lineno=node.lineno)


def _without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    match body:
        case [ast.Expr(value=ast.Constant(value=str())), *rest]:
            return rest or [ast.Pass()]
    return body or [ast.Pass()]


def _imported(node: ast.Import | ast.ImportFrom, used: set[str]) -> list[str]:
    origin = "" if isinstance(node, ast.Import) else f"{'.' * node.level}{node.module or ''}:"
    return [
        f"import {origin}{alias.name} as {alias.asname or alias.name}"
        for alias in node.names
        if alias.name == "*" or (alias.asname or alias.name).partition(".")[0] in used
    ]


def _numbered(node: ast.stmt) -> ast.stmt:
    """A top-level function with the names that it binds numbered; anything else as it is."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return node
    outside = {
        name for each in ast.walk(node) if isinstance(each, ast.Global | ast.Nonlocal) for name in each.names
    }
    bound = {name for each in ast.walk(node) if each is not node for name in _binds(each)} - outside
    return _Numbering(bound, node).visit(node)  # type: ignore[no-any-return]


def _binds(node: ast.AST) -> tuple[str, ...]:
    match node:
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
            return (name,)
        case ast.arg(arg=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            return (name,)
        case ast.ExceptHandler(name=str(name)):
            return (name,)
    return ()


class _Numbering(ast.NodeTransformer):
    def __init__(self, bound: set[str], top: ast.AST) -> None:
        self._bound = bound
        self._top = top
        self._numbers: dict[str, str] = {}

    def visit_Name(self, node: ast.Name) -> ast.Name:
        node.id = self._of(node.id)
        return node

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.arg = self._of(node.arg)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        node.name = node.name if node is self._top else self._of(node.name)
        self.generic_visit(node)
        return node

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> ast.ExceptHandler:
        node.name = None if node.name is None else self._of(node.name)
        self.generic_visit(node)
        return node

    def _of(self, name: str) -> str:
        if name not in self._bound:
            return name
        return self._numbers.setdefault(name, f"v{len(self._numbers)}")
