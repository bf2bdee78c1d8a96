"""Sandbox runs and the clock, through the journal: each is performed once, however often the run is killed.

The key of a run is what its result is a function of: environment, tree, overlay, command and attempt. Time
is a recorded answer as well, so that a resumed run counts the same seconds and stops at the same place.
"""

from __future__ import annotations

import hashlib
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from types import TracebackType
from typing import Self

from agent.codec import decode, encode
from agent.errors import Cancelled
from agent.protocols import Journal, JsonObject
from agent.types import Spend
from sandbox import EMPTY, Command, Completed, Overlay, Sandbox, SandboxError, SandboxUnavailable

POLL_SECONDS = 0.2  # how often a running command is checked against the wish to stop


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One command to run. ``attempt`` tells repetitions apart; ``fresh`` asks for a sandbox of its own;
    ``label`` says in the record what it was for."""

    command: Command
    overlay: Overlay = field(default_factory=dict)
    attempt: int = 0
    fresh: bool = False
    label: str = ""


class Clock:
    """Seconds of work so far. Time between a kill and the resume does not count."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._seen = 0.0
        self._mark = time.monotonic()

    def now(self) -> float:
        with self._guard:
            return round(self._seen + time.monotonic() - self._mark, 3)

    def saw(self, seconds: float) -> None:
        """Take over a recorded time: the run is at least there."""
        with self._guard:
            self._seen = max(self._seen, seconds)
            self._mark = time.monotonic()

    @property
    def seen(self) -> float:
        """The latest recorded time: the same in every replay, unlike ``now``."""
        return self._seen


class Meter:
    """What the run has used, from recorded answers only; each different run counts once."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._counted: set[str] = set()
        self._seconds = 0.0

    def count(self, request: JsonObject, completed: Completed) -> None:
        key = repr(sorted(request.items()))
        if key not in self._counted:
            self._counted.add(key)
            self._seconds += completed.seconds

    @property
    def spend(self) -> Spend:
        return Spend(
            sandbox_runs=len(self._counted), sandbox_seconds=round(self._seconds, 3), seconds=self._clock.seen
        )


class SandboxPool:
    """At most ``workers`` sandboxes over one tree, opened when needed, and the threads that use them.

    When ``cancelled`` (called from several threads, must not raise) says so, whatever runs is stopped.
    """

    def __init__(
        self,
        open_sandbox: Callable[[], AbstractContextManager[Sandbox]],
        *,
        workers: int,
        cancelled: Callable[[], bool],
    ) -> None:
        self._open_sandbox = open_sandbox
        self._cancelled = cancelled
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="sandbox")
        self._idle: queue.LifoQueue[tuple[Sandbox, ExitStack]] = queue.LifoQueue()
        self._open: dict[int, Sandbox] = {}  # by identity: a sandbox need not be hashable
        self._guard = threading.Lock()
        self._stop = threading.Event()
        self._watcher: threading.Thread | None = None

    def run(self, run: Run) -> Completed:
        """Run in an idle sandbox, or a new one. A sandbox that breaks is replaced once. Raises Cancelled."""
        try:
            return self._run_once(run)
        except SandboxUnavailable:
            raise
        except SandboxError:
            if self._stop.is_set():
                raise
            return self._run_once(run)

    def _run_once(self, run: Run) -> Completed:
        if self._cancelled():
            raise Cancelled("asked to stop")
        self._watch()
        try:
            with self._borrow(fresh=run.fresh) as sandbox:
                return sandbox.run(run.command, run.overlay)
        except SandboxError:
            if self._cancelled():
                raise Cancelled("asked to stop") from None
            raise

    def map(self, function: Callable[[Run], JsonObject], runs: Sequence[Run]) -> list[JsonObject]:
        """In parallel; all have ended when it returns or raises, answers in the order of the runs."""
        if len(runs) == 1:
            return [function(runs[0])]
        futures = [self._threads.submit(function, run) for run in runs]
        for future in futures:
            future.exception()
        return [future.result() for future in futures]

    @contextmanager
    def _borrow(self, *, fresh: bool) -> Iterator[Sandbox]:
        sandbox, stack = self._take(fresh=fresh)
        try:
            yield sandbox
        except BaseException:
            self._discard(sandbox, stack)
            raise
        if fresh or self._stop.is_set():
            self._discard(sandbox, stack)
        else:
            self._idle.put((sandbox, stack))

    def _take(self, *, fresh: bool) -> tuple[Sandbox, ExitStack]:
        if not fresh:
            try:
                return self._idle.get_nowait()
            except queue.Empty:
                pass  # none is idle: open one
        stack = ExitStack()
        sandbox = stack.enter_context(self._open_sandbox())
        with self._guard:
            self._open[id(sandbox)] = sandbox
        return sandbox, stack

    def _discard(self, sandbox: Sandbox, stack: ExitStack) -> None:
        with self._guard:
            del self._open[id(sandbox)]
        stack.close()

    def _watch(self) -> None:
        with self._guard:
            if self._watcher is None:
                self._watcher = threading.Thread(target=self._stop_when_cancelled, name="cancel", daemon=True)
                self._watcher.start()

    def _stop_when_cancelled(self) -> None:
        while not self._stop.wait(POLL_SECONDS):
            if self._cancelled():
                self._close_running()

    def _close_running(self) -> None:
        with self._guard:
            running = tuple(self._open.values())
        for sandbox in running:
            sandbox.close()

    def close(self) -> None:
        self._stop.set()
        self._close_running()
        self._threads.shutdown(wait=True)
        if self._watcher is not None:
            self._watcher.join()
        while not self._idle.empty():
            self._discard(*self._idle.get_nowait())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class JournaledRunner:
    """Runs commands once: what the journal has an answer for is not run again."""

    def __init__(self, journal: Journal, pool: SandboxPool, clock: Clock, *, identity: JsonObject) -> None:
        self._journal = journal
        self._pool = pool
        self._clock = clock
        self._identity = identity
        self.meter = Meter(clock)

    def run(
        self,
        command: Command,
        overlay: Overlay = EMPTY,
        *,
        attempt: int = 0,
        fresh: bool = False,
        label: str = "",
    ) -> Completed:
        run = Run(command=command, overlay=overlay, attempt=attempt, fresh=fresh, label=label)
        return self.run_many([run])[0]

    def run_many(self, runs: Sequence[Run]) -> tuple[Completed, ...]:
        """Run in parallel; the answers are in the order of the runs. Raises Cancelled."""
        if not runs:
            return ()
        answers = self._pool.map(self._answer, runs)
        return tuple(self._use(run, answer) for run, answer in zip(runs, answers, strict=True))

    def _answer(self, run: Run) -> JsonObject:
        def perform() -> JsonObject:
            try:
                completed = self._pool.run(run)
            except Cancelled:  # a recorded answer too: the same run stops at the same place in every replay
                return {"cancelled": True, "clock": self._clock.now(), "for": run.label}
            return {"completed": encode(completed), "clock": self._clock.now(), "for": run.label}

        return self._journal.effect("run", self._request(run), perform)

    def _use(self, run: Run, answer: JsonObject) -> Completed:
        clock = answer["clock"]
        assert isinstance(clock, int | float)
        self._clock.saw(clock)
        if answer.get("cancelled"):
            raise Cancelled("asked to stop")
        completed = decode(Completed, answer["completed"])
        self.meter.count(self._request(run), completed)
        return completed

    def _request(self, run: Run) -> JsonObject:
        command = run.command
        return {
            **self._identity,
            "argv": list(command.argv),
            "env": [list(pair) for pair in command.env],
            "stdin": hashlib.sha256(command.stdin).hexdigest() if command.stdin else "",
            "collect": list(command.collect),
            "limits": encode(command.limits),
            "overlay": overlay_digest(run.overlay),
            "attempt": run.attempt,
            "fresh": run.fresh,
        }


def overlay_digest(overlay: Overlay) -> str:
    whole = hashlib.sha256()
    for path, content in sorted(overlay.items()):
        body = b"-" if content is None else _content_digest(content)
        whole.update(path.encode("utf-8", "surrogatepass") + b"\0" + body)
    return whole.hexdigest()


@lru_cache(maxsize=1024)
def _content_digest(content: bytes) -> bytes:
    """Most of an overlay is the same in every run: the runner's files, what the build generated."""
    return hashlib.sha256(content).digest()


def tick(journal: Journal, clock: Clock, cancelled: Callable[[], bool], visit: int) -> None:
    """Look at the clock, and at the wish to stop, once per node visit. Raises Cancelled."""
    answer = journal.effect(
        "clock", {"visit": visit}, lambda: {"clock": clock.now(), "cancelled": bool(cancelled())}
    )
    seconds = answer["clock"]
    assert isinstance(seconds, int | float)
    clock.saw(seconds)
    if answer["cancelled"]:
        raise Cancelled("asked to stop")
