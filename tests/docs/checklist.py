"""The table of docs/method.md: checklist id → code → test, read and resolved for real.

    python -m tests.docs.checklist

prints what is missing, what leads nowhere and what is said to be not built.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "method.md"

SECTIONS: Mapping[str, int] = {
    "A": 10, "B": 8, "C": 10, "D": 6, "E": 6, "F": 6, "G": 7, "H": 5, "J": 16, "L": 6, "U": 30,
}  # fmt: skip
"""How many ids each section of the checklist has: A1 to A10, and so on. U are the readings."""

NOT_BUILT = "not built:"
ENOUGH_WORDS = 4  # for a reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    id: str
    what: str
    code: str
    test: str

    @property
    def not_built(self) -> str:
        """Why it is not built; empty when it is."""
        return self.code.removeprefix(NOT_BUILT).strip() if self.code.startswith(NOT_BUILT) else ""


def ids() -> tuple[str, ...]:
    return tuple(f"{letter}{number}" for letter, most in SECTIONS.items() for number in range(1, most + 1))


def rows(text: str) -> tuple[Row, ...]:
    """Rows of four cells whose first one is an id."""
    found = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("|") and re.fullmatch(r"[A-Z]\d+", cells[0]):
            if len(cells) != 4:
                raise ValueError(f"{cells[0]}: {len(cells)} cells, not 4: {line}")
            found.append(Row(id=cells[0], what=cells[1], code=cells[2], test=cells[3]))
    return tuple(found)


def problems(table: tuple[Row, ...], root: Path = ROOT) -> Iterator[str]:
    """What is wrong with the table, one line each."""
    given = [row.id for row in table]
    yield from (f"{name}: not in the table" for name in ids() if name not in given)
    yield from (f"{name}: no such id" for name in dict.fromkeys(given) if name not in ids())
    yield from (f"{name}: more than one row" for name in dict.fromkeys(given) if given.count(name) > 1)
    for row in table:
        yield from (f"{row.id}: {problem}" for problem in _row(row, root))


def _row(row: Row, root: Path) -> Iterator[str]:
    if not row.what:
        yield "says nothing"
    if row.code.startswith(NOT_BUILT):
        if len(row.not_built.split()) < ENOUGH_WORDS:
            yield "not built, without a reason"
        if targets(row.test):
            yield "not built, yet tested"
        return
    code, tests = targets(row.code), targets(row.test)
    if not code:
        yield "names no code"
    if not tests:
        yield "names no test"
    yield from (f"{target}: {why}" for target in code if (why := unresolved(target, root)))
    for target in tests:
        if not re.search(r"::(\w+::)?test_\w+$", target):
            yield f"{target}: names no test function"
        elif why := unresolved(target, root):
            yield f"{target}: {why}"


def targets(cell: str) -> tuple[str, ...]:
    """What stands in backticks and begins like a path."""
    return tuple(
        quoted
        for quoted in re.findall(r"`([^`]+)`", cell)
        if re.match(r"[\w.-]+(/[\w.-]+)+|\w+\.\w+", quoted)
    )


def unresolved(target: str, root: Path = ROOT) -> str:
    """Why a target leads nowhere; empty when it is there. ``path``, ``path:Name.name``, ``path::test`` or
    ``page.md#heading``."""
    match = re.fullmatch(r"(?P<path>[\w./-]+?)(?:(?P<mark>::?|#)(?P<name>[\w.:-]+))?", target)
    if match is None:
        return "not a target"
    path, name = root / match["path"], match["name"]
    if not path.is_file():
        return "no such file"
    if match["mark"] == "#":
        return "" if name in _headings(path) else "no such heading"
    if path.suffix == ".py":
        if name is None:
            return "names no name in the file"
        try:
            known = _names(path)
        except SyntaxError as error:
            return f"does not parse: {error}"
        return "" if name.replace("::", ".") in known else "no such name in the file"
    return "" if name is None else "a name in a file that is no Python"


@cache
def _headings(path: Path) -> frozenset[str]:
    """As links to them are written: lower case, words joined by hyphens."""
    lines = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return frozenset(re.sub(r"[^\w -]", "", line.lower()).strip().replace(" ", "-") for line in lines)


@cache
def _names(path: Path) -> frozenset[str]:
    return frozenset(_defined(ast.parse(path.read_bytes()).body, ""))


def _defined(body: list[ast.stmt], prefix: str) -> Iterator[str]:
    """Functions, classes and what is assigned, at the top and, dotted, in classes. What is only imported is
    defined elsewhere."""
    for node in body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield prefix + name
            case ast.ClassDef(name=name, body=inner):
                yield prefix + name
                yield from _defined(inner, f"{prefix}{name}.")
            case ast.Assign(targets=assigned):
                yield from (prefix + each.id for each in assigned if isinstance(each, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield prefix + name
            case _:
                pass


def summary(table: tuple[Row, ...]) -> str:
    missing = [row for row in table if row.not_built]
    lines = [f"{row.id}: {row.not_built}" for row in missing]
    return "\n".join((f"{len(table) - len(missing)} ids built, {len(missing)} not built", *lines))


if __name__ == "__main__":
    every = rows(PAGE.read_text(encoding="utf-8"))
    print("\n".join((*problems(every), summary(every))))
