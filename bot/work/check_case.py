"""A failing check that is worked on, and how people are told of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bot.checks.place import Place
from bot.checks.reports import Reports
from bot.forge import Annotation, Conclusion
from bot.progress import LiveProgress
from bot.queue import Ending, JobResult
from bot.render import check_answers as answers
from bot.render.check_answers import CheckFacts
from bot.repo_config import RepoConfig
from bot.run import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    run: Run
    config: RepoConfig
    place: Place
    reports: Reports
    facts: CheckFacts

    def tell(
        self,
        ending: Ending,
        title: str,
        answer: str,
        conclusion: Conclusion,
        *,
        pull_request: str = "",
        annotated: tuple[Annotation, ...] = (),
    ) -> JobResult:
        run = self.run
        run.comment(answer)
        run.check(answers.check_run(self.facts, run.names, title.capitalize(), answer, conclusion, annotated))
        return run.ended(ending, title, pull_request)

    def hold_back(self, reason: str) -> JobResult:
        answer = answers.held_back(self.facts, reason)
        return self.tell(Ending.HELD_BACK, "held back", answer, Conclusion.ACTION_REQUIRED)

    def live(self, live: Callable[[], bool]) -> LiveProgress:
        """In the check run alone: it stands beside the checks that failed, and GitHub wants a second between
        two edits of anything."""
        run, facts = self.run, self.facts

        def check(phase: str, detail: str) -> None:
            body = answers.progress(facts, phase, detail)
            run.forge.upsert_check_run(run.redacted(answers.check_run(facts, run.names, phase, body)))

        return LiveProgress((check,), run.ports.clock, live=live)
