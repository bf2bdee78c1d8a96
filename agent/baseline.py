"""The suite on the base commit, twice: what passes, what fails, what is flaky, and which test executes which
line."""

from __future__ import annotations

from collections.abc import Collection

from agent.effects import JournaledRunner
from agent.types import Baseline
from sandbox import Command, Completed, Limits, Overlay
from sandbox.suites.baseline import baseline
from sandbox.suites.types import Suite


def measure_baseline(
    runner: JournaledRunner, suite: Suite, limits: Limits
) -> tuple[Baseline, Suite, tuple[str, ...]]:
    """The baseline; the suite to go on with, less the files and cases that spoil every run on base; and
    which those are."""

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
    return measured, runs.suite, runs.left_out


def readmit(suite: Suite, left_out: Collection[str], wanted: Collection[str]) -> Suite:
    """The whole suite, less what spoils every run, but with what is ``wanted``: a file that cannot be
    imported on base is left out of every run, unless that is what is to be repaired."""
    out = [name for name in left_out if name not in wanted]
    return suite.without([name for name in out if "::" not in name], [name for name in out if "::" in name])
