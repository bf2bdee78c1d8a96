"""A model's own networks, asked by several threads: one order of proposals, notes and states."""

from __future__ import annotations

import threading

import pytest

from agent.journal import MemoryJournal
from agent.llm.types import Answer, Ask, Component, Failed
from agent.method import Driver, Method
from agent.networks import networks
from agent.protocols import Reply
from agent.search.solve import Parts, Search, Surroundings, solve
from agent.search.strategies import STRATEGIES
from agent.selection import ByScore
from agent.types import Budget, Spend, State, StopReason
from tests.llm_parts.support import CONTEXT, MemoryExecutor, ScriptedModel, accepted, packs
from tests.llm_parts.test_search import sound_model


class Counted:
    """A model that sees who asks, and says what its calls have used."""

    def __init__(self, model: ScriptedModel) -> None:
        self.model, self.guard = model, threading.Lock()
        self.askers: set[int] = set()
        self.calls = 0

    def ask(self, ask: Ask[Reply]) -> Answer[Reply] | Failed:
        with self.guard:
            self.calls += 1
            if ask.component is Component.PLANNER:
                self.askers.add(threading.get_ident())
            return self.model.ask(ask)

    def spend(self) -> Spend:
        return Spend(model_calls=self.calls, tokens=100 * self.calls)


def run(strategy: str, workers: int, *, eager: bool, max_tokens: int) -> tuple[Search, Counted, list[str]]:
    model, journal, executor = Counted(sound_model()), MemoryJournal(), MemoryExecutor()
    method = Method(driver=Driver.MODEL, search=strategy)
    parts = networks(method, model, packs())
    around = Surroundings(
        journal=journal,
        tick=lambda _: None,
        measured=model.spend,
        confirm=accepted,
        progress=lambda *_args, **_counts: None,
        workers=workers,
    )
    search = solve(
        CONTEXT,
        executor.measure([State()])[0],
        Parts(
            policy=parts.policy,
            planner=parts.planner,
            decision=parts.decision,
            feedback=parts.feedback,
            executor=executor,
            strategy=STRATEGIES[strategy],
            selector=ByScore(),
            eager_plans=eager,
        ),
        Budget(max_iterations=8, max_tokens=max_tokens),
        around,
    )
    return search, model, journal._notes


@pytest.mark.parametrize("strategy", sorted(STRATEGIES))
@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize("max_tokens", [0, 4000])
def test_five_threads_come_to_what_one_comes_to(strategy: str, eager: bool, max_tokens: int) -> None:
    one, _, notes = run(strategy, 1, eager=eager, max_tokens=max_tokens)
    five, model, same = run(strategy, 5, eager=eager, max_tokens=max_tokens)
    assert same == notes
    assert (five.stop, five.tree.spend) == (one.stop, one.tree.spend)
    if not max_tokens and strategy == "hybrid depth-first":
        assert five.stop is StopReason.SOLVED
        assert threading.get_ident() not in model.askers
