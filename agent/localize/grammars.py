"""The languages whose symbols and imports are known: one row of :data:`GRAMMARS` each.

A row is a tree-sitter grammar, a query that marks definitions (``@class`` or ``@function`` around ``@name``)
and imports (``@from``, with ``@member`` for what is taken from it), and how what an import names becomes
paths. tree-sitter reads files that do not parse as well: what stands around the fault is still found.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import tree_sitter_javascript
import tree_sitter_python
import tree_sitter_typescript
from tree_sitter import Language, Query

from agent.localize.files import is_test_path

Targets = Callable[[str, str, str], Iterator[str]]
"""(what is imported, the member taken from it, the importing file) → paths it may stand for, likeliest first.
A path that ends with "*" stands for the files that an import root makes of a dotted name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grammar:
    """One language. ``around`` names nodes that belong to the definition in them (decorators, "export")."""

    name: str
    suffixes: tuple[str, ...]
    pointer: Callable[[], object]
    query: str
    targets: Targets
    around: frozenset[str] = frozenset()


def python_targets(module: str, member: str, path: str) -> Iterator[str]:
    """``from ..a import b`` is the module a.b, or a. Absolute names are left to the import roots."""
    dots = len(module) - len(module.lstrip("."))
    parts = [part for part in (*module[dots:].split("."), member) if part]
    if not dots:
        for end in range(len(parts), 0, -1):
            yield ".".join(parts[:end]) + "*"
        return
    base = path.split("/")[:-dots]
    for end in range(len(parts), -1, -1):
        stem = "/".join((*base, *parts[:end]))
        yield from (f"{stem}.py", f"{stem}/__init__.py".lstrip("/"))


_SCRIPT_ENDS = ("", ".js", ".ts", ".tsx", ".jsx", ".mjs", ".cjs", "/index.js", "/index.ts", "/index.tsx")


def script_targets(module: str, _member: str, path: str) -> Iterator[str]:
    """Relative imports only: other names are packages."""
    if module.startswith("."):
        stem = posixpath.normpath(posixpath.join(posixpath.dirname(path), module))
        yield from (stem + end for end in _SCRIPT_ENDS)
        if stem.endswith(".js"):  # TypeScript names the file that it will be compiled to
            yield from (stem[:-3] + end for end in (".ts", ".tsx"))


_PYTHON = """
(class_definition name: (identifier) @name) @class
(function_definition name: (identifier) @name) @function
(import_statement name: (dotted_name) @from)
(import_statement name: (aliased_import name: (dotted_name) @from))
(import_from_statement module_name: (_) @from name: (dotted_name) @member)
(import_from_statement module_name: (_) @from name: (aliased_import name: (dotted_name) @member))
(import_from_statement module_name: (_) @from (wildcard_import))
"""

_JAVASCRIPT = """
(class_declaration name: (_) @name) @class
(function_declaration name: (identifier) @name) @function
(generator_function_declaration name: (identifier) @name) @function
(method_definition name: (_) @name) @function
(variable_declarator name: (identifier) @name value: [(arrow_function) (function_expression)]) @function
(import_statement source: (string (string_fragment) @from))
(export_statement source: (string (string_fragment) @from))
(call_expression
  function: (identifier) @_callee arguments: (arguments (string (string_fragment) @from))
  (#eq? @_callee "require"))
"""

_TYPESCRIPT = (
    _JAVASCRIPT
    + """
(abstract_class_declaration name: (_) @name) @class
(interface_declaration name: (_) @name) @class
(enum_declaration name: (_) @name) @class
(type_alias_declaration name: (_) @name) @class
"""
)

_EXPORTED = frozenset({"export_statement", "lexical_declaration", "variable_declaration"})

GRAMMARS: tuple[Grammar, ...] = (
    Grammar(
        name="python",
        suffixes=(".py", ".pyi"),
        pointer=tree_sitter_python.language,
        query=_PYTHON,
        targets=python_targets,
        around=frozenset({"decorated_definition"}),
    ),
    Grammar(
        name="javascript",
        suffixes=(".js", ".jsx", ".mjs", ".cjs"),
        pointer=tree_sitter_javascript.language,
        query=_JAVASCRIPT,
        targets=script_targets,
        around=_EXPORTED,
    ),
    Grammar(
        name="typescript",
        suffixes=(".ts", ".mts", ".cts"),
        pointer=tree_sitter_typescript.language_typescript,
        query=_TYPESCRIPT,
        targets=script_targets,
        around=_EXPORTED,
    ),
    Grammar(
        name="tsx",
        suffixes=(".tsx",),
        pointer=tree_sitter_typescript.language_tsx,
        query=_TYPESCRIPT,
        targets=script_targets,
        around=_EXPORTED,
    ),
)

_BY_SUFFIX = {suffix: grammar for grammar in GRAMMARS for suffix in grammar.suffixes}


def grammar_of(path: str) -> Grammar | None:
    """The language of a file, by its name."""
    return _BY_SUFFIX.get(posixpath.splitext(path)[1].lower())


@cache
def compiled(grammar: Grammar) -> tuple[Language, Query]:
    language = Language(grammar.pointer())
    return language, Query(language, grammar.query)


def is_test(path: str) -> bool:
    """A file that tests rather than is tested, in any of the languages."""
    name = posixpath.basename(path)
    return is_test_path(path) or ".test." in name or ".spec." in name or "/__tests__/" in f"/{path}"
