"""Where survivors behave differently: probes run on each of them, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from agent.choice.agreement import Passed
from agent.choice.probes import Probe, outputs_of, probe_of_case, probe_of_code
from agent.clarify import Difference
from agent.executor import Bench
from agent.source_parts import place_of
from agent.types import State, TestFile, TestRole

PROBED = 3  # cases that witnesses disagree on, of which probes are made


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What each state gave for one input, by the digests of the states."""

    probe: Probe
    input: str
    outputs: Mapping[str, str] = field(default_factory=dict)

    def of(self, state: State) -> str | None:
        return self.outputs.get(state.digest)

    def difference(self, votes: Sequence[tuple[State, float]]) -> Difference | None:
        """How these states differ here, the best one's output first; None when they do not."""
        best: dict[str, float] = {}
        for state, score in votes:
            output = self.of(state)
            if output is not None:
                best.setdefault(output, score)
        if len(best) < 2:
            return None
        first, second, *_ = sorted(best.values(), reverse=True)
        return Difference(input=self.input, outputs=tuple(best), tied=first == second)


def gating(tests: Sequence[TestFile]) -> tuple[TestFile, ...]:
    """These tests as if they gated, so that a state puts them in place."""
    return tuple(replace(test, role=TestRole.REPRODUCTION, select=()) for test in tests)


class Differences:
    """Looks for inputs that states give different outputs for. Every run is journaled."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def between(
        self,
        states: Sequence[State],
        passed: Sequence[Passed],
        witnesses: Sequence[TestFile],
        inputs: Sequence[str],
    ) -> list[Seen]:
        """First of cases that the states' verdicts differ on, then of proposed inputs. ``passed`` are the
        witness cases that each state passes."""
        probes = [*self._of_cases(passed, witnesses), *self._of_inputs(states, inputs)]
        found: dict[str, Seen] = {}
        for probe in probes:
            for seen in self._seen(probe, states):
                found.setdefault(seen.input, seen)
        return list(found.values())

    def output(self, state: State, seen: Seen, *, fresh: bool = False) -> str | None:
        """What a state gives for an input that was seen; None when the probe does not run with it."""
        return self._outputs(seen.probe, [state], attempt=0, fresh=fresh)[0].get(seen.input)

    def _of_cases(self, passed: Sequence[Passed], witnesses: Sequence[TestFile]) -> list[Probe]:
        some = frozenset().union(*passed)
        every = frozenset(some).intersection(*passed)
        found: dict[tuple[str, ...], Probe] = {}
        for case in sorted(some - every):
            for test in witnesses:
                place = (test.path, *place_of(case, test.path))
                probe = probe_of_case(test, case) if len(place) > 1 and place not in found else None
                if probe is not None:
                    found[place] = probe
        return list(found.values())[:PROBED]

    def _of_inputs(self, states: Sequence[State], inputs: Sequence[str]) -> list[Probe]:
        beside = next((test.path for state in states for test in state.reproduction), "test_input.py")
        made = (probe_of_code(code, beside) for code in inputs)
        return [probe for probe in made if probe is not None]

    def _seen(self, probe: Probe, states: Sequence[State]) -> list[Seen]:
        first = self._outputs(probe, states)
        differing = [given for given in _inputs(first) if len(_distinct(first, given)) > 1]
        if not differing:
            return []
        again = self._outputs(probe, states, attempt=1)  # what differs between runs of one patch is chance
        return [
            Seen(probe=probe, input=given, outputs=_by_state(states, first, given))
            for given in differing
            if all(one.get(given) == two.get(given) for one, two in zip(first, again, strict=True))
        ]

    def _outputs(
        self, probe: Probe, states: Sequence[State], *, attempt: int = 0, fresh: bool = False
    ) -> list[dict[str, str]]:
        runs = [
            self._bench.run(
                State(patch=state.patch, tests=(probe.test,)),
                (probe.select,),
                attempt=attempt,
                fresh=fresh,
                label="probe",
            )
            for state in states
        ]
        return [outputs_of(report, probe) for report in self._bench.reports(runs)]


def _inputs(outputs: Sequence[Mapping[str, str]]) -> list[str]:
    return list(dict.fromkeys(given for each in outputs for given in each))


def _distinct(outputs: Sequence[Mapping[str, str]], given: str) -> frozenset[str]:
    return frozenset(each[given] for each in outputs if given in each)


def _by_state(states: Sequence[State], outputs: Sequence[Mapping[str, str]], given: str) -> dict[str, str]:
    pairs = zip(states, outputs, strict=True)
    return {state.digest: each[given] for state, each in pairs if given in each}
