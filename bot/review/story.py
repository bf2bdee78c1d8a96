"""What a run's journal tells about a place in its pull request: why it is so, what else was tried. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from agent.show.model import GateView, NodeView, ResultsView, RunView, TransitionView
from agent.types import Effect

MOST: Final = 6  # of each kind
NEAR: Final = 25  # lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Did:
    """A step of the chosen path that changed the file."""

    summary: str
    reasoning: tuple[str, ...]
    title: str = ""
    old: str = ""
    new: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    summary: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """``here``: the chosen path changed the file that was asked about. ``left`` counts what was rejected at
    this place besides what is told."""

    run: str
    here: bool
    seen: tuple[str, ...] = ()  # what feedback said of the failing tests before
    did: tuple[Did, ...] = ()
    verifies: tuple[str, ...] = ()  # of the new tests, or of the one that was asked about
    rejected: tuple[Rejected, ...] = ()
    left: int = 0
    gates: tuple[GateView, ...] = ()


def story(views: Sequence[RunView], path: str, line: int) -> Story | None:
    """Of the newest run that changed the file; else of the oldest, which made the pull request. ``views`` go
    from the oldest to the newest. None: no run has a chosen path."""
    told = [_story(view, path, line) for view in views if view.chosen]
    return next((each for each in reversed(told) if each.here), told[0] if told else None)


def _story(view: RunView, path: str, line: int) -> Story:
    chosen = [view.nodes[each] for each in view.chosen if each in view.nodes]
    steps = [node.arrived for node in chosen if node.arrived is not None]
    tests = [test for step in steps for test in step.tests]
    mine = [test for test in tests if test.path == path]
    did = [one for step in steps for one in _did(step, path)]
    here = bool(did or mine)
    rejected = list(_rejected(view, path, line)) if not mine else []
    return Story(
        run=view.run,
        here=here,
        seen=_seen(chosen),
        did=tuple((did or [one for step in steps for one in _did(step, "")])[:MOST]),
        verifies=tuple(test.verifies for test in (mine or tests) if test.verifies)[:MOST],
        rejected=tuple(rejected[:MOST]),
        left=max(0, len(rejected) - MOST),
        gates=chosen[-1].gates if chosen else (),
    )


def _did(step: TransitionView, path: str) -> Iterator[Did]:
    """The edits of a step that touch a file; of all files for an empty path."""
    for each in step.steps:
        touches = re.match(r"(?:edit|insert|rewrite|replace|write|delete)\b", each.title)
        if touches and (not path or _names(each.title, path)):
            yield Did(
                summary=step.action.summary,
                reasoning=(each.reasoning,) if each.reasoning else (),
                title=each.title,
                old=each.old,
                new=each.new,
            )


def _names(text: str, path: str) -> bool:
    return re.search(rf"(?<![\w./-]){re.escape(path)}(?![\w/-])", text) is not None


def _seen(chosen: Sequence[NodeView]) -> tuple[str, ...]:
    texts = [note.text for node in chosen for note in node.notes if note.text]
    return tuple(dict.fromkeys(texts))[:MOST]


def _rejected(view: RunView, path: str, line: int) -> Iterator[Rejected]:
    """What was tried at the place and is not in the pull request, what came nearest first."""
    taken = set(view.chosen)
    found: list[tuple[float, int, Rejected]] = []
    for node in view.nodes.values():
        arrived = [] if node.arrived is None or node.id in taken else [(node.arrived, node)]
        for step, reached in [*arrived, *((each, None) for each in node.tried)]:
            if step.effect != Effect.DUPLICATE and _near(step, path, line) and any(_did(step, path)):
                score = reached.score if reached is not None and reached.score is not None else -1.0
                found.append(
                    (-score, node.id, Rejected(summary=step.action.summary, why=_why(step, reached)))
                )
    yield from (each for _, _, each in sorted(found, key=lambda one: one[:2]))


def _near(step: TransitionView, path: str, line: int) -> bool:
    place = re.match(r"(.+):(\d{1,9})(?: in |$)", step.action.target)
    if place is None or not line:
        return True  # the edit itself says which file
    return place[1] == path and abs(int(place[2]) - line) <= NEAR


def _why(step: TransitionView, reached: NodeView | None) -> str:
    if reached is None:
        return f"{step.effect}: {step.remark or step.reason}".strip(": ")
    refused = [gate for gate in reached.gates if not gate.passed]
    if refused:
        return f"passes the tests, but {refused[0].name} refused it: {refused[0].explanation}"
    return _measured(reached.results)


def _measured(results: ResultsView | None) -> str:
    if results is None:
        return "it was not measured"
    if results.generated.failures:
        case, message = next(iter(results.generated.failed.items()), ("the new test", ""))
        return f"{case} still fails: {message}".rstrip(": ")
    if results.regressions:
        return f"breaks {len(results.regressions)} tests, among them {results.regressions[0]}"
    if results.passes:
        return "passes the tests too; the other one was proven first"
    return results.generated.problem or "no test passes with it"
