"""Journals to look at: of a real search over the toy repository, and forged ones."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from agent.codec import encode_fields
from agent.journal import FileJournal
from agent.run import open_journal, repair
from agent.types import Budget, Task
from tests.agent.support import TASK, Script, ToySandboxes, ToyWorkbench, script, services, write_toy


def toy_journal(place: Path, parts: Script | None = None, task: Task = TASK, run: str = "toy") -> Path:
    """The journal of a finished search: refused, duplicate, unused, unfitting proposals, then a solution."""
    tree, sandboxes, path = write_toy(place / "toy"), ToySandboxes(), place / "run" / "journal.jsonl"
    with open_journal(path, run=run, task=task) as journal:
        repair(
            task,
            tree,
            services(sandboxes, parts or script(), workers=1),
            journal,
            workbench=ToyWorkbench(tree, sandboxes),
            budget=Budget(),
        )
    return path


def forged(path: Path, notes: Iterable[tuple[str, Any]], run: str = "forged", task: Any = None) -> Path:
    """A journal whose lines are sound and whose content is whatever it is."""
    with FileJournal(path, run=run, task=encode_fields(TASK) if task is None else task) as journal:
        for kind, body in notes:
            journal.note(kind, body)
    return path


def step(text: str, parent: int, child: int, **more: Any) -> list[tuple[str, Any]]:
    """A visit and an executed transition in which every text is the given one."""
    action = {
        "id": text, "skill": text, "kind": text, "summary": text, "score": 0.5, "score_source": text,
        "origin": text, "level": text, "target": {"is": "Location", "path": text, "line": 3, "symbol": text},
    }  # fmt: skip
    report = {"passed": 1, "failed": {text: text}, "details": {text: text}, "problem": text}
    results = {
        "score": 0.5, "passes": False, "reproduced": True, "remark": text, "regressions": [text],
        "generated": report, "suite": report,
    }  # fmt: skip
    test = {"is": "TestFile", "path": text, "content": text, "verifies": text}
    plan = [
        {"is": "Step", "reasoning": text, "operation": operation}
        for operation in (
            {"is": "AddTests", "tests": [test]},
            {"is": "EditLines", "path": text, "first": 1, "last": 2, "expected": text, "replacement": text},
            {"is": "WriteOutline", "outline": {"approach": text, "steps": [text], "targets": []}},
            {"is": "ReplacePassage", "path": text, "passage": text, "replacement": text},
            {"is": text, "path": text},
        )
    ]
    transition = {
        "node": parent, "action": text, "plan": plan, "decision": {"use": True, "reason": text},
        "effect": "executed", "remark": text, "child": child, "state": text, "results": results,
    }  # fmt: skip
    tried = {**transition, "effect": text, "child": None}
    gate = {"is": "GateResult", "name": text, "passed": False, "explanation": text}
    note = {"is": "FeedbackNote", "test": text, "kind": text, "text": text}
    return [
        ("visit", {"visit": 1, "node": parent, "state": text, "depth": 0, "actions": [action]}),
        ("transition", {**transition, **more}),
        ("transition", tried),
        ("gates", {"node": child, "gates": [gate]}),
        ("feedback", {"node": child, "notes": [note], "descend": True, "reason": text, "closed": False}),
        (text, {"node": child}),
    ]


def large(states: int, width: int = 40) -> list[tuple[str, Any]]:
    """A tree with the best state far from the first ones."""
    notes: list[tuple[str, Any]] = []
    for number in range(1, states):
        plan = [{"is": "Step", "reasoning": "r", "operation": {"is": "WriteFile", "path": "a"}}]
        body = {
            "node": (number - 1) // width, "action": f"a{number}", "plan": plan, "effect": "executed",
            "child": number, "results": {"score": number / states},
        }  # fmt: skip
        notes.append(("transition", body))
    return notes
