"""BM25 over the repository and over what the installed packages offer: files first, then symbols in them."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from agent.context.excerpt import lines_of
from agent.context.installed import InstalledName, InstalledPackages
from agent.localize.files import CodeBase
from agent.localize.grammars import is_test
from agent.localize.graph import Definition, Index
from agent.localize.text import IDENTIFIER, bm25, bm25_of_counts, stems
from agent.protocols import SourceTree
from agent.types import Location

MAX_QUERY = 300  # different words
FILES = 12  # whose symbols are looked at
MAX_SYMBOL = 8_000  # characters of one symbol
WHY = "its words are the words asked for"

_stems = lru_cache(maxsize=65536)(lambda name: tuple(stems(name)))  # identifiers recur all over a repository


def words_of(text: str) -> Counter[str]:
    """How often a text has each stem; the same words as ``stems`` gives."""
    found: Counter[str] = Counter()
    for name, times in Counter(IDENTIFIER.findall(text)).items():
        for word in _stems(name):
            found[word] += times
    return found


@dataclass(frozen=True, eq=False, slots=True)
class Corpus:
    """The words of a tree's indexed files. ``postings`` maps a word to pairs of file number and count."""

    paths: tuple[str, ...]
    lengths: tuple[int, ...]
    postings: Mapping[str, array[int]]

    @classmethod
    def of(cls, source: SourceTree, index: Index) -> Corpus:
        postings: dict[str, array[int]] = {}
        lengths: list[int] = []
        for number, path in enumerate(index.files):
            counts = words_of((source.read(path) or b"").decode("utf-8", "replace"))
            lengths.append(sum(counts.values()))
            for word, times in counts.items():
                postings.setdefault(word, array("I")).extend((number, times))
        return cls(tuple(index.files), tuple(lengths), postings)

    def counts(self, words: Iterable[str]) -> dict[str, tuple[Mapping[str, int], int]]:
        """Path → how often the file has each of the words, and its length."""
        found: list[dict[str, int]] = [{} for _ in self.paths]
        for word in words:
            pairs = self.postings.get(word, ())
            for number, times in zip(pairs[::2], pairs[1::2], strict=True):
                found[number][word] = times
        return dict(zip(self.paths, zip(found, self.lengths, strict=True), strict=True))


def files(
    corpus: Corpus, words: Sequence[str], changed: Mapping[str, bytes | None], index: Index
) -> tuple[tuple[str, float], ...]:
    """(path, score from 0 to 1), best first, of a tree with changed files; those without any word left out.
    The same as over the changed tree from scratch."""
    query = tuple(sorted(set(words)))[:MAX_QUERY]
    counts = corpus.counts(query)
    for path, content in changed.items():
        counts.pop(path, None)
        if content is not None and path in index.files:
            whole = words_of(content.decode("utf-8", "replace"))
            counts[path] = {word: whole[word] for word in query if word in whole}, whole.total()
    paths = sorted(counts)
    scores = bm25_of_counts(query, [counts[path][0] for path in paths], [counts[path][1] for path in paths])
    found = [(path, score) for path, score in zip(paths, scores, strict=True) if score > 0]
    return tuple(sorted(found, key=lambda one: (-round(one[1], 9), one[0])))


def symbols(
    code: CodeBase, index: Index, ranked: Sequence[tuple[str, float]], words: Sequence[str], most: int
) -> tuple[Location, ...]:
    """The definitions of the best files whose words are nearest, best first; tests left out."""
    chosen = [(path, score) for path, score in ranked if not is_test(path)][:FILES]
    places: list[tuple[str, float, Definition]] = []
    documents: list[list[str]] = []
    for path, score in chosen:
        lines = lines_of(code.read(path) or b"")
        for one in index.files[path].definitions:
            if one.kind == "function":
                text = "\n".join(lines[one.line - 1 : one.last_line])[:MAX_SYMBOL]
                places.append((path, score, one))
                documents.append([*stems(one.name), *stems(text)])
    scores = bm25(tuple(words)[:MAX_QUERY], documents)
    found = [
        Location(path=path, line=one.line, symbol=one.name, suspicion=round(value * score, 6), reason=WHY)
        for (path, score, one), value in zip(places, scores, strict=True)
        if value > 0
    ]
    return tuple(sorted(found, key=lambda one: (-one.suspicion, one.path, one.line)))[:most]


# --- Installed packages -----------------------------------------------------------------------------------


def offers(
    packages: InstalledPackages, words: Sequence[str], most: int
) -> tuple[tuple[str, InstalledName], ...]:
    """What installed packages offer that has the words in its name, signature or summary, best first."""
    query = set(words)
    named: list[tuple[str, InstalledName]] = []
    documents: list[list[str]] = []
    for name, one in packages.offered():
        text = [*_stems(name), *stems(f"{one.signature} {one.summary}")]
        if not query.isdisjoint(_stems(name)):  # a word in the summary alone is chance
            named.append((name, one))
            documents.append(text)
    scores = bm25(tuple(sorted(query))[:MAX_QUERY], documents)
    order = sorted(range(len(named)), key=lambda number: (-round(scores[number], 9), named[number][0]))
    return tuple(named[number] for number in order[:most])
