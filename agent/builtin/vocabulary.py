"""Names that the repository uses: attributes, and functions with their parameters."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from agent.localize.source import PythonFile

BUILTIN_TYPES: tuple[type, ...] = (str, list, dict, set, frozenset, tuple, int, float, bytes)
TYPE_NAMES = {kind.__name__: kind for kind in BUILTIN_TYPES}


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """A function, method or constructor as callers see it (without self)."""

    name: str
    path: str
    parameters: tuple[str, ...]
    required: int
    method: bool = False


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """``attributes`` counts uses; definitions count thrice."""

    attributes: Mapping[str, int] = field(default_factory=dict)
    signatures: Mapping[str, tuple[Signature, ...]] = field(default_factory=dict)
    exceptions: tuple[str, ...] = ()

    @cached_property
    def _close(self) -> dict[str, dict[str, int]]:
        return {}

    def close(self, name: str) -> dict[str, int]:
        """Attributes at an edit distance of one or two, with the distance."""
        if len(name) < 3:
            return {}
        if name not in self._close:
            far = ((other, distance(name, other, 3)) for other in sorted(self.attributes))
            self._close[name] = {other: steps for other, steps in far if 0 < steps < 3}
        return self._close[name]

    def signature(self, name: str, path: str) -> Signature | None:
        """The only one of this name, or the one of the same file."""
        found = self.signatures.get(name, ())
        here = tuple(one for one in found if one.path == path)
        chosen = here or found
        return chosen[0] if len(chosen) == 1 else None


@lru_cache(maxsize=64)
def _of_file(file: PythonFile) -> Vocabulary:
    attributes: Counter[str] = Counter()
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Attribute):
            attributes[node.attr] += 1
    signatures: dict[str, tuple[Signature, ...]] = {}
    for function in file.functions:
        attributes[function.name] += 3 if function.owner else 0
        args = function.node.args
        plain = [arg.arg for arg in (*args.posonlyargs, *args.args)]
        skip = 1 if function.owner and plain[:1] in (["self"], ["cls"]) else 0
        name = function.owner.name if function.owner and function.name == "__init__" else function.name
        signature = Signature(
            name=name,
            path=file.path,
            parameters=tuple(plain[skip:]) + tuple(arg.arg for arg in args.kwonlyargs),
            required=max(0, len(plain) - skip - len(args.defaults)),
            method=function.owner is not None,
        )
        signatures[name] = (*signatures.get(name, ()), signature)
    exceptions = tuple(
        node.name for node in ast.walk(file.tree) if isinstance(node, ast.ClassDef) and _is_exception(node)
    )
    return Vocabulary(attributes=attributes, signatures=signatures, exceptions=exceptions)


def _is_exception(node: ast.ClassDef) -> bool:
    return any(ast.unparse(base).endswith(("Error", "Exception")) for base in node.bases)


def vocabulary_of(files: Iterable[PythonFile]) -> Vocabulary:
    attributes: Counter[str] = Counter()
    signatures: dict[str, tuple[Signature, ...]] = {}
    exceptions: list[str] = []
    for file in files:
        one = _of_file(file)
        attributes.update(one.attributes)
        exceptions += one.exceptions
        for name, found in one.signatures.items():
            signatures[name] = (*signatures.get(name, ()), *found)
    return Vocabulary(
        attributes=attributes, signatures=signatures, exceptions=tuple(dict.fromkeys(exceptions))
    )


@lru_cache(maxsize=20_000)
def distance(left: str, right: str, limit: int = 4) -> int:
    """Edit distance with neighbour swaps, or ``limit`` when it is that or more."""
    if abs(len(left) - len(right)) >= limit:
        return limit
    before, previous = list[int](), list(range(len(right) + 1))
    for row, a in enumerate(left, 1):
        current = [row]
        for column, b in enumerate(right, 1):
            cost = min(previous[column] + 1, current[-1] + 1, previous[column - 1] + (a != b))
            if row > 1 and column > 1 and a == right[column - 2] and left[row - 2] == b:
                cost = min(cost, before[column - 2] + 1)
            current.append(cost)
        before, previous = previous, current
    return min(previous[-1], limit)
