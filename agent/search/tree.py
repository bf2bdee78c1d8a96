"""The search tree: the one object of a run that changes.

Circles are states of the code, triangles the tests that they carry (D1); a node is a state that was reached
and measured. Every change goes through a method of :class:`Tree`; strategies and parts only read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from math import ceil

from agent.protocols import Context, View
from agent.types import Action, Budget, Effect, FeedbackNote, Spend, State, StopReason, Transition

AMPLE = 20
"""Calls of average cost, for each proposal. It takes two, a plan and a decision; before it is made, a call is
taken for up to four times what it costs, since its tokens are not known; the rest is for longer ones."""


@dataclass(eq=False, slots=True, kw_only=True)
class Node:
    """A state in the tree, and how far it has been expanded."""

    id: int  # in order of creation
    state: State
    parent: Node | None = None
    transition: Transition | None = None  # that led here; None at the root
    cumulative: float = 0.0  # scores of the actions on the way here, added up
    notes: tuple[FeedbackNote, ...] = ()
    proposed: frozenset[str] = frozenset()
    visits: int = 0
    pending: tuple[Action, ...] = ()  # proposed and not yet taken up, best first
    promise: float = 0.0  # the first pending one's score, else the lowest so far: no other scores higher
    closed: bool = False
    refused: str = ""  # why the gates refused it, though its tests pass
    children: list[Node] = field(default_factory=list)
    tried: list[Transition] = field(default_factory=list)  # from here, whatever became of them
    open_below: int = 0  # open nodes in this subtree, itself included

    @property
    def depth(self) -> int:
        return 0 if self.parent is None else self.parent.depth + 1

    @property
    def score(self) -> float:
        """The score of the action that led here."""
        return 0.0 if self.transition is None else self.transition.plan.action.score

    @property
    def measured_score(self) -> float:
        return 0.0 if self.state.results is None else self.state.results.score

    @property
    def path(self) -> tuple[Node, ...]:
        """From the root to here."""
        nodes = [self]
        while nodes[-1].parent is not None:
            nodes.append(nodes[-1].parent)
        return tuple(reversed(nodes))


class Tree:
    """All nodes, the states seen, the best so far, and what was spent."""

    def __init__(
        self, context: Context, root: State, budget: Budget, measured: Callable[[], Spend] = Spend
    ) -> None:
        """``measured`` tells what the effects have used so far; the tree adds iterations and steps."""
        self.context = context
        self.budget = budget
        self.root = Node(id=0, state=root, open_below=1)
        self.nodes = [self.root]
        self.transitions: list[tuple[Node, Transition]] = []
        self.best = self.root
        self.visits = 0
        self._measured = measured
        self._seen = {root.digest}
        self._iterations = 0
        self._steps = 0
        self._improved_at = 0

    # --- What can be asked
    # --------------------------------------------------------------------------------------

    @property
    def spend(self) -> Spend:
        return replace(self._measured(), iterations=self._iterations, steps=self._steps)

    @property
    def iterations(self) -> int:
        return self._iterations

    @property
    def stop(self) -> StopReason | None:
        """The cap that forbids another iteration, if any."""
        stale = self._iterations - self._improved_at
        if self.budget.max_stale_iterations and stale >= self.budget.max_stale_iterations:
            return StopReason.NO_IMPROVEMENT
        return self.budget.exceeded(self.spend)

    @property
    def cut_short(self) -> StopReason | None:
        """The cap that forbids another proposal in the running iteration, if any."""
        return self.budget.exceeded(replace(self.spend, iterations=self._iterations - 1))

    def ample(self, proposals: int) -> bool:
        """Whether a model is at work, and tokens and money are left for many times what it will take to
        consider so many proposals, judging by its calls so far."""
        now = self._measured()
        if not now.model_calls:
            return False
        times = AMPLE * proposals / now.model_calls
        then = replace(
            now, iterations=0, steps=0, tokens=ceil(now.tokens * (1 + times)), money=now.money * (1 + times)
        )
        return self.budget.exceeded(then) is None

    @property
    def refused(self) -> tuple[Node, ...]:
        return tuple(node for node in self.nodes if node.refused)

    @property
    def reproduced(self) -> Node | None:
        """The first node whose tests reproduce the issue on base."""
        return next(
            (node for node in self.nodes if node.state.results and node.state.results.reproduced), None
        )

    def open_nodes(self) -> Iterator[Node]:
        return (node for node in self.nodes if not node.closed)

    def view(self, node: Node) -> View:
        return View(
            context=self.context,
            state=node.state,
            depth=node.depth,
            notes=node.notes,
            proposed=node.proposed,
            path=tuple(each.transition for each in node.path if each.transition is not None),
            tried=tuple(node.tried),
        )

    # --- What can be changed
    # ------------------------------------------------------------------------------------

    def visit(self, node: Node) -> View:
        """Turn to this node. It is an iteration (U16) only when something is proposed there."""
        self.visits += 1
        node.visits += 1
        return self.view(node)

    def propose(self, node: Node, taken: Sequence[Action], pending: Sequence[Action] = ()) -> None:
        """An iteration begins with the actions that are taken up; asked again here, the policy goes on after
        them and those that wait."""
        self._iterations += 1
        node.pending = tuple(pending)
        node.proposed |= {action.id for action in (*taken, *pending)}
        node.promise = pending[0].score if pending else min(action.score for action in taken)

    def step(self) -> None:
        """One more proposal is considered (D4)."""
        self._steps += 1

    def first_time(self, state: State) -> bool:
        """Whether a state is new; it counts as seen from now on and is never measured twice."""
        if state.digest in self._seen:
            return False
        self._seen.add(state.digest)
        return True

    def record(self, node: Node, transition: Transition) -> Node | None:
        """Keep a transition; the node that it leads to when it was executed."""
        self.transitions.append((node, transition))
        node.tried.append(transition)
        if transition.effect is not Effect.EXECUTED or transition.after is None:
            return None
        child = Node(
            id=len(self.nodes),
            state=transition.after,
            parent=node,
            transition=transition,
            cumulative=node.cumulative + transition.plan.action.score,
        )
        self.nodes.append(child)
        node.children.append(child)
        self._count_open(child, 1)
        if child.depth >= self.budget.max_depth:
            self.close(child)
        if child.measured_score > self.best.measured_score:  # equal does not replace: monotonic (J11)
            self.best = child
            self._improved_at = self._iterations
        return child

    def explain(self, node: Node, notes: Sequence[FeedbackNote]) -> None:
        node.notes = tuple(notes)

    def refuse(self, node: Node, why: str) -> None:
        node.refused = why

    def close(self, node: Node) -> None:
        """Never visit this node again; its children stay as they are."""
        if not node.closed:
            node.closed = True
            self._count_open(node, -1)

    def _count_open(self, node: Node, change: int) -> None:
        above: Node | None = node
        while above is not None:
            above.open_below += change
            above = above.parent
