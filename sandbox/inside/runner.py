"""The main program of the inside: answer one request after the other until the host goes away."""

from __future__ import annotations

import fcntl
import os
import sys
from contextlib import suppress
from typing import Any

from sandbox.inside.collect import collect
from sandbox.inside.execute import Caps, HostGone, Outcome, Unclean, Watch, open_streams, report, start
from sandbox.inside.processes import kill_others, limit, protect, remove_ipc
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
        self._base: str | None = config["base"]
        self._workspace: Workspace | None = None
        self._fresh = False

    def prepare(self) -> None:
        """Undo whatever the last command did."""
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
        outcome = self._execute(request, blobs[request["stdin"]])
        return self._report(outcome, request)

    def _execute(self, request: dict[str, Any], stdin: bytes) -> Outcome:
        assert self._workspace is not None
        caps = Caps(request["seconds"], request["output_bytes"], self._resident_bytes)
        streams = open_streams(stdin)
        write_all(self._answers, pack({"started": True}))
        self._workspace.started()
        try:
            job = start(request["argv"], request["env"], RUNS_AT, streams)
            streams.close_theirs()
            return Watch(job, streams, caps, self._requests).run(keep=())
        finally:
            streams.close_ours()

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
    runner = Runner(requests, answers, config)
    write_all(answers, pack({"ready": sys.version_info[:3]}))
    while True:
        try:
            runner.prepare_early()
        except (OSError, RecursionError) as error:
            report(error)  # the next request finds this inside gone and opens a new one
            return
        request, blobs = read_frame(requests)
        write_all(answers, runner.answer(request, blobs))
        del blobs


def main() -> int:
    protect()
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
