"""From the end of a search to the Outcome that is shown: what was found, or what was tried and what would
help."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from agent.codec import encode
from agent.protocols import JsonObject
from agent.rationale import attempts, rationale
from agent.search.solve import Search
from agent.search.tree import Tree
from agent.types import (
    Asking,
    Baseline,
    FailingTests,
    Outcome,
    Patch,
    Proof,
    Rerun,
    Solved,
    Spend,
    State,
    StopReason,
    Unrunnable,
    Unsolved,
)
from sandbox.environments import BuildFailed, Undetected
from sandbox.suites.table import NoSuite

OUTPUT = 8000  # characters of a failed build's or suite's output that are kept


def conclude(search: Search, baseline: Baseline) -> Outcome:
    """The Outcome of a search that ended by itself or by a cap."""
    tree, solution, proof = search.tree, search.solution, search.proof
    if solution is not None and proof is not None:
        return Solved(
            patch=solution.state.patch,
            tests=solution.state.reproduction,
            proof=proof,
            rationale=rationale(tree, solution, proof),
            spend=tree.spend,
        )
    reproduced = tree.reproduced
    results = reproduced.state.results if reproduced is not None else None
    if search.question is not None:
        return Asking(
            question=search.question,
            reproduction=reproduced.state.reproduction if reproduced is not None else (),
            red=results.generated if results is not None else None,
            baseline=baseline,
            spend=tree.spend,
        )
    return Unsolved(
        stop=search.stop,
        summary=_summary(search.stop, tree),
        reproduction=reproduced.state.reproduction if reproduced is not None else (),
        red=results.generated if results is not None else None,
        attempts=attempts(tree),
        advice=_advice(search.stop),
        baseline=baseline,
        spend=tree.spend,
        best=best_branch(tree),
    )


def best_branch(tree: Tree) -> Patch | None:
    """The code that is left when nothing could be proven (D4): the highest score, the earliest of equals.

    Without any test (J16) every code scores alike, so it is the first that breaks nothing of the suite. None
    when no code was measured, or all of it breaks something.
    """
    coded = [node for node in tree.nodes if node.state.patch.changes and node.measured_score >= 0]
    if not coded:
        return None
    return max(coded, key=lambda node: (node.measured_score, -node.id)).state.patch


def given_not_reproduced(root: State, baseline: Baseline, spend: Spend) -> Unsolved:
    """The test that came with the task says nothing is wrong, or cannot run."""
    results = root.results
    remark = results.remark if results is not None else "it did not run"
    return Unsolved(
        stop=StopReason.NOT_REPRODUCED,
        summary=f"The test that was given does not fail on the base commit: {remark}.",
        reproduction=(),
        red=results.generated if results is not None else None,
        attempts=(),
        advice=("Check that the test is meant for this commit and fails there when it is run by hand.",),
        baseline=baseline,
        spend=spend,
    )


def named_not_reproduced(
    failing: FailingTests, reruns: Sequence[Rerun], baseline: Baseline, spend: Spend
) -> Unsolved:
    """No test of the repository fails here each time as it was seen to: nothing could be proven by them."""
    flaky = [
        each for each in reruns if 0 < each.failed < each.runs or (each.aside and each.test in baseline.flaky)
    ]
    stop = StopReason.FLAKY if flaky else StopReason.NOT_REPRODUCED
    return Unsolved(
        stop=stop,
        summary=_named_summary(failing, reruns, flaky),
        reproduction=(),
        red=None,
        attempts=(),
        advice=_FLAKY_ADVICE if flaky else _ELSEWHERE_ADVICE,
        baseline=baseline,
        spend=spend,
        reruns=tuple(reruns),
    )


_FLAKY_ADVICE = (
    "Look for what differs between two runs of the same code: order, time, randomness, threads, what another "
    "test leaves behind.",
)
_ELSEWHERE_ADVICE = (
    "The tests run here without a network and without services; what needs them cannot fail or pass as it "
    "does elsewhere.",
    "Compare the Python version, the operating system, the installed versions and the environment variables.",
)


def _named_summary(failing: FailingTests, reruns: Sequence[Rerun], flaky: Sequence[Rerun]) -> str:
    if flaky:
        return (
            f"{len(flaky)} of the failing tests pass in some runs of the same code and fail in others; "
            "none fails each time."
        )
    if reruns:
        return "No failing test could be made to fail here as it was seen to fail there."
    if not failing.named:
        return "No test of the suite fails here."
    listed = ", ".join(each.test for each in failing.named[:5])
    return f"None of the failing tests is known to the suite that was found here: {listed}."


def proposal_refused(proof: Proof, spend: Spend) -> Unsolved:
    """A person's change that a gate refused."""
    faults = [f"{gate.name}: {gate.explanation}" for gate in proof.gates if not gate.passed]
    return Unsolved(
        stop=StopReason.GATES,
        summary=f"The proposed change was refused. {'; '.join(faults)}.",
        reproduction=(),
        red=None,
        attempts=(),
        advice=(),
        baseline=proof.baseline,
        spend=spend,
        refused=proof,
    )


def cancelled_early(spend: Spend) -> Unsolved:
    return Unsolved(
        stop=StopReason.CANCELLED,
        summary="The run was cancelled before the search began.",
        reproduction=(),
        red=None,
        attempts=(),
        advice=(),
        baseline=None,
        spend=spend,
    )


def unrunnable(found: BuildFailed | Undetected | NoSuite, seconds: float) -> Unrunnable:
    """No environment or no suite."""
    spend = Spend(seconds=seconds)
    match found:
        case Undetected(reason=reason):
            advice = (
                "Only Python repositories can be worked on so far: a pyproject.toml, setup.py or .py files.",
            )
            return Unrunnable(reason=reason, advice=advice, spend=spend)
        case BuildFailed(reason=reason, output=output, advice=advice):
            return Unrunnable(reason=reason, advice=advice, output=output[-OUTPUT:], spend=spend)
        case NoSuite(reason=reason):
            advice = ("Add tests that pytest or unittest finds, or name a test command.",)
            return Unrunnable(reason=reason, advice=advice, spend=spend)
        case _:
            assert_never(found)


def no_tests(baseline: Baseline, spend: Spend) -> Unrunnable:
    """The suite ran and told nothing: there is nothing to protect a patch from breaking."""
    return Unrunnable(
        reason=f"no test ran on the base commit: {baseline.problem or 'none was found'}",
        advice=("Make the suite run on the base commit, or name a test command that does.",),
        spend=spend,
    )


def summary(outcome: Outcome) -> JsonObject:
    """The last note of every journal."""
    match outcome:
        case Solved():
            found: JsonObject = {
                "patch": outcome.patch.digest,
                "tests": [test.path for test in outcome.tests],
                "gates": [encode(gate) for gate in outcome.proof.gates],
            }
        case Unsolved():
            found = {"summary": outcome.summary, "best": outcome.best.digest if outcome.best else None}
        case Asking():
            found = {"question": encode(outcome.question)}
        case Unrunnable():
            found = {"reason": outcome.reason}
        case _:
            assert_never(outcome)
    return {"stop": outcome.stop.value, "spend": encode(outcome.spend), **found}


def _summary(stop: StopReason, tree: Tree) -> str:
    tried = f"{len(tree.nodes) - 1} states were measured in {tree.spend.iterations} iterations"
    match stop:
        case StopReason.NOT_REPRODUCED:
            why = "no test made from the issue fails on base for the stated reason"
            return f"Could not reproduce: {why}; {tried}."
        case StopReason.GATES:
            return f"Patches were found that pass the tests, but no gate let them through; {tried}."
        case StopReason.EXHAUSTED:
            return f"The problem is reproduced, but nothing that was tried repairs it; {tried}."
        case StopReason.CANCELLED:
            return f"The run was cancelled; {tried}."
        case _:
            found = "reproduced" if tree.reproduced is not None else "not reproduced"
            return f"Stopped by the {stop.value}; the problem is {found}, not repaired; {tried}."


def _advice(stop: StopReason) -> tuple[str, ...]:
    match stop:
        case StopReason.NOT_REPRODUCED:
            return (
                "Show in the issue what to call, what comes out and what should come out, as code.",
                "Or hand in a failing test.",
            )
        case StopReason.GATES:
            return ("Read the refused patches: one may be right and only too large or in a protected place.",)
        case StopReason.CANCELLED:
            return ()
        case StopReason.EXHAUSTED:
            return (
                "Name in the issue the function or file that is at fault.",
                "A change of several places or new behaviour needs a language model or a person.",
            )
        case _:
            return (
                "Allow more iterations, steps or time.",
                "Name in the issue the function or file at fault.",
            )
