"""A worker that does one job and kills itself on order: ``python -m tests.workflow.crash_worker ORDER.json``.

The order says what world the job lives in ("fake" or "service"), and after or before which new record of its
journals the process gets SIGKILL. Every effect that is performed is noted in a file of its own first.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from agent.journal import FileJournal, key_of
from agent.protocols import JsonObject
from bot.ports import Ports
from bot.queue import request_from_json
from bot.workflow import run_job


class Killer:
    """Counts the records of all journals together."""

    def __init__(self, when: str, number: int) -> None:
        self._when = when
        self._left = number

    def before(self) -> None:
        if self._when == "before" and self._left <= 1:
            self._kill()

    def after(self) -> None:
        self._left -= 1
        if self._when == "after" and self._left <= 0:
            self._kill()

    def _kill(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


def deadly(killer: Killer, performed: Path) -> type[FileJournal]:
    class DeadlyJournal(FileJournal):
        def effect(self, kind: str, request: JsonObject, perform: Callable[[], JsonObject]) -> JsonObject:
            def noted() -> JsonObject:
                with performed.open("a") as file:
                    file.write(f"{key_of(kind, request)} {kind}\n")
                return perform()

            return super().effect(kind, request, noted)

        def _append(self, record: JsonObject, *, durable: bool) -> None:
            if durable:  # a note is made again by the same run; what counts are effects
                killer.before()
            super()._append(record, durable=durable)
            if durable:
                killer.after()

    return DeadlyJournal


def fake(order: dict[str, Any]) -> Ports:
    from tests.workflow.fakes import ASKING, SOLVED, FakeRepair, World, ports

    world = World(Path(order["world"]))
    outcome = ASKING if order.get("asks") else SOLVED
    return ports(Path(order["data"]), world, repair=FakeRepair(world, outcome))


def service(_order: dict[str, Any]) -> Ports:
    """The real engine, the real git, GitHub's double at the other end."""
    from bot import engine
    from bot.github import Habits, Pace
    from bot.serve import connect, job_ports, redactor
    from bot.settings import read_settings

    settings = read_settings()
    redact = redactor(settings)
    forges = connect(settings, redact, Habits(pace=Pace(between=0.0, per_minute=10_000, per_hour=10_000)))
    services = replace(engine.services(settings, engine.sandboxes(settings)), workers=1)
    return job_ports(settings, services, forges, redact)


def main(order: dict[str, Any]) -> None:
    ports = {"fake": fake, "service": service}[order["world_kind"]](order)
    killer = Killer(order["when"], order["number"])
    ports = replace(ports, open_journal=deadly(killer, Path(order["performed"])), max_starts=10_000)
    result = run_job(order["job"], request_from_json(order["request"]), ports, lambda: None)
    print(json.dumps({"ending": result.ending, "pull_request": result.pull_request}))


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))
