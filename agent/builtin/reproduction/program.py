"""The code that an issue shows: one growing program of which each subject takes what it needs."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from agent.builtin.reproduction.claims import Form, Subject
from agent.builtin.reproduction.hygiene import objection
from agent.builtin.reproduction.resolve import Names, Scope, imports_of

MAX_STATEMENTS = 120
MAX_SETUP = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A statement with the names it binds and reads, found once."""

    statement: ast.stmt
    stored: frozenset[str]
    loaded: frozenset[str]
    mutates: bool


@dataclass
class Program:
    """Statements seen so far, in order. ``refused`` says what could not be taken into a test, and why."""

    names: Names
    trusted: frozenset[str]
    lines: list[Line] = field(default_factory=list)
    imports: dict[str, str] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)

    def add(self, statement: ast.stmt) -> None:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            if not objection(statement, self.trusted):
                self.imports.update(imports_of(ast.Module(body=[statement], type_ignores=[])))
        elif len(self.lines) < MAX_STATEMENTS:
            line = Line(
                statement=statement,
                stored=_stored(statement),
                loaded=_loaded(statement),
                mutates=_mutates(statement),
            )
            if line.stored or line.mutates:
                self.lines.append(line)

    def subject(self, node: ast.expr | ast.stmt, text: str = "", form: Form = Form.VALUE) -> Subject | None:
        """A piece of code as a subject with the statements that it needs; None when it runs nothing of the
        repository, or a test cannot hold it."""
        setup = self._needed(node)
        scope = Scope(
            names=frozenset().union(*map(_stored, setup)), imports=tuple(sorted(self.imports.items()))
        )
        pieces = [self.names.resolve(one, scope) for one in setup]
        main = self.names.resolve(node, scope, keep=text)
        missing = sorted({name for piece in (*pieces, main) for name in piece.missing})
        targets = tuple(dict.fromkeys(name for piece in (main, *pieces) for name in piece.targets))
        label = " ".join((text or main.source).split())[:80]
        if missing:
            if any(isinstance(one, ast.Call) for one in ast.walk(node)):
                self._refuse(f"`{label}`: nothing named {', '.join(missing)} was found")
            return None
        if not targets:
            return None
        reason = next(filter(None, (objection(one, self.trusted) for one in (*setup, node))), "")
        imports = sorted({one for piece in (*pieces, main) for one in piece.imports})
        reason = reason or next(filter(None, (_import_objection(one, self.trusted) for one in imports)), "")
        if reason:
            self._refuse(f"`{label}` is not taken into a test: {reason}")
            return None
        return Subject(
            source=main.source,
            imports=tuple(imports),
            setup=tuple(piece.source for piece in pieces),
            form=form,
            targets=targets,
        )

    def _refuse(self, reason: str) -> None:
        if reason not in self.refused:
            self.refused.append(reason)

    def _needed(self, node: ast.AST) -> list[ast.stmt]:
        """The earlier statements that bind or change what a node reads, in order."""
        wanted = set(_loaded(node))
        found: list[ast.stmt] = []
        for line in reversed(self.lines):
            if len(found) >= MAX_SETUP:
                break
            if not line.stored & wanted and not (line.mutates and line.loaded & wanted):
                continue
            found.append(line.statement)
            if isinstance(line.statement, ast.Assign | ast.FunctionDef | ast.ClassDef | ast.AnnAssign):
                wanted -= line.stored
            wanted |= line.loaded
        return list(reversed(found))


def _import_objection(statement: str, trusted: frozenset[str]) -> str:
    return next(filter(None, (objection(one, trusted) for one in ast.parse(statement).body)), "")


def _loaded(node: ast.AST) -> frozenset[str]:
    return frozenset(
        one.id for one in ast.walk(node) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Load)
    )


def _stored(node: ast.AST) -> frozenset[str]:
    """Names that a statement binds around it: not those inside the functions that it defines."""
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return frozenset([name])
        case _:
            return frozenset(
                one.id
                for one in ast.walk(node)
                if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)
            )


def _mutates(statement: ast.stmt) -> bool:
    """Whether a statement is there for what it does: a call on its own, an item or attribute set, a block."""
    match statement:
        case ast.Expr(value=ast.Call(func=ast.Name(id="print"))):
            return False
        case ast.Expr(value=ast.Call(func=ast.Attribute())):
            return True
        case ast.Assign(targets=targets):
            return any(isinstance(one, ast.Attribute | ast.Subscript) for one in targets)
        case ast.AugAssign() | ast.Delete() | ast.For() | ast.With() | ast.If():
            return True
        case _:
            return False
