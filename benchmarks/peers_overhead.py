"""What a program costs beyond the model and the tests: CodeAgent beside mini-swe-agent and Aider.

One small repository with one bug (the demo's), one scripted fix, one scripted latency for every call to the
model, one machine, in turns. Measured of each run:

* *wall*: from starting the program until it has ended.
* *model*: how long at least one call was in flight, as the endpoint saw it. The endpoint is scripted, on the
  loopback interface, and answers each call after --latency seconds.
* *tests*: how long at least one test command ran. Of the other programs a wrapper around pytest writes it
  down; of CodeAgent its journal says it (commands inside of the sandbox, not opening it).
* *beyond*: what is left of wall. That is what a program adds by itself.

CodeAgent runs twice in each repetition: *cold* builds the repository's environment, *warm* finds it. The
other programs are given a virtual environment that is there already, and run the tests on the host, as they
do by default. Each program sits in a virtual environment of its own below --peers (made there the first time,
with pip). While they run they reach nothing but the endpoint: a proxy in their environment refuses, and
counts.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from agent.journal import read_journal
from benchmarks import peers_contestants as peers
from benchmarks.peers_endpoint import ClosedDoor, Endpoint, in_flight, union
from benchmarks.peers_ours import command as our_command
from benchmarks.peers_ours import script as our_script
from benchmarks.support import Grid, Machine, Spread, console, parser, publish

NAME = "peers_overhead"
PATIENCE = 300.0
OURS = "CodeAgent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One run. ``right``: fix and test were written as scripted. ``outside``: what it tried to reach."""

    program: str
    wall: float
    calls: int
    model: float
    tests: float
    test_runs: int
    right: bool
    outside: tuple[str, ...]

    @property
    def beyond(self) -> float:
        return self.wall - self.model - self.tests


def main(words: Sequence[str] | None = None) -> int:
    chosen = _options(words)
    peers.install(chosen.peers)
    found = peers.versions(chosen.peers)
    machine = Machine.here()
    results: list[Measured] = []
    with Endpoint(latency=chosen.latency) as endpoint, ClosedDoor() as door:
        for number in range(chosen.repetitions):
            console.print(f"repetition {number + 1} of {chosen.repetitions}")
            results += repetition(endpoint, door, chosen.peers.resolve())
    wrong = sorted({result.program for result in results if not result.right})
    details = {"latency": chosen.latency, "versions": found, "runs": [asdict(each) for each in results]}
    publish(chosen.out, NAME, machine, [grid(results, chosen.latency, found)], details)
    if wrong:
        console.print(f"[red]Not fixed as scripted: {', '.join(wrong)}.[/]")
    return 1 if wrong else 0


def _options(words: Sequence[str] | None) -> argparse.Namespace:
    options = parser(NAME, __doc__, repetitions=5)
    options.add_argument("--latency", type=float, default=1.0, metavar="SECONDS", help="default: %(default)s")
    options.add_argument(
        "--peers", type=Path, default=Path(".cache/peers"), help="their environments; default: %(default)s"
    )
    return options.parse_args(words)


def repetition(endpoint: Endpoint, door: ClosedDoor, installed: Path) -> list[Measured]:
    """Each program once, one after the other; ours cold and then warm."""
    results = []
    with tempfile.TemporaryDirectory(prefix="codeagent-peers-") as made:
        data = Path(made) / "data"  # of both of our runs: the second finds the environment there
        Path(made).chmod(0o755)  # sandboxes run under another user id
        for program in ("mini-swe-agent", "Aider", OURS):
            place = Path(made) / program
            place.mkdir()
            stage = peers.Stage(place=place, url=endpoint.url, door=door.url)
            peers.set_up(stage, installed / "project" / "bin" / "python")
            for state in ("cold", "warm") if program == OURS else ("",):
                door.tried.clear()
                stage = replace(stage, out=state)
                name = f"{program}, {state}" if state else program
                results.append(_run(name, stage, endpoint, door, installed, data))
    return results


def _run(
    program: str, stage: peers.Stage, endpoint: Endpoint, door: ClosedDoor, installed: Path, data: Path
) -> Measured:
    if program.startswith(OURS):
        words, environment = our_command(stage, data)
        endpoint.reset(our_script)
    elif program == "Aider":
        words, environment = peers.aider_command(stage, installed)
        endpoint.reset(peers.aider_script)
    else:
        words, environment = peers.mini_command(stage, installed)
        endpoint.reset(peers.mini_script)
    log = stage.place / "output.log"
    with log.open("wb") as sink:
        began = time.monotonic()
        done = subprocess.run(
            words,
            cwd=stage.repository,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            timeout=PATIENCE,
            check=False,
        )
        wall = time.monotonic() - began
    ours = program.startswith(OURS)
    spans = _journal_spans(stage.place / stage.out) if ours else _wrapper_spans(stage.test_log)
    right = (_written_by_us if ours else _written_in_place)(stage)
    if not right or endpoint.problems:
        tail = log.read_text(encoding="utf-8", errors="replace")[-3000:]
        console.print(
            f"[red]{program}[/] ended with {done.returncode}; {endpoint.problems}\n", tail, markup=ours
        )
    return Measured(
        program=program,
        wall=wall,
        calls=len(endpoint.calls),
        model=in_flight(endpoint.calls),
        tests=union(spans),
        test_runs=len(spans),
        right=right and not endpoint.problems,
        outside=tuple(door.tried),
    )


def _wrapper_spans(log: Path) -> list[tuple[float, float]]:
    if not log.exists():
        return []
    pairs = (line.split() for line in log.read_text(encoding="ascii").splitlines())
    return [(float(began), float(ended)) for began, ended in pairs]


def _journal_spans(out: Path) -> list[tuple[float, float]]:
    """Each command of the run: its end is on the run's clock, its length is known."""
    spans = []
    for record in read_journal(out / "journal.jsonl").records:
        answer = record.get("answer")
        if record.get("effect") == "run" and isinstance(answer, Mapping) and "completed" in answer:
            ended, completed = answer["clock"], answer["completed"]
            assert isinstance(ended, int | float)
            assert isinstance(completed, Mapping)
            took = completed["seconds"]
            assert isinstance(took, int | float)
            spans.append((ended - took, ended))
    return spans


def _written_in_place(stage: peers.Stage) -> bool:
    source, test = peers.read([stage.repository / peers.SOURCE, stage.repository / peers.TEST])
    return peers.changed_as_scripted(source, test)


def _written_by_us(stage: peers.Stage) -> bool:
    """Into a patch, from which the lines are taken that are new."""
    (patch,) = peers.read([stage.place / stage.out / "fix.patch"])
    added = "\n".join(line[1:] for line in patch.splitlines() if line.startswith("+")) + "\n"
    return peers.changed_as_scripted(added, added)


def grid(results: Sequence[Measured], latency: float, versions: Mapping[str, str]) -> Grid:
    rows = []
    for program in dict.fromkeys(result.program for result in results):
        mine = [result for result in results if result.program == program]
        share = [result.beyond / result.wall for result in mine]
        least = [result.wall / (result.model + result.tests) for result in mine]
        rows.append(
            (
                program,
                _same([result.calls for result in mine]),
                str(Spread.of([result.model for result in mine])),
                _same([result.test_runs for result in mine]),
                str(Spread.of([result.tests for result in mine])),
                str(Spread.of([result.wall for result in mine])),
                str(Spread.of([result.beyond for result in mine])),
                f"{statistics.median(share):.0%} ({min(share):.0%} to {max(share):.0%})",
                f"{statistics.median(least):.2f}×",
            )
        )
    outside = sum(len(result.outside) for result in results)
    named = ", ".join(f"{name} {version}" for name, version in versions.items())
    return Grid(
        title=f"Beyond model and tests, {latency:g} s for each call",
        columns=(
            "program",
            "calls",
            "model",
            "test runs",
            "tests",
            "wall",
            "beyond",
            "share of wall",
            "wall to model + tests",
        ),
        rows=tuple(rows),
        note=f"Median (lowest to highest). {named}. Attempts to reach anything outside: {outside}.",
    )


def _same(counts: Sequence[int]) -> str:
    return str(counts[0]) if len(set(counts)) == 1 else f"{min(counts)} to {max(counts)}"


if __name__ == "__main__":
    sys.exit(main())
