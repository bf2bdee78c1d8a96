"""Every fifth request to GitHub goes wrong, one way or another: the outcome is the same, nothing is doubled.

The real adapter over real HTTP and real git against the double; only the engine is a fake. Whatever a request
did before its answer was lost is found again, by looks before changes and by the journal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from agent.types import Outcome
from bot.git.checkout import Checkouts
from bot.github.client import AppKeys, GitHubForges, Habits, Link
from bot.github.pacing import Pace
from bot.ports import Ports
from bot.queue import Ending, TaskRequest
from bot.workflow import run_job
from tests.double.faults import (
    Garbage,
    PrimaryRateLimit,
    ResetAfter,
    ResetBefore,
    SecondaryRateLimit,
    Slow,
    Status,
    StatusAfter,
)
from tests.double.server import GitHubDouble
from tests.workflow.fakes import REQUEST, SOLVED, UNSOLVED, FakeRepair, World, ports

REPO = "acme/mean"
KINDS = (
    Status(500),
    Status(502),
    Status(503),
    StatusAfter(500),
    StatusAfter(502),
    ResetBefore(),
    ResetAfter(),
    Garbage(),
    Slow(0.01),
    SecondaryRateLimit(retry_after=3),
    PrimaryRateLimit(reset=5),
)
SEEDS = (3, 5)
CONFIG = "label: codeagent\nreviewers: [carol]\nlabels: [bot]\n"


@dataclass(frozen=True)
class Scene:
    github: GitHubDouble
    request: TaskRequest
    ports: Callable[[Outcome], Ports]

    def shown(self) -> dict[str, object]:
        """All that anybody can see of it, without ids and times."""
        double, number = self.github, self.request.issue
        (comment,) = double.comments(REPO, number)
        git = double.repository(REPO).git
        return {
            "checks": [
                (each.status, each.conclusion, each.title, len(each.annotations), each.actions)
                for each in double.check_runs(REPO)
            ],
            "comment": comment.body.replace(double.site, ""),
            "pulls": [
                (
                    pull.title,
                    pull.state,
                    pull.label_names,
                    [each.login for each in pull.pull.reviewers],
                    len(git.log(f"main..{pull.pull.head}")),
                    git.changed_paths("main", pull.pull.head),
                )
                for pull in double.pulls(REPO)
                if pull.pull is not None
            ],
            "branches": [name.partition("-")[0] for name in git.refs("refs/heads/")],
            "left alone": {name: double.creates[name] for name in ("issue", "review", "reaction")},
        }


@contextmanager
def opened(place: Path) -> Iterator[Scene]:
    with GitHubDouble(place / "github") as github:
        files = {"code.py": "x = 1\n", ".github/codeagent.yml": CONFIG}
        github.create_repository(REPO, files=files, roles={"bob": "write", "carol": "write"})
        app = github.install_app([REPO])
        issue = github.create_issue(REPO, REQUEST.title, REQUEST.body, author="ann")
        forges = GitHubForges(
            AppKeys(issuer=str(app.app_id), private_key=app.private_key),
            Link(api_url=github.api_url),
            habits=Habits(
                sleep=github.clock.advance,
                clock=lambda: github.clock.now().timestamp(),
                pace=Pace(between=0.0, per_minute=10_000, per_hour=10_000),
            ),
        )
        request = replace(
            REQUEST,
            installation=app.installation_id,
            repository_id=github.repository(REPO).id,
            repository=REPO,
            issue=issue,
        )
        world = World(place / "engine.json")

        def given(outcome: Outcome) -> Ports:
            return ports(
                place / "data",
                world,
                forges=forges,
                git=Checkouts(sleep=github.clock.advance),
                wait=github.clock.advance,
                repair=FakeRepair(world, outcome),
            )

        yield Scene(github, request, given)
        forges.shut()
    github.check()


def story(scene: Scene) -> list[object]:
    """Nothing is found; then a patch; then, on a newer base and asked again, the same one once more."""
    said: list[object] = []
    for job, outcome in (("a", UNSOLVED), ("b", SOLVED), ("c", SOLVED)):
        if job == "c":
            scene.github.commit(REPO, "main", {"more.py": "y = 1\n"})
        result = run_job(job * 32, scene.request, scene.ports(outcome), lambda: None)
        said += [result.ending, scene.shown()]
    return said


def test_with_a_fault_at_every_fifth_request_the_outcome_is_the_same(tmp_path: Path) -> None:
    with opened(tmp_path / "calm") as scene:
        calm = story(scene)
    assert calm[::2] == [Ending.UNSOLVED, Ending.SOLVED, Ending.SOLVED]
    for seed in SEEDS:
        with opened(tmp_path / str(seed)) as scene:
            scene.github.faults.at_random(0.2, seed, *KINDS)
            stormy = story(scene)
            met = sum(each.fault is not None for each in scene.github.requests)
            share = met / len(scene.github.requests)
        assert stormy == calm, f"seed {seed}"
        assert met >= 10
        assert 0.1 < share < 0.35
