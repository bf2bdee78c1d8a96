"""What is said about a failing check: in the one comment on its pull request, and in the check run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from agent.types import Asking, Solved, StopReason, Unrunnable, Unsolved
from bot.forge import Annotation, Button, CheckRun, Conclusion
from bot.names import CHECK_NAME, Names
from bot.render.parts import (
    RunFacts,
    advice,
    attempts,
    cost,
    details,
    known_trouble,
    names,
    report,
    reruns,
    run_line,
    sections,
)
from bot.sanitize import block, capped, code, one_line, plain, prose

SUMMARY_LIMIT = 60_000
OUTPUT_LIMIT = 6_000
DIFF_LIMIT = 40_000

STOP = Button(label="Stop", description="Stop this run", identifier="stop")
AGAIN = Button(label="Try again", description="Look at the failing tests again", identifier="retry")


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckFacts:
    """What every text may say about the failure. ``pull`` 0: a branch of the repository itself."""

    run: RunFacts
    sha: str
    branch: str
    pull: int = 0
    fork: str = ""  # "owner/name"
    checks: tuple[str, ...] = ()
    command: str = ""
    reported: tuple[str, ...] = ()  # tests that the logs call failed
    excerpt: str = field(default="", repr=False)


def check_run(
    facts: CheckFacts,
    names: Names,
    title: str,
    summary: str,
    conclusion: Conclusion | None = None,
    annotations: Sequence[Annotation] = (),
) -> CheckRun:
    return CheckRun(
        name=f"{CHECK_NAME}: failing tests",
        head_sha=facts.sha,
        external_id=names.check,
        title=plain(title, 200),
        summary=capped(summary, SUMMARY_LIMIT),
        conclusion=conclusion,
        details_url=facts.run.run_url or None,
        annotations=tuple(annotations),
        buttons=(STOP,) if conclusion is None else (AGAIN,),
    )


def progress(facts: CheckFacts, phase: str, detail: str) -> str:
    more = f" ({code(detail, 120)})" if detail else ""
    return sections(
        f"I am looking at what failed at {_place(facts)}: {_checks(facts)}.",
        f"Now: {prose(one_line(phase, 80), 100)}{more}",
        run_line(facts.run),
    )


# --- Solved -------------------------------------------------------------------------------------------------


def lead(facts: CheckFacts, moved: str) -> str:
    """Opens the pull request's description."""
    into = f" Merging this brings the patch into {code(facts.branch, 100)}." if facts.pull else ""
    return sections(
        f"{_checks(facts)[:1].upper()}{_checks(facts)[1:]} failed at {_place(facts)}. The failing tests are "
        f"the repository's own; none of them was changed.{into}",
        _moved(facts, moved),
    )


def closing() -> str:
    return sections(
        "## If this is not right",
        "Close this pull request to turn it down; it will not be opened again for this branch until somebody "
        "who may write here asks with `/codeagent retry`. Commits that somebody pushes to this branch are "
        "never overwritten.",
    )


def solved(facts: CheckFacts, outcome: Solved, url: str) -> str:
    return _told_solved(
        facts, outcome, f"I found a patch and opened a pull request into {code(facts.branch, 100)}: {url}"
    )


def pushed(facts: CheckFacts, outcome: Solved, sha: str) -> str:
    where = f"I found a patch and committed it to {code(facts.branch, 100)}: {sha}"
    return _told_solved(facts, outcome, where)


def patch_for_fork(facts: CheckFacts, outcome: Solved, diff: str, moved: str) -> str:
    """Nothing can be pushed into somebody else's repository; the patch is here to be taken."""
    shown = (
        details("The patch, for `git apply`", block(diff, DIFF_LIMIT, "diff"))
        if diff and len(diff) <= DIFF_LIMIT
        else "The patch is too large to be shown here, or changes what is not text. Changed: "
        + ", ".join(code(path, 160) for path in outcome.patch.paths[:20])
    )
    fork = code(facts.fork, 100)
    where = f"I found a patch. This pull request comes from a fork ({fork}), so nothing was pushed."
    return _told_solved(facts, outcome, where, shown, _moved(facts, moved))


def _told_solved(facts: CheckFacts, outcome: Solved, where: str, *more: str) -> str:
    proof = outcome.proof
    return capped(
        sections(
            f"**{where}**" if "://" not in where else where,
            *more,
            details("What was wrong", sections(*(prose(each, 1_500) for each in outcome.rationale[:4]))),
            f"The failing tests, at {_place(facts)}:",
            reruns(outcome.reruns),
            details("Without the patch they fail: output", report(proof.red, OUTPUT_LIMIT)),
            details("With the patch they pass: output", report(proof.green, OUTPUT_LIMIT // 2)),
            cost(outcome.spend),
            run_line(facts.run),
        )
    )


def _moved(facts: CheckFacts, moved: str) -> str:
    if not moved:
        return ""
    return (
        f"**{code(facts.branch, 100)} has moved on meanwhile,** to `{moved[:12]}`. The proof is about "
        f"`{facts.sha[:12]}`; the files that the patch changes are the same in both."
    )


# --- Not solved ---------------------------------------------------------------------------------------------

_STOPS = {
    StopReason.FLAKY: "This failure is flaky: the same code passes and fails.",
    StopReason.NOT_REPRODUCED: "I could not reproduce this failure.",
    StopReason.EXHAUSTED: "I reproduced this failure, tried everything I can do, and found no patch.",
    StopReason.GATES: "I found patches that pass the tests, but none that I may publish.",
}


def unsolved(facts: CheckFacts, outcome: Unsolved) -> str:
    stopped = _STOPS.get(outcome.stop, f"I found no patch before I had to stop ({outcome.stop.value}).")
    return capped(
        sections(
            f"**{stopped}** Nothing was changed.",
            prose(outcome.summary, 2_000),
            reruns(outcome.reruns),
            details("Their output here", report(outcome.red, OUTPUT_LIMIT)) if outcome.red else "",
            _said(facts) if not outcome.reproduction else "",
            f"### What I tried\n\n{attempts(outcome.attempts)}" if outcome.attempts else "",
            f"### What would help\n\n{advice(outcome.advice)}" if outcome.advice else "",
            known_trouble(outcome.baseline) if outcome.baseline and not outcome.reruns else "",
            cost(outcome.spend),
            run_line(facts.run),
        )
    )


def unclear(facts: CheckFacts, outcome: Asking) -> str:
    """The tests leave open what is right: whoever wrote them knows."""
    question = outcome.question
    return capped(
        sections(
            "**The failing tests leave open what is right,** and I do not guess. Nothing was changed.",
            prose(question.text, 1_500),
            block(question.input),
            *(block(each) for each in question.outputs[:5]),
            "A further test that tells these apart would help.",
            cost(outcome.spend),
            run_line(facts.run),
        )
    )


def unrunnable(facts: CheckFacts, outcome: Unrunnable) -> str:
    return capped(
        sections(
            "**I could not run this repository's tests,** so I could prove nothing and changed nothing.",
            prose(outcome.reason, 2_000),
            block(outcome.output, OUTPUT_LIMIT) if outcome.output.strip() else "",
            f"### What would help\n\n{advice(outcome.advice)}" if outcome.advice else "",
            run_line(facts.run),
        )
    )


def no_python_test(facts: CheckFacts, kinds: Sequence[str]) -> str:
    shown = ", ".join(dict.fromkeys(kinds))
    return capped(
        sections(
            f"**This is not a failing test of Python,** as far as the logs say: {prose(shown, 400)}. I "
            "repair failing tests of Python only, and did nothing.",
            _said(facts),
            run_line(facts.run),
        )
    )


def _said(facts: CheckFacts) -> str:
    """What the log of the failed check has to say."""
    return sections(
        f"Reported as failing: {names(facts.reported)}." if facts.reported else "",
        f"By the command {code(facts.command, 200)}." if facts.command else "",
        details("The end of the log", block(facts.excerpt, OUTPUT_LIMIT)) if facts.excerpt.strip() else "",
    )


# --- Short ones ---------------------------------------------------------------------------------------------


def nothing_fails(facts: CheckFacts) -> str:
    return sections(
        f"**No check has failed at** {_place(facts)}, as far as GitHub knows. I did nothing.",
        run_line(facts.run),
    )


def held_back(facts: CheckFacts, reason: str) -> str:
    return sections("**I did not go on,** so as not to undo somebody's work.", reason, run_line(facts.run))


def refused(facts: RunFacts, role: str) -> str:
    return sections(
        "I look at failing checks when somebody asks who may write to this repository. The role of "
        f"{code(facts.sender, 60)} here is {code(role, 30)}.",
        run_line(facts),
    )


def failed(facts: CheckFacts, reason: str) -> str:
    return sections(
        f"**I could not go on** and gave up: {code(reason, 400)}",
        f"The operator finds more in the log, under run {code(facts.run.run_id, 64)}.",
        run_line(facts.run),
    )


def cancelled(facts: CheckFacts) -> str:
    return sections("**Stopped,** because somebody asked me to.", run_line(facts.run))


def _place(facts: CheckFacts) -> str:
    return f"`{facts.sha[:12]}` of {code(facts.branch, 100)}"


def _checks(facts: CheckFacts) -> str:
    shown = facts.checks[:5]
    if not shown:
        return "the failing tests"
    more = f" and {len(facts.checks) - 5} more" if len(facts.checks) > 5 else ""
    kind = "the check" if len(facts.checks) == 1 else "the checks"
    return f"{kind} {', '.join(code(name, 80) for name in shown)}{more}"
