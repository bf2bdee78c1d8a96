"""Templates and markup as subjects: text that a library is for, shown in an issue without the call around it.

``{{ '1e10000'|int }}`` is rendered by a template engine's own Template class; ``<th colspan="x">`` is handed
to the function that the repository's tests hand markup to.
"""

from __future__ import annotations

import ast
from collections import Counter
from dataclasses import dataclass
from functools import cached_property

from agent.builtin.reproduction.claims import Form, Subject
from agent.builtin.reproduction.resolve import MAX_TEST_FILES, Names
from agent.localize.safe_ast import dotted, parse_module
from agent.localize.symbols import Kind

MAX_SNIPPET = 1_000
MIN_USES = 3  # literal markup given to a function by this many tests makes it the function for markup
VOID_TAGS = frozenset(
    ["img", "br", "hr", "input", "meta", "link", "area", "base", "col", "embed", "source", "wbr"]
)
INSIDE = {
    "td": "<table><tr>{}</tr></table>",
    "th": "<table><tr>{}</tr></table>",
    "tr": "<table>{}</table>",
    "caption": "<table>{}</table>",
    "thead": "<table>{}</table>",
    "tbody": "<table>{}</table>",
    "li": "<ul>{}</ul>",
    "dt": "<dl>{}</dl>",
    "dd": "<dl>{}</dl>",
    "option": "<select>{}</select>",
    "figcaption": "<figure>{}</figure>",
}
NOT_MARKUP = ("class", "function", "module", "bound", "generator", "object", "built")


@dataclass(frozen=True)
class Snippets:
    """Makes subjects of snippets, for one repository."""

    names: Names

    def subject(self, text: str) -> Subject | None:
        bare = text.strip()
        if len(bare) > MAX_SNIPPET:
            return None
        if ("{{" in bare and "}}" in bare) or ("{%" in bare and "%}" in bare):
            return self._call(self.renderer, bare)
        tag = _tag(bare)
        return self._call(self.reader, _completed(bare, tag)) if tag else None

    def _call(self, way: tuple[str, str] | None, text: str) -> Subject | None:
        """``way`` is a dotted name of the repository and the call made of it."""
        if way is None:
            return None
        target, pattern = way
        owner, _, name = target.rpartition(".")
        return Subject(
            source=pattern.format(name=name, text=repr(text)),
            imports=(f"from {owner} import {name}",),
            form=Form.RENDERED,
            targets=(target,),
        )

    @cached_property
    def renderer(self) -> tuple[str, str] | None:
        """How the repository renders a template from text."""
        index = self.names.index
        for package in index.packages:
            template = index.resolve(f"{package}.Template")
            if template is not None and index.method(template, "render") is not None:
                return f"{package}.Template", "{name}({text}).render()"
            for function in ("render", "render_string", "render_template"):
                symbol = index.resolve(f"{package}.{function}")
                if symbol is not None and symbol.kind is Kind.FUNCTION:
                    return f"{package}.{function}", "{name}({text})"
        return None

    @cached_property
    def reader(self) -> tuple[str, str] | None:
        """The function that the tests give literal markup to most often."""
        counts: Counter[str] = Counter()
        index = self.names.index
        for path in [path for path in index.python_files if index.is_test(path)][:MAX_TEST_FILES]:
            text = index.text(path)
            tree = parse_module(text.decode(errors="replace"), limit=400_000) if b"<" in text else None
            for node in ast.walk(tree) if tree else ():
                match node:
                    case ast.Call(func=func, args=[ast.Constant(value=str(literal)), *_]) if _tag(
                        literal.strip()
                    ):
                        counts[dotted(func)] += 1
                    case _:
                        pass
        for name, count in sorted(counts.items(), key=lambda one: (-one[1], one[0])):
            target = self._target(name)
            if count >= MIN_USES and target:
                return target, "{name}({text})"
        return None

    def _target(self, name: str) -> str:
        head, _, rest = name.partition(".")
        target = self.names.binding(head)[1] if head else ""
        full = f"{target}.{rest}" if rest else target
        symbol = self.names.symbol(full) if target else None
        return full if symbol is not None and symbol.kind is Kind.FUNCTION else ""


def _tag(text: str) -> str:
    """The first element's name when a text is markup; empty otherwise, for ``<Foo object at 0x…>`` too."""
    if not text.startswith("<") or not text.endswith(">") or " at 0x" in text:
        return ""
    end = 1
    while end < len(text) and (text[end].isalnum() or text[end] in "-_"):
        end += 1
    name = text[1:end]
    return (
        name
        if name[:1].islower() and name not in NOT_MARKUP and text[end : end + 1] in (" ", ">", "/")
        else ""
    )


def _completed(text: str, tag: str) -> str:
    """A lone element as a whole document: closed, with content, inside what it may stand in."""
    if text.count("<") == 1 and tag not in VOID_TAGS and not text.endswith("/>"):
        text = f"{text}text</{tag}>"
    return INSIDE.get(tag, "{}").replace("{}", text)
