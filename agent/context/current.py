"""The repository as one state has it: files, and the index over them, made once for every tree and patch."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from agent.context.retrieval import Corpus
from agent.localize.files import CodeBase
from agent.localize.graph import Index
from agent.protocols import Context, SourceTree
from agent.types import Patch, State

REMEMBERED = 3  # trees: a process seldom works on more at once
REMEMBERED_STATES = 16


@dataclass(frozen=True, kw_only=True)
class PatchedTree:
    """A :class:`agent.protocols.SourceTree` with a patch on top."""

    source: SourceTree
    patch: Patch

    @cached_property
    def _overlay(self) -> Mapping[str, bytes | None]:
        return self.patch.overlay

    def paths(self) -> tuple[str, ...]:
        kept = {path for path in self.source.paths() if path not in self._overlay}
        return tuple(sorted(kept | {path for path, content in self._overlay.items() if content is not None}))

    def read(self, path: str) -> bytes | None:
        return self._overlay[path] if path in self._overlay else self.source.read(path)


class Indexes:
    """Remembers the indexes of the last trees, by identity (a tree never changes), and of the last states
    over them. Thread-safe."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._bases: OrderedDict[tuple[int, tuple[str, ...]], tuple[SourceTree, Index]] = OrderedDict()
        self._states: OrderedDict[tuple[int, tuple[str, ...], str], tuple[SourceTree, Index]] = OrderedDict()

    def of(self, context: Context, patch: Patch) -> Index:
        """The index of the base tree with the patch on top."""
        base_key = id(context.source), context.import_roots
        state_key = (*base_key, patch.digest)
        with self._guard:
            found = self._states.get(state_key)
            if found is not None and found[0] is context.source:
                self._states.move_to_end(state_key)
                return found[1]
            index = self._base(context, base_key).updated(patch.overlay)
            self._states[state_key] = context.source, index
            while len(self._states) > REMEMBERED_STATES:
                self._states.popitem(last=False)
            return index

    def _base(self, context: Context, key: tuple[int, tuple[str, ...]]) -> Index:
        found = self._bases.pop(key, None)
        if found is None or found[0] is not context.source:
            found = context.source, Index.of(context.source, context.import_roots)
        self._bases[key] = found
        while len(self._bases) > REMEMBERED:
            self._bases.popitem(last=False)
        return found[1]


_INDEXES = Indexes()


def index_of(context: Context, state: State | None = None) -> Index:
    """The index of a state's code; of base without one."""
    return _INDEXES.of(context, state.patch if state else Patch())


class Corpora:
    """Remembers the words of the last trees. Thread-safe."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._known: OrderedDict[int, tuple[SourceTree, Corpus]] = OrderedDict()

    def of(self, context: Context) -> Corpus:
        with self._guard:
            found = self._known.pop(id(context.source), None)
            if found is None or found[0] is not context.source:
                found = context.source, Corpus.of(context.source, index_of(context))
            self._known[id(context.source)] = found
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
            return found[1]


_CORPORA = Corpora()


def corpus_of(context: Context) -> Corpus:
    """The words of the base tree's files."""
    return _CORPORA.of(context)


def code_of(context: Context, state: State) -> CodeBase:
    return CodeBase(context.source, state)
