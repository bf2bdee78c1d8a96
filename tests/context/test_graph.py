"""Symbols and imports in several languages, of files that parse and of files that do not; kept up to date."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.localize.grammars import GRAMMARS, compiled
from agent.localize.graph import MAX_BYTES, Index, outline_of, page_rank
from agent.source import HostTree
from tests.context.conftest import MemoryTree

PYTHON = b"""\
import os.path
from . import near
from ..far import thing as other
from pkg.all import *


@decorated(
    1,
)
class A(B):
    x = 1

    async def f(
        self, a: int = 1, *rest
    ) -> str:
        def inner(): pass
        return "x"


def g(): return 1
"""
JAVASCRIPT = b"""\
import { a } from "./near.js";
export { b } from "./other";
const fs = require("fs");
export class Pages extends Base {
  next(n) { return n; }
}
export const split = (items, n = 2) => {
  return items;
};
function* all() {}
"""
TYPESCRIPT = b"""\
import type { A } from "./a";
export interface Shape { size(): number }
export enum Kind { A, B }
type Pair = [number, number];
abstract class Box<T> { get(x: T): T { return x; } }
"""
ROWS = [
    ("p/q/a.py", PYTHON, [
        ("A", "class", 7, 17, 10, "class A(B)"),
        ("A.f", "function", 13, 17, 13, "async def f( self, a: int = 1, *rest ) -> str"),
        ("A.f.inner", "function", 16, 16, 16, "def inner()"),
        ("g", "function", 20, 20, 20, "def g()"),
    ], ["os.path", ".+near", "..far+thing", "pkg.all"]),
    ("p/a.js", JAVASCRIPT, [
        ("Pages", "class", 4, 6, 4, "class Pages extends Base"),
        ("Pages.next", "function", 5, 5, 5, "next(n)"),
        ("split", "function", 7, 9, 7, "split = (items, n = 2)"),
        ("all", "function", 10, 10, 10, "function* all()"),
    ], ["./near.js", "./other", "fs"]),
    ("p/a.ts", TYPESCRIPT, [
        ("Shape", "class", 2, 2, 2, "interface Shape"),
        ("Kind", "class", 3, 3, 3, "enum Kind"),
        ("Pair", "class", 4, 4, 4, "type Pair = [number, number];"),
        ("Box", "class", 5, 5, 5, "abstract class Box<T>"),
        ("Box.get", "function", 5, 5, 5, "get(x: T): T"),
    ], ["./a"]),
]  # fmt: skip


@pytest.mark.parametrize(("path", "text", "definitions", "imports"), ROWS, ids=[row[0] for row in ROWS])
def test_definitions_and_imports(
    path: str, text: bytes, definitions: list[tuple[str, str, int, int, int, str]], imports: list[str]
) -> None:
    outline = outline_of(path, text)
    assert outline is not None
    assert outline.sound
    assert [
        (d.name, d.kind, d.line, d.last_line, d.head, d.signature) for d in outline.definitions
    ] == definitions
    assert ["+".join(filter(None, (i.module, i.member))) for i in outline.imports] == imports


@pytest.mark.parametrize("ends", [b"\n", b"\r\n", b"\r"])
def test_lines_are_counted_as_edits_count_them(ends: bytes) -> None:
    outline = outline_of(
        "a.py", b"x = '''\x0c\x0b'''\n\ndef f():\n    pass\n\ndef g(): pass".replace(b"\n", ends)
    )
    assert outline is not None
    assert [(d.name, d.line, d.last_line) for d in outline.definitions] == [("f", 3, 4), ("g", 6, 6)]
    assert outline.line_count == 6


def test_a_file_that_does_not_parse_still_gives_symbols() -> None:
    outline = outline_of(
        "a.py", b"def a(): pass\n\ndef broken(:\n    pass\n\nclass B:\n    def c(self): return\n"
    )
    assert outline is not None
    assert not outline.sound
    assert {"a", "B", "B.c"} <= {one.name for one in outline.definitions}


@pytest.mark.parametrize("suffix", [".py", ".js", ".ts"])
@pytest.mark.parametrize(
    "text",
    [
        b"(" * 80_000,
        b"[{(" * 30_000,
        b"lambda:" * 12_000,
        b"not " * 20_000,
        b";" * 80_000,
        b"\0" * 9,
        b"\xff",
    ],
    ids=["brackets", "mixed", "lambda", "not", "semicolons", "zero", "no text"],
)
@pytest.mark.timeout(60)
def test_hostile_files_take_no_long_time(suffix: str, text: bytes) -> None:
    outline_of("a" + suffix, text)  # minutes without the look at depth and runs


def test_every_grammar_can_be_loaded() -> None:
    for grammar in GRAMMARS:
        compiled(grammar)


FILES = {
    "src/pkg/__init__.py": b"from .core import run\n",
    "src/pkg/core.py": b"from pkg import util\nfrom pkg.deep.inner import x\nimport missing\n",
    "src/pkg/util.py": b"",
    "src/pkg/deep/__init__.py": b"",
    "src/pkg/deep/inner.py": b"from ..util import y\nfrom .. import core\n",
    "tests/test_core.py": b"import pkg.core\n",
    "web/a.js": b'import "./b"; import x from "./c/index.js"; import "react"',
    "web/b.ts": b'import "../web/c"',
    "web/c/index.js": b"",
    "node_modules/z/a.js": b"",
    "README.md": b"",
}


def test_imports_become_edges() -> None:
    index = Index.of(MemoryTree(FILES), ("src",))
    assert {path: them for path, them in index.imports.items() if them} == {
        "src/pkg/__init__.py": ("src/pkg/core.py",),
        "src/pkg/core.py": ("src/pkg/deep/inner.py", "src/pkg/util.py"),
        "src/pkg/deep/inner.py": ("src/pkg/core.py", "src/pkg/util.py"),
        "tests/test_core.py": ("src/pkg/core.py",),
        "web/a.js": ("web/b.ts", "web/c/index.js"),
        "web/b.ts": ("web/c/index.js",),
    }
    assert index.neighbours("src/pkg/core.py") == (
        "src/pkg/deep/inner.py",
        "src/pkg/util.py",
        "src/pkg/__init__.py",
        "tests/test_core.py",
    )
    assert "node_modules/z/a.js" not in index.files
    assert max(index.ranks, key=lambda path: index.ranks[path]) == "src/pkg/util.py"


def test_ranks_are_a_distribution() -> None:
    ranks = page_rank({"a": ["b"], "b": ["c"], "c": []}, ["a", "b", "c"])
    assert sum(ranks.values()) == pytest.approx(1)
    assert ranks["c"] > ranks["b"] > ranks["a"]


PATHS = st.sampled_from(["a.py", "b.py", "p/__init__.py", "p/c.py", "p/d.js", "p/e.js", "x.txt"])
LINES = st.sampled_from([
    "import a", "from p import c", "from . import c", "from .c import x", "def f(): pass", "class C:",
    "    def g(self):", "        return 1", "import './d'", "import './e.js'", "class K {", "}",
    "def broken(:", "(", "'''",
])  # fmt: skip
CONTENT = st.lists(LINES, max_size=6).map(lambda lines: "\n".join(lines).encode())
TREES = st.dictionaries(PATHS, CONTENT, max_size=6)
OVERLAYS = st.dictionaries(PATHS, st.none() | CONTENT, max_size=4)


@settings(max_examples=150)
@given(TREES, OVERLAYS, OVERLAYS)
def test_an_updated_index_is_a_rebuilt_one(
    tree: dict[str, bytes], first: dict[str, bytes | None], second: dict[str, bytes | None]
) -> None:
    index = Index.of(MemoryTree(tree))
    for overlay in (first, second):
        index = index.updated(overlay)
        tree = {path: text for path, text in {**tree, **overlay}.items() if text is not None}
        rebuilt = Index.of(MemoryTree(tree))
        assert index == rebuilt
        assert index.imports == rebuilt.imports
        assert index.importers == rebuilt.importers
        assert index.ranks == rebuilt.ranks


def test_only_changed_files_are_read_again() -> None:
    index = Index.of(MemoryTree(FILES))
    after = index.updated({"src/pkg/util.py": b"def new(): pass\n"})
    assert [path for path in index.files if after.files[path] is not index.files[path]] == ["src/pkg/util.py"]
    assert index.updated({"README.md": b"x"}) is index


def test_a_file_that_grew_too_large_is_left_out() -> None:
    index = Index.of(MemoryTree({"a.py": b"x = 1\n"}))
    assert index.updated({"a.py": b"#" * (MAX_BYTES + 1)}).files == {}


def test_this_repository() -> None:
    root = Path(__file__).resolve().parents[2]
    index = Index.of(HostTree(root / "agent"))
    search = index.files["search/solve.py"]
    assert search.named("solve") is not None
    assert all(outline.sound for outline in index.files.values())
    assert len(index.files) > 80
