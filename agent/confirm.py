"""A state that passes is proven apart: everything again, in sandboxes of its own, and then the gates."""

from __future__ import annotations

from agent import strength
from agent.executor import Bench, expected, selection
from agent.gates import Evidence, SizeCap, check_all
from agent.protocols import Context
from agent.types import Proof, State

ASK_AGAIN = 25  # more tests than that did not become flaky all at once
ASKED = (1, 2)  # attempts


def confirm(state: State, context: Context, bench: Bench, *, cap: SizeCap, links: frozenset[str]) -> Proof:
    """The evidence for a state and the verdict of every gate about it."""
    chosen, base = selection(state.reproduction), State(tests=state.reproduction)
    red, green, after = bench.reports(
        [
            bench.run(base, chosen, fresh=True, label="proof: new tests on base"),
            bench.run(state, chosen, fresh=True, label="proof: new tests with the patch"),
            bench.run(state, (), fresh=True, label="proof: whole suite with the patch"),
        ]
    )
    before = expected(state.reproduction, context, bench)
    evidence = Evidence(
        source=context.source,
        patch=state.patch,
        tests=state.reproduction,
        baseline=before,
        red=red,
        green=green,
        after=after,
        flaky=flaky_on_base(sorted(before.passing - after.passing), bench),
        links=links,
        cap=cap,
    )
    gates = check_all(evidence)
    proven = all(gate.passed for gate in gates)
    return Proof(
        red=red,
        green=green,
        after=after,
        baseline=context.baseline,
        gates=gates,
        mutants=strength.measure(state, context, bench, green) if proven else (),
    )


def flaky_on_base(worse: list[str], bench: Bench) -> frozenset[str]:
    """Of the tests that got worse, those that fail on base too when they are asked again."""
    if not worse or len(worse) > ASK_AGAIN:
        return frozenset()
    runs = [
        bench.run(State(), tuple(worse), fresh=True, attempt=attempt, label="proof: flaky on base?")
        for attempt in ASKED
    ]
    return frozenset().union(*(report.failing for report in bench.reports(runs))) & frozenset(worse)
