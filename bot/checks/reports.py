"""What is known of a failure before anything is run: which checks failed, and which tests their logs name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from agent.types import FailingTests, NamedFailure
from bot.checks.logs import LARGEST, LogFindings, read_log
from bot.forge import Forge, SeenCheck
from bot.names import CHECK_NAME
from bot.queue import FailedCheck

ACTIONS = "github-actions"
MOST_JOBS = 6  # whose logs are read
RUNS = 5  # of the failing tests, before anything is tried

UNCLEAR = frozenset({"", "an error of Python outside of a test", "a run of Python's tests in which none ran"})
"""Kinds of failure behind which a failing test of Python may stand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One check that failed. ``read`` says whether there was anything to read of it."""

    name: str
    url: str = ""
    read: bool = False
    findings: LogFindings = field(default_factory=LogFindings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reports:
    """What failed on one commit."""

    reports: tuple[Report, ...] = ()

    @property
    def failing(self) -> FailingTests | None:
        """Which tests are to be run again. None: what failed is no test of Python, as the logs say."""
        named = tuple(
            dict.fromkeys(
                NamedFailure(test=failed.test, exception=failed.exception)
                for report in self.reports
                for failed in report.findings.failed
            )
        )
        if not named and self.reports and all(r.findings.other not in UNCLEAR for r in self.reports):
            return None
        return FailingTests(named=named, runs=RUNS)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(report.name for report in self.reports))

    @property
    def telling(self) -> Report | None:
        """The one whose log says most."""
        named = [report for report in self.reports if report.findings.failed]
        read = [report for report in self.reports if report.read]
        return next(iter(named or read or self.reports), None)


def gather(forge: Forge, check: FailedCheck, sha: str) -> Reports:
    """Asks GitHub. A workflow run that was named counts only for the commit that it ran on."""
    if check.workflow_run and sha == check.sha:
        return Reports(reports=tuple(_of_workflow(forge, check)))
    seen = [each for each in forge.failed_checks(sha) if not each.name.startswith(CHECK_NAME)]
    same = [each for each in seen if check.check_suite and each.suite == check.check_suite]
    return Reports(reports=tuple(_of_check(forge, each) for each in (same or seen)[:MOST_JOBS]))


def _of_workflow(forge: Forge, check: FailedCheck) -> Iterator[Report]:
    jobs = forge.failed_jobs(check.workflow_run)
    for job in jobs[:MOST_JOBS]:
        name = f"{check.name} / {job.name}" if check.name else job.name
        yield _report(name, job.url, forge.job_log(job.id, LARGEST))
    if not jobs:
        yield Report(name=check.name or "a workflow")


def _of_check(forge: Forge, seen: SeenCheck) -> Report:
    """A check run of GitHub Actions has the id of its job; other Apps say in the summary what they found."""
    if seen.app == ACTIONS and (log := forge.job_log(seen.id, LARGEST)) is not None:
        return _report(seen.name, seen.url, log)
    return _report(seen.name, seen.url, seen.summary.encode("utf-8", "replace") or None)


def _report(name: str, url: str, log: bytes | None) -> Report:
    if not log:
        return Report(name=name, url=url)
    return Report(name=name, url=url, read=True, findings=read_log(log))
