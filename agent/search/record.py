"""What the search writes into the journal: enough to draw the tree, to replay it and to learn from it (F1,
F2)."""

from __future__ import annotations

from collections.abc import Sequence

from agent.codec import encode
from agent.protocols import JsonObject, JsonValue
from agent.search.tree import Node, Tree
from agent.types import Action, GateResult, Results, Transition
from sandbox.suites.types import SuiteReport

MESSAGE = 300
DETAILS = 1500  # characters of a failing case's traceback
DETAILED = 5  # failing cases of one run with their tracebacks
MOST = 20


def visit(number: int, node: Node, actions: Sequence[Action], remark: str = "") -> JsonObject:
    """A node visit and the scored actions taken up there (C2), or why there are none. Their operations follow
    with the plans."""
    body: JsonObject = {
        "visit": number,
        "node": node.id,
        "state": node.state.digest,
        "depth": node.depth,
        "actions": [_action(action) for action in actions],
    }
    if node.parent is None and node.visits == 1:  # no transition leads here that could tell what was measured
        body["results"] = results(node.state.results)
    return body | {"remark": remark[:MESSAGE]} if remark else body


def transition(node: Node, step: Transition, child: Node | None) -> JsonObject:
    """A plan, the decision about it and what became of it (C5, C6, C7)."""
    body: JsonObject = {
        "node": node.id,
        "action": step.plan.action.id,
        "plan": [encode(each) for each in step.plan.steps],
        "decision": {"use": step.decision.use, "reason": step.decision.reason},
        "effect": step.effect.value,
        "remark": step.remark,
    }
    if child is not None:
        body |= {"child": child.id, "state": child.state.digest, "results": results(child.state.results)}
        body["code"] = child.state.patch.digest  # of contents only: the same in every version
        if child.state.tests != node.state.tests:  # measuring may have given them other roles than the plan
            body["tests"] = [encode(test) for test in child.state.tests]
    return body


def iteration(tree: Tree, node: Node, children: Sequence[Node]) -> JsonObject:
    """What a round brought: the tests added, the failures found that were not known before (J12), the best so
    far (J11)."""
    tests = {test.path for child in children for test in child.state.tests}
    failures = set().union(*map(_failing, children))
    return {
        "iteration": tree.iterations,
        "node": node.id,
        "tests_added": sorted(tests - {test.path for test in node.state.tests}),
        "failures_found": sorted(failures - _failing(node))[:MOST],
        "reached": len(children),
        "best": tree.best.measured_score,
    }


def _failing(node: Node) -> frozenset[str]:
    results = node.state.results
    return frozenset() if results is None else results.generated.failing | frozenset(results.regressions)


def feedback(node: Node, descend: bool, reason: str) -> JsonObject:
    """The explanation of each failing test (E1), and whether the search goes deeper from here."""
    return {
        "node": node.id,
        "notes": [encode(note) for note in node.notes],
        "descend": descend,
        "reason": reason,
        "closed": node.closed,
    }


def gates(node: Node, gates: Sequence[GateResult]) -> JsonObject:
    return {"node": node.id, "gates": [encode(gate) for gate in gates]}


def results(measured: Results | None) -> JsonValue:
    if measured is None:
        return None
    return {
        "score": measured.score,
        "passes": measured.passes,
        "reproduced": measured.reproduced,
        "remark": measured.remark,
        "regressions": list(measured.regressions[:20]),
        "generated": report(measured.generated),
        "suite": None if measured.suite is None else report(measured.suite),
    }


def report(run: SuiteReport) -> JsonObject:
    """A summary: counts, each failing case in a line, and the ends of the first tracebacks."""
    failed = [case for case in run.cases if case.failing]
    return {
        "passed": len(run.passing),
        "failed": {case.id: case.message[:MESSAGE] for case in failed},
        "details": {case.id: case.details[-DETAILS:] for case in failed[:DETAILED] if case.details},
        "problem": run.problem[:MESSAGE],
    }


def _action(action: Action) -> JsonObject:
    return {
        "id": action.id,
        "skill": action.skill.value,
        "kind": action.kind,
        "summary": action.summary,
        "score": action.score,
        "score_source": action.score_source,
        "origin": action.origin,
        "level": action.level,
        "target": encode(action.target),
    }
