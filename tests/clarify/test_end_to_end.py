"""From the label to a question, and from a comment to the pull request: webhook, queue, git and GitHub's
double for real; the engine for real over the toy repository, with two candidates that differ on what the
issue does not mention."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import uvicorn

from agent.protocols import Journal, Progress
from agent.run import repair
from agent.types import Outcome, Question, Task
from bot.app import WebPorts, create_app
from bot.github.client import Habits, Pace
from bot.jobs.durable import DbosJobs, JobsConfig
from bot.queue import Ending, JobView
from bot.repo_config import RepoConfig
from bot.serve import connect, job_ports, policy, redactor, worker
from bot.settings import Settings
from tests.acceptance.support import answer_of, until
from tests.agent.support import CALC, TEST_CALC, Script, ToySandboxes, ToyWorkbench, services
from tests.clarify.world import DOUBLES, FOUR, KEEPS, LITERAL, THREE, made_tests
from tests.double.fixtures import github  # noqa: F401 - a fixture
from tests.double.server import GitHubDouble
from tests.double.state import Delivery

REPOSITORY = "acme/toy"


@dataclass
class ToyRepair:
    """The engine over a sandbox that is this process: the repository is trusted."""

    runs: list[int] = field(default_factory=list)  # sandbox runs per call

    def __call__(
        self,
        task: Task,
        tree: Path,
        journal: Journal,
        *,
        config: RepoConfig,  # noqa: ARG002
        progress: Progress,
        cancelled: Callable[[], bool],
        answers: Callable[[Question], str | None],
    ) -> Outcome:
        sandboxes = ToySandboxes()
        parts = Script(tests=(made_tests(THREE, FOUR),), edits=(DOUBLES, KEEPS))
        outcome = repair(
            task,
            tree,
            services(sandboxes, parts, clarifier=LITERAL),
            journal,
            progress=progress,
            cancelled=cancelled,
            answers=answers,
            workbench=ToyWorkbench(tree, sandboxes),
        )
        self.runs.append(len(sandboxes.runs))
        return outcome


@dataclass(frozen=True, kw_only=True)
class Bot:
    """What runs, and the issue that it works on."""

    github: GitHubDouble
    jobs: DbosJobs
    repair: ToyRepair
    number: int

    def job(self, delivery: Delivery) -> JobView:
        """The job of a delivery, once it is over."""
        assert delivery.status_code == 202, delivery.response_body
        job = str(answer_of(delivery)["job"])
        until(lambda: not self._view(job).state.active, lambda: f"job {job}: {self._view(job)}")
        return self._view(job)

    def _view(self, job: str) -> JobView:
        view = self.jobs.status(job)
        assert view is not None
        return view

    @property
    def comment(self) -> str:
        """The bot's one comment."""
        comments = self.github.comments(REPOSITORY, self.number)
        (only,) = [each for each in comments if each.user.login.endswith("[bot]")]
        return only.body

    def say(self, text: str, actor: str = "alice") -> Delivery:
        return self.github.comment_issue(REPOSITORY, self.number, text, actor)


@pytest.fixture
def bot(github: GitHubDouble, tmp_path: Path) -> Iterator[Bot]:  # noqa: F811
    with socket.create_server(("127.0.0.1", 0)) as door:
        url = f"http://127.0.0.1:{door.getsockname()[1]}/webhook"
        files = {"calc.py": CALC, "tests/test_calc.py": TEST_CALC}
        github.create_repository(REPOSITORY, files=files, roles={"alice": "maintain", "bob": "read"})
        app = github.install_app([REPOSITORY], webhook_url=url)
        settings = Settings(
            app_id=app.app_id,
            private_key=app.private_key,
            webhook_secret=app.webhook_secret,
            api_url=github.api_url,
            web_url=github.site,
            data_dir=tmp_path / "data",
        )
        redact = redactor(settings)
        pace = Pace(between=0.0, per_minute=10_000, per_hour=10_000)
        forges = connect(settings, redact, Habits(pace=pace))
        toy = ToyRepair()
        ports = replace(job_ports(settings, services(ToySandboxes(), Script()), forges, redact), repair=toy)

        def asks(job_id: str) -> None:
            jobs.asks(job_id)

        run_job = worker(replace(ports, asks=asks))
        jobs = DbosJobs(JobsConfig(data=settings.data_dir, poll_seconds=0.05), run_job)
        web = WebPorts(
            jobs=jobs,
            secret=app.webhook_secret.encode(),
            policy=policy(settings, forges),
            page=lambda _view: "",
            journal=lambda _run: None,
        )
        config = uvicorn.Config(create_app(web), log_config=None, lifespan="off", ws="none")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [door]})
        jobs.launch()
        thread.start()
        number = github.create_issue(REPOSITORY, "sign(0) is wrong", "It gives 1, expected 0.", author="bob")
        try:
            yield Bot(github=github, jobs=jobs, repair=toy, number=number)
        finally:
            server.should_exit = True
            thread.join()
            jobs.shutdown(10)
            forges.shut()


def test_a_question_a_discussion_and_an_answer(bot: Bot) -> None:
    world = bot.github
    assert bot.say("I see this too").status_code == 200  # nothing was asked yet
    asked = bot.job(world.label_issue(REPOSITORY, bot.number, "codeagent", actor="alice"))
    assert asked.result is not None
    assert asked.result.ending is Ending.ASKING
    assert "I have a question" in bot.comment
    assert "unseen(4)" in bot.comment
    assert "8" in bot.comment
    (check,) = world.check_runs(REPOSITORY)
    assert check.conclusion == "neutral"
    (first_runs,) = bot.repair.runs
    assert world.pulls(REPOSITORY) == []

    # Somebody who may not, and somebody who does not answer: the question stays open.
    refused = bot.job(bot.say("It is 4!", "bob"))
    assert refused.result is not None
    assert refused.result.ending is Ending.ASKING
    assert len(bot.repair.runs) == 1
    talk = bot.job(bot.say("Good question, let me think."))
    assert talk.result is not None
    assert talk.result.ending is Ending.ASKING
    assert bot.repair.runs == [first_runs, 0]
    assert "I have a question" in bot.comment
    assert world.pulls(REPOSITORY) == []

    answered = bot.say("Twice as much, so `8`.")
    solved = bot.job(answered)
    assert solved.result is not None
    assert solved.result.ending is Ending.SOLVED
    assert solved.run == asked.job_id
    (pull,) = world.pulls(REPOSITORY)
    assert "answer-obeyed" in pull.body
    assert solved.result.pull_request in bot.comment
    (check,) = world.check_runs(REPOSITORY)
    assert check.conclusion == "success"
    # What had run for the question ran once; only the proof is new.
    assert 0 < bot.repair.runs[-1] < first_runs

    # A redelivery changes nothing, and more comments are none of its business.
    again = world.redeliver(answered.guid)
    assert answer_of(again) == {**answer_of(answered), "new": False}
    assert bot.say("Thanks!").status_code == 200
    assert len(world.pulls(REPOSITORY)) == 1
    assert len(bot.repair.runs) == 3


def test_the_bots_own_comment_answers_nothing(bot: Bot) -> None:
    bot.job(bot.github.label_issue(REPOSITORY, bot.number, "codeagent", actor="alice"))
    login = next(
        each.user.login
        for each in bot.github.comments(REPOSITORY, bot.number)
        if each.user.login.endswith("[bot]")
    )
    assert bot.say("8", login).status_code == 200
    assert len(bot.repair.runs) == 1
