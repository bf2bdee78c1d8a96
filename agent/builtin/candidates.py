"""The stream of repairs for a state: every operator at every suspicious place, best first, nothing twice."""

from __future__ import annotations

import hashlib
import heapq
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from agent.builtin.edits import operations, program
from agent.builtin.hints import Hints, hints_of
from agent.builtin.operators import FAMILIES, Edit, Family, Idea, Scope, Site
from agent.builtin.operators.base import shown
from agent.builtin.ranking import score
from agent.builtin.vocabulary import Vocabulary, vocabulary_of
from agent.localize.failure import Failure
from agent.localize.files import CodeBase
from agent.localize.source import Block, Function, PythonFile, blocks_of
from agent.protocols import Context
from agent.types import Action, EditLines, Location, Skill, State

MAX_IDEAS = 12_000
MAX_BLOCKS = 1_500  # of a file that is searched for like places
TOP_SHARE = 0.9  # of the best suspicion in a function, for what is inserted at its top
CROWDED = 0.3  # how fast further proposals for one line lose to other lines


@dataclass(frozen=True, eq=False, kw_only=True)
class Candidate:
    """An idea with its score; ordered by score, then by place and edits, so that luck breaks no tie."""

    score: float
    family: str
    site: Site
    idea: Idea
    location: Location

    @property
    def key(self) -> tuple[float, str, int, str]:
        edits = "".join(f"{edit.start}:{edit.end}:{edit.text}\0" for edit in self.idea.edits)
        return (-round(self.score, 6), self.location.path, self.idea.line, edits)


@dataclass(eq=False)
class Ground:
    """What all places of one state share."""

    code: CodeBase
    hints: Hints
    vocabulary: Vocabulary
    passing: Mapping[str, Mapping[int, int]] = field(default_factory=dict)  # path → line → passing tests
    _sites: dict[tuple[str, int, str], Site] = field(default_factory=dict)
    _ideas: dict[tuple[int, str], tuple[Idea, ...]] = field(default_factory=dict)

    def site(self, file: PythonFile, block: Block, crash: Failure | None = None) -> Site:
        key = (file.path, id(block), crash.test if crash else "")
        if key not in self._sites:
            function = file.function_at(block.lineno)
            self._sites[key] = Site(
                file=file,
                block=block,
                function=function,
                hints=self.hints,
                vocabulary=self.vocabulary,
                crash=crash,
                path_failures=self._through(file, function),
                passing=self.passing.get(file.path, {}).get(block.lineno, 0),
            )
        return self._sites[key]

    def _through(self, file: PythonFile, function: Function | None) -> tuple[Failure, ...]:
        lines = function.lines if function else range(0)
        return tuple(
            failure
            for failure in self.hints.failures
            if failure.crashed and any(f.path == file.path and f.line in lines for f in failure.frames)
        )

    def ideas(self, family: Family, site: Site) -> tuple[Idea, ...]:
        key = (id(site), family.NAME)
        if key not in self._ideas:
            self._ideas[key] = tuple(family.ideas(site))
        return self._ideas[key]


def actions(context: Context, state: State, locations: Iterable[Location]) -> Iterator[Action]:
    """Repairs for a state in the order in which they are worth trying."""
    code = CodeBase(context.source, state)
    hints = hints_of(context, state, code)
    places = tuple(locations)
    paths = tuple(sorted({place.path for place in places}))
    ground = Ground(
        code=code,
        hints=hints,
        vocabulary=vocabulary_of(code.files(paths)),
        passing=_passing(context, state, paths),
    )
    seen: set[str] = set()
    for candidate, effective in interleaved(_candidates(ground, places)):
        file = candidate.site.file
        result = program(file, candidate.idea.edits)
        if isinstance(result, str) or result.identity in seen:
            continue
        seen.add(result.identity)
        yield _action(candidate, effective, file, result.text, first=not state.patch.changes)


def _passing(context: Context, state: State, paths: Iterable[str]) -> dict[str, dict[int, int]]:
    """How many passing tests execute each line; of files that the state changes nothing is known."""
    known = [(context.baseline.coverage, context.baseline.passing)]
    if state.results is not None and state.results.coverage is not None:
        known.append((state.results.coverage, state.results.generated.passing))
    found: dict[str, dict[int, int]] = {}
    for path in set(paths) - set(state.patch.paths):
        counts = found.setdefault(path, {})
        for coverage, passing in known:
            for line, tests in coverage.lines.get(path, {}).items():
                counts[line] = counts.get(line, 0) + len(tests & passing)
    return found


def interleaved(candidates: Iterable[Candidate]) -> Iterator[tuple[Candidate, float]]:
    """Best first, but each further one for a line counts less, so that no hot line starves the others."""
    by_line: dict[tuple[str, int], list[Candidate]] = {}
    for candidate in candidates:
        by_line.setdefault((candidate.location.path, candidate.location.line), []).append(candidate)
    for found in by_line.values():
        found.sort(key=lambda candidate: candidate.key, reverse=True)
    heap = [(found[-1].key, place) for place, found in by_line.items()]
    taken = dict.fromkeys(by_line, 0)
    heapq.heapify(heap)
    while heap:
        key, place = heapq.heappop(heap)
        yield by_line[place].pop(), -key[0]
        taken[place] += 1
        if by_line[place]:
            crowded = CROWDED * math.log(1 + taken[place])
            worst, path, line, edits = by_line[place][-1].key
            heapq.heappush(heap, ((worst + crowded, path, line, edits), place))


def _candidates(ground: Ground, places: tuple[Location, ...]) -> Iterator[Candidate]:
    count = 0
    for site, place in _sites(ground, places):
        for family in FAMILIES:
            for idea in ground.ideas(family, site):
                for wider, steps in _wider(ground, family, site, idea):
                    value = score(wider, family.NAME, site, place.suspicion)
                    value += steps * math.log(idea.echo) if steps else 0.0
                    count += 1
                    yield Candidate(score=value, family=family.NAME, site=site, idea=wider, location=place)
        if count > MAX_IDEAS:
            return


def _sites(ground: Ground, places: tuple[Location, ...]) -> Iterator[tuple[Site, Location]]:
    """The statements at the places, and the first statement of each function among them."""
    done: set[tuple[str, int]] = set()
    for place in _with_tops(ground, places):
        file = ground.code.file(place.path)
        block = file.blocks.get(place.line) if file else None
        if file is None or block is None or (place.path, block.lineno) in done:
            continue
        done.add((place.path, block.lineno))
        yield ground.site(file, block, _crash_at(ground, file, block)), place


def _with_tops(ground: Ground, places: tuple[Location, ...]) -> list[Location]:
    best: dict[tuple[str, int], Location] = {}
    for place in places:
        best.setdefault((place.path, place.line), place)
        file = ground.code.file(place.path)
        function = file.function_at(place.line) if file else None
        if function is None or not function.body:
            continue
        top = (place.path, function.body[0].lineno)
        share = place.suspicion * TOP_SHARE
        if top not in best or best[top].suspicion < share:
            best[top] = Location(
                path=place.path,
                line=top[1],
                symbol=function.symbol,
                suspicion=share,
                reason=f"start of {function.symbol}: {place.reason}",
            )
    return sorted(best.values(), key=lambda place: (-place.suspicion, place.path, place.line))


def _crash_at(ground: Ground, file: PythonFile, block: Block) -> Failure | None:
    """The failure that came out of this statement: its deepest frame among the files that may be repaired."""
    for failure in ground.hints.failures:
        inside = [frame for frame in failure.frames if frame.path in ground.code.paths]
        here = failure.crashed and inside and inside[-1].path == file.path
        if here and file.blocks.get(inside[-1].line) is block:
            return failure
    return None


# --- the same change at all like places ------------------------------------------------------------


def _wider(ground: Ground, family: Family, site: Site, idea: Idea) -> Iterator[tuple[Idea, int]]:
    """The idea itself, then together with like ones of its statement, its function, its file."""
    yield idea, 0
    if not idea.tag or idea.scope is Scope.NONE:
        return
    known, steps = _spans([idea]), 0
    for scope in (Scope.STATEMENT, Scope.FUNCTION, Scope.FILE):
        if scope.value > idea.scope.value:
            return
        alike = [other for other in _within(ground, family, site, scope) if other.tag == idea.tag]
        edits = tuple(_disjoint([idea, *alike]))
        if _spans(alike) - known and len(edits) > len(idea.edits):
            known |= _spans(alike)
            steps += 1
            yield (
                Idea(
                    edits=edits,
                    line=idea.line,
                    summary=f"{idea.summary}, at all {len(edits)} like places of the {scope.name.lower()}",
                    prior=idea.prior,
                    change=idea.change,
                ),
                steps,
            )


def _within(ground: Ground, family: Family, site: Site, scope: Scope) -> Iterator[Idea]:
    if scope is Scope.STATEMENT:
        yield from ground.ideas(family, site)
        return
    root = site.function.node if scope is Scope.FUNCTION and site.function else site.file.tree
    for index, block in enumerate(blocks_of(root)):
        if index > MAX_BLOCKS:
            return
        yield from ground.ideas(family, ground.site(site.file, block, site.crash))


def _spans(ideas: Iterable[Idea]) -> set[tuple[int, int, str]]:
    return {(edit.start, edit.end, edit.text) for idea in ideas for edit in idea.edits}


def _disjoint(ideas: Iterable[Idea]) -> Iterator[Edit]:
    taken: list[tuple[int, int]] = []
    for idea in ideas:
        for edit in idea.edits:
            if all(edit.end <= start or edit.start >= end for start, end in taken):
                taken.append((edit.start, max(edit.end, edit.start + 1)))
                yield edit


def _action(candidate: Candidate, effective: float, file: PythonFile, text: str, *, first: bool) -> Action:
    idea = candidate.idea
    done = operations(file, idea.edits, text)
    skill = Skill.IMPLEMENTER if idea.inserts and first else Skill.DEBUGGER
    return Action(
        id=hashlib.sha256(repr(done).encode()).hexdigest()[:20],
        skill=skill,
        kind=candidate.family,
        summary=_summary(candidate, done[0] if len(done) == 1 else None),
        score=round(effective, 6),
        operations=done,
        target=candidate.location,
    )


def _summary(candidate: Candidate, only: object) -> str:
    """ "Change line 8 to …" (B4) where one line is changed."""
    idea, path = candidate.idea, candidate.location.path
    match only:
        case EditLines(first=first, last=last, replacement=new) if (
            first == last and new.count("\n") <= 1 and new.strip()
        ):
            return f"Change line {first} of {path} to `{shown(new)}`: {idea.summary}"
    return f"In {path}, line {idea.line}: {idea.summary}"
