"""What a piece of code in prose is: something to run, a change to it, a value, an exception, or nothing."""

from __future__ import annotations

import ast
import builtins
from dataclasses import dataclass

from agent.builtin.reproduction.claims import Empty, Form, Raises, Subject, Text, Value
from agent.builtin.reproduction.program import Program
from agent.builtin.reproduction.resolve import BUILTINS, Names, expression
from agent.builtin.reproduction.snippets import Snippets
from agent.localize.safe_ast import dotted, parse_expression

MAX_TEXT_VALUE = 300
OPERATORS = ("==", "!=", "<=", ">=", "<", ">", "not in ", "in ", "is not ", "is ")


@dataclass(frozen=True, slots=True, kw_only=True)
class CallAtom:
    """Something to run."""

    subject: Subject
    constructor: bool = False  # a bare class call: it may be meant as a value


@dataclass(frozen=True, slots=True, kw_only=True)
class KeywordAtom:
    """``maxsplit=0``: a change of the call spoken of."""

    keywords: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorAtom:
    """``== None`` or ``!=``: a change of the comparison spoken of."""

    operator: str
    right: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeAtom:
    """``colspan="-1"``: a change of the markup spoken of, when it is no keyword of a call."""

    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NothingAtom:
    """No meaning of its own."""


Change = KeywordAtom | AttributeAtom | OperatorAtom
Atom = CallAtom | Change | Value | Text | Empty | Raises | NothingAtom


@dataclass
class Vocabulary:
    """Classifies code, knowing the repository and the code that the issue showed so far."""

    names: Names
    snippets: Snippets
    program: Program

    def atom(self, text: str, *, running: bool = False) -> Atom:
        """What a piece of code is. ``running`` text (no backticks) is never mere text."""
        error = exception(text)
        if error is None and self.is_exception(text.strip()):
            error = Raises(exceptions=(text.strip().rpartition(".")[2],))
        if error is not None:
            return error
        operator = self._operator(text)
        if operator is not None:
            return operator
        snippet = self.snippets.subject(text)
        if snippet is not None:
            return CallAtom(subject=snippet)
        node = expression(text)
        if node is not None and _acts(node) and not self._only_named(node):
            subject = self.subject(node, text)
            if subject is not None:
                return CallAtom(subject=subject, constructor=self._constructs(node))
        keywords = _keywords(text)
        if keywords is not None:
            return keywords
        if node is not None and self.is_value(node, text):
            return Value(source=ast.unparse(node), spoken=text.strip())
        return NothingAtom() if running or not _says_something(text, node) else Text(text=text.strip())

    def subject(self, node: ast.expr, text: str = "") -> Subject | None:
        """An expression as a subject; None when it is not of the repository or a test cannot hold it."""
        printed = _print_argument(node)
        form = Form.VALUE if printed is None else Form.PRINTED
        return self.program.subject(printed or node, "" if printed else text, form)

    def is_value(self, node: ast.expr, text: str) -> bool:
        """Whether an expression states a value: literals, and constructors of names that can be had."""
        bare = text.strip()
        if isinstance(node, ast.Tuple) and not bare.startswith("("):
            return False  # 1,000
        return _literal(node, self.names)

    def spoken(self, word: str) -> Value | None:
        """A bare word as a value: a number, True, False, None, nan."""
        if word in ("True", "False", "None", "NaN", "nan", "inf"):
            return Value(
                source=f"float('{word.lower()}')" if word.lower() in ("nan", "inf") else word, spoken=word
            )
        if word in ("true", "false"):
            return Value(source=word.title(), spoken=word.title())
        node = parse_expression(word) if word[:1] in "-.0123456789" else None
        if node is not None and isinstance(node, ast.Constant | ast.UnaryOp) and _literal(node, self.names):
            return Value(source=ast.unparse(node), spoken=word)
        return None

    def is_exception(self, name: str) -> bool:
        """By its ending, or because the repository derives it from an exception."""
        if is_exception(name):
            return True
        if not name[:1].isupper() or not name.replace(".", "_").isidentifier():
            return False
        names = self.names
        symbol = names.symbol(name) or names.symbol(names.binding(name.split(".")[0])[1])
        for _ in range(4):
            if symbol is None or symbol.kind != "class":
                return False
            if any(
                is_exception(base.rpartition(".")[2]) or base in ("Exception", "Warning")
                for base in symbol.bases
            ):
                return True
            symbol = next(
                (found for base in symbol.bases if (found := names.symbol(f"{symbol.module}.{base}"))), None
            )
        return False

    def _operator(self, text: str) -> OperatorAtom | None:
        bare = text.strip() + " "
        for operator in OPERATORS:
            if bare.startswith(operator):
                right = bare[len(operator) :].strip()
                node = expression(right) if right else None
                if right and (node is None or not _literal(node, self.names)):
                    return None
                return OperatorAtom(operator=operator.strip(), right=right)
        return None

    def _only_named(self, node: ast.expr) -> bool:
        """Whether ``f()`` merely names a function that cannot be called without arguments."""
        if not isinstance(node, ast.Call) or node.args or node.keywords:
            return False
        head, _, rest = dotted(node.func).partition(".")
        target = self.names.binding(head)[1] if head else ""
        symbol = self.names.symbol(f"{target}.{rest}" if rest else target) if target else None
        return symbol is not None and any(one.required for one in symbol.parameters)

    def _constructs(self, node: ast.expr) -> bool:
        if not isinstance(node, ast.Call):
            return False
        name = ast.unparse(node.func)
        symbol = self.names.symbol(self.names.binding(name)[1]) if name.isidentifier() else None
        return symbol is not None and symbol.kind == "class"


def exception(text: str) -> Raises | None:
    """``ValueError``, ``pkg.errors.Bad: message``; None for anything else."""
    head, _, message = text.strip().partition(":")
    name = head.strip().rpartition(".")[2]
    if not is_exception(name) or not head.replace(".", "").replace("_", "").strip().isalnum():
        return None
    return Raises(exceptions=(name,), message=message.strip())


def is_exception(name: str) -> bool:
    """A word that names an exception class, by its ending or as a builtin one."""
    if not name.isidentifier() or not name[:1].isupper():
        return False
    if name in ("Error", "Exception", "Warning", "Errors"):
        return False
    kind = getattr(builtins, name, None)
    if isinstance(kind, type) and issubclass(kind, BaseException):
        return True
    return name.endswith(("Error", "Exception")) or (name.endswith(("Exit", "Warning")) and len(name) > 8)


def _acts(node: ast.expr) -> bool:
    acting = ast.Call | ast.Compare | ast.Subscript | ast.BinOp | ast.UnaryOp
    return any(isinstance(one, acting) for one in ast.walk(node))


def _print_argument(node: ast.expr) -> ast.expr | None:
    match node:
        case ast.Call(func=ast.Name(id="print"), args=[only], keywords=[]):
            return only
        case _:
            return None


def _keywords(text: str) -> KeywordAtom | AttributeAtom | None:
    """``a=1`` or ``a=1, b=2`` with literal values."""
    name, equals, rest = text.strip().partition("=")
    if not equals or not name.strip().replace("-", "_").isidentifier() or rest.startswith("="):
        return None
    if "-" in name:
        return AttributeAtom(name=name.strip(), value=rest.strip().strip("\"'"))
    node = parse_expression(f"f({text.strip()})")
    if not isinstance(node, ast.Call) or node.args or not node.keywords:
        return None
    if any(one.arg is None for one in node.keywords):
        return None
    return KeywordAtom(keywords=tuple((one.arg or "", ast.unparse(one.value)) for one in node.keywords))


def _literal(node: ast.expr, names: Names) -> bool:
    match node:
        case ast.Constant():
            return node.value is not ...
        case ast.List(elts=items) | ast.Tuple(elts=items) | ast.Set(elts=items):
            return all(_literal(one, names) for one in items)
        case ast.Dict(keys=keys, values=values):
            return all(key is not None and _literal(key, names) for key in keys) and all(
                _literal(one, names) for one in values
            )
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
            return isinstance(operand, ast.Constant) or _literal(operand, names)
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub(), right=ast.Constant(value=complex())):
            return _literal(left, names)
        case ast.Name(id=name):
            return name in ("nan", "inf", "NaN")
        case ast.Call(func=ast.Name() | ast.Attribute() as func, args=args, keywords=keywords):
            name = ast.unparse(func)
            known = name in BUILTINS or bool(names.binding(name.split(".")[0])[0])
            return known and all(_literal(one, names) for one in (*args, *(one.value for one in keywords)))
        case _:
            return False


def _says_something(text: str, node: ast.expr | None) -> bool:
    """Whether code that is no Python may be text that was printed; a lone name rather names something."""
    bare = text.strip()
    if not bare or len(bare) > MAX_TEXT_VALUE or "\n" in bare:
        return False
    return not isinstance(node, ast.Name | ast.Attribute | ast.Call)
