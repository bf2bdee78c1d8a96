"""What a reviewer's comment asks for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.review.asked import (
    MOST,
    Chatter,
    Questioned,
    Stated,
    Suggested,
    Wished,
    asked,
    suggestions,
)


@pytest.mark.parametrize(
    ("body", "texts"),
    [
        ("```suggestion\nreturn 0\n```", ("return 0\n",)),
        ("Better:\r\n\r\n```suggestion\r\n    return 0\r\n```\r\nthanks", ("    return 0\n",)),
        ("```suggestion\n```", ("",)),  # the lines go
        ("```suggestion\n\n```", ("\n",)),  # an empty line in their place
        ("````suggestion\n```\ncode\n```\n````", ("```\ncode\n```\n",)),
        ("~~~suggestion\na\n~~~", ("a\n",)),
        ("   ```suggestion\n   a\n     b\n   ```", ("a\n  b\n",)),
        ("```suggestion\na\n```\nor\n```suggestion\nb\n```", ("a\n", "b\n")),
        ("```suggestion\na\n```\nor\n```suggestion\na\n```", ("a\n",)),
        ("```suggestion:-0+0\na\n```", ("a\n",)),
        ("```suggestion\nnot closed", ("not closed\n",)),
        ("```python\n```suggestion\n```", None),  # within another block
        ("```suggestions\na\n```", None),
        ("<!--\n```suggestion\nhidden\n```\n-->", None),
        ("> ```suggestion\n> quoted\n> ```\nno", None),
        ("a `suggestion`", None),
    ],
)
def test_suggestions(body: str, texts: tuple[str, ...] | None) -> None:
    assert suggestions(body) == texts
    assert isinstance(asked(body), Suggested) == (texts is not None)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("`f(None)` should return `0`", Stated),
        ("What about None? `f(None)` should return `0`.", Stated),
        ("Shouldn't `f(None)` return `0`?", Stated),
        ("`clamp(3, 1)` returns 3, I expect 1", Stated),
        ("- `f(1)` → `2`\n- `f(2)` → `4`", Stated),
        (">>> f(None)\n0", Stated),
        ("This still fails:\n```\n>>> f(None)\n0\n```", Stated),
        ('I get\n\n```\nTraceback (most recent call last):\n  File "x", line 1\nTypeError: no\n```', Stated),
        ("```python\nassert f(None) == 0\n```", Stated),
        ("Why does `f(None)` return 0?", Questioned),
        ("why is this needed", Questioned),
        ("Hmm, what does `clamp(1, 2)` give here?", Questioned),
        ("Does this handle None?", Questioned),
        ("This seems wrong to me?", Questioned),
        ("Please rename `x` to `count`", Wished),
        ("Handle None here as well", Wished),
        ("```python\nx = 1\n```", Wished),
        ("Thanks!", Chatter),
        ("thank you, nice work", Chatter),
        ("LGTM", Chatter),
        ("👍", Chatter),
        ("", Chatter),
        ("<!-- `f(1)` should return 2 -->", Chatter),
        ("> `f(1)` should return 2\n\nthanks", Chatter),
        ("Good, but rename the argument and use an early return there please", Wished),
        ("okay() is wrong here", Wished),
    ],
)
def test_kinds(body: str, kind: type) -> None:
    assert isinstance(asked(body), kind), asked(body)


@given(st.text(max_size=300))
def test_no_text_breaks_it(body: str) -> None:
    asked(body)


@given(
    st.lists(
        st.sampled_from(
            ["```suggestion", "```", "~~~", "`f(1)`", " should ", "\n", "> ", "<!--", "-->", "?", "x", "    "]
        ),
        max_size=40,
    )
)
def test_no_markdown_breaks_it(parts: list[str]) -> None:
    asked("".join(parts))


@pytest.mark.parametrize("piece", ["`", "f(", "``` ", "<!--", ".", "? ", "\n- ", "and ", "(" * 5 + "x"])
def test_a_hostile_comment_takes_no_time(piece: str) -> None:
    """Quadratic at most, over what GitHub lets anybody write; an exponential expression would hang."""
    asked(piece * (MOST // len(piece)))


@given(st.lists(st.text(st.characters(exclude_characters="\r\n`~>"), max_size=30), max_size=8))
def test_a_suggestions_lines_are_its_lines(lines: list[str]) -> None:
    body = "\n".join(["`````suggestion", *lines, "`````"])
    found = suggestions(body)
    if "<!--" not in body:
        assert found == ("".join(f"{line}\n" for line in lines),)
