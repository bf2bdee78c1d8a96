"""Issues in the styles people write them, and the first test made of each (``issues.txt``)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.builtin.reproduction import actions, designs, explain, scored
from agent.types import AddTests, Skill
from tests.reproduction.support import cases_of, context_of

ROWS = Path(__file__).with_name("issues.txt")


def rows() -> Iterator[tuple[str, str, str, str]]:
    for row in ROWS.read_text(encoding="utf-8").removeprefix("%%% ").split("\n%%% "):
        heading, _, rest = row.partition("\n")
        name, _, title = heading.partition(": ")
        text, _, expected = rest.rpartition("\n%%%\n")
        yield name, title, text, expected.rstrip("\n")


@pytest.mark.parametrize(("title", "text", "expected"), [pytest.param(*row[1:], id=row[0]) for row in rows()])
def test_the_first_design_says_what_the_issue_says(title: str, text: str, expected: str) -> None:
    found = designs(context_of(text, title))
    if not found:
        assert expected == "nothing"
        assert "looked for calls" in explain(context_of(text, title))
        return
    sign = found[0].sign
    said = f"sign: {sign.exception or 'any'} {sign.fragment}".rstrip()
    assert "\n".join((said, *cases_of(found[0]))) == expected


@pytest.mark.parametrize(("title", "text"), [pytest.param(row[1], row[2], id=row[0]) for row in rows()])
def test_designs_are_the_same_each_time_ordered_and_distinct(title: str, text: str) -> None:
    context = context_of(text, title)
    found = scored(context)
    assert found == scored(context)
    assert [one.confidence for one in found] == sorted((one.confidence for one in found), reverse=True)
    assert all(0 < one.confidence <= 1 for one in found)
    assert len({(one.test.content, one.test.sign, one.test.select) for one in found}) == len(found)


def test_actions_are_the_test_designers() -> None:
    context = context_of("`clamp(11)` returns 11, should be 10.")
    found = actions(context)
    assert [action.id for action in found] == [f"design-{n}" for n in range(1, len(found) + 1)]
    first = found[0]
    assert (first.skill, first.summary) == (Skill.TEST_DESIGNER, "Test that clamp(11) gives 10")
    assert first.operations == (AddTests(tests=(designs(context)[0],)),)
    assert first.score == scored(context)[0].confidence


def test_a_design_says_what_it_verifies_and_quotes_the_issue() -> None:
    (test, *_) = designs(context_of("Hello.\n\n`clamp(11)` returns 11, should be 10. Bye."))
    assert test.verifies == "clamp(11) gives 10"
    assert test.source == "`clamp(11)` returns 11, should be 10."
    assert (
        '"""clamp(11) gives 10.\n\n    The issue says: `clamp(11)` returns 11, should be 10.\n    """'
        in test.content
    )


def test_names_of_several_symbols_are_read_both_ways() -> None:
    files = {
        "gear/__init__.py": "",
        "gear/a.py": "def run(x):\n    return x\n",
        "gear/b.py": "def run(x):\n    return -x\n",
    }
    found = designs(context_of("`run(1)` returns 1, should be 2", files=files))
    assert [("gear.a" in one.content, "gear.b" in one.content) for one in found[:1]] == [(True, False)]
    assert any("from gear.b import run" in one.content for one in found)
    (hinted, *_) = designs(
        context_of("In `b.run` something is off: `run(1)` returns 1, should be 2", files=files)
    )
    assert "from gear.b import run" in hinted.content


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("It is broken!", "No such call was found"),
        ("`frobnicate(1)` gives 2, should be 3", "nothing named frobnicate was found"),
        ("`clamp(3)` is what I use.", "nothing that says what ought to come of them"),
        ('`clamp(eval("1"))` gives 2, should be 3', "it uses eval"),
    ],
)
def test_why_there_is_no_test_is_said_in_words(text: str, reason: str) -> None:
    assert designs(context_of(text)) == ()
    assert reason in explain(context_of(text))
