"""Which part of a tree to draw: all of a small one; of a large one the way that matters and what lies next to
it, with the rest counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain

from agent.show.model import NodeView, RunView


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """What is not drawn below a node: states, the best score among them, and proposals that led nowhere."""

    states: int = 0
    best: float | None = None
    effects: Mapping[str, int]

    def __str__(self) -> str:
        score = f", best score {self.best:.2f}" if self.best is not None else ""
        states = [f"{self.states} more states{score}"] if self.states else []
        return "; ".join([*states, *(f"{count} {effect}" for effect, count in self.effects.items())])


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """``nodes`` in the order of their creation; each but the root has its parent before it."""

    nodes: tuple[NodeView, ...]
    rest: Mapping[int, Rest]
    path: frozenset[int]


def picture(run: RunView, limit: int) -> Picture:
    """At most ``limit`` states (at least one): the shown path from its root on, then the best that lie next
    to it, then the first ones of the rest."""
    path = run.shown_path[:limit]
    drawn = set(path) | {0}
    if len(run.nodes) <= limit:
        drawn = set(run.nodes)
    else:
        for node in chain(_next_to(run, path), run.nodes):
            if len(drawn) >= limit:
                break
            if run.nodes[node].parent in drawn:
                drawn.add(node)
    return Picture(
        nodes=tuple(node for node in run.nodes.values() if node.id in drawn),
        rest=dict(_rests(run, drawn)),
        path=frozenset(path),
    )


def _next_to(run: RunView, path: tuple[int, ...]) -> Iterator[int]:
    """The siblings along a path, best first, one per place and round so that each place gets some."""
    queues = [
        sorted(run.nodes[at].children, key=lambda child: (-(run.nodes[child].score or 0.0), child))
        for at in path
    ]
    for turn in range(max(map(len, queues), default=0)):
        yield from (queue[turn] for queue in queues if turn < len(queue))


def _rests(run: RunView, drawn: set[int]) -> Iterator[tuple[int, Rest]]:
    below = _below(run)
    for node in run.nodes.values():
        if node.id not in drawn:
            continue
        hidden = [below[child] for child in node.children if child not in drawn]
        effects = Counter(step.effect or "unknown" for step in node.tried)
        if hidden or effects:
            scores = [score for _, score in hidden if score is not None]
            yield (
                node.id,
                Rest(
                    states=sum(count for count, _ in hidden),
                    best=max(scores, default=None),
                    effects=dict(sorted(effects.items())),
                ),
            )


def _below(run: RunView) -> dict[int, tuple[int, float | None]]:
    """Of each node: how many states its subtree has, itself included, and the best score there."""
    found: dict[int, tuple[int, float | None]] = {}
    for node in reversed(tuple(run.nodes.values())):  # children come after their parents
        parts = [(1, node.score), *(found[child] for child in node.children)]
        scores = [score for _, score in parts if score is not None]
        found[node.id] = sum(count for count, _ in parts), max(scores, default=None)
    return found
