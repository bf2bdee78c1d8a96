"""A worker process to be killed: ``python -m tests.jobs.worker NAME DATABASE DATA MODE [enqueue [die]]``.

MODE "hang" never finishes a job, "slow" takes three seconds, "work" none. What happens is written, one line
each, into DATA/log; a line on standard output says that the worker is ready, or which job was accepted.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from bot.jobs.durable import DbosJobs, JobsConfig
from bot.queue import Ending, Halted, Interrupted, JobResult, TaskRequest

REQUEST = TaskRequest(
    delivery="00000000-aaaa-bbbb-cccc-000000000001",
    installation=1,
    repository_id=2,
    repository="owner/name",
    issue=3,
    title="title",
    body="text",
    author="ann",
    sender="bob",
    label="codeagent",
)


def main(name: str, database: str, data: Path, mode: str, orders: list[str]) -> None:
    def write(text: str) -> None:
        with (data / "log").open("a") as log:
            log.write(text + "\n")

    def run(job_id: str, request: TaskRequest, halted: Halted, start: int, /) -> JobResult:
        assert request == REQUEST
        write(f"{name} starts {job_id} {start}")
        ends = time.monotonic() + {"hang": 3600, "slow": 3, "work": 0}[mode]
        while time.monotonic() < ends:
            if halted() is not None:
                raise Interrupted
            time.sleep(0.02)
        write(f"{name} ends {job_id}")
        return JobResult(ending=Ending.SOLVED, summary=name)

    jobs = DbosJobs(JobsConfig(data=data, database=database, poll_seconds=0.1, watch_seconds=0.3), run)
    jobs.launch()
    if "enqueue" in orders:
        print(jobs.enqueue(REQUEST).job_id, flush=True)
        if "die" in orders:
            os.kill(os.getpid(), signal.SIGKILL)
    else:
        print("ready", flush=True)
    stop = []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(True))
    while not stop:
        time.sleep(0.05)
    jobs.shutdown(5)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), sys.argv[4], sys.argv[5:])
