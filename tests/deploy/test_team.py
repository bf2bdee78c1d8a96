"""Two servers and three workers on one PostgreSQL, as deploy/compose.yaml has them; a worker is killed in the
middle of a job, and another one finishes it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from benchmarks.throwaway_postgres import cluster, programs
from tests.acceptance.support import (
    ISSUE,
    LABEL,
    OWNER,
    ROOT,
    free_port,
    plain_environment,
    remove,
    until,
    with_files,
)
from tests.double.server import GitHubDouble

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.bubblewrap]

SECRET = "a webhook secret for the team's test"


@dataclass(kw_only=True)
class Member:
    """One process of a service of the compose file."""

    name: str
    command: tuple[str, ...]
    port: int
    place: Path
    environment: Mapping[str, str]
    process: subprocess.Popen[bytes] = field(init=False)

    @property
    def log(self) -> str:
        path = self.place / f"{self.name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def start(self) -> None:
        with (self.place / f"{self.name}.log").open("ab") as sink:
            self.process = subprocess.Popen(
                (sys.executable, "-m", "bot", *self.command),
                cwd=ROOT,
                env={**plain_environment(), **self.environment},
                stdout=sink,
                stderr=sink,
            )

    def page(self, path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
            text: bytes = answer.read()
        return text.decode()

    def is_ready(self) -> bool:
        assert self.process.poll() is None, f"{self.name} ended:\n{self.log[-3000:]}"
        try:
            return self.page("/readyz") == "ready\n"
        except (urllib.error.URLError, OSError):
            return False

    def works_on(self, job: str) -> bool:
        """By what it logs: every line of a job's work says which job it is."""
        lines = [json.loads(line) for line in self.log.splitlines() if line.startswith("{")]
        return any(line.get("job") == job and line.get("event") == "checked out" for line in lines)


def commands() -> dict[str, tuple[str, ...]]:
    compose = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())
    return {name: tuple(compose["services"][name]["command"]) for name in ("server", "worker")}


@contextmanager
def team(place: Path, database: str, github: GitHubDouble) -> Iterator[dict[str, Member]]:
    ports = {name: free_port() for name in ("server-1", "server-2", "worker-1", "worker-2", "worker-3")}
    webhook = f"http://127.0.0.1:{ports['server-1']}/webhook"
    app = github.install_app(None, account=OWNER, webhook_url=webhook, webhook_secret=SECRET)
    shared = {
        "CODEAGENT_APP_ID": str(app.app_id),
        "CODEAGENT_PRIVATE_KEY": app.private_key.replace("\n", "\\n"),
        "CODEAGENT_WEBHOOK_SECRET": SECRET,
        "CODEAGENT_API_URL": github.api_url,
        "CODEAGENT_WEB_URL": github.site,
        "CODEAGENT_DATA_DIR": str(place / "data"),
        "CODEAGENT_DATABASE_URL": database,
        "CODEAGENT_LOG_FORMAT": "json",
        "CODEAGENT_WORKERS": "1",
        "CODEAGENT_BUDGET__SECONDS": "150",
        "TMPDIR": str(place),
    }
    members = {}
    for name, port in ports.items():
        kind = name.partition("-")[0]
        command = tuple(str(port) if word == "9090" else word for word in commands()[kind])
        own = {"CODEAGENT_PORT": str(port)} if kind == "server" else {}
        members[name] = Member(
            name=name, command=command, port=port, place=place, environment={**shared, **own}
        )
    with ExitStack() as stack:
        for member in members.values():
            member.start()
            stack.callback(_end, member.process)
        for member in members.values():
            until(member.is_ready, lambda m=member: f"{m.name}:\n{m.log[-3000:]}", seconds=120)  # type: ignore[misc]
        yield members


def _end(process: subprocess.Popen[bytes]) -> None:
    """As ``docker compose stop`` does it."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(45)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture
def place() -> Iterator[Path]:
    """Where other users may enter: sandboxes run under another user id."""
    made = Path(tempfile.mkdtemp(prefix="codeagent-team-"))
    made.chmod(0o755)
    yield made
    remove(made)


@pytest.fixture
def database() -> Iterator[str]:
    where = programs()
    assert where is not None, "the postgres marker makes sure of it"
    with cluster(where, durable=False) as create:
        yield create("team_" + os.urandom(4).hex())


def the_one(members: Mapping[str, Member], holds: Callable[[Member], bool]) -> Member | None:
    return next((m for m in members.values() if m.name.startswith("worker") and holds(m)), None)


def test_a_worker_is_killed_and_another_one_finishes_its_job(place: Path, database: str) -> None:
    with GitHubDouble(place / "github") as github:
        github.user(OWNER)
        with team(place, database, github) as members:
            repository = f"{OWNER}/pager"
            github.create_repository(repository, files=with_files(), roles={"alice": "maintain"})
            number = github.create_issue(repository, *ISSUE, author="alice")
            delivery = github.label_issue(repository, number, LABEL, actor="alice")
            assert delivery.status_code == 202, delivery.response_body
            job = str(json.loads(delivery.response_body)["job"])
            journal = place / "data" / "runs" / job / "journal.jsonl"

            def in_the_middle() -> bool:
                assert not any("job failed" in member.log for member in members.values())
                return journal.exists() and journal.read_text(errors="replace").count("\n") > 3

            until(in_the_middle, lambda: "the search to begin: " + "".join(m.log for m in members.values()))
            killed = the_one(members, lambda member: member.works_on(job))
            assert killed is not None
            killed.process.kill()
            killed.process.wait()
            until(
                lambda: any(check.status == "completed" for check in github.check_runs(repository)),
                lambda: "the end: " + "".join(m.log[-2000:] for m in members.values()),
            )
            another = the_one(members, lambda member: member is not killed and member.works_on(job))
            recovered = [m.name for m in members.values() if "a job lost its worker" in m.log]
            assert recovered
            (pull,) = github.pulls(repository)
            (comment,) = github.comments(repository, number)
            (check,) = github.check_runs(repository)
            assert check.conclusion == "success"
            assert f"/pull/{pull.number}" in comment.body
            # Whichever server is asked, the queue is the same, and empty.
            for name in ("server-1", "server-2"):
                server = members[name]
                until(lambda s=server: "codeagent_queue_jobs{" not in s.page("/metrics"), lambda: "its end")  # type: ignore[misc]
                server.page(f"/runs/{job}")
            accepted = 'codeagent_deliveries_total{outcome="accepted"} 1.0'
            assert accepted in members["server-1"].page("/metrics")
            ended = 'codeagent_jobs_ended_total{ending="solved",kind="fix"} 1.0'
            finisher = the_one(
                {n: m for n, m in members.items() if m is not killed}, lambda m: ended in m.page("/metrics")
            )
            assert finisher is not None
            assert another is None or another is finisher
        github.check()
    assert all(member.process.returncode in (0, -9, 130) for member in members.values())
