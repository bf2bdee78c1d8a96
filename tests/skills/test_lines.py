"""A model's line-addressed edits: where they go, what they leave alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import EditDoesNotApply
from agent.operations import apply_operation
from agent.skills.lines import LineEdit, fitted
from agent.types import State
from tests.llm_parts.support import MemoryTree

TEXT = "a\nb\nc\nb\ne\n"


def edited(text: str, *edits: tuple[int, int, str, str]) -> str:
    """What the executor makes of the fitted edits."""
    tree = MemoryTree({"f.py": text.encode()})
    wanted = [
        LineEdit(path="f.py", first=first, last=last, expected=old, replacement=new)
        for first, last, old, new in edits
    ]
    found = fitted(wanted, tree.read)
    if isinstance(found, str):
        return found
    state = State()
    for _, operation in found:
        try:
            state = apply_operation(state, operation, tree)
        except EditDoesNotApply as error:
            return f"does not apply: {error}"
    return (state.patch.overlay.get("f.py") or text.encode()).decode()


@pytest.mark.parametrize(
    ("text", "edits", "expected"),
    [
        (TEXT, [(3, 3, "c\n", "X\n")], "a\nb\nX\nb\ne\n"),
        (TEXT, [(3, 3, "c", "X")], "a\nb\nX\nb\ne\n"),  # line ends forgotten
        (TEXT, [(2, 2, "c", "X")], "a\nb\nX\nb\ne\n"),  # miscounted, quoted right
        (TEXT, [(9, 11, "c\nb\n", "X\n")], "a\nb\nX\ne\n"),
        (TEXT, [(2, 3, "c", "X")], "a\nb\nX\nb\ne\n"),  # the quotation decides how many
        (TEXT, [(4, 4, "b", "X")], "a\nb\nc\nX\ne\n"),  # occurs twice: the stated place
        (TEXT, [(5, 5, "b", "X")], "does not apply: lines 5 to 5 of f.py read otherwise than the edit says"),
        (
            TEXT,
            [(3, 3, "zzz", "X")],
            "does not apply: lines 3 to 3 of f.py read otherwise than the edit says",
        ),
        (TEXT, [(3, 2, "", "X\nY")], "a\nb\nX\nY\nc\nb\ne\n"),  # inserted
        (TEXT, [(6, 5, "", "X")], "a\nb\nc\nb\ne\nX\n"),  # at the end
        (TEXT, [(3, 3, "c", "")], "a\nb\nb\ne\n"),  # deleted
        (TEXT, [(1, 1, "a", "X\nY"), (5, 5, "e", "Z")], "X\nY\nb\nc\nb\nZ\n"),  # numbers as shown
        (TEXT, [(5, 5, "e", "Z"), (1, 1, "a", "")], "b\nc\nb\nZ\n"),
        (TEXT, [(1, 3, "a\nb\nc", "X"), (3, 3, "c", "Y")], "edits of lines 1 and 3 of f.py overlap"),
        (TEXT, [(3, 3, "c", "X"), (3, 3, "c", "X")], "edits of lines 3 and 3 of f.py overlap"),
        ("a\r\nb\r\n", [(2, 2, "b", "X\nY")], "a\r\nX\r\nY\r\n"),
        ("a\nb", [(2, 2, "b", "X")], "a\nX"),  # a file without a last line end keeps none
        ("a  \nb\n", [(1, 1, "a", "X")], "X\nb\n"),  # trailing blanks are not shown
        (
            TEXT,
            [(3, 3, "    3| c\n", "    3| X\n    4|   Y\n")],
            "a\nb\nX\n  Y\nb\ne\n",
        ),  # copied with numbers
        (TEXT, [(3, 4, "    3| c\n    4| b", "X")], "a\nb\nX\ne\n"),
        (TEXT, [(0, 0, "zzz", "X")], "does not apply: f.py has 5 lines, not 0 to 0"),
        (TEXT, [(-3, -4, "", "X")], "does not apply: f.py has 5 lines, not -3 to -4"),
        (TEXT, [(10**20, 10**20, "", "X")], f"does not apply: f.py has 5 lines, not {10**20} to {10**20}"),
    ],
)
def test_where_an_edit_goes(text: str, edits: list[tuple[int, int, str, str]], expected: str) -> None:
    assert edited(text, *edits) == expected


def test_a_file_that_is_not_there_is_for_the_executor_to_refuse() -> None:
    edit = LineEdit(path="no.py", first=1, last=1, expected="a", replacement="b")
    ((_, operation),) = fitted([edit], lambda _: None)
    assert (operation.path, operation.expected, operation.replacement) == ("no.py", "a", "b")


@given(
    st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=12, unique=True),
    st.data(),
)
def test_edits_of_single_lines_change_these_and_no_others(lines: list[str], data: st.DataObject) -> None:
    chosen = data.draw(st.sets(st.integers(1, len(lines))))
    shift = data.draw(st.integers(-2, 2))
    text = "".join(f"{each}\n" for each in lines)
    edits = [(number + shift, number + shift, lines[number - 1], f"<{number}>") for number in sorted(chosen)]
    expected = "".join(f"<{n}>\n" if n in chosen else f"{each}\n" for n, each in enumerate(lines, start=1))
    assert edited(text, *edits) == expected
