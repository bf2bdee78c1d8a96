"""What is said of a run and of what was measured, on a page as in a terminal."""

from __future__ import annotations

from agent.show.model import ResultsView, RunView
from bot.sanitize import one_line

SUMMARY = 600


def status(run: RunView) -> str:
    """How it stands, in a sentence."""
    if run.stop:
        return f"Ended: {one_line(run.stop)}. {one_line(run.summary, SUMMARY)}".strip()
    return "Not ended: the run was stopped half-way, or still goes on."


def totals(run: RunView) -> str:
    spend = run.spend
    return (
        f"In all: {spend.get('iterations', 0):.0f} iterations, {len(run.nodes)} states, "
        f"{spend.get('seconds', run.seconds):.0f} s, {spend.get('model_calls', 0):.0f} model calls, "
        f"{spend.get('tokens', 0):.0f} tokens, ${spend.get('money', 0.0):.4f}"
    )


def told(results: ResultsView) -> str:
    """What was measured, in a line."""
    score = [] if results.score is None else [f"score {results.score:.2f}"]
    own = f"{results.generated.passed} passed, {results.generated.failures} failed"
    suite = [] if results.suite is None else [f"suite {results.suite.passed}/{results.suite.failures}"]
    worse = [f"{len(results.regressions)} regressions"] if results.regressions else []
    reproduced = ["reproduces the issue"] if results.reproduced else []
    return " · ".join([*score, own, *suite, *worse, *reproduced])
