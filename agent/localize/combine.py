"""Where the fault may lie: spectrum, stack traces and issue text combined into ranked places.

A place is a statement, named by its first line. Each kind of evidence is between 0 and 1; together they are
one less the product of what each leaves open, so that two that agree outweigh one that is loud.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from agent.localize.failure import Failure, read_failure
from agent.localize.files import CodeBase
from agent.localize.source import LINE_END, Block, Function, PythonFile, header_nodes
from agent.localize.spectrum import Formula, suspicion
from agent.localize.text import IssueText, bm25, read_issue, stems
from agent.protocols import Context
from agent.types import Location, Patch, State

MAX_LOCATIONS = 160
SPECTRUM, TRACE, TEXT = 0.5, 0.75, 0.6  # how much of the doubt each kind of evidence can take away
FRAME_DECAY = 0.72
CONTROL = 0.96  # a statement's share of the suspicion of what it controls
CALLED_BY = (0.55, 0.3)  # functions called by one that the issue names, and by those


@dataclass(slots=True)
class Evidence:
    """What speaks for one statement."""

    spectrum: float = 0.0
    trace: float = 0.0
    text: float = 0.0
    reasons: list[str] = field(default_factory=list)

    @property
    def combined(self) -> float:
        return 1 - (1 - SPECTRUM * self.spectrum) * (1 - TRACE * self.trace) * (1 - TEXT * self.text)

    def because(self, reason: str) -> None:
        if reason not in self.reasons:
            self.reasons.append(reason)


Board = dict[tuple[str, int], Evidence]


def failures_of(state: State, code: CodeBase) -> tuple[Failure, ...]:
    """The state's failing tests, read; sorted by test id."""
    if state.results is None:
        return ()
    failing = sorted(
        (case for case in state.results.generated.cases if case.failing), key=lambda case: case.id
    )
    known = code.all_paths | code.test_paths
    return tuple(read_failure(case, known, code.test_paths) for case in failing)


def locate(
    context: Context, state: State, *, formula: Formula = Formula.OCHIAI, limit: int = MAX_LOCATIONS
) -> tuple[Location, ...]:
    """Ranked places, most suspicious first; the same answer for the same input."""
    code = CodeBase(context.source, state)
    board: Board = {}
    _add_spectrum(board, context, state, code, formula)
    _add_traces(board, code, failures_of(state, code))
    _add_text(board, context, state, code)
    _share_with_controls(board, code)
    return _ranked(board, code, limit)


def _evidence(board: Board, path: str, block: Block) -> Evidence:
    return board.setdefault((path, block.lineno), Evidence())


def _add_spectrum(board: Board, context: Context, state: State, code: CodeBase, formula: Formula) -> None:
    results = state.results
    if results is None or results.coverage is None:
        return
    found = suspicion(
        results.coverage,
        results.generated.failing,
        results.generated.passing,
        context.baseline.coverage,
        context.baseline.passing,
        formula,
    )
    for path, lines in found.items():
        file = code.file(path) if path in code.paths else None
        for line, value in lines.items() if file else ():
            block = file.blocks.get(line) if file and file.function_at(line) else None
            if block is not None and not isinstance(
                block, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef
            ):
                evidence = _evidence(board, path, block)
                evidence.spectrum = max(evidence.spectrum, value)
                evidence.because(
                    "executed by the failing tests and hardly by others"
                    if value > 0.6
                    else "executed by the failing tests"
                )


def _add_traces(board: Board, code: CodeBase, failures: Iterable[Failure]) -> None:
    for failure in failures:
        weight = 1.0
        seen: set[tuple[str, int]] = set()
        for frame in reversed(failure.frames):
            file = code.file(frame.path) if frame.path in code.paths else None
            block = file.blocks.get(frame.line) if file else None
            if file is None or block is None or (frame.path, block.lineno) in seen:
                continue
            seen.add((frame.path, block.lineno))
            evidence = _evidence(board, frame.path, block)
            evidence.trace = max(evidence.trace, weight)
            evidence.because(
                f"{failure.exception or 'the failure'} came from here"
                if weight == 1.0
                else f"on the way to the {failure.exception or 'failure'}"
            )
            _add_around_frame(board, file, block, weight)
            weight *= FRAME_DECAY


def _add_around_frame(board: Board, file: PythonFile, block: Block, weight: float) -> None:
    """Statements before the failing one in its function: what sets the values it uses, what controls it."""
    function = file.function_at(block.lineno)
    if function is None:
        return
    used = {node.id for node in header_nodes(block) if isinstance(node, ast.Name)}
    raising = isinstance(block, ast.Raise)
    controls = set(_controls(file, block))
    for line in function.lines:
        other = file.blocks.get(line)
        if other is None or other is function.node or other.lineno != line or line == block.lineno:
            continue
        share = 0.0
        if other in controls:
            share, reason = (0.92 if raising else 0.6), "decides whether the failing line runs"
        elif line < block.lineno and used & _assigned(other):
            share, reason = 0.55, "sets a value that the failing line uses"
        elif line < block.lineno:
            share, reason = 0.25, "runs before the failing line"
        if share:
            evidence = _evidence(board, file.path, other)
            evidence.trace = max(evidence.trace, share * weight)
            evidence.because(reason)


def _assigned(block: Block) -> set[str]:
    return {
        node.id
        for node in header_nodes(block)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }


def _controls(file: PythonFile, block: Block) -> list[Block]:
    """Statements around this one, innermost first, within the function."""
    found: list[Block] = []
    node: ast.AST | None = file.parents.get(block)
    while node is not None and not isinstance(
        node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Module
    ):
        if isinstance(node, ast.stmt | ast.ExceptHandler):
            found.append(node)
        node = file.parents.get(node)
    return found


def _share_with_controls(board: Board, code: CodeBase) -> None:
    """A condition is as suspicious as the branch that only failing tests take."""
    for (path, line), evidence in sorted(board.items()):
        file = code.file(path)
        block = file.blocks.get(line) if file else None
        share = CONTROL
        for control in _controls(file, block) if file and block is not None else ():
            other = _evidence(board, path, control)
            if evidence.spectrum * share > other.spectrum:
                other.spectrum = evidence.spectrum * share
                other.because("decides about a line that hardly another test executes")
            share *= CONTROL


def _add_text(board: Board, context: Context, state: State, code: CodeBase) -> None:
    issue = read_issue(context.task.title, context.task.text)
    covered = sorted({path for path, _ in board})
    measured = any(evidence.spectrum for evidence in board.values())  # then what did not run is not at fault
    functions = [
        (file, function) for file in code.files(tuple(covered) or None) for function in file.functions
    ]
    scores = text_scores(functions, issue, " ".join(test.content for test in state.tests))
    for (file, function), (value, reason) in zip(functions, scores, strict=True):
        if value <= 0:
            continue
        executed = [line for line in function.lines if (file.path, line) in board]
        for line in executed or ([] if measured or value < 0.5 else _body_lines(file, function)):
            block = file.blocks.get(line)
            if block is not None and block is not function.node and file.function_at(line) is function:
                evidence = _evidence(board, file.path, block)
                if value > evidence.text:
                    evidence.text = value
                    evidence.because(reason)


def _body_lines(file: PythonFile, function: Function) -> list[int]:
    first = function.body[0].lineno if function.body else function.node.lineno
    return [line for line in function.lines if line >= first and line in file.blocks]


def text_scores(
    functions: Sequence[tuple[PythonFile, Function]], issue: IssueText, tests: str
) -> list[tuple[float, str]]:
    """For each function, how plainly the issue (or the failing test) speaks of it, and why."""
    words = bm25(issue.words, [_words(file, function) for file, function in functions])
    tested = frozenset(read_issue("", f"```\n{tests}\n```").identifiers) if tests else frozenset()
    found = [
        _named(function, issue, tested, similar)
        for (_, function), similar in zip(functions, words, strict=True)
    ]
    for share in CALLED_BY:
        callers = [
            (function, value)
            for (_, function), (value, _) in zip(functions, found, strict=True)
            if value >= 0.5
        ]
        called = {name: value * share for function, value in reversed(callers) for name in _calls(function)}
        for index, (_, function) in enumerate(functions):
            value = called.get(function.name, 0.0)
            if value > found[index][0]:
                found[index] = value, "called by a function that the issue names"
    return found


def _named(function: Function, issue: IssueText, tested: frozenset[str], similar: float) -> tuple[float, str]:
    owner = function.owner.name if function.owner else ""
    dunder = function.name.startswith("__") and function.name.endswith("__")
    options = [(0.6 * similar, "its words are the issue's words"), (0.0, "")]
    if function.name in issue.identifiers and not dunder:
        options.append((issue.identifiers[function.name], f"the issue names {function.name}"))
    elif function.name in tested and not dunder:
        options.append((0.55, f"the failing test names {function.name}"))
    if owner and (owner in issue.identifiers or owner in tested):
        weight = issue.identifiers.get(owner, 0.5)
        options.append((weight * (0.75 if dunder else 0.35), f"the issue names {owner}"))
    return max(options)


def _calls(function: Function) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(function.node):
        match node:
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
                found.add(name)
    return found


def _words(file: PythonFile, function: Function) -> list[str]:
    first, last = file.line_span(function.lines[0])[0], file.line_span(function.lines[-1])[1]
    return stems(f"{function.symbol} {function.name} {file.text[first : min(last, first + 8000)]}")


def _ranked(board: Board, code: CodeBase, limit: int) -> tuple[Location, ...]:
    top = max((evidence.combined for evidence in board.values()), default=0.0)
    if top <= 0:
        return ()
    order = sorted(board.items(), key=lambda item: (-round(item[1].combined, 9), item[0]))
    found: list[Location] = []
    for (path, line), evidence in order[:limit]:
        file = code.file(path)
        function = file.function_at(line) if file else None
        found.append(
            Location(
                path=path,
                line=line,
                symbol=function.symbol if function else "",
                suspicion=round(evidence.combined / top, 6),
                reason="; ".join(evidence.reasons[:3]),
            )
        )
    return tuple(found)


# --- a state whose code is no longer base ----------------------------------------------------------


def relocate(context: Context, state: State, targets: Iterable[Location]) -> tuple[Location, ...]:
    """Places that were found on base, where they stand in the state's code now, and those that its own
    failures point to. Lines that the patch replaced go to the line that took their place."""
    code = CodeBase(context.source, state)
    base = CodeBase(context.source, replace(state, patch=Patch()))
    found: dict[tuple[str, int], Location] = {}
    for target in (*_moved(code, base, state, targets), *_own_places(context, state)):
        key = target.path, target.line
        if key not in found or found[key].suspicion < target.suspicion:
            found[key] = target
    order = sorted(found.values(), key=lambda place: (-place.suspicion, place.path, place.line))
    return tuple(order[:MAX_LOCATIONS])


def _own_places(context: Context, state: State) -> tuple[Location, ...]:
    """Only what the new failures say: a run of a patched state measures no coverage."""
    code = CodeBase(context.source, state)
    board: Board = {}
    _add_traces(board, code, failures_of(state, code))
    return _ranked(board, code, MAX_LOCATIONS)


def _moved(code: CodeBase, base: CodeBase, state: State, targets: Iterable[Location]) -> Iterator[Location]:
    changed = frozenset(state.patch.paths)
    maps: dict[str, dict[int, int]] = {}
    for target in targets:
        if target.path not in changed:
            yield target
            continue
        if target.path not in maps:
            maps[target.path] = line_map(_lines(base.file(target.path)), _lines(code.file(target.path)))
        line = maps[target.path].get(target.line)
        if line is not None:
            yield replace(target, line=line)


def _lines(file: PythonFile | None) -> list[str]:
    return LINE_END.split(file.text) if file else []


def line_map(before: Sequence[str], after: Sequence[str]) -> dict[int, int]:
    """Line before → line after, both from 1. Replaced lines go to what replaced them."""
    head = next(
        (index for index, (a, b) in enumerate(zip(before, after, strict=False)) if a != b),
        min(len(before), len(after)),
    )
    room = min(len(before), len(after)) - head
    tail = next((n for n in range(room) if before[-1 - n] != after[-1 - n]), room)
    found = {line: line for line in range(1, head + 1)}
    found |= {len(before) - n: len(after) - n for n in range(tail)}
    middle = range(head + 1, len(before) - tail + 1)
    last = max(len(after) - tail, head + 1)
    return found | {line: min(line, last) for line in middle if last <= len(after)}
