"""Thinking before doing: the proposals of one visit are planned, decided on and applied, none is run (C4 to
C6, C9).

While a model is at work and much of the budget is left, the proposals are considered at once. Nothing tells:
each sees the same view, and what came of them is taken in their order. Nearer to a cap they are considered
one after the other, with a look at the caps before each: there the call of one thread could be refused for
what those of others are going to cost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from agent.errors import BudgetSpent, EditDoesNotApply, ModelUnusable
from agent.protocols import Executor, View
from agent.search.parts import Parts, Surroundings
from agent.search.tree import Node, Tree
from agent.types import Action, Effect, Plan, Transition

Item = TypeVar("Item")
Thought = TypeVar("Thought")
Ended = BudgetSpent | ModelUnusable | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Considered:
    """What came of the proposals, in their order. ``ended`` is why not all of them were considered, where no
    cap of the search says so: those before it are worth measuring first."""

    steps: tuple[Transition, ...]
    ended: Ended = None


def consider(
    tree: Tree, node: Node, actions: Sequence[Action], parts: Parts, around: Surroundings
) -> Considered:
    """Plan, decide and apply, best proposal first, as far as the budget lasts (D4)."""
    view = tree.view(node)
    affordable = _affordable(tree, actions)
    if tree.ample(len(actions)):
        thoughts, ended = _think(view, list(affordable), parts, around.workers)
    else:
        thoughts, ended = _think(view, affordable, parts, 0)
    steps = (step for thought in thoughts for step in thought)
    return Considered(steps=tuple(_apply(tree, step, parts.executor) for step in steps), ended=ended)


def _affordable(tree: Tree, actions: Sequence[Action]) -> Iterator[Action]:
    """Those that the caps leave room for at the moment they are taken; each is a step."""
    for action in actions:
        if tree.cut_short is not None:
            return
        tree.step()
        yield action


def _think(
    view: View, actions: Iterable[Action], parts: Parts, workers: int
) -> tuple[list[tuple[Transition, ...]], Ended]:
    """Lazily, a plan and its decision at a time; eagerly, all plans before the first decision (U14)."""
    plan, decide = partial(_plan, parts, view), partial(_decide, parts, view)
    if not parts.eager_plans:
        return _each(lambda action: decide(plan(action)), actions, workers)
    plans, ended = _each(plan, actions, workers)
    thoughts, ended_later = _each(decide, plans, workers)
    return thoughts, ended or ended_later


def _plan(parts: Parts, view: View, action: Action) -> Plan:
    return parts.planner.expand(view, action)


def _decide(parts: Parts, view: View, plan: Plan) -> tuple[Transition, ...]:
    first = _decided(parts, view, plan)
    if first.decision.use or not parts.replan:
        return (first,)
    knowing = replace(view, tried=(*view.tried, first))
    another = parts.planner.expand(knowing, plan.action)
    return (first,) if another == plan else (first, _decided(parts, knowing, another))


def _decided(parts: Parts, view: View, plan: Plan) -> Transition:
    decision = parts.decision.decide(view, plan)
    return Transition(before=view.state, plan=plan, decision=decision, effect=Effect.NOT_USED)


def _apply(tree: Tree, step: Transition, executor: Executor) -> Transition:
    if not step.decision.use:
        return step
    try:
        after = executor.apply(step.before, step.plan)
    except EditDoesNotApply as error:
        return replace(step, effect=Effect.NOT_APPLIED, remark=str(error))
    if not tree.first_time(after):
        return replace(step, effect=Effect.DUPLICATE)
    return replace(step, effect=Effect.EXECUTED, after=after)


def _each(
    function: Callable[[Item], Thought], items: Iterable[Item], workers: int
) -> tuple[list[Thought], Ended]:
    """The thoughts up to the first one that could not be had, and why; with no workers each item is taken
    only when the one before it is done."""
    if not workers:
        return _until_ended(function, items)
    with ThreadPoolExecutor(workers, thread_name_prefix="thinking") as pool:
        futures = [pool.submit(function, item) for item in items]
    # All have ended, also behind one that failed: what they cost must not depend on which came first.
    return _until_ended(Future.result, futures)


def _until_ended(function: Callable[[Item], Thought], items: Iterable[Item]) -> tuple[list[Thought], Ended]:
    thoughts: list[Thought] = []
    try:
        for item in items:
            thoughts.append(function(item))
    except (BudgetSpent, ModelUnusable) as error:
        return thoughts, error
    return thoughts, None
