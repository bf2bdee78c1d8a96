"""What a transition was worth (U24), and who is the same problem as whom."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from agent.show.model import NodeView, RunView
from agent.types import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Reward:
    """Scores are pass shares less regressions; None: not recorded. ``use`` is the decision model's label."""

    before: float | None
    after: float | None
    delta: float | None  # None where there is no sense in comparing: the tests are not the same
    reproduced_before: bool
    reproduced_after: bool
    passes: bool
    refused: bool  # its tests pass, and a gate did not let it through
    on_chosen_path: bool
    use: int


def reward(run: RunView, before: NodeView, after: NodeView) -> Reward:
    """``use`` is 1 for what lies on the way to the proven state or made things better, else 0 (U24).

    Better is a higher score under the same tests. Where an action adds tests the scores tell nothing: a test
    that passes on base has the best of scores and is worth nothing. There better means that the issue is
    reproduced and was not before. What a gate refused is not better, whatever its score: a patch that knows
    its tests must not be learned from.
    """
    same_tests = after.arrived is None or not after.arrived.tests
    comparable = same_tests and before.score is not None and after.score is not None
    delta = (after.score or 0.0) - (before.score or 0.0) if comparable else None
    was, now = _reproduced(before), _reproduced(after)
    better = (delta is not None and delta > 0) or (now and not was)
    on_path = after.id in run.chosen
    refused = bool(after.gates) and not after.proven
    return Reward(
        before=before.score,
        after=after.score,
        delta=delta,
        reproduced_before=was,
        reproduced_after=now,
        passes=after.results is not None and after.results.passes,
        refused=refused,
        on_chosen_path=on_path,
        use=int(on_path or (better and not refused)),
    )


def task_id(task: Task) -> str:
    """The same problem at the same commit, whoever ran it and how often."""
    whole = f"{task.repository}\0{task.base}\0{task.title}\0{task.text}"
    return hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _reproduced(node: NodeView) -> bool:
    return node.results is not None and node.results.reproduced
