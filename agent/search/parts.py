"""What the search is made of and what it is tied to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from agent.protocols import (
    Context,
    DecisionModel,
    Executor,
    Feedback,
    Journal,
    Planner,
    Policy,
    Progress,
    SearchStrategy,
    Selector,
)
from agent.types import Proof, Spend, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The four networks of the paper, its execution module, the way to walk the tree, and what is proven
    first.

    ``eager_plans``: all plans of a visit before the first decision (U14). ``replan``: a plan that is not used
    is made anew once, knowing why (U13). ``abreast``: how many of a state's proposals are taken up at once,
    the others when the search comes back; 0: all K. With one, a visit executes one action (C10).
    """

    policy: Policy
    planner: Planner
    decision: DecisionModel
    feedback: Feedback
    executor: Executor
    strategy: SearchStrategy
    selector: Selector
    eager_plans: bool = False
    replan: bool = False
    abreast: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the search is tied to. ``tick`` looks at clock and cancellation; ``confirm`` proves a state apart.

    ``informed`` adds to the context what people have answered meanwhile.
    ``workers`` is how many proposals are planned and decided at a time; it never changes the result.
    """

    journal: Journal
    tick: Callable[[int], None]
    measured: Callable[[], Spend]
    confirm: Callable[[State], Proof]
    progress: Progress
    informed: Callable[[Context], Context] = lambda context: context
    workers: int = 1
