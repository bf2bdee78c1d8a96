"""A run that only explains: it reproduces and localises with the method's own networks, and changes nothing.

It is a repair without Implementer and Debugger (J16), which ends once the problem is reproduced and outlined.
That is said in the task (``Task.explain``); so it is resumed and replayed as every run is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from agent.localize.combine import locate
from agent.method import Driver, Method
from agent.protocols import SearchStrategy
from agent.search.tree import Node, Tree
from agent.types import Explanation, Location, Skill, Unsolved

SUSPECTS = 10
WORDS = 6


def explaining(method: Method) -> Method:
    """The same networks, bound to reproduce and to localise. A pipeline has no such part by itself."""
    return replace(
        method,
        driver=Driver.MODEL if method.driver is Driver.PIPELINE else method.driver,
        skills=(Skill.ARCHITECT.value, Skill.TEST_DESIGNER.value),
        generated_tests=True,
        self_feedback=True,
        clarify=False,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class UntilOutlined:
    """A :class:`agent.protocols.SearchStrategy` that is done when the reproduced problem has an outline."""

    inner: SearchStrategy

    @property
    def name(self) -> str:
        return self.inner.name

    @property
    def width(self) -> int | None:
        return self.inner.width

    def next(self, tree: Tree) -> Node | None:
        return None if _outlined(tree) is not None else self.inner.next(tree)


def explained(outcome: Unsolved, tree: Tree) -> Unsolved:
    """With what was seen, for an outcome without a repair. Pure over the tree."""
    node = _outlined(tree) or tree.reproduced or _closest(tree)
    state = node.state if node is not None else tree.root.state
    outline = state.outline
    results = state.results
    places = outline.targets if outline is not None else locate(tree.context, state, limit=SUSPECTS)
    words = [note.text for each in (node.path if node is not None else ()) for note in each.notes]
    if outline is not None:
        words += [outline.approach, *outline.steps]
    explanation = Explanation(
        suspects=_one_per_symbol(places)[:SUSPECTS],
        words=tuple(dict.fromkeys(word for word in words if word.strip()))[:WORDS],
        tests=state.tests,
        report=results.generated if results is not None and state.tests else None,
        remark=results.remark if results is not None else "",
    )
    return replace(outcome, explanation=explanation)


def _outlined(tree: Tree) -> Node | None:
    return next(
        (
            node
            for node in tree.nodes
            if node.state.outline is not None and node.state.results and node.state.results.reproduced
        ),
        None,
    )


def _closest(tree: Tree) -> Node | None:
    """Of tests that did not reproduce it, those that at least ran; the first of equals."""
    tried = [node for node in tree.nodes if node.state.tests]
    return max(tried, key=lambda node: (bool(_ran(node)), -node.id), default=None)


def _ran(node: Node) -> int:
    return len(node.state.results.generated.cases) if node.state.results else 0


def _one_per_symbol(places: tuple[Location, ...]) -> tuple[Location, ...]:
    """The most suspicious line of each function: ten lines of one function say no more than one."""
    first: dict[tuple[str, str], Location] = {}
    for place in places:
        key = (place.path, place.symbol or str(place.line))
        if key not in first or first[key].suspicion < place.suspicion:
            first[key] = place
    return tuple(first.values())
