"""Where to look, for a prompt: files, then symbols, then lines, from all that is suspected of a state.

What the spectrum, stack traces and the issue's words say is there already (``agent.localize.combine``, the
Architect's outline, the feedback's suspects); here it is put together with BM25 over the whole repository,
which knows other languages and what no test executes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from agent.context.current import code_of, corpus_of, index_of
from agent.context.quote import one_line
from agent.context.retrieval import files, symbols
from agent.localize.combine import locate, relocate
from agent.localize.text import read_issue, stems
from agent.protocols import View
from agent.types import Location

MOST = 24
RETRIEVED = 10
RETRIEVAL = 0.5  # of the suspicion that a measured place may have
SUSPECT = 0.9  # what a failing test's explanation names, where it gives no number
MAX_MESSAGES = 4_000  # characters of failing tests' messages that are searched for


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolPlaces:
    """``symbol`` is empty for lines outside of definitions; the most suspicious line comes first."""

    symbol: str
    lines: tuple[int, ...]
    suspicion: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePlaces:
    """The suspicious symbols of one file, and the files one import away from it."""

    path: str
    suspicion: float
    symbols: tuple[SymbolPlaces, ...]
    neighbours: tuple[str, ...]


def places(view: View, most: int = MOST) -> tuple[Location, ...]:
    """Suspicious places in the state's current code, most suspicious first; the same for the same view."""
    found: dict[tuple[str, int], Location] = {}
    for one in (*_measured(view), *_named_by_feedback(view), *retrieved(view, RETRIEVED)):
        key = one.path, one.line
        if key not in found or found[key].suspicion < one.suspicion:
            found[key] = one
    order = sorted(found.values(), key=lambda one: (-one.suspicion, one.path, one.line))
    return tuple(order[:most])


def _measured(view: View) -> Iterable[Location]:
    state = view.state
    if state.outline is None:
        return locate(view.context, state, limit=MOST)
    if not state.patch.changes:
        return state.outline.targets
    return relocate(view.context, state, state.outline.targets)


def _named_by_feedback(view: View) -> Iterator[Location]:
    for note in view.notes:
        for one in note.suspects:
            yield one if one.suspicion else replace(one, suspicion=SUSPECT)


def retrieved(view: View, most: int = RETRIEVED) -> tuple[Location, ...]:
    """Definitions whose words are those of the issue and of the failing tests' messages."""
    context, state = view.context, view.state
    issue = read_issue(context.task.title, context.task.text)
    cases = sorted(state.results.generated.cases, key=lambda one: one.id) if state.results else ()
    messages = " ".join(case.message for case in cases if case.failing)[:MAX_MESSAGES]
    words = (*issue.words, *stems(messages))
    index = index_of(context, state)
    ranked = files(corpus_of(context), words, state.patch.overlay, index)
    found = symbols(code_of(context, state), index, ranked, words, most)
    return tuple(replace(one, suspicion=round(RETRIEVAL * one.suspicion, 6)) for one in found)


def narrowed(view: View, most: int = MOST) -> tuple[FilePlaces, ...]:
    """Files → symbols → lines, each most suspicious first."""
    index = index_of(view.context, view.state)
    by_file: dict[str, dict[str, list[Location]]] = {}
    for one in places(view, most):
        outline = index.files.get(one.path)
        around = outline.enclosing(one.line) if outline else None
        symbol = one.symbol or (around.name if around else "")
        by_file.setdefault(one.path, {}).setdefault(symbol, []).append(one)
    return tuple(
        FilePlaces(
            path=path,
            suspicion=max(each[0].suspicion for each in them.values()),
            symbols=tuple(
                SymbolPlaces(
                    symbol=symbol,
                    lines=tuple(dict.fromkeys(one.line for one in each)),
                    suspicion=each[0].suspicion,
                    reason=each[0].reason,
                )
                for symbol, each in them.items()
            ),
            neighbours=index.neighbours(path) if path in index.files else (),
        )
        for path, them in by_file.items()
    )


def shown(view: View, limit: int, most: int = MOST) -> str:
    """The same in words, at most ``limit`` characters: whole lines, the most suspicious files first."""
    found: list[str] = []
    room = limit
    for file in narrowed(view, most):
        near = ", ".join(one_line(path, 100) for path in file.neighbours[:6])
        for line in (
            f"{one_line(file.path)}{f' (one import away: {near})' if near else ''}",
            *(
                f"  {one_line(one.symbol, 120) or 'module level'}, lines "
                f"{', '.join(map(str, one.lines[:8]))}: {one_line(one.reason, 160)}"
                for one in file.symbols
            ),
        ):
            if len(line) + 1 > room:
                return "\n".join(found)
            room -= len(line) + 1
            found.append(line)
    return "\n".join(found)
