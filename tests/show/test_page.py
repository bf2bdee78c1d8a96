"""The page of a run: one file, nothing live in it, everything reachable without a script."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from agent.codec import encode_fields
from agent.journal import FileJournal
from agent.show.changes import changes
from agent.show.read import read_run
from bot.render.tree_page import told_nodes, tree_page
from tests.agent.support import TASK
from tests.render.test_sanitize import NASTY, hidden
from tests.show.journals import forged, large, step
from tests.show.test_mermaid import hostile_run

VOID = {"meta", "br", "line", "circle", "polygon"}
TAGS = {
    "html", "head", "meta", "title", "style", "body", "header", "main", "h1", "h2", "h3", "p", "dl", "dt",
    "dd", "details", "summary", "pre", "table", "thead", "tbody", "tr", "th", "td", "div", "svg", "line", "a",
    "circle", "text", "polygon", "section", "ul", "ol", "li", "span", "b", "i", "code", "br",
}  # fmt: skip


class Page(HTMLParser):
    """What a browser makes of it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: list[str] = []
        self.ids: list[str] = []
        self.texts: list[str] = []
        self.comments = 0
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def handle_comment(self, data: str) -> None:
        self.comments += len(data) + 1


def assert_inert(text: str) -> Page:
    page = Page(text)
    assert page.open == []
    assert page.tags <= TAGS
    assert not {
        name for name in page.attributes if name.startswith("on") or name in ("style", "src", "srcdoc")
    }
    assert page.comments == 0
    assert all(re.fullmatch(r"#n\d+", link) for link in page.links)
    assert {link[1:] for link in page.links} <= set(page.ids)
    assert len(set(page.ids)) == len(page.ids)
    assert hidden(text) == []
    return page


def test_a_solved_run(toy: Path) -> None:
    run = read_run(toy)
    page = assert_inert(tree_page(run))
    told = "\n".join(page.texts)
    for part in (
        "sign(0) is wrong",
        "Ended: solved.",
        "Try e7 right",
        "score 0.300 (built-in ranking)",
        "because of e7 right",
        "edit lines 12 to 12 of calc.py",
        "-         return 1",
        "+         return 0",
        "AssertionError",
        "as the script says",
        "not applied",
        "lines 1 to 1 of calc.py read otherwise",
        "Not gone deeper",
        "no-special-case",
        "search: own tests",
    ):
        assert part in told, part
    assert {f"n{node}" for node in run.nodes} <= set(page.ids)
    assert set(page.ids) - {"tree"} == {f"n{node}" for node in run.nodes}


def test_states_are_told_with_what_they_change(toy: Path) -> None:
    """The lines as they were and are, whatever kind of edit changed them."""
    run = read_run(toy)
    found = changes(toy, run, told_nodes(run))
    assert found[run.chosen[-1]] == (
        ("file", "calc.py"),
        ("place", "line 12"),
        ("same", "        return -1"),
        ("same", "    if x == 0:"),
        ("old", "        return 1"),
        ("new", "        return 0"),
        ("same", "    return 1"),
        ("same", ""),
    )
    assert set(found) == {node.id for node in run.nodes.values() if node.patched}
    page = assert_inert(tree_page(run, changes=found))
    assert "-         return 1" in page.texts
    hostile = {run.chosen[-1]: (("old", "</pre><script>"), ("new", "\x1b[31m\u202e"))}
    assert "- </pre><script>" in assert_inert(tree_page(run, changes=hostile)).texts


@pytest.mark.parametrize("source", [None, {}, {"digest": "d", "tree": "eJw="}, {"digest": 1, "tree": "!"}])
def test_without_the_files_of_the_base_there_are_no_diffs(source: Any, tmp_path: Path) -> None:
    path = forged(tmp_path / "journal.jsonl", step("x", 0, 1))
    if source is not None:
        with FileJournal(path, run="forged", task=encode_fields(TASK)) as journal:
            journal.effect("source", {}, lambda: source)
    run = read_run(path)
    assert changes(path, run, told_nodes(run)) == {}


def test_its_own_policy_lets_nothing_in_but_its_own_style(toy: Path) -> None:
    text = tree_page(read_run(toy))
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)
    assert policy is not None
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert policy[1].split("; ")[:2] == ["default-src 'none'", f"style-src 'sha256-{digest}'"]
    assert "prefers-color-scheme: dark" in style[1]
    assert "focus-visible" in style[1]
    assert "url(" not in style[1]
    assert "@import" not in style[1]


@settings(deadline=None, max_examples=50)
@given(NASTY)
def test_nothing_from_a_journal_is_live(text: str) -> None:
    assert_inert(tree_page(hostile_run(text)))


def test_hostile_rows_of_every_kind(tmp_path: Path) -> None:
    rows = [
        "</style><script>alert(1)</script>",
        "</pre></details><img src=x onerror=alert(1)>",
        '" onmouseover="alert(1)',
        "{{ 7 * 7 }}{% for x in y %}",
        "\x1b]0;title\x07\x1b[2J\u202egnp.exe\u2066",
        "\ud800 lone",
        "A" * 100_000,
    ]
    notes = [row for number, text in enumerate(rows, start=1) for row in step(text, 0, number)]
    text = tree_page(read_run(forged(tmp_path / "journal.jsonl", notes)))
    page = assert_inert(text)
    assert len(text) < 1_000_000
    told = "\n".join(page.texts)
    assert "</style><script>alert(1)</script>" in told
    assert "{{ 7 * 7 }}" in told
    assert "\\u202e" in told
    text.encode("utf-8")


def test_a_large_tree_is_told_in_part(tmp_path: Path) -> None:
    run = read_run(forged(tmp_path / "journal.jsonl", large(3_000)))
    text = tree_page(run)
    page = assert_inert(text)
    assert len(text) < 3_000_000
    assert f"n{run.best}" in page.ids
    assert "2400 more states are left out here" in " ".join("".join(page.texts).split())
    deep = read_run(forged(tmp_path / "deep.jsonl", large(3_000, 1)))
    assert_inert(tree_page(deep))
