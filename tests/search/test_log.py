"""What the journal says of each round (J12) and of a policy that has nothing to propose."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from agent.journal import MemoryJournal
from agent.protocols import NoActions, View
from agent.types import Action, AddTests, TestFile
from tests.search.world import TREE, World, where


def notes(journal: MemoryJournal, kind: str) -> list[dict[str, object]]:
    return [note["body"] for note in map(json.loads, journal._notes) if note["note"] == kind]


@dataclass(kw_only=True)
class WithTests(World):
    """Its first round adds a test that finds failures, the second repairs some."""

    def propose(self, view: View, k: int) -> Sequence[Action]:
        proposals = super().propose(view, k)
        if view.depth:
            return proposals
        test = TestFile(path="tests/test_made.py", content="", verifies="")
        return [replace(each, operations=(AddTests(tests=(test,)),)) for each in proposals[:1]]


def test_each_iteration_tells_tests_added_and_failures_found() -> None:
    journal = MemoryJournal()
    world = WithTests(children={"": [("test", 0.9), ("x", 0.1)]}, scores={"": 8})
    world.run(journal=journal, max_iterations=2)
    first, *_ = notes(journal, "iteration")
    assert first == {
        "iteration": 1,
        "node": 0,
        "tests_added": ["tests/test_made.py"],
        "failures_found": ["t8", "t9"],
        "reached": 1,
        "best": 0.8,
    }


def test_a_failure_that_was_there_before_is_not_found_again() -> None:
    journal = MemoryJournal()
    World(children=TREE, scores={"a": 3, "ab": 2}).run(journal=journal)
    found = {entry["node"]: entry["failures_found"] for entry in notes(journal, "iteration")}
    assert found[0] == [f"t{n}" for n in range(10)]  # of a: 3 to 9; of b and c: all
    assert found[1] == ["t0", "t1", "t2"]  # ab loses the third, aa all three; the others failed at a already


@dataclass(kw_only=True)
class Silent(World):
    def propose(self, view: View, k: int) -> Sequence[Action]:
        if where(view.state) == "a":
            return NoActions("the model refused" + "!" * 1000)
        return super().propose(view, k)


def test_a_policy_s_remark_instead_of_actions_is_kept() -> None:
    journal = MemoryJournal()
    Silent(children=TREE).run(journal=journal)
    visits = {entry["node"]: entry for entry in notes(journal, "visit")}
    remark = visits[1]["remark"]
    assert isinstance(remark, str)
    assert remark.startswith("the model refused!")
    assert len(remark) == 300
    assert "remark" not in visits[2]
