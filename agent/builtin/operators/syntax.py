"""Expressions as text: precedence, parentheses, operators."""

from __future__ import annotations

import ast

from agent.localize.source import PythonFile

ATOM = 15
LOWEST = 0
_BINARY: dict[type[ast.operator], tuple[str, int]] = {
    ast.BitOr: ("|", 6),
    ast.BitXor: ("^", 7),
    ast.BitAnd: ("&", 8),
    ast.LShift: ("<<", 9),
    ast.RShift: (">>", 9),
    ast.Add: ("+", 10),
    ast.Sub: ("-", 10),
    ast.Mult: ("*", 11),
    ast.Div: ("/", 11),
    ast.FloorDiv: ("//", 11),
    ast.Mod: ("%", 11),
    ast.MatMult: ("@", 11),
    ast.Pow: ("**", 13),
}
_COMPARE: dict[type[ast.cmpop], str] = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Is: "is",
    ast.IsNot: "is not",
    ast.In: "in",
    ast.NotIn: "not in",
}


def binary_text(op: ast.operator) -> str:
    return _BINARY[type(op)][0]


def compare_text(op: ast.cmpop) -> str:
    return _COMPARE[type(op)]


def level(node: ast.AST, text: str = "") -> int:
    """How tightly an expression binds; higher binds tighter."""
    match node:
        case ast.Starred() | ast.Yield() | ast.YieldFrom():
            return -2
        case ast.Tuple():
            return ATOM if text.startswith("(") else -2
        case ast.NamedExpr():
            return -1
        case ast.Lambda():
            return LOWEST
        case ast.IfExp():
            return 1
        case ast.BoolOp(op=ast.Or()):
            return 2
        case ast.BoolOp():
            return 3
        case ast.UnaryOp(op=ast.Not()):
            return 4
        case ast.Compare():
            return 5
        case ast.BinOp(op=op):
            return _BINARY[type(op)][1]
        case ast.UnaryOp():
            return 12
        case ast.Await():
            return 14
    return ATOM


def required(parent: ast.AST | None, node: ast.AST) -> int:
    """How tightly an expression must bind to stand without parentheses in the place of ``node``."""
    match parent:
        case ast.BinOp(op=ast.Pow(), left=left):
            return 14 if left is node else 12
        case ast.BinOp(op=op, left=left):
            return _BINARY[type(op)][1] + (left is not node)
        case ast.UnaryOp(op=ast.Not()):
            return 4
        case ast.UnaryOp():
            return 12
        case ast.BoolOp(op=op):
            return 3 if isinstance(op, ast.Or) else 4
        case ast.Compare() | ast.Starred():
            return 6
        case ast.Attribute() | ast.Await():
            return ATOM
        case ast.Subscript(value=value) if value is node:
            return ATOM
        case ast.Call(func=func) if func is node:
            return ATOM
        case ast.IfExp(orelse=orelse):
            return 1 if orelse is node else 2
        case ast.comprehension():
            return 2
        case ast.FormattedValue():
            return 2
    return LOWEST


def expression(text: str) -> ast.expr | None:
    try:
        return ast.parse(f"({text}\n)", mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def in_parentheses(file: PythonFile, start: int, end: int) -> bool:
    return file.text[:start].rstrip(" \t").endswith("(") and file.text[end:].lstrip(" \t").startswith(")")


def operand(text: str, at_least: int) -> str:
    """``text`` in parentheses when it binds less tightly than ``at_least``."""
    node = expression(text)
    if node is None or level(node, text) >= at_least:
        return text
    return f"({text})"


def abstract(node: ast.AST) -> str:
    """An expression's text with every variable blanked: equal for places that differ in names only."""
    copy = ast.parse(ast.unparse(node), mode="eval")
    called = {inner.func for inner in ast.walk(copy) if isinstance(inner, ast.Call)}
    for inner in ast.walk(copy):
        if isinstance(inner, ast.Name) and inner not in called:
            inner.id = "_"
    return ast.unparse(copy)


def negated(test: ast.expr, text: str) -> str:
    """The opposite of a condition, as one would write it."""
    opposite = {"==": "!=", "<": ">=", ">": "<=", "is": "is not", "in": "not in"}
    opposite |= {new: old for old, new in opposite.items()}
    match test:
        case ast.UnaryOp(op=ast.Not(), operand=inner):
            return ast.unparse(inner)
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            sign = opposite[compare_text(op)]
            return f"{operand(ast.unparse(left), 6)} {sign} {operand(ast.unparse(right), 6)}"
    return f"not {operand(text, 4)}"
