"""A run as its journal tells it: whole, cut anywhere, damaged, older, forged."""

from __future__ import annotations

import random
import zlib
from pathlib import Path
from typing import Any

import pytest

from agent.errors import JournalCorrupt
from agent.journal import FileJournal, read_journal, record_at, scan_journal
from agent.show.mermaid import mermaid_tree
from agent.show.read import journal_of, read_run
from bot.cli.show import run_json
from bot.render.tree_page import tree_page
from tests.show.journals import forged, large, step


def test_a_solved_run(toy: Path) -> None:
    run = read_run(toy)
    assert run.stop == "solved"
    assert run.task.title == "sign(0) is wrong"
    solution = run.nodes[run.chosen[-1]]
    assert solution.proven
    assert solution.results is not None
    assert solution.results.passes
    assert run.chosen[0] == 0
    assert run.best in run.nodes
    (reproduction,) = run.nodes[0].children
    tests = run.nodes[reproduction].arrived
    assert tests is not None
    assert [(test.path, test.verifies) for test in tests.tests] == [("tests/test_zero.py", "sign(0) is 0.")]
    assert solution.arrived is not None
    assert solution.arrived.action.summary == "Try e7 right"
    assert solution.arrived.action.score == 0.3
    assert solution.arrived.action.score_source == "built-in ranking"
    assert solution.arrived.steps[0].new == "        return 0\n"


def test_what_led_nowhere_is_told_with_its_reason(toy: Path) -> None:
    run = read_run(toy)
    tried = {each.action.id: each for node in run.nodes.values() for each in node.tried}
    assert {name: each.effect for name, each in tried.items()} == {
        "e3 does not fit": "not applied",
        "e4 same as e1": "duplicate",
        "e5 not used": "not used",
    }
    assert "read otherwise" in tried["e3 does not fit"].remark
    assert tried["e5 not used"].reason == "as the script says"
    refused = [node for node in run.nodes.values() if node.gates and not node.proven]
    assert len(refused) == 1
    assert any(not gate.passed and gate.explanation for gate in refused[0].gates)


def test_the_root_and_failing_cases_are_told_as_measured(toy: Path) -> None:
    run = read_run(toy)
    assert run.nodes[0].results is not None
    assert run.nodes[0].results.remark == "no test"
    wrong = next(
        node for node in run.nodes.values() if node.arrived and node.arrived.action.id.startswith("e1")
    )
    assert wrong.results is not None
    (case,) = wrong.results.generated.failed
    assert "AssertionError" in wrong.results.generated.failed[case]
    assert "tests/test_zero.py" in wrong.results.generated.details[case]
    assert wrong.notes[0].test == case
    assert wrong.descend is False


def test_what_each_phase_has_spent(toy: Path) -> None:
    run = read_run(toy)
    runs = {phase.name: phase.runs for phase in run.phases}
    assert runs["baseline"] == 2
    assert runs["search: reproduction"] == 2
    assert runs["proof"] >= 3
    assert sum(runs.values()) == run.spend["sandbox_runs"]


def test_model_calls_are_counted_by_who_asked(tmp_path: Path) -> None:
    """As agent.llm.record writes an ask: lost calls count with what they may have cost."""
    path = tmp_path / "journal.jsonl"
    ask = {
        "is": "Record", "usage": {"is": "Count", "prompt": 900, "cached": 100, "completion": 50},
        "cost": 2_000_000_000, "lost": {"is": "Cost", "tokens": 10, "money": 500_000_000}, "calls": 2,
        "milliseconds": 1_500, "clock": 7.5,
    }  # fmt: skip
    with FileJournal(path, run="r", task={}) as journal:
        for number, component in enumerate(("policy", "policy", "planner")):
            journal.effect("model", {"component": component, "prompt": str(number)}, lambda: ask)
    run = read_run(path)
    policy, planner = run.phases
    assert (policy.name, policy.model_calls, policy.tokens) == ("model: policy", 4, 1_920)
    assert (policy.money, policy.seconds) == (0.005, 3.0)
    assert (planner.name, planner.model_calls) == ("model: planner", 2)
    assert run.seconds == 7.5


def test_a_run_is_named_by_its_directory_or_its_journal(toy: Path) -> None:
    assert journal_of(toy.parent) == toy
    assert journal_of(toy) == toy


def test_every_beginning_of_a_journal_can_be_shown(toy: Path, tmp_path: Path) -> None:
    """A run killed at any line, or in the middle of one; or one that still goes on."""
    lines = toy.read_bytes().splitlines(keepends=True)
    path = tmp_path / "journal.jsonl"
    known = 0
    for number in range(1, len(lines)):
        torn = lines[number][: len(lines[number]) // 2]
        path.write_bytes(b"".join(lines[:number]) + torn)
        run = read_run(path)
        assert run.stop == ""
        assert run.remarks == ()
        assert known <= len(run.nodes)
        known = len(run.nodes)
    assert known == len(read_run(toy).nodes)


def test_a_damaged_last_line_is_no_damage(toy: Path, tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_bytes(toy.read_bytes()[:-20] + b"xxxxxxxxxxxxxxxxxxx\n")
    assert read_run(path).stop == ""
    assert read_run(path).remarks == ()


def test_before_damage_in_the_middle_all_is_shown(toy: Path, tmp_path: Path) -> None:
    lines = toy.read_bytes().splitlines(keepends=True)
    lines[-3] = b'{"note": "damaged"}\n'
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b"".join(lines))
    run = read_run(path)
    assert len(run.nodes) > 3
    assert f"line {len(lines) - 2}: damaged" in run.remarks[0]


def _sealed(text: str) -> bytes:
    body = text.encode()
    return b'%s,"sum":"%08x"}\n' % (body[:-1], zlib.crc32(body))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no journal\n",
        b'{"journal": 99}\n\xff\xfe garbage\n',
        _sealed('{"journal":99,"run":"r","task":{}}'),
        _sealed('{"note":"visit","body":{}}'),
        _sealed('{"a":' + "[" * 200_000 + "]" * 200_000 + "}") * 2,
        _sealed('{"a":' + "9" * 5_000 + "}") * 2,
    ],
    ids=["empty", "text", "garbage", "a later format", "no header", "nesting", "a huge number"],
)
def test_what_is_no_journal_is_said_to_be_none(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_bytes(content)
    with pytest.raises(JournalCorrupt):
        read_run(path)


def test_scanning_reads_what_reading_reads(toy: Path) -> None:
    whole = read_journal(toy)
    scanned = list(scan_journal(toy))
    assert tuple(record for _, record in scanned[1:]) == whole.records
    for place, record in scanned:
        assert record_at(toy, place) == record


def notes_of(path: Path) -> list[tuple[str, Any]]:
    return [(r["note"], r["body"]) for _, r in scan_journal(path) if "note" in r]


def test_older_journals_without_any_one_field_can_be_shown(toy: Path, tmp_path: Path) -> None:
    notes = notes_of(toy)
    names = sorted({name for _, body in notes for name in _names(body)})
    assert "score_source" in names
    for number, name in enumerate(names):
        older = [(kind, _without(body, name)) for kind, body in notes]
        shown(forged(tmp_path / f"{number}.jsonl", older))


def shown(path: Path) -> None:
    run = read_run(path)
    assert len(tree_page(run)) > 1_000
    assert mermaid_tree(run).startswith("flowchart TD\n")
    assert run_json(run).isascii()


def _names(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value).union(*map(_names, value.values()))
    return set().union(*map(_names, value)) if isinstance(value, list) else set()


def _without(value: Any, name: str) -> Any:
    if isinstance(value, dict):
        return {key: _without(item, name) for key, item in value.items() if key != name}
    return [_without(item, name) for item in value] if isinstance(value, list) else value


JUNK = (None, True, -1, 3, 1e308, 10**30, "", "x", [], [1], {}, {"is": 3}, "\ud800\u202e\x1b[2J")
TASKS = ({}, {"title": 3}, {"text": "x", "number": "y"})


@pytest.mark.parametrize("seed", range(40))
def test_a_journal_of_anything_can_be_shown(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    notes = [*step("text", 0, 1), *step("text", 1, 2)]
    changed = [(kind, _junked(chance, body)) for kind, body in notes]
    shown(forged(tmp_path / "journal.jsonl", changed, task=chance.choice(TASKS)))


def _junked(chance: random.Random, value: Any) -> Any:
    """The same with some parts replaced."""
    if chance.random() < 0.06:
        return chance.choice(JUNK)
    if isinstance(value, dict):
        return {name: _junked(chance, item) for name, item in value.items()}
    return [_junked(chance, item) for item in value] if isinstance(value, list) else value


def test_rows_that_make_no_tree_are_left_out(tmp_path: Path) -> None:
    notes = [*step("a", 0, 1), *step("loop", 1, 0), *step("twice", 0, 1), *step("orphan", 77, 78)]
    run = read_run(forged(tmp_path / "journal.jsonl", notes))
    assert sorted(run.nodes) == [0, 1]
    assert run.nodes[0].children == [1]
    assert "fit to nothing" in run.remarks[0]


def test_texts_are_bounded(tmp_path: Path) -> None:
    notes = step("x" * 200_000, 0, 1)
    run = read_run(forged(tmp_path / "journal.jsonl", notes))
    assert len(repr(run)) < 200_000
    assert "characters more" in run.nodes[0].tried[0].reason


def test_the_best_state_of_an_unsolved_run_is_one_with_changed_code(tmp_path: Path) -> None:
    """A test that passes on base has the best of scores and repairs nothing."""
    passing = {
        "node": 0, "action": "t", "effect": "executed", "child": 1, "results": {"score": 1.0},
        "plan": [{"is": "Step", "operation": {"is": "AddTests", "tests": []}}],
    }  # fmt: skip
    run = read_run(forged(tmp_path / "a.jsonl", [("transition", passing), *large(1)]))
    assert run.best == 0
    run = read_run(forged(tmp_path / "b.jsonl", large(50)))
    assert run.best == 49
    assert run.chosen == ()
