"""The worker is killed after every effect, before its record, and at random moments (DESIGN, promise 4).

After each restart there is at most one of everything, at the end exactly one; and no effect whose record was
on disk when a process started was performed by that process again.
"""

from __future__ import annotations

import json
import os
import random
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from agent.journal import read_journal
from bot.queue import Reply, TaskRequest, request_to_json
from bot.workflow import JOURNAL, STEPS
from tests.double.fixtures import github  # noqa: F401 - a fixture
from tests.double.server import GitHubDouble
from tests.workflow.fakes import REQUEST, World

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent.parent
JOB = "0123456789abcdef0123456789abcdef"


HASH_SEEDS = ("0", "1", "2")
"""Processes differ in the order of their sets, and a run must not: the starts of one job take turns."""


@dataclass
class Nursery:
    """Processes that have imported everything, and fork a worker for each start."""

    world: str
    parents: dict[str, subprocess.Popen[str]] = field(default_factory=dict)

    def start(self, order: Path, number: int) -> tuple[subprocess.Popen[str], int]:
        seed = HASH_SEEDS[number % len(HASH_SEEDS)]
        if seed not in self.parents:
            self.parents[seed] = subprocess.Popen(
                (sys.executable, "-m", "tests.workflow.crash_worker", self.world),
                cwd=ROOT,
                env={**os.environ, "PYTHONHASHSEED": seed},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                bufsize=1,
            )
        parent = self.parents[seed]
        assert parent.stdin is not None
        assert parent.stdout is not None
        parent.stdin.write(f"{order}\n")
        return parent, int(parent.stdout.readline())

    def close(self) -> None:
        for parent in self.parents.values():
            assert parent.stdin is not None
            parent.stdin.close()
            assert parent.wait(30) == 0
            assert parent.stdout is not None
            parent.stdout.close()


@pytest.fixture(scope="module")
def fake_nursery() -> Iterator[Nursery]:
    nursery = Nursery("fake")
    yield nursery
    nursery.close()


@pytest.fixture(scope="module")
def real_nursery() -> Iterator[Nursery]:
    nursery = Nursery("service")
    yield nursery
    nursery.close()


@dataclass
class Crashes:
    """Starts the worker again and again and looks at what it did."""

    place: Path
    order: dict[str, Any]
    nursery: Nursery
    variables: dict[str, str] = field(default_factory=dict)
    starts: int = 0

    def start(self, when: str, number: int) -> tuple[subprocess.Popen[str], int]:
        self.starts += 1
        order = self.place / f"order-{self.starts}.json"
        self.performed.unlink(missing_ok=True)
        more = {
            "when": when,
            "number": number,
            "performed": str(self.performed),
            "variables": self.variables,
            "out": str(self.place / "out"),
            "errors": str(self.place / "errors"),
        }
        order.write_text(json.dumps({**self.order, "job": JOB, "data": str(self.data), **more}))
        return self.nursery.start(order, self.starts)

    def run(self, when: str, number: int, seconds: float | None = None) -> dict[str, Any] | None:
        """The result, or None when the process was killed; checks that nothing recorded was done again."""
        recorded = self.recorded()
        parent, worker = self.start(when, number)
        assert parent.stdout is not None
        if seconds is not None and not select.select([parent.stdout], [], [], seconds)[0]:
            os.kill(worker, signal.SIGKILL)
        status = int(parent.stdout.readline())
        done = self.performed.read_text().splitlines() if self.performed.exists() else []
        again = [line for line in done if line.split()[0] in recorded]
        assert again == [], f"start {self.starts} repeated finished effects"
        assert len(done) == len(set(done)), f"start {self.starts} performed an effect twice"
        if status == -signal.SIGKILL:
            return None
        assert status == 0, (self.place / "errors").read_text()[-3000:]
        result: dict[str, Any] = json.loads((self.place / "out").read_text().splitlines()[-1])
        return result

    @property
    def data(self) -> Path:
        return self.place / "data"

    @property
    def performed(self) -> Path:
        return self.place / "performed"

    def recorded(self) -> frozenset[str]:
        paths = [self.data / "runs" / JOB / name for name in (JOURNAL, STEPS)]
        records = [record for path in paths if path.exists() for record in read_journal(path).records]
        return frozenset(str(record["key"]) for record in records if "effect" in record)


Check = Callable[[bool], None]
"""Looks at GitHub's side: at most one of everything, exactly one when it is over."""


def until_done(crashes: Crashes, check: Check, moments: Iterator[tuple[str, int, float | None]]) -> int:
    """Kill at one moment after the other until a run comes through; how many starts it took."""
    for when, number, seconds in moments:
        result = crashes.run(when, number, seconds)
        check(result is not None)
        if result is not None:
            assert result["ending"] == "solved"
            return crashes.starts
    raise AssertionError("the moments never end")


def after_every_effect() -> Iterator[tuple[str, int, float | None]]:
    while True:
        yield "after", 1, None


def before_and_after_every_effect() -> Iterator[tuple[str, int, float | None]]:
    """Performed and not recorded, then performed again and recorded, and so on."""
    while True:
        yield "before", 1, None
        yield "after", 1, None


def at_random(seed: int, longest: float, times: int) -> Iterator[tuple[str, int, float | None]]:
    source = random.Random(seed)
    for _ in range(times):
        yield "never", 0, source.uniform(0.0, longest)
    while True:
        yield "never", 0, None


# --- Over fakes ---------------------------------------------------------------------------------------------


@pytest.fixture
def fakes(tmp_path: Path, fake_nursery: Nursery) -> tuple[Crashes, Check]:
    world = World(tmp_path / "world.json")
    order = {"world_kind": "fake", "world": str(world.path), "request": request_to_json(REQUEST)}

    def check(over: bool) -> None:
        state = world.read()
        for kind in ("pulls", "comments", "checks", "branches"):
            assert len(state[kind]) <= 1, kind
            assert not over or len(state[kind]) == 1, kind
        if over:
            assert state["checks"][0]["conclusion"] == "success"
            assert "opened a pull request" in state["comments"][0]["body"]

    return Crashes(tmp_path, order, fake_nursery), check


def test_killed_after_every_effect(fakes: tuple[Crashes, Check]) -> None:
    starts = until_done(*fakes, after_every_effect())
    # Two headers, the effects, and the start that came through.
    assert starts == 2 + len(fakes[0].recorded()) + 1


def test_an_answered_run_killed_after_every_effect(fakes: tuple[Crashes, Check]) -> None:
    crashes, check = fakes
    crashes.order["asks"] = True
    asked = crashes.run("never", 0)
    assert asked is not None
    assert asked["ending"] == "asking"
    reply = Reply(
        delivery="00000000-dddd-eeee-ffff-000000000001",
        installation=REQUEST.installation,
        repository_id=REQUEST.repository_id,
        issue=REQUEST.issue,
        comment=11,
        author="carol",
        text="0",
    )
    crashes.order["request"] = request_to_json(replace(REQUEST, run=JOB, reply=reply))
    until_done(crashes, check, after_every_effect())


def test_killed_before_every_record(fakes: tuple[Crashes, Check]) -> None:
    until_done(*fakes, before_and_after_every_effect())


def test_killed_at_random_moments(fakes: tuple[Crashes, Check]) -> None:
    until_done(*fakes, at_random(seed=7, longest=0.2, times=12))


# --- Over the real thing ------------------------------------------------------------------------------------


@pytest.fixture
def real(
    tmp_path: Path,
    github: GitHubDouble,  # noqa: F811
    real_nursery: Nursery,
) -> tuple[Crashes, Check]:
    repository, label = "acme/pager", "codeagent"
    demo = ROOT / "tests" / "demo"
    github.create_repository(repository, directory=demo / "repository", roles={"alice": "maintain"})
    app = github.install_app([repository])
    title, _, body = (demo / "issue.md").read_text().partition("\n")
    number = github.create_issue(repository, title.lstrip("# "), body.strip(), author="bob")
    variables = {
        "CODEAGENT_APP_ID": str(app.app_id),
        "CODEAGENT_PRIVATE_KEY": app.private_key,
        "CODEAGENT_WEBHOOK_SECRET": app.webhook_secret,
        "CODEAGENT_API_URL": github.api_url,
        "CODEAGENT_WEB_URL": github.site,
        "CODEAGENT_DATA_DIR": str(tmp_path / "data"),
        "CODEAGENT_SANDBOX": "bubblewrap",
    }
    request = TaskRequest(
        delivery="00000000-aaaa-bbbb-cccc-000000000001",
        installation=app.installation_id,
        repository_id=github.repository(repository).id,
        repository=repository,
        issue=number,
        title=title.lstrip("# "),
        body=body.strip(),
        author="bob",
        sender="alice",
        label=label,
    )

    def check(over: bool) -> None:
        comments = github.comments(repository, number)
        for kind, found in (
            ("pulls", github.pulls(repository)),
            ("comments", comments),
            ("checks", github.check_runs(repository)),
        ):
            assert len(found) <= 1, kind
            assert not over or len(found) == 1, kind
        if over:
            assert "opened a pull request" in comments[0].body

    order = {"world_kind": "service", "request": request_to_json(request)}
    return Crashes(tmp_path, order, real_nursery, variables), check


@pytest.mark.bubblewrap
@pytest.mark.timeout(1800)
def test_the_real_job_killed_after_every_effect(real: tuple[Crashes, Check]) -> None:
    until_done(*real, after_every_effect())


@pytest.mark.bubblewrap
@pytest.mark.timeout(1800)
def test_the_real_job_killed_at_random_moments(real: tuple[Crashes, Check]) -> None:
    until_done(*real, at_random(seed=11, longest=8.0, times=5))
