"""A scripted world whose planner calls a model: each call goes through the journal and costs something."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

from agent.errors import BudgetSpent
from agent.journal import MemoryJournal
from agent.protocols import View
from agent.search.solve import Search
from agent.types import Action, Plan, Spend, StopReason
from tests.search.world import World

DEAREST = 100  # tokens of a call
CHEAPEST = 20


def nothing(_action: Action) -> None:
    """Called in the middle of every model call: where a test may hold a thread up."""


@dataclass(kw_only=True)
class Paying(World):
    """The cap is enforced before a call, from the dearest that it can become, as a model client does."""

    journal: MemoryJournal = field(default_factory=MemoryJournal)
    max_tokens: int = 0
    during: Callable[[Action], None] = nothing
    performed: list[str] = field(default_factory=list)
    threads: set[int] = field(default_factory=set)
    guard: threading.Lock = field(default_factory=threading.Lock)
    counted: dict[str, int] = field(default_factory=dict)
    reserved: int = 0

    def expand(self, view: View, action: Action) -> Plan:
        self.threads.add(threading.get_ident())
        request = f"{view.state.digest}:{action.id}:{len(view.tried)}"
        answer = self.journal.effect("model", {"prompt": request}, lambda: self.call(action))
        tokens = answer["tokens"]
        assert isinstance(tokens, int)
        with self.guard:
            self.counted[request] = tokens
        return super().expand(view, action)

    def call(self, action: Action) -> dict[str, int]:
        with self.guard:
            if self.max_tokens and self.tokens + self.reserved + DEAREST > self.max_tokens:
                raise BudgetSpent(StopReason.TOKENS, f"planning {action.id} might go over the cap")
            self.reserved += DEAREST
        try:
            self.during(action)
            self.performed.append(action.id)
            return {"tokens": CHEAPEST + zlib.crc32(action.id.encode()) % (DEAREST - CHEAPEST + 1)}
        finally:
            with self.guard:
                self.reserved -= DEAREST

    @property
    def tokens(self) -> int:
        """With the policy's first call, which comes before any plan."""
        return DEAREST + sum(self.counted.values())

    def spend(self) -> Spend:
        with self.guard:
            return Spend(tokens=self.tokens, model_calls=1 + len(self.counted))

    def solve(self, **options: object) -> Search:
        return self.run(journal=self.journal, measured=self.spend, max_tokens=self.max_tokens, **options)  # type: ignore[arg-type]
