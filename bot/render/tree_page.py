"""A run as one page: its tree as a picture and as text. One file without script, and nothing from afar.

Everything in it was written by others; it is redacted, made visible (bot.sanitize) and escaped by the
template engine, and the page's own policy forbids whatever would load or run.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

from jinja2 import Environment, StrictUndefined, Template, pass_context
from jinja2.runtime import Context

from agent.show.changes import DiffLine
from agent.show.model import NodeView, RunView, StepView
from agent.show.picture import Picture, picture
from bot.render.tree_words import status, told, totals
from bot.sanitize import one_line, visible
from sandbox.redact import Redactor

NODES: Final = 600  # states told in full; of a larger tree the way that matters and what lies next to it
DRAWN: Final = 300
DEEPEST: Final = 60  # levels of the picture; a budget allows far fewer
LINE: Final = 600
SIGNS: Final = {"file": "", "place": "@ ", "same": "  ", "old": "- ", "new": "+ "}
_COLUMN, _ROW, _MARGIN = 48, 64, 28


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A circle, and whether a triangle stands beside it."""

    id: int
    x: int
    y: int
    kind: str
    path: bool
    score: float | None
    title: str
    tests: str
    failing: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    x1: int
    y1: int
    x2: int
    y2: int
    path: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    width: int
    height: int
    marks: tuple[Mark, ...]
    edges: tuple[Edge, ...]
    left_out: int


def told_nodes(run: RunView) -> tuple[NodeView, ...]:
    """The states that a page tells of."""
    return tuple(_depth_first(picture(run, NODES)))


def tree_page(
    run: RunView,
    redact: Callable[[str], str] | None = None,
    changes: Mapping[int, Sequence[DiffLine]] | None = None,
) -> str:
    """The whole page. ``redact`` takes out secrets; without one, those that look like it. ``changes`` are the
    diffs of its states (agent.show.changes)."""
    redact = redact or Redactor()
    style = _resource("tree_page.css")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    nodes = told_nodes(run)
    return _template().render(
        run=run,
        redact=redact,
        status=status(run),
        totals=totals(run),
        style=style,
        style_hash=f"sha256-{digest}",
        drawing=_drawing(run),
        changes=changes or {},
        nodes=nodes,
        path=frozenset(run.shown_path),
        last=run.shown_path[-1] if run.shown_path else 0,
        left_out=len(run.nodes) - len(nodes),
    )


@cache
def _template() -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters |= {"clean": _clean, "line": _line, "told": told, "diff": _diff, "sign": SIGNS.get}
    return environment.from_string(_resource("tree_page.html"))


@pass_context
def _clean(context: Context, text: str) -> str:
    return visible(context["redact"](text))


@pass_context
def _line(context: Context, text: str) -> str:
    return one_line(context["redact"](text), LINE)


def _resource(name: str) -> str:
    return files("bot.render").joinpath(name).read_text(encoding="utf-8")


def _diff(step: StepView) -> Iterator[tuple[str, str]]:
    """Lines taken out and put in, with the sign that says which also without colour."""
    yield from (("old", f"- {line}") for line in step.old.splitlines())
    yield from (("new", f"+ {line}") for line in step.new.splitlines())


def _depth_first(drawn: Picture) -> list[NodeView]:
    by_id = {node.id: node for node in drawn.nodes}
    ordered: list[NodeView] = []
    pending = [by_id[0]] if 0 in by_id else []
    while pending:
        node = pending.pop()
        ordered.append(node)
        pending += [by_id[child] for child in reversed(node.children) if child in by_id]
    return ordered


def _drawing(run: RunView) -> Drawing:
    drawn = picture(run, DRAWN)
    nodes = [node for node in _depth_first(drawn) if node.depth <= DEEPEST]
    columns = _columns(nodes)
    place = {
        node.id: (_MARGIN + round(columns[node.id] * _COLUMN), _MARGIN + node.depth * _ROW) for node in nodes
    }
    edges = [
        Edge(
            x1=place[node.parent][0],
            y1=place[node.parent][1] + 15,
            x2=place[node.id][0],
            y2=place[node.id][1] - 15,
            path=node.id in drawn.path,
        )
        for node in nodes
        if node.parent is not None
    ]
    return Drawing(
        width=max((x for x, _ in place.values()), default=0) + 2 * _MARGIN,
        height=max((y for _, y in place.values()), default=0) + _MARGIN,
        marks=tuple(_mark(node, *place[node.id], path=node.id in drawn.path) for node in nodes),
        edges=tuple(edges),
        left_out=len(run.nodes) - len(nodes),
    )


def _columns(nodes: list[NodeView]) -> dict[int, float]:
    """Leaves side by side, parents above the middle of their children. ``nodes`` are depth-first."""
    shown = {node.id for node in nodes}
    columns: dict[int, float] = {}
    for number, leaf in enumerate(node for node in nodes if not shown & set(node.children)):
        columns[leaf.id] = float(number)
    for node in reversed(nodes):  # children before their parents
        below = [columns[child] for child in node.children if child in shown]
        if below:
            columns[node.id] = (below[0] + below[-1]) / 2
    return columns


def _mark(node: NodeView, x: int, y: int, *, path: bool) -> Mark:
    results, step = node.results, node.arrived
    failing = results is not None and (results.generated.failures > 0 or bool(results.regressions))
    measured = results is not None and results.generated.passed + results.generated.failures > 0
    kind = "bad" if failing else "good" if measured else "state"
    return Mark(
        id=node.id,
        x=x,
        y=y,
        kind=kind,
        path=path,
        score=node.score,
        title="the base commit" if step is None else step.action.summary or step.action.id,
        tests="" if step is None else "; ".join(test.path for test in step.tests),
        failing=failing,
    )
