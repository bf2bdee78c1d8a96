"""What a branch has changed, as a patch that undoes it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.checks import began
from bot.checks.began import undoing


def tree(place: Path, files: dict[str, str]) -> Path:
    for path, text in files.items():
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_text(text)
    place.mkdir(exist_ok=True)
    return place


@pytest.mark.parametrize(
    ("now", "then", "undone"),
    [
        ({"a": "1"}, {"a": "1"}, None),
        ({"a": "1"}, {"a": "2"}, {"a": b"2"}),
        ({"a/b": "1"}, {}, {"a/b": None}),
        ({}, {"a/b": "1"}, {"a/b": b"1"}),
        ({"a": "1", "b": "1"}, {"a": "1", "c": "1"}, {"b": None, "c": b"1"}),
        ({}, {"a": "x" * (began.MOST_BYTES + 1)}, None),
        ({str(n): "" for n in range(began.MOST_FILES + 1)}, {}, None),
    ],
)
def test_undoing(
    tmp_path: Path, now: dict[str, str], then: dict[str, str], undone: dict[str, bytes | None] | None
) -> None:
    patch = undoing(tree(tmp_path / "now", now), tree(tmp_path / "then", then))
    assert (patch.overlay if patch else None) == undone


def test_links_are_not_followed(tmp_path: Path) -> None:
    now, then = tree(tmp_path / "now", {}), tree(tmp_path / "then", {})
    (now / "secret").symlink_to("/etc/passwd")
    (then / "loop").symlink_to(then)
    assert undoing(now, then) is None
