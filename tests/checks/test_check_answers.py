"""What is said about failing checks: nothing that comes from outside is live in it, and all of it fits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings

from agent.types import Asking, Question, Rerun, StopReason, Unrunnable, Unsolved
from bot.forge import Conclusion
from bot.names import names_for_check
from bot.render import check_answers as answers
from bot.render.check_answers import CheckFacts
from bot.render.parts import reruns
from bot.render.pull_request import pull_request_body
from tests.render.test_render import FACTS, assert_nothing_live, outcome
from tests.render.test_sanitize import NASTY


def bodies(text: str, many: int = 1) -> Iterator[str]:
    facts = CheckFacts(
        run=replace(FACTS, issue=0, sender="", title=text, label=text, base_branch=text),
        sha="a" * 40,
        branch=text,
        pull=7,
        fork=text,
        checks=(text,) * many,
        command=text,
        reported=(text,) * many,
        excerpt=text * many,
    )
    ran = tuple(
        Rerun(test=f"{text}{n}", runs=5, failed=n % 6, message=text, aside=text * (n % 2), began="passed")
        for n in range(many)
    )
    solved = replace(outcome(text, many), reruns=ran)
    unsolved = Unsolved(
        stop=StopReason.FLAKY,
        summary=text,
        reproduction=(),
        red=solved.proof.red,
        attempts=(),
        advice=(text,),
        baseline=solved.proof.baseline,
        spend=solved.spend,
        reruns=ran,
    )
    question = Question(text=text, input=text, outputs=(text,))
    asking = Asking(question=question, reproduction=(), red=None, baseline=None, spend=solved.spend)
    yield answers.progress(facts, text, text)
    yield answers.solved(facts, solved, "")
    yield answers.pushed(facts, solved, "b" * 40)
    yield answers.patch_for_fork(facts, solved, text * many, "c" * 40)
    yield answers.unsolved(facts, unsolved)
    yield answers.unsolved(facts, replace(unsolved, stop=StopReason.NOT_REPRODUCED, reruns=()))
    yield answers.unclear(facts, asking)
    yield answers.unrunnable(facts, Unrunnable(reason=text, advice=(text,), output=text * many))
    yield answers.no_python_test(facts, [text] * many)
    yield answers.nothing_fails(facts)
    yield answers.refused(replace(FACTS, sender=text), text)
    yield answers.cancelled(facts)
    yield answers.failed(facts, text)
    yield pull_request_body(facts.run, solved, lead=answers.lead(facts, "c" * 40), closing=answers.closing())


@settings(max_examples=60, deadline=None)
@given(NASTY)
def test_nothing_from_outside_is_live(text: str) -> None:
    for body in bodies(text):
        assert_nothing_live(body)


@pytest.mark.parametrize("text", ["x" * 100_000, "@user fixes #1\n" * 5_000, "```\n" * 30_000, "|" * 9_000])
def test_everything_fits(text: str) -> None:
    for body in bodies(text, many=40):
        assert_nothing_live(body)
        assert len(body) <= 65_536
    facts = CheckFacts(run=FACTS, sha="a" * 40, branch=text)
    check = answers.check_run(facts, names_for_check(2, "1/2/check/pull/7"), text, text, Conclusion.NEUTRAL)
    assert len(check.summary) <= 65_535
    assert len(check.title) <= 255


def test_the_table_of_runs_shows_what_counts_first() -> None:
    aside = Rerun(test="a::b", runs=5, failed=2, aside="is flaky: it failed in 2 of 5 runs")
    counts = Rerun(test="z::y", runs=5, failed=5, message="assert 1 == 2 | 3", began="passed")
    assert reruns([aside, counts]).splitlines() == [
        "| test | failed in |  |",
        "| --- | --- | --- |",
        "| `z::y` | 5 of 5 | `assert 1 == 2 \\| 3` |",
        "| `a::b` | 2 of 5 | is flaky: it failed in 2 of 5 runs |",
        "",
        "Where this branch began: 1 passed.",
    ]
    assert reruns([]) == ""


@pytest.mark.parametrize("button", [answers.STOP, answers.AGAIN])
def test_buttons_are_as_short_as_github_wants_them(button: answers.Button) -> None:
    assert len(button.label) <= 20
    assert len(button.description) <= 40
    assert len(button.identifier) <= 20
