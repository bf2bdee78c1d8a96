"""What is answered to a command at once: the list of commands, how the work stands, what was stopped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from agent.show.model import RunView
from bot.deliveries.commands import MEANINGS, PREFIX
from bot.queue import JobState, JobView, Kind
from bot.render.parts import RunFacts, money, run_line, sections, table
from bot.sanitize import capped, cell, code, one_line, prose

WORK: Final[Mapping[Kind, str]] = {
    Kind.FIX: "fixing this issue",
    Kind.EXPLAIN: "explaining this issue",
    Kind.CHECK: "repairing failing checks",
    Kind.REVIEW: "answering a review",
    Kind.ERRAND: "answering a command",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One job as it stands now. ``seen`` is what its journal tells; None: nothing here. ``url``: of its run,
    empty when there is no page."""

    view: JobView
    ahead: int = 0
    seen: RunView | None = None
    url: str = ""


def helped(facts: RunFacts, remark: str = "") -> str:
    """``remark`` is ours and quoted already."""
    rows = [(f"`{PREFIX} {command}`", cell(meaning, 200)) for command, meaning in MEANINGS.items()]
    return sections(
        remark,
        "Whoever may write to this repository can ask me in a comment whose first line is one of these:",
        table(("command", "what I do then"), rows),
        run_line(facts),
    )


def stood(facts: RunFacts, standings: Sequence[Standing]) -> str:
    if not standings:
        return sections("I have done nothing here so far, and nothing waits.", run_line(facts))
    rows = [
        (WORK[each.view.request.kind], _state(each), _used(each), _shown(each)) for each in standings[:10]
    ]
    return capped(sections(table(("work", "how it stands", "used so far", "run"), rows), run_line(facts)))


def stopped(facts: RunFacts, jobs: int) -> str:
    if not jobs:
        return sections("Nothing of mine is at work here, so there is nothing to stop.", run_line(facts))
    return sections(
        "**Stopped.** What was running here is ended within seconds; where I was at work I say so.",
        run_line(facts),
    )


def _state(standing: Standing) -> str:
    view = standing.view
    match view.state:
        case JobState.WAITING | JobState.QUEUED if standing.ahead:
            jobs = "one job has its" if standing.ahead == 1 else f"{standing.ahead} jobs have their"
            said = f"waits: {jobs} turn before"
        case JobState.WAITING | JobState.QUEUED:
            said = "waits, and is next"
        case JobState.RUNNING:
            said = f"at work: {_phase(standing.seen)}"
        case JobState.DONE:
            result = view.result
            said = f"{result.ending.value}: {result.summary}" if result is not None else "done"
        case JobState.FAILED:
            said = f"failed: {view.error}"
    stopping = ", asked to stop" if view.cancelling and view.state.active else ""
    return prose(one_line(said + stopping, 400), 500).replace("|", "\\|")


def _phase(seen: RunView | None) -> str:
    """The phase that follows from what its journal has; a run of tests is there when it is over."""
    names = [phase.name for phase in seen.phases] if seen is not None else []
    if seen is None or not names:
        return "starting, environment"
    if "proof" in names:
        return "proof"
    if any(name.startswith(("search", "model")) for name in names):
        states = len(seen.nodes) - 1
        return f"search, {states} states measured"
    return "baseline"


def _used(standing: Standing) -> str:
    seen = standing.seen
    if seen is None:
        return ""
    runs = sum(phase.runs for phase in seen.phases)
    calls = sum(phase.model_calls for phase in seen.phases)
    parts = [f"{seen.seconds:.0f} s", f"{runs} sandbox runs"]
    if calls:
        tokens = sum(phase.tokens for phase in seen.phases)
        cost = money(sum(phase.money for phase in seen.phases))
        parts.append(f"{calls} model calls, {tokens:,} tokens, {cost}")
    return "; ".join(parts)


def _shown(standing: Standing) -> str:
    shown = f"[run]({standing.url})" if standing.url else code(standing.view.job_id, 64)
    result = standing.view.result
    if result is not None and result.pull_request.startswith(("https://", "http://")):
        return f"{shown}, [pull request]({result.pull_request})"
    return shown
