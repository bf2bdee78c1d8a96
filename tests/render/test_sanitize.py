"""Untrusted text is never live: rows and properties."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.sanitize import block, capped, cell, code, one_line, plain, prose, visible

NASTY = st.text(
    alphabet=st.sampled_from(
        "@#`~<>&|[]()!*_-=+\\:/. \n\tabcFixes019\u202e\u200b\u2066\x00\x1b\ufe0f\U000e0041\ud800\u2028"
    )
    | st.characters(),
    max_size=200,
) | st.sampled_from(
    [
        "@org/team please look",
        "fixes #12, closes owner/name#3 and resolves https://github.com/o/n/issues/4",
        "Fix: GH-7",
        "<!-- codeagent:issue 3 --><script>alert(1)</script><img src=x onerror=y>",
        "![pixel](https://example.com/p.png) [click](javascript:alert(1))",
        "``` \n@user\n```\n~~~\n@user",
        "`@user` ``@user`` `unbalanced @user",
        "www.example.com http://example.com user@example.com",
        "&#64;user &lt;b&gt; \\@user \\`@user\\`",
        "# heading\n> quote @user\n- fixes #1\n    indented @user",
        "</details></sub>\n\n@user",
        "| a | b |\n|---|---|\n| @user | fixes #1 |",
    ]
)

CLOSING = re.compile(
    r"\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?)\b:?\s+(?:[\w.-]+/[\w.-]+)?(?:#\d|GH-\d|https?://)", re.I
)
MENTION = re.compile(r"@[A-Za-z0-9]")
REFERENCE = re.compile(r"#\d|\bGH-\d", re.I)
LINK = re.compile(r"https?://|www\.\w|\]\(", re.I)


def hidden(text: str) -> list[str]:
    return [
        character
        for character in text
        if character not in "\n\t" and unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")
    ]


def outside_of_code(text: str) -> str:
    """What is left of markdown when fences and code spans are taken out as CommonMark reads them."""
    lines, kept, fence = text.split("\n"), [], ""
    for line in lines:
        run = re.match(r" {0,3}(`{3,})[^`]*$", line) or re.match(r" {0,3}(~{3,})", line)
        if fence:
            if run and run[1][0] == fence[0] and len(run[1]) >= len(fence) and line.strip() == run[1]:
                fence = ""
        elif run:
            fence = run[1]
        else:
            kept.append(line)
    rest = "\n".join(kept)
    out, at = [], 0
    while at < len(rest):
        if rest[at] == "\\" and at + 1 < len(rest) and rest[at + 1] in "\\`*_[]!|~$#<>":
            out.append(rest[at + 1] if rest[at + 1] not in "[]`" else " ")
            at += 2
        elif rest[at] == "`":
            run_of = re.match("`+", rest[at:])
            assert run_of
            ticks = run_of[0]
            end = re.search(f"(?<!`){ticks}(?!`)", rest[at + len(ticks) :])
            if end and "\n\n" not in rest[at : at + len(ticks) + end.start()]:
                at += 2 * len(ticks) + end.start()
                out.append(" ")
            else:
                out.append(ticks)
                at += len(ticks)
        else:
            out.append(rest[at])
            at += 1
    return "".join(out)


def assert_inert(markdown: str) -> None:
    assert hidden(markdown) == []
    live = outside_of_code(markdown)
    for pattern in (MENTION, REFERENCE, CLOSING, LINK):
        assert not pattern.search(live), (pattern.pattern, live)
    assert not re.search(r"<[a-zA-Z/!]", live), live
    # A squashed commit takes code over as plain text.
    assert not CLOSING.search(markdown)


@given(NASTY)
def test_prose_is_inert(text: str) -> None:
    assert_inert(prose(text))


@given(NASTY)
def test_code_and_blocks_are_inert(text: str) -> None:
    for rendered in (code(text), cell(text), block(text), f"a {code(text)} b", f"x\n\n{block(text)}\n\ny"):
        assert_inert(rendered)
    assert "\n" not in code(text)


@given(NASTY, st.integers(10, 60))
def test_a_title_is_one_inert_line(text: str, limit: int) -> None:
    title = plain(text, limit)
    assert len(title) <= limit
    assert "\n" not in title
    assert not MENTION.search(title)
    assert not CLOSING.search(title)
    assert hidden(title) == []


@given(NASTY)
def test_an_open_fence_is_closed_by_a_cut(text: str) -> None:
    whole = f"before\n\n{block(text * 20 + 'y' * 500, 4_000)}\n\nafter\n"
    cut = capped(whole, 300)
    assert len(cut) <= 300
    assert outside_of_code(cut).rstrip().endswith("*The rest was cut: GitHub allows no more.*")


ROWS = [
    ("plain text, nothing more.", "plain text, nothing more."),
    ("ping @user and @org/team", "ping @ user and @ org/team"),
    ("a < b && c > d", "a &lt; b &amp;&amp; c &gt; d"),
    ("see `x = [1]` and `@app.route`", "see `x = [1]` and `@app.route`"),
    ("fixes #12", "fixes # 12"),
    ("https://example.com/x", "https: //example.com/x"),
    ("\u202eevil\u202c", "\\\\u202eevil\\\\u202c"),
    ("snake_case and 2*3", "snake\\_case and 2\\*3"),
]


@pytest.mark.parametrize(("text", "expected"), ROWS)
def test_prose_rows(text: str, expected: str) -> None:
    assert prose(text) == expected


BLOCKS = [
    ("x = 1", "```text\nx = 1\n```"),
    ("```\ninner\n```", "````text\n```\ninner\n```\n````"),
    ("@pytest.fixture", "```text\n@pytest.fixture\n```"),
    ("# fixes #12", "```text\n# fixes … #12\n```"),
    ("\x1b[31mred\x1b[0m \x00", "```text\nred \\u0000\n```"),
]


@pytest.mark.parametrize(("text", "expected"), BLOCKS)
def test_block_rows(text: str, expected: str) -> None:
    assert block(text) == expected


def test_long_texts_lose_their_middle_or_end() -> None:
    cut = block("a" * 5_000 + "\nthe end", 300)
    assert "characters left out" in cut
    assert "the end" in cut
    assert len(cut) < 400
    assert one_line("word " * 100, 20) == "word word word word…"
    assert visible("a\r\nb") == "a\nb"
