"""Triplets: what was executed, as it was measured, with its worth; and what is made of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.codec import decode
from agent.journal import FileJournal, scan_journal
from agent.operations import apply_operation
from agent.show.read import read_run
from agent.show.rebuild import RecordedRun
from agent.triplets.choose import Choice
from agent.triplets.export import Tally, export
from agent.triplets.masked import masked, unmasked
from agent.triplets.schema import Form, schema_of
from agent.types import EditLines, Step, Task
from sandbox.redact import Redactor
from tests.agent.support import CALC, TEST_ZERO, script
from tests.show.journals import toy_journal
from tests.triplets.conftest import SECRET

Line = dict[str, Any]


def lines(form: Form, *paths: Path, redact: Redactor | None = None) -> list[Line]:
    return list(export(paths, form, Choice(), Tally(), redact))


def by_action(found: list[Line]) -> dict[str, Line]:
    return {line["action"]["id"]: line for line in found}


def test_every_executed_transition_is_a_triplet_and_nothing_else_is(solved: Path) -> None:
    """F1: the refused and the useless too; what was not used, did not apply or was a duplicate never ran."""
    found = by_action(lines(Form.TRIPLETS, solved))
    executed = [node for node in read_run(solved).nodes.values() if node.arrived]
    assert len(found) == len(executed)
    assert "e7 right" in found
    assert not set(found) & {"e3 does not fit", "e4 same as e1", "e5 not used"}


def test_states_are_whole(solved: Path) -> None:
    """Code, tests and results of s0 and s1 as they were; s1 as the sandbox measured it (F2)."""
    right = by_action(lines(Form.TRIPLETS, solved))["e7 right"]
    (before,), (after,) = right["before"]["files"], right["after"]["files"]
    assert before == {"path": "calc.py", "changed": False, "content": {"text": CALC}}
    assert after["changed"]
    assert after["content"]["text"] == CALC.replace("        return 1\n", "        return 0\n")
    assert [test["content"] for test in right["after"]["tests"]] == [TEST_ZERO]
    assert right["before"]["results"]["generated"]["failures"] == 1
    assert right["before"]["feedback"][0]["text"].startswith("tests/test_zero.py::test_sign_of_zero fails")
    assert right["after"]["results"]["passes"]
    assert right["plan"][0]["reasoning"] == "because of e7 right"
    nodes = {node.digest: node for node in read_run(solved).nodes.values()}
    assert nodes[right["after"]["digest"]].results is not None


def test_a_plan_can_be_read_back_and_leads_from_one_state_to_the_other(solved: Path) -> None:
    run = read_run(solved)
    recorded = RecordedRun(solved, run)
    for line in lines(Form.TRIPLETS, solved):
        numbers = [int(each) for each in line["id"].rpartition(":")[2].split("-")]
        state = recorded.state(run.nodes[numbers[0]])
        for step in line["plan"]:
            state = apply_operation(state, decode(Step, step).operation, recorded.source)
        assert state == recorded.state(run.nodes[numbers[1]])


@pytest.mark.parametrize(
    ("action", "use", "delta", "refused", "on_path"),
    [
        ("zero", 1, None, False, True),  # on the way; tests were added, so the scores tell nothing
        ("e1 wrong value", 0, 0.0, False, False),
        ("e6 special case", 0, 1.0, True, False),  # raised the score by knowing its test
        ("e7 right", 1, 1.0, False, True),
    ],
)
def test_what_a_transition_was_worth(
    solved: Path, action: str, use: int, delta: float | None, refused: bool, on_path: bool
) -> None:
    """U24."""
    reward = by_action(lines(Form.TRIPLETS, solved))[action]["reward"]
    assert (reward["use"], reward["delta"]) == (use, delta)
    assert (reward["refused"], reward["on_chosen_path"]) == (refused, on_path)


def test_an_unsolved_run_is_data_too(unsolved: Path) -> None:
    found = by_action(lines(Form.TRIPLETS, unsolved))
    assert found["zero"]["reward"]["reproduced_after"]
    assert found["zero"]["reward"]["use"] == 1  # it reproduces the issue, which nothing did before
    assert not any(line["reward"]["on_chosen_path"] for line in found.values())


def test_a_run_that_was_killed_is_data_as_far_as_it_went(solved: Path, tmp_path: Path) -> None:
    whole = solved.read_bytes()
    path = tmp_path / "journal.jsonl"
    path.write_bytes(whole[: len(whole) * 9 // 10])
    killed = lines(Form.TRIPLETS, path)
    assert 0 < len(killed) <= len(lines(Form.TRIPLETS, solved))
    assert {line["id"] for line in killed} <= {line["id"] for line in lines(Form.TRIPLETS, solved)}


@pytest.mark.parametrize("form", list(Form))
def test_every_line_is_as_its_schema_says(form: Form, solved: Path, unsolved: Path) -> None:
    schema = schema_of(form)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    found = lines(form, solved, unsolved)
    assert found
    for line in found:
        validator.validate(json.loads(json.dumps(line)))


def test_a_plan_is_restored_from_its_masks_and_their_targets(solved: Path) -> None:
    """F3, U25: each step in turn, and all at once."""
    for triplet in lines(Form.TRIPLETS, solved):
        examples = list(masked(triplet))
        count = len(triplet["plan"])
        assert len(examples) == count + (count > 1)
        assert [[target["index"] for target in each["target"]] for each in examples[:count]] == [
            [index] for index in range(count)
        ]
        for example in examples:
            assert unmasked(json.loads(json.dumps(example))) == triplet["plan"]
            for target in example["target"]:
                assert target["step"] not in example["plan"]


STEPS = st.lists(
    st.fixed_dictionaries({"reasoning": st.text(), "operation": st.dictionaries(st.text(), st.text())}),
    min_size=1,
    max_size=6,
)


@given(STEPS)
def test_masks_are_undone_whatever_the_plan(plan: list[Line]) -> None:
    triplet = {"id": "r:0-1", "task": {}, "before": {}, "action": {}, "plan": plan}
    for example in masked(triplet):
        assert unmasked(example) == plan


def test_targets_that_belong_to_other_masks_are_refused(solved: Path) -> None:
    one, other = list(masked(by_action(lines(Form.TRIPLETS, solved))["e2 breaks others"]))[:2]
    with pytest.raises(ValueError, match="masked are steps"):
        unmasked({**one, "target": other["target"]})


def test_chats_teach_what_was_of_use_and_decisions_of_both_kinds(solved: Path) -> None:
    found = lines(Form.SFT, solved)
    assert all(set(line) == {"messages"} for line in found)
    assert all(
        [each["role"] for each in line["messages"]] == ["system", "user", "assistant"] for line in found
    )
    answers = [json.loads(line["messages"][2]["content"]) for line in found]
    assert {"skill": "debugger", "summary": "Try e7 right"} in answers
    assert {"skill": "debugger", "summary": "Try e1 wrong value"} not in answers
    assert {"use": True} in answers
    assert {"use": False} in answers
    planner = next(line for line in found if "steps" in json.loads(line["messages"][2]["content"]))
    assert "sign(0) gives 1, expected 0" in planner["messages"][1]["content"]


def test_pairs_prefer_what_was_of_use_to_what_was_not(solved: Path) -> None:
    found = lines(Form.PREFERENCES, solved)
    pairs = [
        tuple(json.loads(line[side][0]["content"])["summary"] for side in ("chosen", "rejected"))
        for line in found
    ]
    assert ("Try e7 right", "Try e1 wrong value") in pairs
    assert ("Try e7 right", "Try e6 special case") in pairs
    assert all(chosen == "Try e7 right" for chosen, _ in pairs)
    for line in found:
        assert line["prompt"][-1]["role"] == "user"
        assert line["chosen"] != line["rejected"]


@pytest.mark.parametrize("form", list(Form))
def test_secrets_are_taken_out(form: Form, unsolved: Path) -> None:
    for line in lines(form, unsolved, redact=Redactor(["return x + x"])):
        text = json.dumps(line)
        assert SECRET not in text
        assert "return x + x" not in text
    assert "[redacted]" in json.dumps(lines(Form.TRIPLETS, unsolved))


def test_what_cannot_be_rebuilt_is_left_out_and_counted(solved: Path, tmp_path: Path) -> None:
    """A plan that was changed afterwards does not lead to the state that was measured."""
    path = tmp_path / "journal.jsonl"
    _copy(solved, path, lambda text: text.replace("        return 0\\n", "        return 9\\n"))
    tally = Tally()
    kept = {line["action"]["id"] for line in export([path], Form.TRIPLETS, Choice(), tally)}
    assert "e1 wrong value" in kept
    assert "e7 right" not in kept
    assert tally.left_out["transitions that cannot be rebuilt"] == 3  # these lines are in three of the plans


def test_journals_of_anything_stop_nothing(solved: Path, tmp_path: Path) -> None:
    empty, garbage, early = (tmp_path / name for name in ("empty", "garbage", "early"))
    empty.write_bytes(b"")
    garbage.write_bytes(b"no\njournal\n")
    early.write_bytes(solved.read_bytes().split(b"\n", 1)[0] + b"\n")
    tally = Tally()
    found = list(export([empty, garbage, early, solved], Form.TRIPLETS, Choice(), tally))
    assert len(found) == len(lines(Form.TRIPLETS, solved))
    assert dict(tally.left_out) == {
        "journals that are empty": 1,
        "files that are no journal of a run": 1,
        "runs without a sound beginning": 1,
    }


def test_few_states_are_kept_in_memory(solved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.show.rebuild.KEPT", 1)
    run = read_run(solved)
    recorded = RecordedRun(solved, run)
    for node in [*run.nodes.values(), *reversed(run.nodes.values())]:
        assert recorded.state(node).patch.paths in ((), ("calc.py",))
        assert len(recorded._states) <= 2 * max(each.depth + 1 for each in run.nodes.values())


def test_lines_come_one_by_one(solved: Path) -> None:
    found = export([solved, solved], Form.TRIPLETS, Choice(), tally := Tally())
    assert isinstance(found, Iterator)
    next(found)
    assert tally.transitions == 1


def _copy(source: Path, target: Path, change: Any) -> None:
    """The same journal with changed notes and sound checksums."""
    records = list(scan_journal(source))
    header = records[0][1]
    with FileJournal(target, run=str(header["run"]), task=header["task"]) as journal:  # type: ignore[arg-type]
        for _, record in records[1:]:
            if "note" in record:
                journal.note(str(record["note"]), json.loads(change(json.dumps(record["body"]))))
            else:
                answer: Any = record["answer"]
                journal.effect(str(record["effect"]), record["request"], lambda answer=answer: answer)  # type: ignore[arg-type,misc]


def test_binary_and_new_files_are_told_as_they_are(tmp_path: Path) -> None:
    from agent.types import WriteFile
    from tests.agent.support import action

    operations = (
        WriteFile(path="blob.bin", content=b"\xff\x00" * 10),
        WriteFile(path="long.txt", content=b"words and words\n" * 200),
        WriteFile(path="huge.txt", content=b"x" * (300 << 10)),
        EditLines(path="calc.py", first=1, last=0, expected="", replacement="# new\n"),
    )
    path = toy_journal(tmp_path, script(edits=(action("files", 1.0, *operations),)))
    line = by_action(lines(Form.TRIPLETS, path))["files"]
    files = {file["path"]: file["content"] for file in line["after"]["files"]}
    assert files["blob.bin"] == {"base64": "/wD/AP8A/wD/AP8A/wD/AP8A/wA="}
    assert files["long.txt"] == {"text": "words and words\n" * 200}
    assert files["huge.txt"] == {"omitted": 300 << 10}
    assert {file["path"]: file["content"] for file in line["before"]["files"]}["blob.bin"] is None
    assert line["plan"][1]["operation"]["content"] == {"text": "words and words\n" * 200}


def test_the_task_is_the_one_that_was_asked_for(solved: Path) -> None:
    _, header = next(scan_journal(solved))
    task = decode(Task, header["task"])  # type: ignore[arg-type]
    assert lines(Form.TRIPLETS, solved)[0]["task"]["title"] == task.title
