"""What ``webhook_latency`` measures: the receiver with its durable queue, and beside it, in the same process,
``/constant``, which reads the same body and always answers 202.

``--work none``: a job is over at once. ``--work engine``: a job repairs the demo's repository, again and
again, as the real worker would, until the process ends.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import uvicorn
from starlette.requests import Request
from starlette.responses import JSONResponse

from agent.run import Services, open_journal, repair
from agent.types import Task
from bot import engine, log
from bot.app import WebPorts, create_app
from bot.jobs.durable import DbosJobs, JobsConfig
from bot.queue import Ending, Halted, Interrupted, JobResult, RunJob, TaskRequest
from bot.settings import SandboxChoice, Settings
from bot.triggers import TriggerPolicy
from sandbox.redact import Redactor

DEMO = Path(__file__).resolve().parent.parent / "tests" / "demo"


def main() -> int:
    options = argparse.ArgumentParser(prog="python -m benchmarks.webhook_server", description=__doc__)
    options.add_argument("--port", type=int, required=True)
    options.add_argument("--data", type=Path, required=True, help="a directory of its own")
    options.add_argument("--cache", type=Path, required=True, help="of built environments")
    options.add_argument("--database", default="", help="default: SQLite in DATA")
    options.add_argument("--secret", required=True, help="what deliveries are signed with")
    options.add_argument("--work", choices=("none", "engine"), default="none")
    chosen = options.parse_args()
    log.configure(Redactor([chosen.secret]))
    busy: set[str] = set()
    run = no_work if chosen.work == "none" else engine_work(chosen.data, chosen.cache, busy.add)
    jobs = DbosJobs(JobsConfig(data=chosen.data, database=chosen.database, concurrency=2), run)
    jobs.launch()
    try:
        serve(jobs, chosen.secret.encode(), chosen.port, lambda: len(busy))
    finally:
        jobs.shutdown(20)
    return 0


def serve(jobs: DbosJobs, secret: bytes, port: int, busy: Callable[[], int]) -> None:
    app = create_app(
        WebPorts(
            jobs=jobs,
            secret=secret,
            policy=TriggerPolicy(label="codeagent"),
            page=lambda _view: "",
            journal=lambda _run: None,
        )
    )

    @app.post("/constant")
    async def constant(request: Request) -> JSONResponse:
        await request.body()
        return JSONResponse({"reason": "accepted", "status": "accepted"}, status_code=202)

    @app.get("/busy")
    async def count() -> JSONResponse:
        return JSONResponse(busy())

    # As bot.serve does it.
    config = uvicorn.Config(app, port=port, log_config=None, access_log=False, server_header=False)
    uvicorn.Server(config).run()


def no_work(_job: str, _request: TaskRequest, _halted: Halted, _start: int, /) -> JobResult:
    return JobResult(ending=Ending.SOLVED, summary="nothing was done")


def engine_work(data: Path, cache: Path, measuring: Callable[[str], None]) -> RunJob:
    """``measuring`` is told of a job when it has its environment and begins to run tests."""
    settings = Settings(data_dir=data)
    sandboxes = engine.sandboxes(settings, SandboxChoice.BUBBLEWRAP)
    services = Services(sandboxes=sandboxes, cache=cache)
    title, _, body = (DEMO / "issue.md").read_text(encoding="utf-8").partition("\n")
    task = Task(repository="acme/pager", base="0" * 40, title=title.lstrip("# "), text=body)
    tree = data / "tree"
    shutil.copytree(DEMO / "repository", tree)

    def run(job_id: str, _request: TaskRequest, halted: Halted, _start: int, /) -> JobResult:
        def progress(phase: str, detail: str = "", *, done: int = 0, total: int = 0) -> None:  # noqa: ARG001
            if phase == "baseline":
                measuring(job_id)

        round_ = 0
        while halted() is None:
            round_ += 1
            path = data / "runs" / job_id / f"{round_}.jsonl"
            with open_journal(path, run=job_id, task=task) as journal:
                repair(
                    task, tree, services, journal, progress=progress, cancelled=lambda: halted() is not None
                )
        raise Interrupted

    return run


if __name__ == "__main__":
    sys.exit(main())
