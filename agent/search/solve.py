"""The hybrid search method: section 3 of the paper, from top to bottom."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from agent.errors import AwaitingAnswer, BudgetSpent, Cancelled, ModelUnusable
from agent.protocols import Context, NoActions, Selector, Survivor, View
from agent.search import record
from agent.search.consider import consider
from agent.search.parts import Parts, Surroundings
from agent.search.tree import Node, Tree
from agent.types import Action, Budget, Proof, Question, State, StopReason, Transition

__all__ = ["Parts", "Search", "Surroundings", "solve", "top_k"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """How it ended. ``solution`` and ``proof`` are there when, and only when, it is solved."""

    stop: StopReason
    tree: Tree
    solution: Node | None = None
    proof: Proof | None = None
    question: Question | None = None  # that the run waits for
    remark: str = ""  # what ended it, where the stop reason alone does not say


def solve(context: Context, root: State, parts: Parts, budget: Budget, around: Surroundings) -> Search:
    """Search from a measured root state until a state is proven or a stopping criterion is met (A4, C8)."""
    tree = Tree(context, root, budget, around.measured)
    try:
        while (stop := tree.stop) is None:
            node = parts.strategy.next(tree)
            if node is None:
                return Search(stop=_nothing_left(tree), tree=tree)
            tree.context = around.informed(context)
            view = tree.visit(node)
            around.tick(tree.visits)
            actions = _taken_up(tree, node, view, parts, around)
            if not actions:
                tree.close(node)
                continue
            considered = consider(tree, node, actions, parts, around)
            children = _execute(tree, node, considered.steps, parts, around)
            for child in _ordered(context, children, parts.selector):
                proof = _reflect(tree, child, parts, around)
                if proof is not None:
                    return Search(stop=StopReason.SOLVED, tree=tree, solution=child, proof=proof)
            if considered.ended is not None:
                raise considered.ended
    except Cancelled:
        return Search(stop=StopReason.CANCELLED, tree=tree)
    except BudgetSpent as spent:
        return Search(stop=spent.stop, tree=tree, remark=str(spent))
    except ModelUnusable as unusable:
        return Search(stop=StopReason.MODEL, tree=tree, remark=str(unusable))
    except AwaitingAnswer as awaiting:
        return Search(stop=StopReason.QUESTION, tree=tree, question=awaiting.question)
    return Search(stop=stop, tree=tree)


def top_k(proposals: Iterable[Action], k: int, proposed: frozenset[str] = frozenset()) -> tuple[Action, ...]:
    """The K best new proposals, highest score first (C3, A5); equal scores in the order of their ids."""
    new = {action.id: action for action in proposals if action.id not in proposed}
    return tuple(sorted(new.values(), key=lambda action: (-action.score, action.id))[:k])


def _taken_up(tree: Tree, node: Node, view: View, parts: Parts, around: Surroundings) -> tuple[Action, ...]:
    """The actions of this visit: the policy's K (C2), or what is left of them. With them an iteration begins
    (U16)."""
    actions, remark = node.pending, ""
    if not actions:
        k = min(parts.strategy.width or tree.budget.actions_per_state, tree.budget.actions_per_state)
        answer = parts.policy.propose(view, k)
        actions = top_k(answer, k, node.proposed)
        remark = answer.remark if isinstance(answer, NoActions) else ""
    taken = actions[: parts.abreast or len(actions)]
    around.journal.note("visit", record.visit(tree.visits, node, taken, remark))
    if taken:
        tree.propose(node, taken, actions[len(taken) :])
    return taken


def _execute(
    tree: Tree, node: Node, considered: Sequence[Transition], parts: Parts, around: Surroundings
) -> tuple[Node, ...]:
    """Measure the states that were reached, all at once, and hang them into the tree in order of their
    scores."""
    reached = [step.after for step in considered if step.after is not None]
    measured = iter(parts.executor.measure(reached))
    children = []
    for step in considered:
        if step.after is not None:
            step = replace(step, after=next(measured))
        child = tree.record(node, step)
        around.journal.note("transition", record.transition(node, step, child))
        if child is not None:
            children.append(child)
    around.journal.note("iteration", record.iteration(tree, node, children))
    around.progress("search", _summary(tree), done=tree.spend.steps, total=tree.budget.max_steps)
    return tuple(children)


def _ordered(context: Context, children: Sequence[Node], selector: Selector) -> Iterator[Node]:
    """What passes comes first, in the order that the selector gives it; the rest by score."""
    passing = [child for child in children if child.state.results and child.state.results.passes]
    survivors = {
        child.state.digest: Survivor(state=child.state, action=child.transition.plan.action)
        for child in passing
        if child.transition is not None
    }
    by_state = {child.state.digest: child for child in passing}
    if survivors:
        order = selector.order(context, tuple(survivors.values()))
        yield from (by_state[survivor.state.digest] for survivor in order)
    yield from (child for child in children if child not in passing)


def _reflect(tree: Tree, child: Node, parts: Parts, around: Surroundings) -> Proof | None:
    """Self-feedback on what was reached: prove it, or explain its failures and decide whether to go
    deeper."""
    results, step = child.state.results, child.transition
    assert results is not None
    assert step is not None
    if results.passes:
        proof = around.confirm(child.state)
        around.journal.note("gates", record.gates(child, proof.gates))
        failed = [gate for gate in proof.gates if not gate.passed]
        if not failed:
            return proof
        tree.refuse(child, "; ".join(f"{gate.name}: {gate.explanation}" for gate in failed))
    if results.generated.failing or results.regressions:
        tree.explain(child, parts.feedback.explain(tree.view(child)))
    descend = parts.decision.descend(tree.view(child), step)
    if not descend.use:
        tree.close(child)
    around.journal.note("feedback", record.feedback(child, descend.use, descend.reason))
    return None


def _nothing_left(tree: Tree) -> StopReason:
    if tree.refused:
        return StopReason.GATES
    return StopReason.EXHAUSTED if tree.reproduced else StopReason.NOT_REPRODUCED


def _summary(tree: Tree) -> str:
    spend = tree.spend
    return (
        f"iteration {spend.iterations}, {len(tree.nodes)} states, {spend.sandbox_runs} runs, "
        f"best score {tree.best.measured_score:.2f}"
    )
