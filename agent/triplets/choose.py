"""Which problems are exported: a seeded sample (F4, F5) of one side of a split that cannot overlap.

Both are functions of a problem's name and the seed alone. So the same problem is on the same side whatever
else is exported with it, and a sample of 500 holds the sample of 250.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from agent.triplets.label import task_id
from agent.types import Task


class Side(StrEnum):
    TRAIN = "train"
    EVAL = "eval"


class By(StrEnum):
    """What must not be on both sides: a whole repository, or one task."""

    REPOSITORY = "repository"
    TASK = "task"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """``sample`` None takes every problem, ``side`` None both sides."""

    sample: int | None = None
    seed: int = 0
    side: Side | None = None
    by: By = By.REPOSITORY
    eval_share: float = 0.2


def side_of(task: Task, choice: Choice) -> Side:
    """The side that a task is on: that of its repository or of itself."""
    name = task.repository if choice.by is By.REPOSITORY else task_id(task)
    return Side.EVAL if _drawn(f"side {choice.seed} {name}") < choice.eval_share else Side.TRAIN


def chosen(tasks: Iterable[Task], choice: Choice) -> frozenset[str]:
    """The ids of the tasks that are exported."""
    there = {task_id(task): task for task in tasks}
    ids = [name for name, task in there.items() if choice.side in (None, side_of(task, choice))]
    ranked = sorted(ids, key=lambda name: (_drawn(f"sample {choice.seed} {name}"), name))
    return frozenset(ranked if choice.sample is None else ranked[: choice.sample])


def _drawn(name: str) -> float:
    """A number from 0 up to 1 that belongs to a name."""
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8]) / (1 << 64)
