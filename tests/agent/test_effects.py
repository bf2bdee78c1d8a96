"""Sandbox runs through the journal: keys, order, retries, the clock."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from agent.effects import Clock, JournaledRunner, Run, SandboxPool, overlay_digest
from agent.errors import Cancelled
from agent.journal import MemoryJournal
from agent.types import Spend
from sandbox import EMPTY, Command, Completed, Overlay, SandboxClosed, SandboxError, SandboxUnavailable


@dataclass
class Box:
    """A sandbox that answers with what it was asked."""

    owner: Boxes
    closed: bool = False

    def run(self, command: Command, overlay: Overlay = EMPTY) -> Completed:  # noqa: ARG002
        with self.owner.guard:
            self.owner.ran.append(command.argv[0])
        self.owner.on_run(command, self)
        return Completed(
            exit_status=0, stopped_by=None, stdout=command.argv[0].encode(), stderr=b"\xff", seconds=0.5
        )

    def close(self) -> None:
        self.closed = True


@dataclass
class Boxes:
    on_run: Callable[[Command, Box], None] = lambda _command, _box: None
    ran: list[str] = field(default_factory=list)
    opened: int = 0
    closed: int = 0
    guard: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def open(self) -> Iterator[Box]:
        with self.guard:
            self.opened += 1
        box = Box(self)
        try:
            yield box
        finally:
            box.close()
            with self.guard:
                self.closed += 1


def runner(boxes: Boxes, journal: MemoryJournal | None = None, workers: int = 2, cancelled=lambda: False):
    pool = SandboxPool(boxes.open, workers=workers, cancelled=cancelled)  # type: ignore[arg-type]
    return pool, JournaledRunner(journal or MemoryJournal(), pool, Clock(), identity={"tree": "t"})


def command(name: str) -> Command:
    return Command(argv=(name,))


def test_answers_come_in_the_order_of_the_runs() -> None:
    boxes, release = Boxes(), threading.Event()

    def slow_first(asked: Command, _box: Box) -> None:
        if asked.argv[0] == "0":
            assert release.wait(10)
        if asked.argv[0] == "5":
            release.set()

    boxes.on_run = slow_first
    pool, run = runner(boxes, workers=3)
    with pool:
        completed = run.run_many([Run(command=command(str(n))) for n in range(6)])
    assert [each.stdout for each in completed] == [str(n).encode() for n in range(6)]
    assert boxes.opened == boxes.closed <= 3


def test_the_same_run_is_made_once_and_counts_once() -> None:
    boxes = Boxes()
    pool, run = runner(boxes)
    with pool:
        first = run.run(command("a"), {"f": b"1"})
        assert run.run(command("a"), {"f": b"1"}) == first
        run.run(command("a"), {"f": b"2"})
        run.run(command("a"), {"f": b"1"}, attempt=1)
        run.run(command("a"), {"f": b"1"}, fresh=True)
    assert boxes.ran == ["a"] * 4
    spend = run.meter.spend
    assert (spend.sandbox_runs, spend.sandbox_seconds) == (4, 2.0)


def test_preloading_does_not_change_the_key() -> None:
    boxes = Boxes()
    pool, run = runner(boxes)
    with pool:
        run.run(Command(argv=("a",)))
        run.run(Command(argv=("a",), preload=("numpy",)))
    assert boxes.ran == ["a"]


def test_a_fresh_run_has_a_sandbox_of_its_own() -> None:
    boxes = Boxes()
    pool, run = runner(boxes, workers=1)
    with pool:
        run.run(command("a"))
        run.run(command("b"))
        assert (boxes.opened, boxes.closed) == (1, 0)
        run.run(command("c"), fresh=True)
        assert (boxes.opened, boxes.closed) == (2, 1)
    assert boxes.closed == 2


def test_a_sandbox_that_breaks_is_replaced_once() -> None:
    boxes, broken = Boxes(), []

    def fail_first(_command: Command, box: Box) -> None:
        if len(broken) < 1:
            broken.append(box)
            raise SandboxError("the container is gone")

    boxes.on_run = fail_first
    pool, run = runner(boxes, workers=1)
    with pool:
        assert run.run(command("a")).ok
        assert (boxes.opened, boxes.closed) == (2, 1)


@pytest.mark.parametrize("error", [SandboxError("gone"), SandboxUnavailable("no daemon")])
def test_a_sandbox_that_keeps_breaking_is_reported_and_not_recorded(error: SandboxError) -> None:
    boxes, journal = Boxes(), MemoryJournal()

    def fail(_command: Command, _box: Box) -> None:
        raise error

    boxes.on_run = fail
    pool, run = runner(boxes, journal)
    with pool, pytest.raises(type(error)):
        run.run_many([Run(command=command("a")), Run(command=command("b"))])
    assert journal._answers == {}
    assert boxes.opened == boxes.closed


def test_cancelled_runs_are_recorded_as_such_and_never_begun_again() -> None:
    boxes, journal = Boxes(), MemoryJournal()
    pool, run = runner(boxes, journal, cancelled=lambda: len(boxes.ran) >= 2)
    with pool:
        run.run(command("a"))
        run.run(command("b"))
        with pytest.raises(Cancelled):
            run.run(command("c"))
    again = Boxes()
    pool, run = runner(again, journal)
    with pool:
        run.run(command("a"))
        with pytest.raises(Cancelled):
            run.run(command("c"))
    assert again.ran == []
    assert boxes.ran == ["a", "b"]


def test_closing_from_outside_is_no_answer() -> None:
    """A worker that shuts down closes sandboxes: nothing is recorded, so that a restart runs it again."""
    boxes, journal = Boxes(), MemoryJournal()

    def closed(_command: Command, _box: Box) -> None:
        raise SandboxClosed("closed")

    boxes.on_run = closed
    pool, run = runner(boxes, journal)
    with pool, pytest.raises(SandboxClosed):
        run.run(command("a"))
    assert journal._answers == {}


def test_the_clock_of_a_replay_is_the_recorded_one() -> None:
    journal = MemoryJournal()
    pool, run = runner(Boxes(), journal)
    with pool:
        run.run_many([Run(command=command(str(n))) for n in range(4)])
        first: Spend = run.meter.spend
    pool, run = runner(Boxes(), journal)
    with pool:
        run.run_many([Run(command=command(str(n))) for n in range(4)])
        assert run.meter.spend == first


def test_the_clock_goes_on_from_what_it_saw() -> None:
    clock = Clock()
    clock.saw(100.0)
    assert clock.seen == 100.0
    assert clock.now() >= 100.0
    clock.saw(40.0)
    assert clock.seen == 100.0


def test_overlays_differ_by_path_content_and_deletion() -> None:
    overlays: list[Overlay] = [{}, {"a": b""}, {"a": None}, {"b": b""}, {"a": b"-"}, {"a": b"b", "b": b"a"}]
    assert len({overlay_digest(overlay) for overlay in overlays}) == len(overlays)
    assert overlay_digest({"a": b"1", "b": b"2"}) == overlay_digest({"b": b"2", "a": b"1"})
