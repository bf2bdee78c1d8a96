"""A run of the shop in a process of its own, to be killed: ``python -m tests.model_driven.worker ORDER``.

ORDER is JSON: where the model listens, where the tree and the journal are, after how many answered asks in
this process it kills itself (0: never), and the answer to a question if there is one.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from agent.codec import encode
from agent.journal import FileJournal
from agent.llm import record
from agent.llm.client import Endpoint
from agent.llm.types import Component
from agent.method import Driver, Method
from agent.protocols import JsonObject
from agent.report import summary
from agent.run import Services, repair
from agent.types import Budget, Outcome, Task
from tests.agent.support import ToySandboxes, ToyWorkbench
from tests.model_driven.shop import ISSUE

TASK = Task(repository="acme/shop", base="0" * 40, title=ISSUE[0], text=ISSUE[1], number=1)


class DyingJournal(FileJournal):
    """Dies right after the answer of an ask is on disk, before anybody has seen it."""

    def __init__(self, path: Path, die_after: int) -> None:
        super().__init__(path, run="r", task={})
        self._left = die_after

    def effect(self, kind: str, request: JsonObject, perform: Callable[[], JsonObject]) -> JsonObject:
        asked = False

        def counted() -> JsonObject:
            nonlocal asked
            asked = True
            return perform()

        answer = super().effect(kind, request, counted)
        if kind == record.ASK and asked:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return answer


def method(model: str) -> Method:
    return Method(driver=Driver.MODEL, models=((Component.POLICY, model),))


def main(order: dict[str, object]) -> Outcome:
    tree, sandboxes = Path(str(order["tree"])), ToySandboxes()
    line = Endpoint(str(order["url"]), str(order["key"]))
    services = Services(
        sandboxes=sandboxes, cache=tree / "none", method=method(str(order["model"])), line=line, workers=1
    )
    with DyingJournal(Path(str(order["journal"])), int(str(order["die_after"]))) as journal:
        outcome = repair(
            TASK,
            tree,
            services,
            journal,
            budget=Budget(max_iterations=20),
            workbench=ToyWorkbench(tree, sandboxes),
            answers=lambda _question: str(order["answer"]) if order["answer"] else None,
        )
    line.close()
    return outcome


if __name__ == "__main__":
    found = main(json.loads(sys.argv[1]))
    print(json.dumps({"outcome": summary(found), "spend": encode(found.spend)}))
