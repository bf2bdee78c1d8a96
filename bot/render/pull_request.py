"""The pull request: what was wrong, what changed, and the machine-made proof."""

from __future__ import annotations

from agent.types import Solved
from bot.render.parts import (
    RunFacts,
    co_author,
    cost,
    details,
    gates,
    report,
    reruns,
    run_line,
    sections,
    strength,
    suite_delta,
    tests_made,
)
from bot.sanitize import capped, code, plain, prose

RATIONALE_LIMIT = 8_000
OUTPUT_LIMIT = 8_000


def pull_request_title(facts: RunFacts) -> str:
    return _subject(facts, 150)


def commit_message(facts: RunFacts, solved: Solved) -> str:
    """Plain text, and whatever it says in the words of others is inert here too."""
    paragraphs = "\n\n".join(plain(paragraph, 400) for paragraph in solved.rationale[:4])
    return sections(_subject(facts, 60), paragraphs, _fixes(facts), co_author(facts))


def _subject(facts: RunFacts, limit: int) -> str:
    return f"Fix{f' issue {facts.issue}' if facts.issue else ''}: {plain(facts.title, limit)}"


def _fixes(facts: RunFacts) -> str:
    return f"Fixes #{facts.issue}" if facts.issue else ""


def pull_request_body(
    facts: RunFacts, solved: Solved, search: str = "", *, lead: str = "", closing: str = ""
) -> str:
    """``search`` is the folded picture of the search (bot.render.search_tree); ``lead`` opens the whole, and
    ``closing`` says what to do when it is not right, for what is no issue."""
    proof = solved.proof
    return capped(
        sections(
            _fixes(facts),
            lead,
            "## What was wrong, and what this changes",
            rationale(solved),
            "Changed: " + ", ".join(code(path, 160) for path in solved.patch.paths[:20]),
            "## Proof",
            "Made by running the code, in a sandbox without network, "
            f"on {code(facts.base_branch)} at `{facts.base_sha[:12]}`.",
            _tests_heading(solved),
            tests_made(solved.tests),
            reruns(solved.reruns),
            details("Without the patch they fail: output", report(proof.red, OUTPUT_LIMIT)),
            details("With the patch they pass: output", report(proof.green, OUTPUT_LIMIT // 2)),
            strength(proof.mutants, "failing" if solved.reruns else "new"),
            suite_delta(proof),
            gates(proof.gates),
            "## Cost",
            cost(solved.spend),
            closing or _asking(facts),
            search,
            run_line(facts),
        )
    )


def rationale(solved: Solved) -> str:
    share = RATIONALE_LIMIT // max(1, len(solved.rationale[:10]))
    return sections(*(prose(paragraph, share) for paragraph in solved.rationale[:10]))


def _tests_heading(solved: Solved) -> str:
    if solved.reruns:
        return "**The repository's own failing tests, as they are; none was changed**"
    if all(test.given for test in solved.tests):
        return "**Tests that were given with the task**"
    return "**New tests, made from the issue's text alone**"


def _asking(facts: RunFacts) -> str:
    if not facts.sender or not facts.issue:
        return ""
    return (
        "## If this is not right\n\n"
        "Close this pull request to turn it down; no other one is opened until somebody asks for it. Write "
        f"into the issue what is missing and comment `/codeagent retry` there{_or_label(facts)}: this pull "
        "request is then updated in place. Commits that somebody pushes to this branch are never overwritten."
    )


def _or_label(facts: RunFacts) -> str:
    return f", or take the label {code(facts.label)} off and set it again" if facts.label else ""
