"""The host side of an open sandbox, shared by both backends.

A backend knows how to start an inside and how to kill it; everything else is here: requests, the distrusting
reading of answers, the watchdog, starting anew after a death, and closing from another thread.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import Any, Protocol, Self

from sandbox import EMPTY, Command, Completed, LimitName, Limits, Overlay, SandboxSpec, boot, paths
from sandbox.channel import Answer, Channel, Gone, Late, Nonsense
from sandbox.errors import SandboxClosed, SandboxError, SandboxUnavailable
from sandbox.inside import wire

START_SECONDS = 60.0
PREPARE_SECONDS = 300.0  # a tree of 100,000 files is copied in about ten seconds
GRACE_SECONDS = 5.0  # on top of a command's own limit, until its whole sandbox is killed
HEADER_CAP = 64 << 10


class Inside(Protocol):
    """One running inside. ``kill`` and ``close`` are idempotent."""

    @property
    def channel(self) -> Channel: ...

    def kill(self) -> None:
        """Kill every process of it, now. From any thread; the channel then comes to its end."""
        ...

    def close(self) -> None:
        """Kill, and remove everything that it was made of."""
        ...

    def mark(self) -> None:
        """A command begins: :meth:`ran_out_of_memory` means since now."""
        ...

    def ran_out_of_memory(self) -> bool:
        """Whether a process of it was killed for lack of memory, as the host sees it. Asked after a death."""
        ...

    def complaint(self) -> str:
        """What it wrote to its standard error, bounded: why it did not start."""
        ...


Start = Callable[[SandboxSpec], Inside]


class Session:
    """An open sandbox over whatever ``start`` starts. Implements :class:`sandbox.Sandbox`."""

    def __init__(self, start: Start, spec: SandboxSpec, environment: dict[str, str]) -> None:
        self._start = start
        self._spec = spec
        self._environment = environment
        self._turn = threading.Lock()  # one command at a time
        self._guard = threading.Lock()  # of the two below, never held while waiting
        self._closed = False
        self._inside: Inside | None = None
        self._walls: Limits | None = None

    def __enter__(self) -> Self:
        try:
            with self._turn:
                self._open(self._spec.limits)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def run(self, command: Command, overlay: Overlay = EMPTY) -> Completed:
        limits = command.limits or self._spec.limits
        request = encode(command, overlay, limits, self._environment)
        with self._turn:
            if self._walls != walls(limits):
                self._discard()
            try:
                return self._run(command, limits, request)
            except Nonsense as nonsense:
                self._discard()
                raise SandboxError(f"the sandbox answered nonsense and was killed: {nonsense}") from nonsense
            except BaseException:
                # Whatever interrupted us, the next run must not find half of this one's answer.
                self._discard()
                raise

    def close(self) -> None:
        with self._guard:
            self._closed = True
            inside = self._inside
        if inside is not None:
            inside.kill()
        with self._turn:
            self._discard()

    def _run(self, command: Command, limits: Limits, request: bytes) -> Completed:
        inside, answer = self._begin(limits, request)
        if "refused" in answer.header:
            raise ValueError(f"overlay: {str(answer.header['refused'])[:500]}")
        if "unfit" in answer.header:
            raise SandboxError(str(answer.header["unfit"])[:500])
        began = time.monotonic()
        inside.mark()
        try:
            answer = inside.channel.receive(
                began + limits.seconds + GRACE_SECONDS,
                header_cap=HEADER_CAP + 16 * len(command.collect),
                blob_cap=2 + len(command.collect),
                total_cap=2 * limits.output_bytes + limits.collect_bytes,
            )
            return decode(answer, command, limits)
        except (Gone, Late) as ending:
            self._check_open()
            seconds = time.monotonic() - began
            died_of_memory = inside.ran_out_of_memory()
            complaint = inside.complaint()
            self._discard()
            if complaint:  # only the runner itself can write there
                raise SandboxError(f"the sandbox broke down: {complaint}") from ending
            return _dead(ending, died_of_memory, seconds)

    def _begin(self, limits: Limits, request: bytes) -> tuple[Inside, Answer]:
        """Hand the request over; an inside that was found dead is replaced once."""
        for last in (False, True):
            inside = self._open(limits)
            deadline = time.monotonic() + PREPARE_SECONDS
            try:
                inside.channel.send(request, deadline)
                return inside, inside.channel.receive(
                    deadline, header_cap=HEADER_CAP, blob_cap=0, total_cap=0
                )
            except (Gone, Late) as ending:
                self._check_open()
                complaint = inside.complaint()
                self._discard()
                if last or isinstance(ending, Late):
                    raise SandboxError(f"the sandbox died before the command began: {complaint}") from ending
        raise AssertionError("unreachable")

    def _open(self, limits: Limits) -> Inside:
        self._check_open()
        if self._inside is not None:
            return self._inside
        inside = self._start(replace(self._spec, limits=limits))
        with self._guard:
            closed = self._closed
            self._inside, self._walls = inside, walls(limits)
        if closed:
            self._check_open()
        return inside

    def _check_open(self) -> None:
        with self._guard:
            if self._closed:
                raise SandboxClosed("the sandbox was closed")

    def _discard(self) -> None:
        with self._guard:
            inside, self._inside, self._walls = self._inside, None, None
        if inside is not None:
            inside.close()


def walls(limits: Limits) -> Limits:
    """Those of the limits that an inside is built with; the others go with every command."""
    defaults = Limits()
    return replace(
        limits,
        seconds=defaults.seconds,
        output_bytes=defaults.output_bytes,
        collect_bytes=defaults.collect_bytes,
    )


def greet(inside: Inside, configuration: bytes) -> None:
    """Boot a new inside; SandboxUnavailable with its own words when it does not come up."""
    deadline = time.monotonic() + START_SECONDS
    try:
        inside.channel.send(boot.sources() + configuration, deadline)
        ready = inside.channel.receive(deadline, header_cap=HEADER_CAP, blob_cap=0, total_cap=0)
    except (Gone, Late, Nonsense) as ending:
        inside.kill()
        why = inside.complaint() or f"it said nothing ({type(ending).__name__.lower()})"
        raise SandboxUnavailable(f"the sandbox does not start: {why}") from ending
    if "ready" not in ready.header:
        raise SandboxUnavailable("the sandbox does not start: it did not report itself ready")


def encode(command: Command, overlay: Overlay, limits: Limits, environment: dict[str, str]) -> bytes:
    """The request as bytes. ValueError for a path that may not be used and for an unusable command."""
    if not command.argv or any("\0" in word for word in command.argv):
        raise ValueError("argv is empty or contains a NUL")
    env = environment | dict(command.env)
    if any("\0" in key + value or not key or "=" in key for key, value in env.items()):
        raise ValueError("an environment variable has no name, or contains '=' in its name or a NUL")
    changes = sorted(overlay.items())
    contents = [content for _, content in changes if content is not None]
    positions = iter(range(len(contents)))
    return wire.pack(
        {
            "argv": command.argv,
            "env": env,
            "overlay": [
                (paths.require(path), None if content is None else next(positions))
                for path, content in changes
            ],
            "collect": [paths.require(name) for name in command.collect],
            "preload": command.preload,
            "stdin": len(contents),
            "seconds": limits.seconds,
            "output_bytes": limits.output_bytes,
            "collect_bytes": limits.collect_bytes,
        },
        (*contents, command.stdin),
    )


def decode(answer: Answer, command: Command, limits: Limits) -> Completed:
    """A hostile answer to a Completed; Nonsense for whatever the runner could not have said."""
    header = answer.header
    status, seconds, truncated = header.get("status"), header.get("seconds"), header.get("truncated")
    collected = header.get("collected")
    if not (isinstance(seconds, float) and math.isfinite(seconds) and seconds >= 0):
        raise Nonsense("no duration")
    if not isinstance(truncated, bool):
        raise Nonsense("no truncation mark")
    stopped_by = _limit(header.get("stopped_by"))
    if stopped_by is not None:
        status = None
    elif type(status) is not int or not -64 <= status <= 255:
        raise Nonsense("neither an exit status nor a limit")
    if any(len(blob) > limits.output_bytes for blob in answer.blobs[:2]):
        raise Nonsense("more output than was asked for")
    return Completed(
        exit_status=status,
        stopped_by=stopped_by,
        stdout=answer.blobs[0],
        stderr=answer.blobs[1],
        seconds=seconds,
        truncated=truncated,
        collected=_collected(collected, answer.blobs, command, limits),
    )


def _limit(name: Any) -> LimitName | None:
    if name is None:
        return None
    try:
        return LimitName(name)
    except ValueError:
        raise Nonsense("an unknown limit") from None


def _collected(indices: Any, blobs: tuple[bytes, ...], command: Command, limits: Limits) -> dict[str, bytes]:
    names = command.collect
    if not isinstance(indices, list) or len(blobs) != 2 + len(indices):
        raise Nonsense("collected files without content")
    if not all(type(index) is int and 0 <= index < len(names) for index in indices):
        raise Nonsense("a collected file that was not asked for")
    if sum(map(len, blobs[2:])) > limits.collect_bytes:
        raise Nonsense("more collected than was asked for")
    return {names[index]: blob for index, blob in zip(indices, blobs[2:], strict=True)}


def _dead(ending: Gone | Late, of_memory: bool, seconds: float) -> Completed:
    """What is said of a command that took its whole sandbox with it."""
    killed = -9
    stopped_by = LimitName.TIME if isinstance(ending, Late) else LimitName.MEMORY if of_memory else None
    return Completed(
        exit_status=killed if stopped_by is None else None,
        stopped_by=stopped_by,
        stdout=b"",
        stderr=b"the sandbox was killed, and what the command wrote is lost\n",
        seconds=seconds,
        truncated=True,
    )
