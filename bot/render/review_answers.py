"""What a reviewer is answered. Everything that others wrote is quoted so that nothing in it is live."""

from __future__ import annotations

import re

from agent.types import Asking, GateResult, Proof, Solved, StopReason, Unrunnable, Unsolved
from bot.forge import Button, CheckRun, Conclusion
from bot.names import CHECK_NAME
from bot.render.parts import (
    RunFacts,
    advice,
    attempts,
    co_author,
    cost,
    details,
    gates,
    report,
    run_line,
    sections,
    strength,
    suite_delta,
    tests_made,
)
from bot.review.story import Did, Rejected, Story
from bot.sanitize import block, capped, code, one_line, plain, prose

OUTPUT = 6_000

HOW = (
    "What I can act on here: a suggestion block, which I put in its place and prove; or a statement with an "
    "example, such as `f(None)` should return `0`, of which I make a test."
)
STOP = Button(label="Stop", description="Stop answering this comment", identifier="stop")


def working(facts: RunFacts, external_id: str, phase: str, detail: str = "") -> CheckRun:
    more = f" ({code(detail, 120)})" if detail else ""
    summary = sections(f"Answering a review. Now: {prose(one_line(phase, 80), 100)}{more}", run_line(facts))
    return _check(facts, external_id, phase.capitalize(), summary, None, (STOP,))


def worked(facts: RunFacts, external_id: str, title: str, answer: str, conclusion: Conclusion) -> CheckRun:
    return _check(facts, external_id, title, capped(answer, 60_000), conclusion, ())


def _check(
    facts: RunFacts,
    external_id: str,
    title: str,
    summary: str,
    conclusion: Conclusion | None,
    buttons: tuple[Button, ...],
) -> CheckRun:
    return CheckRun(
        name=f"{CHECK_NAME}: review",
        head_sha=facts.base_sha,
        external_id=external_id,
        title=plain(title, 200),
        summary=summary,
        conclusion=conclusion,
        details_url=facts.run_url or None,
        buttons=buttons,
    )


# --- A commit -----------------------------------------------------------------------------------------------


def commit_message(facts: RunFacts, solved: Solved, what: str) -> str:
    """Plain text; the reviewer is the co-author."""
    paragraphs = "\n\n".join(plain(paragraph, 400) for paragraph in solved.rationale[:3])
    return sections(plain(what, 70), paragraphs, co_author(facts))


def committed(facts: RunFacts, solved: Solved, sha: str, remark: str = "") -> str:
    """``remark`` is a sentence about how the comment was understood."""
    proof = solved.proof
    suggested = not solved.rationale
    return capped(
        sections(
            f"Done in {sha}." if not suggested else f"I put the suggestion in its place in {sha}.",
            remark,
            *(prose(each, 1_500) for each in solved.rationale[:3]),
            "" if suggested else sections("**New tests, made from this comment**", tests_made(solved.tests)),
            _fails_without(proof, suggested),
            details("With it they pass: output", report(proof.green, OUTPUT // 2)),
            details("All checks", sections(suite_delta(proof), gates(proof.gates), strength(proof.mutants))),
            details("Cost", cost(solved.spend)),
            run_line(facts),
        )
    )


def _fails_without(proof: Proof, suggested: bool) -> str:
    what = "the change of this pull request" if suggested else "this commit"
    return details(f"Without {what} these tests fail: output", report(proof.red, OUTPUT))


def proof_in_short(proof: Proof) -> str:
    red, green, after = (len(each) for each in (proof.red.failing, proof.green.passing, proof.after.passing))
    return f"{red} tests fail without it, {green} pass with it; {after} pass in all"


# --- No commit ----------------------------------------------------------------------------------------------


def not_applied(facts: RunFacts, reason: str) -> str:
    return sections(f"I did not apply the suggestion. {prose(reason, 500)}", run_line(facts))


def gates_refused(facts: RunFacts, outcome: Unsolved, proof: Proof) -> str:
    """Which gate, why, and what was printed."""
    failed = [gate for gate in proof.gates if not gate.passed]
    return capped(
        sections(
            "**I did not apply the suggestion:** what it gives does not pass what every change here must.",
            "\n".join(_fault(gate) for gate in failed[:10]),
            _evidence(proof),
            details("All checks", gates(proof.gates)),
            details("Cost", cost(outcome.spend)),
            run_line(facts),
        )
    )


def _fault(gate: GateResult) -> str:
    return f"- {code(gate.name, 60)}: {prose(gate.explanation.replace(chr(10), ' '), 500)}"


def _evidence(proof: Proof) -> str:
    if proof.green.failing or proof.green.problem:
        return details(
            "The tests of this pull request with the suggestion: output", report(proof.green, OUTPUT)
        )
    if proof.baseline.passing - proof.after.passing:
        return details("The whole suite with the suggestion: output", report(proof.after, OUTPUT))
    return ""


def unsolved(facts: RunFacts, outcome: Unsolved) -> str:
    nothing = outcome.stop in (StopReason.NOT_REPRODUCED, StopReason.EXHAUSTED) and not outcome.reproduction
    said = (
        "**I could make no test from this comment that fails on the head of this pull request.**"
        if nothing
        else "**I made a test from this comment, and found no change that satisfies it.**"
        if outcome.reproduction
        else f"**I changed nothing** ({prose(outcome.stop.value, 60)})."
    )
    return capped(
        sections(
            said,
            prose(outcome.summary, 1_500),
            tests_made(outcome.reproduction),
            *(
                details(code(t.path, 160), block(t.content, 4_000, "python"))
                for t in outcome.reproduction[:2]
            ),
            details("Output", report(outcome.red, OUTPUT)) if outcome.red else "",
            details("What I tried", attempts(outcome.attempts)) if outcome.attempts else "",
            advice(outcome.advice),
            HOW if nothing else "",
            details("Cost", cost(outcome.spend)),
            run_line(facts),
        )
    )


def unrunnable(facts: RunFacts, outcome: Unrunnable) -> str:
    return capped(
        sections(
            "**I could not run the tests** on the head of this pull request, so I changed nothing.",
            prose(outcome.reason, 1_500),
            block(outcome.output, OUTPUT) if outcome.output.strip() else "",
            advice(outcome.advice),
            run_line(facts),
        )
    )


def asking(facts: RunFacts, outcome: Asking) -> str:
    question = outcome.question
    return capped(
        sections(
            f"**I have a question before I change anything.** {prose(question.text, 1_000)}",
            block(question.input),
            "What could be right:",
            *(block(each) for each in question.outputs[:5]),
            "Answer below with what the call should give; I take it for a new comment.",
            details("Cost", cost(outcome.spend)),
            run_line(facts),
        )
    )


def refused(facts: RunFacts, role: str) -> str:
    return sections(
        "I answer to whoever may write to this repository. "
        f"The role of {code(facts.sender, 60)} here is {code(role, 30)}.",
        run_line(facts),
    )


def enough(facts: RunFacts, limit: int) -> str:
    return sections(
        f"I have answered {limit} comments on this pull request, and that is the limit here "
        "(`review.limit`). What is left is better done by a person.",
        run_line(facts),
    )


def protected(facts: RunFacts, paths: tuple[str, ...]) -> str:
    listed = ", ".join(code(path, 160) for path in paths[:10])
    return sections(
        f"I have a change, but it touches files that `.github/codeagent.yml` protects: {listed}. "
        "I changed nothing.",
        run_line(facts),
    )


def moved(facts: RunFacts) -> str:
    return sections(
        "**I changed nothing:** somebody pushed to this pull request while I worked, twice. Comment once "
        "more when it rests.",
        run_line(facts),
    )


def cancelled(facts: RunFacts) -> str:
    return sections("I was asked to stop, and changed nothing.", run_line(facts))


def failed(facts: RunFacts, reason: str) -> str:
    return sections(f"**Something broke before I could answer:** {prose(reason, 500)}", run_line(facts))


# --- An explanation -----------------------------------------------------------------------------------------


def explained(facts: RunFacts, told: Story | None, body: str, wished: bool) -> str:
    """Facts of the journal in the order in which somebody asks: why, what, how proven, what else. ``body``
    is the pull request's description, for when the journal is gone."""
    return capped(
        sections(
            f"I cannot turn this into a change by myself. {HOW}" if wished else "",
            *(_story(told) if told is not None else _described(body)),
            run_line(facts),
        )
    )


def _story(told: Story) -> list[str]:
    return [
        "" if told.here else "My journal tells nothing of this place; this is what led to the pull request.",
        sections("**What I saw**", *(prose(each, 800) for each in told.seen)) if told.seen else "",
        sections("**What I changed, and why**", *(_did(each) for each in told.did)) if told.did else "",
        sections("**What the tests check**", *(f"- {prose(each, 400)}" for each in told.verifies))
        if told.verifies
        else "",
        sections("**What I tried here and did not take**", _rejected(told)) if told.rejected else "",
        details("How it is proven", gates([_gate(g.name, g.passed, g.explanation) for g in told.gates]))
        if told.gates
        else "",
        "" if told.here or told.did else "The journal holds no step that changed anything.",
    ]


def _gate(name: str, passed: bool, explanation: str) -> GateResult:
    return GateResult(name=name, passed=passed, explanation=explanation)


def _did(one: Did) -> str:
    return sections(
        f"{prose(one.summary, 400)} {' '.join(prose(each, 600) for each in one.reasoning)}",
        block(
            "\n".join(
                ["-" + each for each in one.old.splitlines()] + ["+" + e for e in one.new.splitlines()]
            ),
            2_000,
            "diff",
        )
        if one.old or one.new
        else "",
    )


def _rejected(told: Story) -> str:
    lines = [_line(each) for each in told.rejected]
    return "\n".join([*lines, *([f"- and {told.left} more"] if told.left else [])])


def _line(one: Rejected) -> str:
    return f"- {prose(' '.join(one.summary.split()), 300)}: {prose(' '.join(one.why.split()), 300)}"


def _described(body: str) -> list[str]:
    """Without a journal there is what the description says; GitHub has it above, so only its core."""
    found = re.search(r"(?ms)^## What was wrong[^\n]*\n+(.+?)(?=^## |\Z)", body)
    return [
        "The journal of the run that made this pull request is gone from this machine; its description says:",
        block(found[1].strip(), 4_000) if found else "Nothing that I could quote.",
    ]
