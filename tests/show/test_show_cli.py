"""``codeagent show`` as it is called."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot.cli.main import USAGE, app
from tests.render.test_sanitize import hidden
from tests.show.journals import forged, large, step


def show(*arguments: object) -> str:
    result = CliRunner().invoke(app, ["show", *map(str, arguments)])
    assert result.exit_code == 0, result.output
    return result.output


def test_the_tree_in_the_terminal(toy: Path) -> None:
    text = show(toy.parent)
    for part in (
        "Ended: solved.",
        "○ 2",
        "● 1",
        "△ tests/test_zero.py (reproduction): sign(0) is 0.",
        "debugger: Try e7 right  [0.300 by built-in ranking]",
        "← solution",
        "✗ not applied: debugger: Try e3 does not fit",
        "✗ duplicate: debugger: Try e4 same as e1",
        "✗ not used: debugger: Try e5 not used  [0.500 by built-in ranking]  as the script says",
        "gate passed: reproduction-green",
        "feedback (unit test): tests/test_zero.py::test_sign_of_zero fails",
        "score 1.00 · 1 passed, 0 failed",
        "baseline",
        "3 iterations",
    ):
        assert part in text, part


def test_a_run_without_an_end_says_so(toy: Path, tmp_path: Path) -> None:
    lines = toy.read_bytes().splitlines(keepends=True)
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b"".join(lines[:-8]) + lines[-8][:30])
    text = show(path)
    assert "Not ended: the run was stopped half-way, or still goes on." in text
    assert "test designer: Try zero" in text


@pytest.mark.parametrize("options", [[], ["--all"]])
def test_nothing_from_a_journal_reaches_the_terminal_as_it_is(options: list[str], tmp_path: Path) -> None:
    rows = [
        "\x1b[2J\x1b]0;x\x07",
        "\u202eevil\u2066",
        "[red]markup[/red] [link=http://x]y[/link]",
        "a\rb\x08c",
    ]
    notes = [row for number, text in enumerate(rows, start=1) for row in step(text, 0, number)]
    text = show(forged(tmp_path / "journal.jsonl", notes), *options)
    assert hidden(text.replace("\n", "")) == []
    assert "[red]markup[/red]" in text
    assert "\\u202eevil" in text


def test_a_large_tree_is_shown_in_part_unless_all_is_asked_for(tmp_path: Path) -> None:
    path = forged(tmp_path / "journal.jsonl", large(1_000))
    assert show(path).count("○") < 150
    assert "more states" in show(path)
    assert show(path, "--all").count("○") > 900
    deep = forged(tmp_path / "deep.jsonl", large(1_500, 1))
    assert "base commit" in show(deep, "--all")


def test_files_and_json(toy: Path, tmp_path: Path) -> None:
    page, flowchart = tmp_path / "run.html", tmp_path / "run.mmd"
    assert show(toy, "--html", page, "--mermaid", flowchart).split() == [str(page), str(flowchart)]
    assert page.read_text().startswith("<!doctype html>")
    assert flowchart.read_text().startswith("flowchart TD")
    body = json.loads(show(toy, "--json"))
    assert body["version"] == 1
    assert body["stop"] == "solved"
    assert body["chosen"][0] == 0
    assert {node["id"] for node in body["nodes"]} == set(range(len(body["nodes"])))


def test_json_is_plain_ascii_whatever_the_journal_holds(tmp_path: Path) -> None:
    path = forged(tmp_path / "journal.jsonl", step("\x1b[31m\u202e\ud800 ghp_" + "x" * 40, 0, 1))
    text = show(path, "--json")
    assert text.isascii()
    assert text.strip().isprintable()
    assert "x" * 36 not in text


def test_no_journal_is_bad_usage(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["show", str(tmp_path)])
    assert result.exit_code == USAGE
    (tmp_path / "journal.jsonl").write_bytes(b"not a journal\nat all\n")
    result = CliRunner().invoke(app, ["show", str(tmp_path)])
    assert result.exit_code == USAGE
