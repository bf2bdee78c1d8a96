"""Further cases that an issue states in words: "with an iterator as input", "also inside lists or dicts"."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace

from agent.builtin.reproduction.claims import Mode
from agent.builtin.reproduction.ledger import Entry, Ledger
from agent.localize.safe_ast import parse_expression

AS_INPUT = (" as input", " as an argument", " as argument", " passing ", " given ", " instead of a list")
INSIDE = (" inside ", " within ", " nested in ", " wrapped in ")
CONTAINERS = {
    "list": "[{}]",
    "tuple": "({},)",
    "dict": "{{'a': {}}}",
    "dictionar": "{{'a': {}}}",
    "set": "{{{}}}",
}
CONFIDENCE = 0.5


def derive(ledger: Ledger, paragraph: str) -> None:
    """Add what a paragraph says of variations of the first subject it speaks of. They are checked with the
    patch and need not fail on base; what ought to come of them follows from the subject once that is known.
    """
    low = f" {' '.join(paragraph.lower().split())} "
    for entry in list(ledger.last[:1]):
        for source in (*_iterated(entry, low), *_contained(entry, low)):
            other = ledger.entry(replace(entry.subject, source=source))
            if other is not None and other.expected is None and other.actual is None:
                other.derived, other.origin = True, entry
                other.quotes.append(" ".join(paragraph.split())[:300])


def settle(ledger: Ledger) -> None:
    """Give variations what their origin ought to give."""
    for entry in ledger.entries.values():
        origin = entry.origin
        expected = None if origin is None or origin.guard else ledger.wanted(origin)
        if expected is not None and entry.expected is None:
            ledger.tell([entry], Mode.EXPECTED, expected, "", CONFIDENCE)


def _iterated(entry: Entry, low: str) -> Iterator[str]:
    asked = any(f" {article} {kind}" in low for article in ("a", "an") for kind in ("iterator", "generator"))
    if asked and any(phrase in low for phrase in AS_INPUT):
        changed = _arguments(entry.subject.source, (ast.List, ast.Tuple), "iter({})", first=True)
        if changed is not None:
            yield changed


def _contained(entry: Entry, low: str) -> Iterator[str]:
    for phrase in INSIDE:
        _, found, rest = low.partition(phrase)
        words = rest.split()[:6] if found else []
        for name, pattern in CONTAINERS.items():
            if any(word.strip(",.;()").startswith(name) for word in words):
                changed = _arguments(entry.subject.source, (ast.expr,), pattern, first=False)
                if changed is not None:
                    yield changed


def _arguments(source: str, kind: tuple[type[ast.expr], ...], pattern: str, *, first: bool) -> str | None:
    """The source with positional arguments of the outermost call put into a pattern."""
    tree = parse_expression(source)
    if not isinstance(tree, ast.Call) or not tree.args:
        return None
    changed = False
    for at, argument in enumerate(tree.args):
        if isinstance(argument, kind) and not (first and changed):
            wrapped = parse_expression(pattern.format(ast.unparse(argument)))
            if wrapped is None:
                return None
            tree.args[at] = wrapped
            changed = True
    return ast.unparse(tree) if changed else None
