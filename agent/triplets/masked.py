"""Plans with steps masked out, for a planning module to restore (F3).

A step is masked as a whole, its reasoning and its operation: with one of the two left standing the other is
all but told. Each step is masked in turn, and all of them once (U25).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

SCHEMA = "codeagent/masked/1"
MASK = {"masked": True}


def masked(triplet: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The examples of one triplet: one per step, and one with all of them, unless that is the same."""
    count = len(triplet["plan"])
    for index in range(count):
        yield _example(triplet, frozenset({index}), str(index))
    if count > 1:
        yield _example(triplet, frozenset(range(count)), "all")


def unmasked(example: dict[str, Any]) -> list[dict[str, Any]]:
    """The whole plan again. ValueError when target and masks do not belong together."""
    targets = {target["index"]: target["step"] for target in example["target"]}
    holes = {index for index, step in enumerate(example["plan"]) if step == MASK}
    if set(targets) != holes:
        raise ValueError(f"masked are steps {sorted(holes)}, given are steps {sorted(targets)}")
    return [targets.get(index, step) for index, step in enumerate(example["plan"])]


def _example(triplet: dict[str, Any], holes: frozenset[int], name: str) -> dict[str, Any]:
    plan = triplet["plan"]
    return {
        "schema": SCHEMA,
        "id": f"{triplet['id']}#{name}",
        "triplet": triplet["id"],
        "task": triplet["task"],
        "before": triplet["before"],
        "action": triplet["action"],
        "plan": [dict(MASK) if index in holes else step for index, step in enumerate(plan)],
        "target": [{"index": index, "step": plan[index]} for index in sorted(holes)],
    }
