"""Workers that do one job and kill themselves on order: ``python -m tests.workflow.crash_worker WORLD``.

An order is a file named on standard input; a fork of this process carries it out, since importing everything
takes longer than most of them work. Its id is printed, and when it is over how it ended. The order says after
or before which new record of the job's journals the worker gets SIGKILL. Every effect that is performed is
noted in a file of its own first.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

from agent.journal import FileJournal, key_of
from agent.protocols import JsonObject
from bot.ports import Ports
from bot.queue import request_from_json
from bot.workflow import run_job
from tests.workflow.fakes import ASKING, SOLVED, FakeRepair, World, ports

HEAVY = ("bot.engine", "bot.serve")
"""What only a real job needs."""


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
    world = World(Path(order["world"]))
    outcome = ASKING if order.get("asks") else SOLVED
    return ports(Path(order["data"]), world, repair=FakeRepair(world, outcome))


def service(_order: dict[str, Any]) -> Ports:
    """The real engine, the real git, GitHub's double at the other end."""
    from bot import engine
    from bot.github.client import Habits, Pace
    from bot.serve import connect, job_ports, redactor
    from bot.settings import read_settings

    settings = read_settings()
    redact = redactor(settings)
    forges = connect(settings, redact, Habits(pace=Pace(between=0.0, per_minute=10_000, per_hour=10_000)))
    services = replace(engine.services(settings, engine.sandboxes(settings)), workers=1)
    return job_ports(settings, services, forges, redact)


def work(order: dict[str, Any]) -> None:
    os.environ.update(order["variables"])
    given = {"fake": fake, "service": service}[order["world_kind"]](order)
    killer = Killer(order["when"], order["number"])
    given = replace(given, open_journal=deadly(killer, Path(order["performed"])), max_starts=10_000)
    result = run_job(order["job"], request_from_json(order["request"]), given, lambda: None)
    print(json.dumps({"ending": result.ending, "pull_request": result.pull_request}))


def forked(order: dict[str, Any]) -> NoReturn:
    """In the child: the only way out is _exit, whatever happens."""
    status = 1
    try:
        for number, name in ((1, "out"), (2, "errors")):
            os.dup2(os.open(order[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        work(order)
        status = 0
    except BaseException:  # noqa: BLE001 - printed for the test that reads it
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def main(world: str) -> None:
    if world == "service":
        for name in HEAVY:
            importlib.import_module(name)
    assert threading.active_count() == 1, "a fork would lose the other threads"
    for line in sys.stdin:
        order = json.loads(Path(line.strip()).read_text())
        if (pid := os.fork()) == 0:
            forked(order)
        print(pid, flush=True)
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
