"""The search tree as a Mermaid flowchart, for a pull request or a file.

A label may hold anything that a stranger wrote. Mermaid acts on quotes, brackets, `%%{`, `$$`, markdown and
`#…;`; and a squashed commit takes a pull request's text over as plain text, where "fixes #3" or "@name" would
be live again. So whatever is no letter, digit, blank or harmless mark becomes an entity with a *name*: a
numeric one, `#35;`, would read as a reference to issue 35.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import Final

from agent.show.model import NodeView, RunView
from agent.show.picture import Picture, picture
from sandbox.redact import Redactor

FILE_NODES: Final = 200
FILE_SIZE: Final = 45_000
"""Mermaid draws no text of more than 50,000 characters and no more than 500 edges, wherever it is not told
otherwise; its hosts may not be told."""

LABEL = 90
TESTS = 3  # triangles per state
_HARMLESS: Final = frozenset(" .,/-+=")
_NAMES: Final = {
    '"': "quot", "#": "num", "&": "amp", "'": "apos", "<": "lt", ">": "gt", "`": "grave", "(": "lpar",
    ")": "rpar", "[": "lsqb", "]": "rsqb", "{": "lcub", "}": "rcub", "|": "vert", "\\": "bsol",
    "%": "percnt", ";": "semi", ":": "colon", "@": "commat", "*": "ast", "_": "lowbar", "$": "dollar",
    "^": "Hat", "!": "excl", "?": "quest",
}  # fmt: skip
_REFERENCE: Final = re.compile(r"\b(GH)-(?=\d)", re.IGNORECASE)
_HIDDEN: Final = ("C", "Z", "M")


def mermaid_tree(
    run: RunView,
    *,
    nodes: int = FILE_NODES,
    size: int = FILE_SIZE,
    redact: Callable[[str], str] | None = None,
) -> str:
    """A flowchart of at most ``nodes`` states and ``size`` characters: circles are states, slanted boxes with
    a triangle are tests (D1)."""
    redact = redact or Redactor()
    while True:
        text = "\n".join(_lines(picture(run, nodes), redact)) + "\n"
        if len(text) <= size or nodes <= 1:
            return text
        nodes //= 2


def label(text: str, limit: int = LABEL) -> str:
    """A text that stands between quotes and is nothing but text there; one line, shortened."""
    line = " ".join(text[: limit * 8].split())
    line = line if len(line) <= limit else line[: limit - 1].rstrip() + "…"
    return _REFERENCE.sub(r"\1#hyphen;", "".join(map(_character, line))) or " "


def _character(character: str) -> str:
    if character in _HARMLESS or (character.isascii() and character.isalnum()):
        return character
    if character in _NAMES:
        return f"#{_NAMES[character]};"
    if character.isascii() or unicodedata.category(character)[0] in _HIDDEN:
        return f"#bsol;u{ord(character):04x}"  # what cannot be seen is written out
    return character


def _lines(drawn: Picture, redact: Callable[[str], str]) -> Iterator[str]:
    yield "flowchart TD"
    for node in drawn.nodes:
        yield f'n{node.id}(("{_circle(node)}"))'
        if node.parent is not None:
            yield _edge(node, chosen=node.id in drawn.path, redact=redact)
        yield from _triangles(node, redact)
        if node.id in drawn.rest:
            yield f'r{node.id}["{label(str(drawn.rest[node.id]))}"]'
            yield f"n{node.id} -.- r{node.id}"
    yield "classDef chosen stroke-width:4px"
    if drawn.path:
        yield f"class {','.join(f'n{number}' for number in sorted(drawn.path))} chosen"


def _circle(node: NodeView) -> str:
    name = "base" if node.parent is None else str(node.id)
    return name if node.score is None else f"{name}<br/>{node.score:.2f}"


def _edge(node: NodeView, *, chosen: bool, redact: Callable[[str], str]) -> str:
    step = node.arrived
    said = "" if step is None else f"{step.action.skill}: {step.action.summary or step.action.id}"
    arrow = "==>" if chosen else "-->"
    return f'n{node.parent} {arrow}|"{label(redact(said))}"| n{node.id}'


def _triangles(node: NodeView, redact: Callable[[str], str]) -> Iterator[str]:
    tests = node.arrived.tests if node.arrived is not None else ()
    for number, test in enumerate(tests[:TESTS]):
        said = f"{test.path}: {test.verifies}" if test.verifies else test.path
        yield f't{node.id}x{number}[/"△ {label(redact(said))}"\\]'
        yield f"n{node.id} -.- t{node.id}x{number}"
