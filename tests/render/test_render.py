"""What people see: whole texts for ordinary outcomes, and nothing live in hostile ones."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from agent.types import (
    Attempt,
    Baseline,
    FileChange,
    GateResult,
    Patch,
    Proof,
    Solved,
    Spend,
    StopReason,
    TestFile,
    Unrunnable,
    Unsolved,
)
from bot.forge import Conclusion
from bot.names import names_for
from bot.render import answers
from bot.render.check import check_run
from bot.render.parts import RunFacts, co_author
from bot.render.pull_request import commit_message, pull_request_body, pull_request_title
from sandbox.suites.types import CaseResult, SuiteReport, Verdict
from tests.render.test_sanitize import CLOSING, MENTION, NASTY, hidden, outside_of_code

FACTS = RunFacts(
    repository="owner/name",
    issue=3,
    title="mean([]) raises",
    label="codeagent",
    sender="bob",
    base_branch="main",
    base_sha="b" * 40,
    run_id="0123456789abcdef",
    run_url="https://bot.example/runs/0123456789abcdef",
)


def case(name: str, verdict: Verdict, message: str = "", details: str = "") -> CaseResult:
    return CaseResult(id=name, verdict=verdict, message=message, details=details)


def outcome(text: str, many: int = 1) -> Solved:
    """A solved task in which every text that could come from outside is the given one."""
    names = frozenset(f"tests/test_a.py::{text}{number}" for number in range(many))
    cases = tuple(case(name, Verdict.FAILED, text, text) for name in sorted(names))
    report = SuiteReport(cases=cases, problem=text, output=text * many)
    return Solved(
        patch=Patch.of([FileChange(path=f"a/{text}.py", content=b"")]),
        tests=tuple(
            TestFile(path=f"tests/{text}.py", content=text, verifies=text, source=text) for _ in range(many)
        ),
        proof=Proof(
            red=report,
            green=report,
            after=report,
            baseline=Baseline(passing=names, failing=names, flaky=names, skipped=names),
            gates=tuple(GateResult(name=text, passed=True, explanation=text) for _ in range(many)),
        ),
        rationale=tuple(text for _ in range(many)),
        spend=Spend(sandbox_runs=3, sandbox_seconds=1.5, seconds=2.5),
    )


def unsolved(text: str, many: int = 1) -> Unsolved:
    solved = outcome(text, many)
    return Unsolved(
        stop=StopReason.TIME,
        summary=text,
        reproduction=solved.tests,
        red=solved.proof.red,
        attempts=tuple(Attempt(summary=text, outcome=text) for _ in range(many)),
        advice=tuple(text for _ in range(many)),
        baseline=solved.proof.baseline,
        spend=solved.spend,
    )


def bodies(text: str, many: int = 1) -> list[str]:
    facts = replace(FACTS, title=text, label=text[:50], base_branch=text[:50])
    return [
        pull_request_body(facts, outcome(text, many)),
        answers.solved(facts, outcome(text, many), "LINK"),
        answers.unsolved(facts, unsolved(text, many)),
        answers.unrunnable(facts, Unrunnable(reason=text, advice=(text,) * many, output=text * many)),
        answers.progress(facts, text, text),
        answers.refused(replace(facts, sender=text), text),
        answers.bad_config(facts, text * many),
        answers.failed(facts, text),
        answers.cancelled(facts),
        answers.disabled(facts),
    ]


OWN_TAGS = re.compile(r"</?(?:details|summary|sub)>")


def assert_nothing_live(body: str) -> None:
    assert len(body) <= 65_536
    assert hidden(body) == []
    live = outside_of_code(OWN_TAGS.sub("", body))
    live = live.removeprefix("Fixes #3\n").replace(f"]({FACTS.run_url})", "")
    for pattern in (MENTION, CLOSING, re.compile(r"#\d|https?://|\]\(|<[a-zA-Z!/]")):
        assert not pattern.search(live), (pattern.pattern, live)
    assert len(CLOSING.findall(body)) == body.startswith("Fixes #3")
    with_tags = outside_of_code(body)
    assert with_tags.count("<details>") == with_tags.count("</details>")


@given(NASTY)
def test_nothing_from_outside_is_live(text: str) -> None:
    for body in bodies(text):
        assert_nothing_live(body)


@pytest.mark.parametrize(
    "text", ["x" * 100_000, "@user fixes #1\n" * 5_000, "```\n" * 30_000, "\u202e" * 90_000]
)
def test_everything_fits(text: str) -> None:
    for body in bodies(text, many=40):
        assert_nothing_live(body)
    check = check_run(FACTS, names_for(2, 3), text, text, Conclusion.NEUTRAL)
    assert len(check.summary) <= 65_535
    assert len(check.title) <= 255


@given(NASTY)
def test_titles_and_commit_messages_close_our_issue_only(text: str) -> None:
    facts = replace(FACTS, title=text)
    title = pull_request_title(facts)
    assert "\n" not in title
    message = commit_message(facts, outcome(text))
    for inert in (title, message.replace("Fixes #3", "")):
        assert not CLOSING.search(inert)
        assert not MENTION.search(inert.replace("@users.noreply.github.com", ""))
        assert hidden(inert) == []
    assert message.count("Fixes #3") == 1


def test_a_pull_request_says_what_a_reviewer_asks() -> None:
    solved = replace(
        outcome("x"),
        patch=Patch.of([FileChange(path="stats.py", content=b"")]),
        tests=(TestFile(path="tests/test_issue_3.py", content="", verifies="mean of nothing is 0"),),
        rationale=("`mean` divides by the length, which is 0.",),
        proof=Proof(
            red=SuiteReport(
                cases=(
                    case("tests/test_issue_3.py::test_mean", Verdict.FAILED, "ZeroDivisionError: by zero"),
                ),
                output="E   ZeroDivisionError",
            ),
            green=SuiteReport(cases=(case("tests/test_issue_3.py::test_mean", Verdict.PASSED),)),
            after=SuiteReport(
                cases=(
                    case("t.py::a", Verdict.PASSED),
                    case("t.py::old", Verdict.FAILED),
                    case("tests/test_issue_3.py::test_mean", Verdict.PASSED),
                ),
                output="1 passed",
            ),
            baseline=Baseline(
                passing=frozenset({"t.py::a"}),
                failing=frozenset({"t.py::old"}),
                flaky=frozenset({"t.py::flaky"}),
                skipped=frozenset(),
            ),
            gates=(GateResult(name="no regression", passed=True, explanation="no test fails now"),),
        ),
    )
    body = pull_request_body(FACTS, solved)
    for part in (
        "Fixes #3",
        "`mean` divides by the length, which is 0.",
        "`stats.py`",
        "on `main` at `bbbbbbbbbbbb`",
        "- `tests/test_issue_3.py`: mean of nothing is 0",
        "- `tests/test_issue_3.py::test_mean` **failed**: `ZeroDivisionError: by zero`",
        "E   ZeroDivisionError",
        "- `tests/test_issue_3.py::test_mean` **passed**",
        "| passed | 1 | 1 |",
        "| failed | 1 | 1 |",
        "| passed before and fail now |  | **none** |",
        "Failed before already: `t.py::old`.",
        "Passed one time and failed another before already: `t.py::flaky`.",
        "| `no regression` | passed | no test fails now |",
        "| 3 | 2 | 2 | 0 |\n\nNo language model was asked: this cost no money.",
        "take the label `codeagent` off",
        "[this run](https://bot.example/runs/0123456789abcdef)",
    ):
        assert part in body, part
    assert pull_request_title(FACTS) == "Fix issue 3: mean(\\[\\]) raises".replace("\\", "")


def test_a_run_without_a_forge_says_nothing_of_one() -> None:
    facts = replace(FACTS, issue=0, sender="", run_url="")
    body = pull_request_body(facts, outcome("x"))
    assert "Fixes" not in body
    assert "label" not in body
    assert commit_message(facts, outcome("x")).startswith("Fix: mean([]) raises\n\nx\n")
    assert "label" not in answers.unsolved(facts, unsolved("x"))


STOPS: list[tuple[Any, str]] = [
    (StopReason.NOT_REPRODUCED, "could not reproduce"),
    (StopReason.EXHAUSTED, "tried everything"),
    (StopReason.GATES, "none that I may publish"),
    (StopReason.TIME, "(time cap)"),
]


@pytest.mark.parametrize(("stop", "text"), STOPS)
def test_an_answer_says_why_there_is_no_patch(stop: StopReason, text: str) -> None:
    assert text in answers.unsolved(FACTS, replace(unsolved("x"), stop=stop))


def test_many_names_are_counted() -> None:
    body = pull_request_body(FACTS, outcome("x", many=40))
    assert "and 30 more" in body


@pytest.mark.parametrize(
    ("login", "number", "trailer"),
    [
        ("bob", 583231, "Co-authored-by: bob <583231+bob@users.noreply.github.com>"),
        ("bob", 0, "Co-authored-by: bob <bob@users.noreply.github.com>"),
        ("helper[bot]", 7, ""),
        ("", 0, ""),
        ("bob>\nCo-authored-by: eve <eve@example.org", 7, ""),
    ],
)
def test_whoever_asked_is_a_co_author(login: str, number: int, trailer: str) -> None:
    assert co_author(replace(FACTS, sender=login, sender_id=number)) == trailer
