"""From journals to lines of training data, one line in memory at a time.

A run may have ended in any way: what it executed is data, solved or not. What cannot be used is left out and
counted with its reason, never guessed (F2).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, assert_never

from agent.codec import decode
from agent.errors import JournalCorrupt
from agent.journal import scan_journal
from agent.show.model import NodeView, RunView
from agent.show.read import read_run
from agent.show.rebuild import RecordedRun, Unusable
from agent.triplets.chat import chats
from agent.triplets.choose import Choice, chosen
from agent.triplets.label import task_id
from agent.triplets.masked import masked
from agent.triplets.preferences import preferences, slim
from agent.triplets.schema import Form
from agent.triplets.triplet import Redaction, triplet
from agent.types import Task
from sandbox.redact import Redactor


@dataclass(kw_only=True)
class Tally:
    """What came of an export; complete when its lines have been taken."""

    lines: int = 0
    transitions: int = 0
    runs: int = 0
    tasks: set[str] = field(default_factory=set)
    repositories: set[str] = field(default_factory=set)
    left_out: Counter[str] = field(default_factory=Counter)


def export(
    journals: Sequence[Path], form: Form, choice: Choice, tally: Tally, redact: Redactor | None = None
) -> Iterator[dict[str, Any]]:
    """The lines, run by run in the order of the journals. Raises OSError, never for what a journal holds."""
    taken_out = Redaction(redact)
    readable = [(path, task) for path in journals if (task := _task(path, tally)) is not None]
    wanted = chosen((task for _, task in readable), choice)
    for path, task in readable:
        if task_id(task) not in wanted:
            continue
        before = tally.lines
        for line in _lines(path, form, tally, taken_out):
            tally.lines += 1
            yield line
        if tally.lines > before:
            tally.runs += 1
            tally.tasks.add(task_id(task))
            tally.repositories.add(taken_out(task.repository))


def _task(path: Path, tally: Tally) -> Task | None:
    try:
        _, header = next(scan_journal(path))
        return decode(Task, header["task"])
    except StopIteration:
        tally.left_out["journals that are empty"] += 1
    except (JournalCorrupt, KeyError, ValueError, TypeError, AttributeError):
        tally.left_out["files that are no journal of a run"] += 1
    return None


def _lines(path: Path, form: Form, tally: Tally, redact: Redaction) -> Iterator[dict[str, Any]]:
    try:
        run = read_run(path)
        recorded = RecordedRun(path, run)
    except (JournalCorrupt, Unusable):
        tally.left_out["runs without a sound beginning"] += 1
        return
    for node in run.nodes.values():
        siblings = _executed(recorded, run, node, tally, redact)
        if form is Form.PREFERENCES:
            yield from preferences([slim(each) for each in siblings])
        else:
            for each in siblings:
                yield from _of_one(each, form)


def _of_one(each: dict[str, Any], form: Form) -> Iterator[dict[str, Any]]:
    match form:
        case Form.TRIPLETS:
            yield each
        case Form.MASKED:
            yield from masked(each)
        case Form.SFT:
            yield from chats(each)
        case Form.PREFERENCES:
            raise ValueError("a pair takes two transitions")
        case _:
            assert_never(form)


def _executed(
    recorded: RecordedRun, run: RunView, node: NodeView, tally: Tally, redact: Redaction
) -> Iterator[dict[str, Any]]:
    """The transitions from a node that were executed, in the order in which they were."""
    for child in node.children:
        step = run.nodes[child].arrived
        if step is None:
            continue
        try:
            line: dict[str, Any] = triplet(recorded, run, step, redact)
        except (Unusable, JournalCorrupt):
            tally.left_out["transitions that cannot be rebuilt"] += 1
            continue
        tally.transitions += 1
        yield line
