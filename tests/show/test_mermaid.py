"""Mermaid trees: what they show, that nothing in a label is more than text, that they stay small."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given

from agent.show.mermaid import FILE_SIZE, label, mermaid_tree
from agent.show.model import ActionView, NodeView, ResultsView, RunView, TaskView, TestView, TransitionView
from agent.show.picture import picture
from agent.show.read import read_run
from bot.render.pull_request import pull_request_body
from bot.render.search_tree import NODES, SIZE, search_tree
from sandbox.redact import Redactor
from tests.render.test_render import FACTS, assert_nothing_live, outcome
from tests.render.test_sanitize import CLOSING, MENTION, NASTY, REFERENCE, hidden
from tests.show.journals import forged, large, step

LINES = re.compile(
    r"flowchart TD"
    r'|n\d+\(\("(?:base|\d+)(?:<br/>-?\d+\.\d\d)?"\)\)'
    r'|n\d+ (?:==>|-->)\|"[^"|`]+"\| n\d+'
    r'|t\d+x\d+\[/"△ [^"`]+"\\\]'
    r'|r\d+\["[^"`]+"\]'
    r"|n\d+ -\.- [rt]\d+(?:x\d+)?"
    r"|classDef chosen stroke-width:4px"
    r"|class n\d+(?:,n\d+)* chosen"
)


def assert_sound(text: str) -> None:
    for line in text.removesuffix("\n").split("\n"):
        assert LINES.fullmatch(line), line
    assert hidden(text) == []
    for pattern in (CLOSING, MENTION, REFERENCE):
        assert not pattern.search(text), pattern.pattern
    for part in ("%%", "$$", "```", "://", "</", "style "):
        assert part not in text


def hostile_run(text: str) -> RunView:
    step = TransitionView(
        node=0,
        action=ActionView(skill=text, summary=text),
        tests=(TestView(path=text, verifies=text),),
        child=1,
    )
    child = NodeView(
        id=1, parent=0, depth=1, arrived=step, results=ResultsView(score=0.5), tried=[TransitionView(
            node=1, action=ActionView(summary=text), effect=text)],
    )  # fmt: skip
    return RunView(run=text, task=TaskView(), nodes={0: NodeView(id=0, children=[1]), 1: child}, best=1)


@given(NASTY)
def test_nothing_in_a_label_is_more_than_text(text: str) -> None:
    assert_sound(mermaid_tree(hostile_run(text)))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain words, 1.5 = 3/2 + x-y", "plain words, 1.5 = 3/2 + x-y"),
        ('"]; click n0 "javascript:x"', "#quot;#rsqb;#semi; click n0 #quot;javascript#colon;x#quot;"),
        ("%%{init: {}}%%", "#percnt;#percnt;#lcub;init#colon; #lcub;#rcub;#rcub;#percnt;#percnt;"),
        ("fixes #12", "fixes #num;12"),
        ("see GH-7", "see GH#hyphen;7"),
        ("a\n b\tc", "a b c"),
        ("\x1b[31m", "#bsol;u001b#lsqb;31m"),
        ("\u202eabc", "#bsol;u202eabc"),
        ("é漢字", "é漢字"),
        ("", " "),
        ("x" * 500, "x" * 89 + "…"),
    ],
)
def test_labels(text: str, shown: str) -> None:
    assert label(text) == shown


def test_a_solved_run(toy: Path) -> None:
    run = read_run(toy)
    text = mermaid_tree(run)
    assert_sound(text)
    assert f"class {','.join(f'n{node}' for node in run.chosen)} chosen" in text
    assert 'n0 ==>|"test designer#colon; Try zero"| n1' in text
    assert "△ tests/test#lowbar;zero.py#colon; sign#lpar;0#rpar; is 0." in text
    assert 'r1["1 duplicate#semi; 1 not applied#semi; 1 not used"]' in text


@pytest.mark.parametrize("width", [1, 3, 40, 4_000])
def test_a_large_tree_is_bounded_and_keeps_what_matters(width: int, tmp_path: Path) -> None:
    run = read_run(forged(tmp_path / "journal.jsonl", large(4_000, width)))
    for nodes, size in ((NODES, SIZE), (200, FILE_SIZE)):
        text = mermaid_tree(run, nodes=nodes, size=size)
        assert_sound(text)
        assert len(text) <= size
        assert len(re.findall(r"^n\d+\(\(", text, re.MULTILINE)) <= nodes
        assert "more states" in text
    drawn = picture(run, 200)
    assert {node.id for node in drawn.nodes} >= drawn.path
    if width > 1:
        assert run.best in drawn.path
    hidden_states = sum(rest.states for rest in drawn.rest.values())
    assert hidden_states + len(drawn.nodes) == len(run.nodes)


def test_a_label_that_is_too_long_for_the_whole_makes_the_picture_smaller(tmp_path: Path) -> None:
    notes = [row for number in range(1, 200) for row in step('"' * 300, 0, number)]
    run = read_run(forged(tmp_path / "journal.jsonl", notes))
    text = mermaid_tree(run, nodes=100, size=9_000)
    assert_sound(text)
    assert len(text) <= 9_000


def test_secrets_are_taken_out_before_they_are_written_in_entities(tmp_path: Path) -> None:
    token = "ghp_" + "a1B2" * 9
    run = read_run(forged(tmp_path / "journal.jsonl", step(f"with {token} and my:secret", 0, 1)))
    text = mermaid_tree(run, redact=Redactor(["my:secret"]))
    assert "a1B2" not in text
    assert "secret" not in text
    assert "with #lsqb;redacted#rsqb; and #lsqb;redacted#rsqb;" in text


def test_a_pull_request_gets_a_folded_tree(toy: Path) -> None:
    text = search_tree(toy)
    assert text.startswith("<details><summary>How the search went: ")
    assert text.count("```") == 2
    assert text.endswith("```\n\n</details>")


@pytest.mark.parametrize("content", [b"", b"garbage\n\n"])
def test_a_pull_request_without_a_readable_journal_has_none(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    assert search_tree(path) == ""
    path.write_bytes(content)
    assert search_tree(path) == ""
    assert search_tree(forged(tmp_path / "other.jsonl", [])) == ""


@pytest.mark.parametrize(
    "text", ["fixes #1 @user `x` https://evil.example", "</details>\n\n```\n@user", "y" * 50_000]
)
def test_a_pull_request_with_its_tree_fits_and_holds_nothing_live(text: str, tmp_path: Path) -> None:
    rows = [row for number in range(1, 80) for row in step(text, 0, number)]
    tree = search_tree(forged(tmp_path / "journal.jsonl", rows))
    assert len(tree) > 1_000
    for many in (1, 40):
        assert_nothing_live(pull_request_body(FACTS, outcome(text, many), tree))
