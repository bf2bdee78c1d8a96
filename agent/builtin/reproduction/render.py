"""Claims → the text of a test file that a maintainer would have written."""

from __future__ import annotations

import ast
import builtins
import io
import sys
import textwrap
import tokenize
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from agent.builtin.reproduction.claims import (
    Accepts,
    Claim,
    Empty,
    Form,
    Like,
    Raises,
    Text,
    Unlike,
    Value,
    only_type_differs,
)
from agent.builtin.reproduction.placement import Place, slug
from agent.builtin.reproduction.resolve import Names
from agent.localize.safe_ast import dotted, parse_expression
from agent.localize.symbols import Symbol

WIDTH = 88
MAX_QUOTE = 260
INDENT = "    "
SPOKEN = (
    ("==", "equals"), ("!=", "differs_from"), ("<=", "at_most"), (">=", "at_least"), ("[]", "empty_list"),
    ("()", ""), ("{}", "empty_dict"), ("''", "empty_string"), ('""', "empty_string"), ("(-", "minus "),
    (" -", " minus "), ("<", "less_than"), (">", "more_than"),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One test function: its name, its lines, what it needs."""

    name: str
    body: tuple[str, ...]
    imports: tuple[str, ...]
    verifies: str
    quote: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    content: str
    ids: tuple[str, ...]  # of the cases, in the order given


def render(cases: Sequence[Case], place: Place, heading: str) -> Rendered:
    """A whole test file."""
    imports = {one for case in cases for one in case.imports}
    needs_pytest = any("pytest." in line for case in cases for line in case.body)
    imports |= {"import unittest"} if place.unittest else {"import pytest"} if needs_pytest else set()
    lines = [*_docstring(heading, "", ""), "", *_import_block(imports), "", ""]
    if place.unittest:
        group = "Test" + "".join(part.title() for part in slug(heading).split("_"))[:40]
        lines.append(f"class {group}(unittest.TestCase):")
        for case in cases:
            lines.extend(textwrap.indent("\n".join(_function(case, "self")), INDENT).split("\n"))
            lines.append("")
        address = f"{place.path}::{group}::"
    else:
        for case in cases:
            lines.extend([*_function(case, ""), "", ""])
        address = f"{place.path}::"
    content = "\n".join(line.rstrip() for line in lines).strip("\n") + "\n"
    content = requote(content) if place.double_quotes else content
    return Rendered(content=content, ids=tuple(address + case.name for case in cases))


def case_of(
    claim: Claim, names: Names, unittest: bool, taken: set[str], exceptions: tuple[str, ...]
) -> Case | None:
    """The test of one claim; None when an exception or value of it cannot be named."""
    writer = _Writer(claim, names, unittest, exceptions)
    asserted = writer.lines()
    if asserted is None:
        return None
    stem = "test_" + (slug(_speakable(claim.subject.source)) or "case")
    name, more = stem, 2
    while name in taken:
        name, more = f"{stem}_{more}", more + 1
    taken.add(name)
    setup = [line for piece in claim.subject.setup for line in piece.split("\n")]
    return Case(
        name=name,
        body=(*setup, *asserted),
        imports=tuple(sorted({*claim.subject.imports, *writer.imports})),
        verifies=describe(claim),
        quote=claim.quote,
    )


def _speakable(source: str) -> str:
    """A source with its operators and empty literals as words, so that names tell cases apart."""
    for mark, word in SPOKEN:
        source = source.replace(mark, f" {word} ")
    return source


def describe(claim: Claim) -> str:
    """What a test checks, as a sentence."""
    subject = " ".join(claim.subject.source.split())
    subject = subject if len(subject) <= 70 else subject[:67] + "..."
    match claim.expected:
        case Value(source=source):
            said = f"{subject} gives {source}"
        case Text(text=text):
            said = f"{subject} gives {_flat(text)}"
        case Empty(kind=kind):
            said = f"{subject} gives an empty {'string' if kind == 'str' else kind}"
        case Raises(exceptions=exceptions):
            said = f"{subject} raises {' or '.join(exceptions)}" if exceptions else f"{subject} is rejected"
        case Accepts():
            held = claim.subject.form is Form.ASSERTION
            said = f"{subject} holds" if held else f"{subject} does not raise"
        case Unlike(value=value):
            said = f"{subject} does not give {value.source}"
        case Like(source=source):
            said = f"{subject} gives the same as {source}"
    return _flat(said)[:160] + (", as before" if claim.guard else "")


class _Writer:
    """Writes the assertion of one claim."""

    def __init__(self, claim: Claim, names: Names, unittest: bool, exceptions: tuple[str, ...]) -> None:
        self.claim = claim
        self.names = names
        self.unittest = unittest
        self.exceptions = exceptions
        self.imports: set[str] = set()

    def lines(self) -> list[str] | None:
        subject, expected = self.claim.subject, self.claim.expected
        source = subject.source
        match expected:
            case Raises():
                return self._raising(expected, self._run(source))
            case Accepts() if subject.form is Form.ASSERTION:
                return [f"self.assertTrue({source})" if self.unittest else f"assert {source}"]
            case Accepts():
                return self._run(source)
            case Value():
                return self._value(expected, source)
            case Text(text=text, via=via):
                plain = not via or subject.form is Form.RENDERED
                return self._equal(source if plain else f"{via}({source})", repr(text))
            case Empty(kind=kind):
                return self._empty(kind, source)
            case Unlike(value=value):
                return self._unlike(value, source)
            case Like(source=other, imports=imports):
                self.imports.update(imports)
                return self._equal(source, other)

    def _value(self, expected: Value, source: str) -> list[str] | None:
        wanted = self._resolved(expected)
        if wanted is None:
            return None
        if self.claim.subject.form is Form.RENDERED or self._gives_text(expected):
            node = parse_expression(expected.source)
            is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
            return self._equal(source, wanted if is_text else repr(expected.spoken or expected.source))
        if wanted in ("True", "False", "None"):
            if self.unittest:
                method = f"assertIs({source}, {wanted})" if wanted != "None" else f"assertIsNone({source})"
                return [f"self.{method}"]
            return [f"assert {_operand(source)} is {wanted}"]
        if wanted in ("nan", "float('nan')", "NaN"):
            self.imports.add("import math")
            return [
                f"self.assertTrue(math.isnan({source}))" if self.unittest else f"assert math.isnan({source})"
            ]
        if expected.rounded:
            places = f"self.assertAlmostEqual({source}, {wanted}, places={_places(wanted)})"
            return [
                places if self.unittest else f"assert {_operand(source)} == pytest.approx({wanted}, rel=1e-3)"
            ]
        if only_type_differs(self.claim.actual, expected):
            return self._equal(f"repr({source})", repr(wanted))
        if self._lazy(source) and isinstance(parse_expression(wanted), ast.List | ast.Tuple | ast.Set):
            return self._equal(f"list({source})", wanted)
        return self._equal(source, wanted)

    def _resolved(self, value: Value) -> str | None:
        node = parse_expression(value.source)
        if node is None:
            return None
        resolved = self.names.resolve(node)
        if resolved.missing:
            return None
        self.imports.update(resolved.imports)
        return resolved.source

    def _gives_text(self, expected: Value) -> bool:
        """Whether the function is annotated to return a string while the issue shows its content unquoted."""
        node = parse_expression(expected.source)
        if isinstance(node, ast.Constant) and (isinstance(node.value, str) or node.value is None):
            return False
        symbol = self._outermost(self.claim.subject.source)
        return symbol is not None and symbol.returns in ("str", "'str'")

    def _equal(self, left: str, right: str) -> list[str]:
        line = (
            f"self.assertEqual({left}, {right})" if self.unittest else f"assert {_operand(left)} == {right}"
        )
        if len(line) + (8 if self.unittest else 4) <= WIDTH and "\n" not in line:
            return [line]
        check = "self.assertEqual(result, expected)" if self.unittest else "assert result == expected"
        return [f"result = {left}", f"expected = {right}", check]

    def _unlike(self, value: Value, source: str) -> list[str] | None:
        wanted = self._resolved(value)
        if wanted is None:
            return None
        if self.unittest:
            return [
                f"self.assertIsNotNone({source})"
                if wanted == "None"
                else f"self.assertNotEqual({source}, {wanted})"
            ]
        return [f"assert {_operand(source)} {'is not' if wanted == 'None' else '!='} {wanted}"]

    def _empty(self, kind: str, source: str) -> list[str]:
        literal = {
            "list": "[]",
            "tuple": "()",
            "dict": "{}",
            "set": "set()",
            "str": "''",
            "bytes": "b''",
        }.get(kind)
        outer = next((one for one in ("list", "tuple", "set", "dict") if source.startswith(f"{one}(")), "")
        if literal is None and outer:
            literal = {"list": "[]", "tuple": "()", "set": "set()", "dict": "{}"}[outer]
        if literal is None or (kind == "list" and self._lazy(source)):
            return self._equal(f"list({source})", "[]")
        return self._equal(source, literal)

    def _raising(self, expected: Raises, run: list[str]) -> list[str] | None:
        wanted = expected.exceptions or self.exceptions
        known = [name for name in wanted if self._exception(name)]
        if not known:
            return None
        kinds = known[0] if len(known) == 1 else f"({', '.join(known)})"
        match = ""
        actual = self.claim.actual
        if expected.message and isinstance(actual, Raises) and actual.exceptions == expected.exceptions:
            self.imports.add("import re")
            match = f", {'expected_regex' if self.unittest else 'match'}=re.escape({expected.message!r})"
        if self.unittest:
            opening = f"with self.assertRaises{'Regex' if match else ''}({kinds}{match}):"
        else:
            opening = f"with pytest.raises({kinds}{match}):"
        return [opening, *(INDENT + line for line in run)]

    def _exception(self, name: str) -> bool:
        if hasattr(builtins, name):
            return True
        statement, _ = self.names.binding(name)
        if statement:
            self.imports.add(statement)
        return bool(statement)

    def _run(self, source: str) -> list[str]:
        """Lines that execute the subject to its end."""
        if self.claim.subject.form is Form.STATEMENT:
            return source.split("\n")
        if self._lazy(source):
            return [f"list({source})"]
        node = parse_expression(source)
        return (
            [source]
            if isinstance(node, ast.Call | ast.Await)
            else [f"result = {source}", "assert result is result"][:1]
        )

    def _lazy(self, source: str) -> bool:
        symbol = self._outermost(source)
        return symbol is not None and symbol.lazy

    def _outermost(self, source: str) -> Symbol | None:
        """The repository's symbol that an expression calls last."""
        node = parse_expression(source)
        if not isinstance(node, ast.Call):
            return None
        name = dotted(node.func)
        for target in self.claim.subject.targets:
            symbol = self.names.symbol(target)
            if symbol is not None and name and target.endswith(name.rpartition(".")[2]):
                return symbol
        return None


def _places(number: str) -> int:
    return len(number.partition(".")[2]) if number.partition(".")[2].isdigit() else 3


def _operand(source: str) -> str:
    """An expression that can stand left of a comparison."""
    node = parse_expression(source)
    loose = ast.Compare | ast.BoolOp | ast.IfExp | ast.Lambda | ast.NamedExpr
    unary = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)
    return f"({source})" if isinstance(node, loose) or unary else source


def _function(case: Case, owner: str) -> list[str]:
    docstring = _docstring(case.verifies, "The issue says:", case.quote)
    head = f"def {case.name}({owner}):"
    return [head, *(INDENT + line if line else "" for line in (*docstring, *case.body))]


def _docstring(first: str, lead: str, quote: str) -> list[str]:
    first = _safe(_flat(first)[:200].rstrip(". ")) + "."
    said = _safe(_flat(quote)[:MAX_QUOTE]) + ("..." if len(_flat(quote)) > MAX_QUOTE else "")
    opening = textwrap.wrap(f'"""{first}', WIDTH - 8, break_on_hyphens=False)
    if not said:
        return [*opening[:-1], opening[-1] + '"""'] if len(opening[-1]) < WIDTH - 12 else [*opening, '"""']
    return [*opening, "", *textwrap.wrap(f"{lead} {said}", WIDTH - 8, break_on_hyphens=False), '"""']


def _flat(text: str) -> str:
    """One line without control characters."""
    plain = "".join(one if one.isprintable() else " " for one in text)
    return " ".join(plain.split())


def _safe(text: str) -> str:
    """One line that can stand inside a docstring: nothing in it ends the string or escapes."""
    return _flat(text).replace("\\", "\\\\").replace('"', "'")


def _import_block(imports: Iterable[str]) -> list[str]:
    """Merged and sorted: the standard library, then pytest and others, then the rest, as isort does."""
    plain = sorted(one for one in imports if one.startswith("import "))
    merged: dict[str, set[str]] = {}
    for one in imports:
        if one.startswith("from "):
            module, _, what = one[5:].partition(" import ")
            merged.setdefault(module, set()).add(what)
    froms = [f"from {module} import {', '.join(sorted(what))}" for module, what in sorted(merged.items())]
    groups: list[list[str]] = [[], []]
    for one in (*plain, *froms):
        groups[0 if _is_standard(one) else 1].append(one)
    return [
        line
        for at, group in enumerate(groups)
        for line in (*([""] if at and groups[0] and group else []), *group)
    ]


def _is_standard(statement: str) -> bool:
    return statement.split()[1].split(".")[0] in sys.stdlib_module_names


def requote(source: str) -> str:
    """Double quotes around strings that hold neither kind of quote nor a backslash, as black writes them."""
    lines = source.split("\n")
    found = [
        token
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.STRING and token.start[0] == token.end[0]
    ]
    for token in reversed(found):
        prefix = token.string[: len(token.string) - len(token.string.lstrip("rbfuRBFU"))]
        body = token.string[len(prefix) :]
        if body.startswith("'") and not body.startswith("'''") and not set(body[1:-1]) & {'"', "\\", "'"}:
            row = token.start[0] - 1
            line = lines[row]
            lines[row] = f'{line[: token.start[1]]}{prefix}"{body[1:-1]}"{line[token.end[1] :]}'
    return "\n".join(lines)
