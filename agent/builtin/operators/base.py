"""What a family of repair operators is asked and what it answers."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Protocol

from agent.builtin.hints import Hints
from agent.builtin.operators.syntax import expression, in_parentheses, level, required
from agent.builtin.vocabulary import Vocabulary
from agent.localize.failure import Failure
from agent.localize.source import Block, Function, PythonFile, header_nodes, own_nodes


class Scope(Enum):
    """How far the same change may be made at all like places at once."""

    NONE = 0
    STATEMENT = 1
    FUNCTION = 2
    FILE = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """Replace ``text[start:end]``."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Idea:
    """A possible repair. ``prior`` says how likely it is among the family's ideas for a place (about 0 to 1).

    Ideas of one family with equal ``tag`` are the same change at another place; they are also offered
    together up to ``scope``, each widening weighed by ``echo``. ``change`` names the way in which values
    would change (:attr:`Hints.changes`). ``inserts`` marks new code rather than changed code.
    """

    edits: tuple[Edit, ...]
    line: int
    summary: str
    prior: float
    tag: str = ""
    scope: Scope = Scope.NONE
    echo: float = 0.7
    change: str = ""
    inserts: bool = False


@dataclass(frozen=True, eq=False, kw_only=True)
class Site:
    """A statement (or except clause) that a repair is looked for at. ``crash`` is the failure whose deepest
    frame in the repository is this statement."""

    file: PythonFile
    block: Block
    function: Function | None
    hints: Hints
    vocabulary: Vocabulary
    crash: Failure | None = None
    path_failures: tuple[Failure, ...] = ()  # crashes that went through this function
    passing: int = 0  # how many passing tests execute this statement

    @property
    def line(self) -> int:
        return self.block.lineno

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """Nodes of the statement's own text, without the statements inside, that can be edited."""
        if isinstance(self.block, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            return ()
        return tuple(node for node in header_nodes(self.block) if self.file.span(node) is not None)

    @cached_property
    def expressions(self) -> tuple[ast.expr, ...]:
        return tuple(node for node in self.nodes if isinstance(node, ast.expr))

    @cached_property
    def values(self) -> tuple[ast.expr, ...]:
        """Expressions that are read as a value and stand for themselves."""
        return tuple(node for node in self.expressions if self._is_value(node))

    def _is_value(self, node: ast.expr) -> bool:
        parent = self.parent(node)
        if isinstance(node, ast.Starred | ast.Slice | ast.JoinedStr | ast.FormattedValue):
            return isinstance(node, ast.JoinedStr) and not isinstance(parent, ast.FormattedValue)
        if not isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
            return False
        if isinstance(parent, ast.Call) and parent.func is node:
            return False
        return not (isinstance(parent, ast.keyword) and parent.arg is None)

    def parent(self, node: ast.AST) -> ast.AST | None:
        return self.file.parents.get(node)

    def text(self, node: ast.AST) -> str:
        return self.file.segment(node)

    # --- making ideas ---------------------------------------------------------------------------------------

    def replace(
        self,
        node: ast.AST,
        text: str,
        prior: float,
        summary: str = "",
        *,
        tag: str = "",
        scope: Scope = Scope.NONE,
        echo: float = 0.7,
        change: str = "",
    ) -> Idea:
        """Put another expression in a node's place, in parentheses where it needs them."""
        start, end = self.file.span(node) or (0, 0)
        new = expression(text)
        need = required(self.parent(node), node)
        if new is not None and level(new, text) < need and not in_parentheses(self.file, start, end):
            text = f"({text})"
        return self.edited(start, end, text, prior, summary, tag=tag, scope=scope, echo=echo, change=change)

    def edited(
        self,
        start: int,
        end: int,
        text: str,
        prior: float,
        summary: str = "",
        *,
        tag: str = "",
        scope: Scope = Scope.NONE,
        echo: float = 0.7,
        change: str = "",
    ) -> Idea:
        summary = summary or f"write `{shown(text)}` instead of `{shown(self.file.text[start:end])}`"
        return Idea(
            edits=(Edit(start=start, end=end, text=text),),
            line=self.file.line_of(start),
            summary=summary,
            prior=prior,
            tag=tag,
            scope=scope,
            echo=echo,
            change=change,
        )

    def insert_before(
        self,
        block: ast.stmt,
        lines: list[str],
        prior: float,
        summary: str,
        *,
        tag: str = "",
        change: str = "",
        scope: Scope = Scope.NONE,
    ) -> Iterator[Idea]:
        """New lines before a statement that begins its line; lines are indented relative to it."""
        if not self.begins_line(block):
            return
        first = min([block.lineno, *(d.lineno for d in getattr(block, "decorator_list", ()))])
        start = self.file.line_starts[first - 1]
        yield Idea(
            edits=(Edit(start=start, end=start, text=self.indented(lines, self.file.indent_of(first))),),
            line=first,
            summary=summary,
            prior=prior,
            tag=tag,
            change=change,
            scope=scope,
            inserts=True,
        )

    def insert_after(self, block: ast.stmt, lines: list[str], prior: float, summary: str) -> Iterator[Idea]:
        last = block.end_lineno or block.lineno
        if not self.begins_line(block) or last >= self.file.line_count or not self.ends_line(block):
            return
        start = self.file.line_starts[last]
        text = self.indented(lines, self.file.indent_of(block.lineno))
        yield Idea(
            edits=(Edit(start=start, end=start, text=text),),
            line=last + 1,
            summary=summary,
            prior=prior,
            inserts=True,
        )

    def indented(self, lines: list[str], indent: str) -> str:
        """Lines as text of this file; each leading tab means one more level."""
        unit = self.file.indent_unit
        parts = []
        for line in lines:
            depth = len(line) - len(line.lstrip("\t"))
            parts.append(f"{indent}{unit * depth}{line[depth:]}{self.file.newline}")
        return "".join(parts)

    def begins_line(self, block: ast.AST) -> bool:
        """Nothing but indentation stands before the statement on its line (no ``if x: y``, no ``a; b``)."""
        if not isinstance(block, ast.stmt):
            return False
        span = self.file.span(block)
        start = self.file.line_starts[block.lineno - 1]
        return span is not None and not self.file.text[start : span[0]].strip()

    def ends_line(self, block: ast.stmt) -> bool:
        span = self.file.span(block)
        last = self.file.line_span(block.end_lineno or block.lineno)[1]
        rest = self.file.text[span[1] : last].strip() if span else ";"
        return not rest or rest.startswith("#")

    # --- the surroundings -----------------------------------------------------------------------------------

    @cached_property
    def first_statement(self) -> ast.stmt | None:
        """The function's first statement after its docstring."""
        return self.function.body[0] if self.function and self.function.body else None

    @property
    def is_first(self) -> bool:
        """Whether this is the place where ideas for the whole function are offered."""
        return self.first_statement is self.block

    @cached_property
    def own_nodes(self) -> tuple[ast.AST, ...]:
        """All nodes of the function, in source order."""
        return tuple(own_nodes(self.function.node)) if self.function else ()

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        names = self.function.parameters if self.function else ()
        return tuple(name for name in names if name not in ("self", "cls"))

    @cached_property
    def locals(self) -> tuple[str, ...]:
        """Names that have a value here: parameters, then what is bound before this line."""
        bound = dict.fromkeys(self.parameters)
        for node in self.own_nodes:
            match node:
                case ast.Name(id=name, ctx=ast.Store(), lineno=line) if line < self.line:
                    bound.setdefault(name)
                case ast.ExceptHandler(name=str() as name, lineno=line, end_lineno=end):
                    if line < self.line <= (end or line):
                        bound.setdefault(name)
        args = self.function.node.args if self.function else None
        for extra in (args.vararg, args.kwarg) if args else ():
            if extra is not None:
                bound.setdefault(extra.arg)
        return tuple(bound)

    @cached_property
    def used_names(self) -> tuple[str, ...]:
        """Names of local values that this statement reads, in order."""
        known = frozenset(self.locals)
        names = (node.id for node in self.expressions if isinstance(node, ast.Name))
        return tuple(dict.fromkeys(name for name in names if name in known))

    def controls(self) -> Iterator[ast.AST]:
        """What stands around this statement within its function, innermost first."""
        node = self.parent(self.block)
        while node is not None and not isinstance(
            node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Module
        ):
            yield node
            node = self.parent(node)

    @cached_property
    def in_loop(self) -> bool:
        return any(isinstance(node, ast.For | ast.AsyncFor | ast.While) for node in self.controls())

    def crash_nodes(self, failure: Failure) -> tuple[ast.AST, ...]:
        """Nodes of the statement of this function that a crash went through last."""
        lines = self.function.lines if self.function else range(0)
        inside = [f.line for f in failure.frames if f.path == self.file.path and f.line in lines]
        block = self.file.blocks.get(inside[-1]) if inside else None
        return tuple(header_nodes(block)) if block is not None else ()

    def crash_names(self, failure: Failure) -> frozenset[str]:
        return frozenset(node.id for node in self.crash_nodes(failure) if isinstance(node, ast.Name))

    @cached_property
    def test(self) -> ast.expr | None:
        """The condition of an if or while statement."""
        return self.block.test if isinstance(self.block, ast.If | ast.While) else None

    @cached_property
    def guards_raise(self) -> bool:
        """An ``if`` that does nothing but raise."""
        return isinstance(self.block, ast.If) and isinstance(self.block.body[-1], ast.Raise)


class Family(Protocol):
    """One kind of repair; a module satisfies this."""

    NAME: str

    def ideas(self, site: Site) -> Iterator[Idea]: ...


def shown(text: str, limit: int = 80) -> str:
    """One line for a summary: no backquotes, no line breaks."""
    flat = re.sub(r"\s+", " ", text).replace("`", "'").strip()
    return flat if len(flat) <= limit else f"{flat[: limit - 1]}…"
