"""Sandboxes that are closed from outside when somebody wants it: for builds, which are one long call."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from sandbox import Sandbox, Sandboxes, SandboxSpec

POLL_SECONDS = 0.2


class StoppableSandboxes:
    """In the place of Sandboxes: ``stop`` is asked several times a second, from a thread of its own (must not
    raise); what runs in an open sandbox then ends with :class:`sandbox.SandboxClosed`."""

    def __init__(self, sandboxes: Sandboxes, stop: Callable[[], bool]) -> None:
        self._sandboxes = sandboxes
        self._stop = stop
        self.name = sandboxes.name
        self.python = sandboxes.python
        self.identity = sandboxes.identity

    def open(self, spec: SandboxSpec) -> AbstractContextManager[Sandbox]:
        return self._watched(spec)

    @contextmanager
    def _watched(self, spec: SandboxSpec) -> Iterator[Sandbox]:
        over = threading.Event()
        with self._sandboxes.open(spec) as sandbox:

            def watch() -> None:
                while not over.wait(POLL_SECONDS):
                    if self._stop():
                        sandbox.close()
                        return

            watcher = threading.Thread(target=watch, name="stop", daemon=True)
            watcher.start()
            try:
                yield sandbox
            finally:
                over.set()
                watcher.join()
