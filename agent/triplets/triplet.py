"""One executed transition as one JSON object (F1, F2): agent/triplets/schemas/triplets.json says its form."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import asdict
from functools import lru_cache
from typing import Any

from agent.codec import encode
from agent.operations import current
from agent.protocols import JsonObject, SourceTree
from agent.show.model import NodeView, RunView, TransitionView
from agent.show.rebuild import RecordedRun, Unusable
from agent.triplets.label import reward, task_id
from agent.types import (
    AddTests,
    EditLines,
    MarkTestWrong,
    Operation,
    Plan,
    ReplacePassage,
    RewriteSymbol,
    RunTests,
    State,
    Step,
    Task,
    WriteFile,
    WriteOutline,
)
from sandbox.redact import Redactor

SCHEMA = "codeagent/triplet/1"
LONG = 2_000  # characters
LARGEST_FILE = 256 << 10  # bytes; of a larger one its size is told


class Redaction:
    """Takes out secrets, and remembers the last long texts: siblings share their files."""

    def __init__(self, redact: Redactor | None = None) -> None:
        self._redact = redact or Redactor()
        self._long = lru_cache(maxsize=32)(self._redact)

    def __call__(self, text: str) -> str:
        return self._redact(text) if len(text) < LONG else self._long(text)

    def data(self, data: bytes) -> bytes:
        return self._redact.data(data)


def triplet(recorded: RecordedRun, run: RunView, step: TransitionView, redact: Redaction) -> JsonObject:
    """The line of one executed transition. Raises Unusable."""
    if step.child is None or step.child not in run.nodes:
        raise Unusable("the transition was not executed")
    before, after = run.nodes[step.node], run.nodes[step.child]
    plan = recorded.plan(step)
    touched = _touched(plan, recorded.state(before))
    body: dict[str, Any] = {
        "schema": SCHEMA,
        "id": f"{run.run}:{before.id}-{after.id}",
        "run": run.run,
        "task": task_body(recorded.task),
        "before": _state(recorded, before, touched),
        "action": {**asdict(step.action), "id": plan.action.id},
        "plan": [step_body(each) for each in plan.steps],
        "decision": {"use": bool(step.use), "reason": step.reason},
        "after": _state(recorded, after, touched),
        "reward": asdict(reward(run, before, after)),
    }
    whole: JsonObject = redacted(body, redact)
    return whole


def task_body(task: Task) -> dict[str, Any]:
    return {
        "id": task_id(task),
        "repository": task.repository,
        "base": task.base,
        "title": task.title,
        "text": task.text,
        "number": task.number,
    }


def step_body(step: Step) -> dict[str, Any]:
    """As agent.codec writes it, so that it can be read back; but no content is packed away."""
    operation: Any = encode(step.operation)
    if isinstance(step.operation, WriteFile) and step.operation.content is not None:
        operation["content"] = _content(step.operation.content)
    return {"is": "Step", "reasoning": step.reasoning, "operation": operation}


def redacted(value: Any, redact: Redaction) -> Any:
    """Every text in it, names of fields too; packed bytes are looked into."""
    match value:
        case {"base64": str(packed)} if len(value) == 1:
            return {"base64": base64.b64encode(redact.data(base64.b64decode(packed))).decode("ascii")}
        case dict():
            return {redact(name): redacted(item, redact) for name, item in value.items()}
        case list() | tuple():
            return [redacted(item, redact) for item in value]
        case str():
            return redact(value)
        case _:
            return value


def _state(recorded: RecordedRun, node: NodeView, touched: Iterable[str]) -> dict[str, Any]:
    state = recorded.state(node)
    paths = sorted({*state.patch.paths, *touched})
    return {
        "digest": node.digest,
        "files": [_file(state, path, recorded.source) for path in paths],
        "tests": [
            {
                "path": test.path,
                "content": test.content,
                "verifies": test.verifies,
                "role": test.role.value,
                "given": test.given,
            }
            for test in state.tests
        ],
        "outline": None if state.outline is None else encode(state.outline),
        "results": None if node.results is None else asdict(node.results),
        "feedback": [asdict(note) for note in node.notes],
    }


def _file(state: State, path: str, source: SourceTree) -> dict[str, Any]:
    """A file as it stands in a state. ``changed``: otherwise than on base."""
    content = current(state, path, source)
    return {
        "path": path,
        "changed": path in state.patch.paths,
        "content": None if content is None else _content(content),
    }


def _content(content: bytes) -> dict[str, Any]:
    if len(content) > LARGEST_FILE:
        return {"omitted": len(content)}
    try:
        return {"text": content.decode("utf-8")}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(content).decode("ascii")}


def _touched(plan: Plan, before: State) -> frozenset[str]:
    """What the plan changes, and what the outline that it follows looks at."""
    outlined = {place.path for place in before.outline.targets} if before.outline is not None else set()
    return frozenset(outlined.union(*(_paths(step.operation) for step in plan.steps)))


def _paths(operation: Operation) -> frozenset[str]:
    match operation:
        case EditLines() | RewriteSymbol() | ReplacePassage() | WriteFile():
            return frozenset({operation.path})
        case WriteOutline(outline=outline):
            return frozenset(place.path for place in outline.targets)
        case AddTests() | MarkTestWrong() | RunTests():
            return frozenset()
