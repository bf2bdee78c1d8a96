"""Live progress is never in the way of the run, and never after its answer."""

from __future__ import annotations

import threading

from bot.progress import LiveProgress


class Edits:
    """Places to show something in. ``gate`` holds an edit up, as GitHub's pace does."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.under_way = threading.Semaphore(0)
        self.gate = threading.Semaphore(0)
        self.now = 0.0

    def comment(self, phase: str, detail: str) -> None:
        self.under_way.release()
        assert self.gate.acquire(timeout=30)
        self.seen.append(f"{phase} {detail}")

    def clock(self) -> float:
        return self.now


def test_a_slow_edit_holds_nobody_up_and_the_latest_news_come_next() -> None:
    edits = Edits()
    with LiveProgress((edits.comment,), edits.clock) as progress:
        progress("source", "reading")
        assert edits.under_way.acquire(timeout=30)
        for phase in (
            "environment",
            "baseline",
            "search",
        ):  # these calls return although nothing is shown yet
            edits.now += 10
            progress(phase, "now")
        edits.gate.release(2)
        assert edits.under_way.acquire(timeout=30)
    assert edits.seen == ["source reading", "search now"]


def test_what_waits_is_not_shown_once_the_run_is_over() -> None:
    edits = Edits()
    leaving = threading.Event()
    progress = LiveProgress((edits.comment, edits.comment), edits.clock)

    def leave() -> None:
        with progress:
            progress("source", "reading")
            assert edits.under_way.acquire(timeout=30)
            edits.now += 10
            progress("search", "now")
        leaving.set()

    run = threading.Thread(target=leave)
    run.start()
    while not progress.over:
        run.join(0.01)
    assert not leaving.is_set()  # the edit under way is waited for
    edits.gate.release(9)
    run.join(30)
    assert edits.seen == ["source reading"]
    progress("proof", "too late")
    assert edits.seen == ["source reading"]


def test_an_edit_that_fails_changes_nothing() -> None:
    shown = threading.Event()

    def broken(_phase: str, _detail: str) -> None:
        raise RuntimeError("GitHub is away")

    with LiveProgress((broken, lambda _phase, _detail: shown.set()), lambda: 0.0) as progress:
        progress("search")
        assert shown.wait(30)


def test_only_news_of_something_new_are_shown() -> None:
    live, seen, shown = [False], [], threading.Event()

    def show(phase: str, _detail: str) -> None:
        seen.append(phase)
        shown.set()

    with LiveProgress((show,), lambda: 0.0, live=lambda: live[0]) as progress:
        progress("baseline")
        live[0] = True
        progress("search")
        assert shown.wait(30)
    assert seen == ["search"]
