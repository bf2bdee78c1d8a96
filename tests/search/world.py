"""A scripted world for the search: a graph of named states, with every part of the method."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from agent.errors import EditDoesNotApply
from agent.journal import MemoryJournal
from agent.operations import apply_operation
from agent.protocols import Context, SearchStrategy, Survivor, View
from agent.run import silent
from agent.search.solve import Parts, Search, Surroundings, solve
from agent.search.strategies import HybridDepthFirst
from agent.selection import ByScore
from agent.types import (
    Action,
    Baseline,
    Budget,
    Decision,
    FeedbackNote,
    GateResult,
    Plan,
    Proof,
    Results,
    Skill,
    Spend,
    State,
    Step,
    Task,
    Transition,
    WriteFile,
)
from sandbox.suites.types import CaseResult, SuiteReport, Verdict

Children = Mapping[str, Sequence[tuple[str, float]]]


class NoFiles:
    def paths(self) -> tuple[str, ...]:
        return ()

    def read(self, path: str) -> bytes | None:  # noqa: ARG002
        return None


CONTEXT = Context(
    task=Task(repository="r", base="0", title="t", text="x"),
    source=NoFiles(),
    baseline=Baseline(passing=frozenset(), failing=frozenset(), flaky=frozenset(), skipped=frozenset()),
)


def where(state: State) -> str:
    """The state's name: what its only file says. The root is the empty name."""
    return state.patch.changes[0].content.decode() if state.patch.changes else ""


@dataclass(kw_only=True)
class World:
    """A graph of named states. An action writes the name of the state that it leads to."""

    children: Children
    solved: frozenset[str] = frozenset()
    scores: Mapping[str, int] = field(default_factory=dict)  # passing tests out of ten
    shallow: frozenset[str] = frozenset()  # not gone deeper from
    unused: frozenset[str] = frozenset()
    broken: frozenset[str] = frozenset()  # edits that do not apply
    refused: frozenset[str] = frozenset()  # by the gates
    workers: int = 1
    reproduces: bool = True
    visits: list[str] = field(default_factory=list)
    measured: list[str] = field(default_factory=list)
    files: set[str] = field(default_factory=set)  # touched by planning: must stay empty

    def propose(self, view: View, k: int) -> Sequence[Action]:
        self.visits.append(where(view.state))
        known = self.children.get(where(view.state), ())
        fresh = sorted((each for each in known if each[0] not in view.proposed), key=lambda each: -each[1])
        return [
            Action(
                id=name,
                skill=Skill.DEBUGGER,
                kind="k",
                summary=name,
                score=score,
                operations=(WriteFile(path="code", content=name.rstrip("'").encode()),),
            )
            for name, score in fresh[:k]
        ]

    def expand(self, view: View, action: Action) -> Plan:
        before = view.state.digest
        plan = Plan(action=action, steps=tuple(Step(reasoning="r", operation=op) for op in action.operations))
        assert view.state.digest == before
        return plan

    def decide(self, _view: View, plan: Plan) -> Decision:
        return Decision(use=plan.action.id not in self.unused, reason="script")

    def descend(self, view: View, transition: Transition) -> Decision:
        assert transition.after == view.state
        return Decision(use=where(view.state) not in self.shallow, reason="script")

    def explain(self, view: View) -> Sequence[FeedbackNote]:
        assert view.state.results is not None
        return [
            FeedbackNote(test=case.id, kind="simple", text="fails")
            for case in view.state.results.generated.cases
            if case.failing
        ]

    def apply(self, state: State, plan: Plan) -> State:
        if plan.action.id in self.broken:
            raise EditDoesNotApply(f"{plan.action.id} does not fit")
        for step in plan.steps:
            state = apply_operation(state, step.operation, NoFiles())
        return state

    def measure(self, states: Sequence[State]) -> Sequence[State]:
        with ThreadPoolExecutor(self.workers) as pool:
            return list(pool.map(self._measure, states))

    def _measure(self, state: State) -> State:
        name = where(state)
        self.measured.append(name)
        passing = 10 if name in self.solved else self.scores.get(name, 0)
        cases = tuple(
            CaseResult(id=f"t{n}", verdict=Verdict.PASSED if n < passing else Verdict.FAILED)
            for n in range(10)
        )
        suite = SuiteReport() if name in self.solved else None
        return state.with_results(Results(generated=SuiteReport(cases=cases), suite=suite))

    def order(self, context: Context, survivors: Sequence[Survivor]) -> Sequence[Survivor]:
        return ByScore().order(context, survivors)

    def confirm(self, state: State) -> Proof:
        gate = GateResult(name="gate", passed=where(state) not in self.refused, explanation="scripted")
        nothing = SuiteReport()
        return Proof(red=nothing, green=nothing, after=nothing, baseline=CONTEXT.baseline, gates=(gate,))

    def run(
        self,
        strategy: SearchStrategy | None = None,
        *,
        measured: Callable[[], Spend] = Spend,
        tick: Callable[[int], None] = lambda _: None,
        journal: MemoryJournal | None = None,
        thinkers: int = 1,
        eager_plans: bool = False,
        replan: bool = False,
        abreast: int = 0,
        **budget: int | float,
    ) -> Search:
        parts = Parts(
            policy=self,
            planner=self,
            decision=self,
            feedback=self,
            executor=self,
            strategy=strategy or HybridDepthFirst(),
            selector=self,
            eager_plans=eager_plans,
            replan=replan,
            abreast=abreast,
        )
        around = Surroundings(
            journal=journal or MemoryJournal(),
            tick=tick,
            measured=measured,
            confirm=self.confirm,
            progress=silent,
            workers=thinkers,
        )
        root = State(results=Results(reproduced=self.reproduces))
        return solve(CONTEXT, root, parts, Budget(**budget), around)


TREE: Children = {
    "": [("a", 0.9), ("b", 0.8), ("c", 0.1)],
    "a": [("aa", 0.5), ("ab", 0.9)],
    "b": [("ba", 0.9)],
    "ab": [("aba", 0.1)],
}
