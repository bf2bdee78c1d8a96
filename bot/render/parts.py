"""The pieces that pull requests and answers are made of. Each is bounded, so that a whole always fits."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from agent.types import Attempt, Baseline, GateResult, Mutant, Proof, Rerun, Spend, TestFile
from bot.sanitize import block, cell, code, prose
from sandbox.suites.types import SuiteReport, Verdict

LISTED = 10  # names in a list before it says "and … more"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """What every text may say about its run. ``run_url`` is where it can be looked at; empty: nowhere.

    ``issue`` 0 and ``sender`` "" mean a run without a forge (``codeagent fix``): nothing is said of them.
    """

    repository: str
    issue: int
    title: str
    label: str
    sender: str
    sender_id: int = 0  # the sender's number at GitHub; 0: not known
    base_branch: str = ""
    base_sha: str = ""
    run_id: str = ""
    run_url: str = ""


_LOGIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})", re.ASCII)


def co_author(facts: RunFacts) -> str:
    """The commit's trailer for whoever asked; nothing for a bot. Newer accounts are only found by an address
    with their number."""
    if not _LOGIN.fullmatch(facts.sender):
        return ""
    number = f"{facts.sender_id}+" if facts.sender_id else ""
    return f"Co-authored-by: {facts.sender} <{number}{facts.sender}@users.noreply.github.com>"


def sections(*parts: str) -> str:
    """Parts with a blank line between; empty ones are left out."""
    return "\n\n".join(part.strip("\n") for part in parts if part.strip()) + "\n"


def details(summary: str, body: str) -> str:
    return f"<details><summary>{summary}</summary>\n\n{body}\n\n</details>"


def run_line(facts: RunFacts) -> str:
    shown = f"[this run]({facts.run_url})" if facts.run_url else f"run {code(facts.run_id, 64)}"
    return f"<sub>Made by CodeAgent · {shown}</sub>"


def names(ids: Iterable[str]) -> str:
    ordered = sorted(ids)
    listed = ", ".join(code(name, 120) for name in ordered[:LISTED])
    rest = len(ordered) - LISTED
    return f"{listed} and {rest} more" if rest > 0 else listed


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def cost(spend: Spend) -> str:
    """What the run used: of this machine, and of a language model where one was asked."""
    own = table(
        ("sandbox runs", "seconds in the sandbox", "seconds in all", "rounds"),
        [
            (
                str(spend.sandbox_runs),
                f"{spend.sandbox_seconds:.0f}",
                f"{spend.seconds:.0f}",
                str(spend.iterations),
            )
        ],
    )
    return sections(own, model_cost(spend), *(f"Note: {prose(remark, 300)}." for remark in spend.remarks))


def model_cost(spend: Spend) -> str:
    if not spend.model_calls:
        return "No language model was asked: this cost no money."
    return table(
        ("model calls", "tokens", "of these from the cache", "seconds waited", "money"),
        [
            (
                str(spend.model_calls),
                f"{spend.tokens:,}",
                f"{spend.cached_tokens:,}",
                f"{spend.model_seconds:.0f}",
                money(spend.money),
            )
        ],
    )


def money(dollars: float) -> str:
    """Two digits that say something: a run may cost less than a cent."""
    if 0 < dollars < 0.0001:
        return "less than $0.0001"
    return f"${dollars:.2f}" if dollars >= 0.1 or not dollars else f"${dollars:.4f}"


def report(run: SuiteReport, limit: int) -> str:
    """The cases of one run and what the runner printed."""
    lines = [_case_line(case.id, case.verdict, case.message) for case in run.cases[:LISTED]]
    if len(run.cases) > LISTED:
        lines.append(f"- and {len(run.cases) - LISTED} more")
    if run.problem:
        lines.append(f"- **{code(run.problem)}**")
    output = run.output or "\n\n".join(case.details for case in run.cases if case.details)
    return sections("\n".join(lines), block(output, limit) if output.strip() else "")


def _case_line(name: str, verdict: Verdict, message: str) -> str:
    said = f": {code(message, 300)}" if message else ""
    return f"- {code(name, 160)} **{verdict.value}**{said}"


def suite_delta(proof: Proof) -> str:
    """The repository's own tests before and after; the new ones are not among them."""
    base, after = proof.baseline, proof.after
    known = base.passing | base.failing | base.flaky | base.skipped
    counts = Counter(case.verdict for case in after.cases if case.id in known)
    regressions = sorted(base.passing & after.failing)
    failing = counts[Verdict.FAILED] + counts[Verdict.ERROR]
    return sections(
        table(
            ("the repository's own tests", "before", "with the patch"),
            [
                ("passed", str(len(base.passing)), str(counts[Verdict.PASSED])),
                ("failed", str(len(base.failing)), str(failing)),
                ("skipped", str(len(base.skipped)), str(counts[Verdict.SKIPPED])),
                ("now one way, now the other", str(len(base.flaky)), ""),
                ("passed before and fail now", "", f"**{len(regressions) or 'none'}**"),
            ],
        ),
        f"Regressions: {names(regressions)}." if regressions else "",
        known_trouble(base),
    )


def strength(mutants: Sequence[Mutant], which: str = "new") -> str:
    """How strong the tests are: of small changes to the patched lines, how many they notice."""
    if not mutants:
        return ""
    missed = [mutant for mutant in mutants if not mutant.killed]
    noticed = len(mutants) - len(missed)
    count = f"The {which} tests notice {noticed} of {len(mutants)} small changes made to the patched lines."
    if not missed:
        return count
    rows = [(cell(f"{mutant.path}:{mutant.line}", 160), prose(mutant.summary, 200)) for mutant in missed[:12]]
    return sections(count, details("Changes that they do not notice", table(("where", "change"), rows)))


def reruns(ran: Sequence[Rerun]) -> str:
    """How often each of the failing tests failed, run again and again at the same commit."""
    if not ran:
        return ""
    ordered = sorted(ran, key=lambda each: (bool(each.aside), each.test))
    rows = [
        (
            cell(each.test, 160),
            f"{each.failed} of {each.runs}",
            prose(each.aside, 200) if each.aside else cell(each.message or "failed", 160),
        )
        for each in ordered[:LISTED]
    ]
    rest = len(ordered) - LISTED
    return sections(
        table(("test", "failed in", ""), rows), f"and {rest} more" if rest > 0 else "", _began(ran)
    ).strip()


def _began(ran: Sequence[Rerun]) -> str:
    counts = Counter(each.began for each in ran if each.began)
    if not counts:
        return ""
    words = {"passed": "passed", "failed": "failed as well", "absent": "did not exist yet"}
    told = [f"{counts[word]} {said}" for word, said in words.items() if counts[word]]
    return f"Where this branch began: {', '.join(told)}."


def known_trouble(base: Baseline) -> str:
    """Tests that failed or flaked before anything was changed: named, so that nobody blames the patch."""
    return sections(
        f"Failed before already: {names(base.failing)}." if base.failing else "",
        f"Passed one time and failed another before already: {names(base.flaky)}." if base.flaky else "",
    ).strip()


def gates(results: Sequence[GateResult]) -> str:
    return table(
        ("check before publishing", "", ""),
        [
            (cell(gate.name, 60), "passed" if gate.passed else "**refused**", _gate_text(gate))
            for gate in results[:30]
        ],
    )


def _gate_text(gate: GateResult) -> str:
    return prose(gate.explanation.replace("\n", " "), 300)


def tests_made(tests: Sequence[TestFile]) -> str:
    """Each generated test: where it is and what it checks (B5)."""
    lines = [f"- {code(test.path, 160)}: {prose(test.verifies.replace(chr(10), ' '), 300)}" for test in tests]
    return "\n".join(lines[:LISTED])


def attempts(tried: Sequence[Attempt]) -> str:
    lines = [f"- {_line(each.summary)}: {_line(each.outcome)}" for each in tried[:LISTED]]
    if len(tried) > LISTED:
        lines.append(f"- and {len(tried) - LISTED} more")
    return "\n".join(lines)


def advice(sentences: Sequence[str]) -> str:
    return "\n".join(f"- {_line(sentence)}" for sentence in sentences[:LISTED])


def _line(text: str) -> str:
    return prose(" ".join(text.split()), 400)
