"""Which node to visit next: four ways to walk the same tree (D2, D6, J7 to J10).

All are deterministic: what ties is decided by the order of creation. A node may be visited again: it then
takes up the next K proposals of its state, until its policy has none left and the search closes it.
"""

from __future__ import annotations

from collections.abc import Mapping

from agent.protocols import SearchStrategy
from agent.search.tree import Node, Tree


class HybridDepthFirst:
    """The paper's: as deep as the decision model allows, siblings by score, then back to the parent (U13)."""

    name = "hybrid depth-first"
    width: int | None = None

    def next(self, tree: Tree) -> Node | None:
        node = tree.root
        while True:
            deeper = [child for child in node.children if child.open_below]
            if not deeper:
                return None if node.closed else node
            node = min(deeper, key=lambda child: (-child.score, child.id))


class BreadthFirst:
    """Level by level (J8); a node is asked for more only when every open one has had as many turns."""

    name = "breadth-first"
    width: int | None = None

    def next(self, tree: Tree) -> Node | None:
        return min(tree.open_nodes(), key=lambda node: (node.visits, node.depth, node.id), default=None)


class BestFirst:
    """One frontier for the whole tree, by cumulative score (J9, U15).

    A node that was visited competes with the score that its next proposals can have at most.
    """

    name = "best-first"
    width: int | None = None

    def next(self, tree: Tree) -> Node | None:
        return min(
            tree.open_nodes(), key=lambda node: (-(node.cumulative + node.promise), node.id), default=None
        )


class Greedy:
    """Only the best action at each step, and no way back (J10): K is 1 and every node has one turn."""

    name = "greedy"
    width: int | None = 1

    def next(self, tree: Tree) -> Node | None:
        last = tree.nodes[-1]
        return None if last.closed or last.visits else last


STRATEGIES: Mapping[str, SearchStrategy] = {
    "hybrid depth-first": HybridDepthFirst(),
    "breadth-first": BreadthFirst(),
    "best-first": BestFirst(),
    "greedy": Greedy(),
}
