"""The main program of the inside: answer one request after the other until the host goes away."""

from __future__ import annotations

import fcntl
import os
import sys
from contextlib import suppress
from typing import Any

from sandbox.inside.collect import collect
from sandbox.inside.execute import (
    Caps,
    Guard,
    HostGone,
    Job,
    Outcome,
    Streams,
    Unclean,
    Watch,
    open_streams,
    report,
    start,
)
from sandbox.inside.forward import forward
from sandbox.inside.guards import GrowthGuard, MemoryGuard, all_of
from sandbox.inside.processes import kill_others, limit, protect, remove_ipc, standing, withstand_signals
from sandbox.inside.warm import Server, Servers, key_of, shadowed
from sandbox.inside.wire import Closed, pack, read_frame, write_all
from sandbox.inside.workspace import Refused, Unfit, Workspace, empty

RUNS_AT = "/workspace"
PRIVATE_FDS = 100
"""The protocol's descriptors are moved up here and closed on exec: no command ever has them."""


class Runner:
    def __init__(self, requests: int, answers: int, config: dict[str, Any]) -> None:
        self._requests = requests
        self._answers = answers
        self._scratch: list[str] = [path for path in config["scratch"] if os.path.isdir(path)]
        self._resident_bytes: int = config["resident_bytes"]
        self._growing: str | None = config["growing"]
        self._growth_bytes: int = config["file_bytes"]
        self._base: str | None = config["base"]
        self._workspace: Workspace | None = None
        self._servers = Servers(config["server"], RUNS_AT)
        self._standing = standing()
        self._fresh = False

    def prepare(self) -> None:
        """Undo whatever the last command did."""
        for pid in (0, *self._servers.pids):
            if standing(pid) != self._standing:
                raise Unclean("a command changed the limits of the sandbox's own processes")
        if self._workspace is None:
            self._workspace = Workspace(RUNS_AT, self._base)
        for path in self._scratch:
            empty(path)
        remove_ipc()
        self._workspace.restore()
        self._fresh = True

    def prepare_early(self) -> None:
        """Between two requests, so that the next one finds it done. It is told what stands in the way."""
        with suppress(Unfit):
            self.prepare()

    def answer(self, request: dict[str, Any], blobs: list[bytes]) -> bytes:
        try:
            server = self._server(request)
            if not self._fresh:
                self.prepare()
            self._fresh = False
            assert self._workspace is not None
            overlay = [(path, None if at is None else blobs[at]) for path, at in request["overlay"]]
            self._workspace.apply(overlay)
        except Refused as refused:
            return pack({"refused": str(refused)})
        except Unfit as unfit:
            return pack({"unfit": str(unfit)})
        outcome = self._execute(request, blobs[request["stdin"]], server)
        return self._report(outcome, request)

    def _server(self, request: dict[str, Any]) -> Server | None:
        key = key_of(request["argv"], request["env"], request["preload"])
        return None if key is None else self._servers.get(key, self._without_code)

    def _without_code(self) -> None:
        if self._workspace is not None:
            self._fresh = False
            self._workspace.skeleton()

    def _execute(self, request: dict[str, Any], stdin: bytes, server: Server | None) -> Outcome:
        assert self._workspace is not None
        caps = Caps(request["seconds"], request["output_bytes"], self._guard())
        streams = open_streams(stdin)
        write_all(self._answers, pack({"started": True}))
        self._workspace.started()
        try:
            job = self._job(request["argv"], request["env"], streams, server)
            streams.close_theirs()
            return Watch(job, streams, caps, self._requests).run(keep=self._servers.pids)
        finally:
            streams.close_ours()

    def _guard(self) -> Guard | None:
        guards: list[Guard] = []
        if self._resident_bytes:
            guards.append(MemoryGuard(self._resident_bytes))
        if self._growing is not None and os.path.isdir(self._growing):
            guards.append(GrowthGuard(self._growing, self._growth_bytes))
        return all_of(guards)

    def _job(self, argv: list[str], env: dict[str, str], streams: Streams, server: Server | None) -> Job:
        if server is not None and not shadowed(server, RUNS_AT):
            with suppress(OSError):  # it was killed meanwhile
                return server.fork(argv, env, streams)
        return start(argv, env, RUNS_AT, streams)

    def _report(self, outcome: Outcome, request: dict[str, Any]) -> bytes:
        files, dropped = collect(RUNS_AT, request["collect"], request["collect_bytes"])
        header = {
            "status": outcome.status,
            "stopped_by": outcome.stopped_by,
            "seconds": outcome.seconds,
            "truncated": outcome.stdout.truncated or outcome.stderr.truncated or dropped,
            "collected": list(files),
        }
        return pack(header, (outcome.stdout.kept, outcome.stderr.kept, *files.values()))


def serve(requests: int, answers: int) -> None:
    config, _ = read_frame(requests)
    limit(config["processes"], config["file_bytes"], config["address_bytes"])
    if config["forward"] is not None:
        forward(config["forward"]["port"], config["forward"]["socket"])
    runner = Runner(requests, answers, config)
    write_all(answers, pack({"ready": sys.version_info[:3]}))
    while True:
        try:
            runner.prepare_early()
        except (OSError, RecursionError, Unclean):
            return  # the next request finds this inside gone and opens a new one
        request, blobs = read_frame(requests)
        write_all(answers, runner.answer(request, blobs))
        del blobs


def main() -> int:
    protect()
    withstand_signals()
    sys.setrecursionlimit(20_000)  # a path may have two thousand directories
    os.umask(0o022)
    requests = fcntl.fcntl(0, fcntl.F_DUPFD_CLOEXEC, PRIVATE_FDS)
    answers = fcntl.fcntl(1, fcntl.F_DUPFD_CLOEXEC, PRIVATE_FDS)
    null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    os.dup2(null, 0)
    os.dup2(null, 1)
    try:
        serve(requests, answers)
    except (Closed, HostGone, BrokenPipeError):
        kill_others(())
    except Unclean as error:
        report(error)
        return 1
    return 0
