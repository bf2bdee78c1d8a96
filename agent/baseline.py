"""The suite on the base commit, twice: what passes, what fails, what is flaky, and which test executes which
line."""

from __future__ import annotations

from agent.effects import JournaledRunner
from agent.types import Baseline
from sandbox import Command, Completed, Limits, Overlay
from sandbox.suites.baseline import baseline
from sandbox.suites.types import Suite


def measure_baseline(runner: JournaledRunner, suite: Suite, limits: Limits) -> tuple[Baseline, Suite]:
    """The baseline, and the suite to go on with: less the files and cases that spoil every run on base."""

    def run(command: Command, overlay: Overlay) -> Completed:
        return runner.run(command, overlay, label="baseline")

    runs = baseline(run, suite, limits=limits)
    measured = Baseline(
        passing=runs.classes.passing,
        failing=runs.classes.failing,
        flaky=runs.classes.flaky,
        skipped=runs.classes.skipped,
        coverage=runs.coverage,
        seconds=round(runs.seconds, 3),
        problem=runs.problem,
        suite=suite.name,
    )
    return measured, runs.suite
