"""How strong the new tests are: mutants of the patched lines, and which of them the tests notice.

A test that still passes when the patched line is wrong in another way proves less than it seems to. Nothing
is refused for it: the count goes into the pull request, with the mutants that nobody noticed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import zip_longest

from agent.builtin.candidates import Ground
from agent.builtin.edits import program
from agent.builtin.hints import hints_of
from agent.builtin.operators import arithmetic, boundary, comparison, constants, negation
from agent.builtin.vocabulary import vocabulary_of
from agent.diff import hunks
from agent.executor import Bench, selection
from agent.localize.files import CodeBase
from agent.localize.source import Block, PythonFile, blocks_of, parse
from agent.protocols import Context
from agent.types import Mutant, Patch, State
from sandbox.suites.types import SuiteReport

FAMILIES = (comparison, boundary, negation, arithmetic, constants)
"""Those whose ideas are near misses. Added conditions are left out: many of them change nothing."""

MOST = 8
SECONDS = 30.0  # of test runs in all, by the time that the tests took with the patch


def measure(state: State, context: Context, bench: Bench, green: SuiteReport) -> tuple[Mutant, ...]:
    """The mutants of a proven state, each with the new tests run on it. Fewer when the tests take long."""
    affordable = int(SECONDS / max(green.seconds, 0.1))
    made = tuple(mutants(context, state))[: max(1, min(MOST, affordable))]
    runs = [
        bench.run(
            replace(state, patch=patch), selection(state.reproduction), stop_after=1, label="proof: mutant"
        )
        for _, patch in made
    ]
    return tuple(
        replace(mutant, killed=bool(report.failing) or bool(report.problem))
        for (mutant, _), report in zip(made, bench.reports(runs), strict=True)
    )


def mutants(context: Context, state: State) -> Iterator[tuple[Mutant, Patch]]:
    """Small changes of the lines that the patch put in, one from each line in turn; none twice."""
    code = CodeBase(context.source, state)
    ground = Ground(
        code=code,
        hints=hints_of(context, state, code),
        vocabulary=vocabulary_of(code.files(state.patch.paths)),
    )
    streams = [
        stream
        for change in state.patch.changes
        if (file := code.file(change.path)) is not None
        for stream in _streams(context, state, ground, file)
    ]
    seen = {state.patch.digest}
    for row in zip_longest(*streams):
        for found in row:
            if found is not None and found[1].digest not in seen:
                seen.add(found[1].digest)
                yield found


def _streams(
    context: Context, state: State, ground: Ground, file: PythonFile
) -> Iterator[Iterator[tuple[Mutant, Patch]]]:
    """One per statement that the patch touches, and one that takes back each part of the patch."""
    new, old = file.encode(file.text), context.source.read(file.path)
    changed = hunks(old, new)
    lines = frozenset(line for hunk in changed for line in hunk.new)
    if len(changed) > 1:
        yield _taken_back(state, file.path, old or b"", new)
    for block in blocks_of(file.tree):
        if block.lineno in lines:
            yield _of_block(state, ground, file, block)


def _of_block(state: State, ground: Ground, file: PythonFile, block: Block) -> Iterator[tuple[Mutant, Patch]]:
    for family in FAMILIES:
        for idea in ground.ideas(family, ground.site(file, block)):
            made = program(file, idea.edits)
            if isinstance(made, str):
                continue
            mutant = Mutant(path=file.path, line=idea.line, summary=idea.summary)
            yield mutant, state.patch.with_file(file.path, file.encode(made.text))


def _taken_back(state: State, path: str, old: bytes, new: bytes) -> Iterator[tuple[Mutant, Patch]]:
    before, after = old.splitlines(keepends=True), new.splitlines(keepends=True)
    for hunk in hunks(old, new):
        restored = before[hunk.old.start - 1 : hunk.old.stop - 1]
        content = b"".join([*after[: hunk.new.start - 1], *restored, *after[hunk.new.stop - 1 :]])
        if content != new and not isinstance(parse(content.decode("utf-8", "replace")), str):
            mutant = Mutant(path=path, line=hunk.new.start, summary="this part of the patch taken back")
            yield mutant, state.patch.with_file(path, content)
