"""The switches of the paper's Table 2 under a simulated programmer: what the search is worth by itself.

Problems of HumanEval go through the benchmark harness as they would with a model: the same networks, prompts,
search, sandbox, gates and hidden tests. Only behind the endpoint sits benchmarks.simulated_programmer, whose
ability is stated (--edit, --feedback and so on). So the table says what each part of the *search* does with
answers of that quality; it says nothing of any model, and what depends on a model's thinking (does a plan in
words make better code?) cannot appear here at all.

Each configuration is run with each seed on each problem. A problem is used when three places of its reference
can be wrong in ways that its hidden tests and inputs near theirs tell (benchmarks.simulated_tasks).

The same code is measured thousands of times. So answers of the sandbox are kept per problem
(benchmarks.memo_sandboxes). --check says on how many runs, drawn by chance, the same is done without keeping
anything; every count of these runs must be the same, and the result says whether it was.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from agent.llm.client import Endpoint
from agent.llm.types import Component
from agent.method import Driver, Method
from agent.run import Services, silent
from agent.types import Budget, Skill
from benchmarks.memo_sandboxes import MemoSandboxes
from benchmarks.simulated_programmer import Ability, Programmer
from benchmarks.simulated_tasks import Knowledge, by_title, knowledge_of
from benchmarks.support import Grid, Machine, console, parser, publish
from bot.bench import humaneval
from bot.bench.harness import Harness
from bot.bench.problems import Problem
from bot.bench.rows import Row, Setup, settle
from bot.bench.workplace import prepare
from sandbox import Limits, Sandboxes
from sandbox.environments import Environment
from sandbox.select import choose
from tests.scripted_model.server import Asked, ScriptedModel

NAME = "ablations"
FULL, PIPELINE = "full", "pipeline, as many proposals"
MODEL = "simulated"
CHANCE = ("seconds", "model_seconds", "cached_tokens")
"""What may differ between two runs of the same: times, and what the endpoint has in its cache of prompts."""
SKILLS = tuple(skill.value for skill in Skill)


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """A row of the table: what is switched in method and budget."""

    name: str
    method: dict[str, Any]
    budget: dict[str, Any]


def configurations() -> tuple[Configuration, ...]:
    """The full method first; its row has the null hypothesis beside it."""
    return (
        _of(FULL),
        *(_of(name, search=name) for name in ("breadth-first", "best-first", "greedy")),
        *(_of(f"{count} iterations", cap=count) for count in (1, 2, 3, 4, 12)),
        *(_of(f"{name}, 12 iterations", cap=12, search=name) for name in ("breadth-first", "best-first")),
        _of("no self-feedback", self_feedback=False),
        _of("no generated tests", generated_tests=False),
        _of("no planner", planner=False),
        _of("no decision model", decision=False),
        *(_of(f"no {one}", skills=tuple(each for each in SKILLS if each != one)) for one in SKILLS),
    )


def _of(name: str, *, cap: int = humaneval.ITERATIONS, **method: Any) -> Configuration:
    return Configuration(name=name, method=method, budget={"max_iterations": cap})


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """What all runs share; handed to the processes."""

    data: Path
    out: Path
    cache: Path
    seeds: int
    ability: Ability
    only: frozenset[str]

    @property
    def configurations(self) -> tuple[Configuration, ...]:
        return tuple(each for each in configurations() if not self.only or each.name in self.only)

    def setup(self, configuration: Configuration, seed: int) -> Setup:
        method = Method(
            driver=Driver.MODEL, models=((Component.POLICY, MODEL),), clarify=False, log_probabilities=False
        )
        budget = Budget(max_seconds=3600.0)
        return Setup(
            benchmark=humaneval.NAME,
            language="python",
            data=self.data.name,
            method=replace(method, **configuration.method),
            budget=replace(budget, **configuration.budget),
            seed=seed,
        )

    def place(self, configuration: Configuration, seed: int) -> Path:
        return self.out / configuration.name.replace(" ", "-").replace(",", "") / f"seed-{seed}"

    def each(self) -> Iterator[tuple[Configuration, int]]:
        return (
            (configuration, seed)
            for configuration in self.configurations
            for seed in range(1, self.seeds + 1)
        )


def main(words: Sequence[str] | None = None) -> int:
    chosen = _options(words)
    machine = Machine.here()
    with ExitStack() as stack:
        work = chosen.work or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ablations-")))
        experiment = Experiment(
            data=chosen.data,
            out=work / "rows",
            cache=work / "environments",
            seeds=chosen.seeds,
            ability=_ability(chosen),
            only=frozenset(chosen.only or ()),
        )
        found, looked_at = usable(experiment, chosen.tasks)
        console.print(f"{len(found)} problems of {looked_at} that were looked at", highlight=False)
        for configuration, seed in experiment.each():
            settle(experiment.place(configuration, seed), experiment.setup(configuration, seed))
        environment = _environment(experiment, choose("bubblewrap"))
        rows, memo = run_all(experiment, environment, found, chosen.processes)
        checked = check(experiment, environment, found, rows, chosen.check)
    grids = (table(rows, experiment), by_iteration(rows, experiment))
    note = _note(experiment, found, looked_at, memo, checked)
    grids = (replace(grids[0], note=note), *grids[1:])
    details = {
        "ability": asdict(experiment.ability),
        "problems": [each.id for each in found],
        "looked at": looked_at,
        "sandbox runs asked and performed": memo,
        "checked": checked,
        "rows": [{"configuration": name, "seed": seed, **asdict(row)} for name, seed, row in rows],
    }
    publish(chosen.out, NAME, machine, [each for each in grids if each.rows], details)
    return 0 if all(each["same"] for each in checked) else 1


def _options(words: Sequence[str] | None) -> argparse.Namespace:
    options = parser(NAME, __doc__, repetitions=1)
    options.add_argument("--data", type=Path, required=True, metavar="PATH", help="HumanEval's file")
    options.add_argument("--tasks", type=int, default=16, metavar="N", help="problems; default: %(default)s")
    options.add_argument("--seeds", type=int, default=5, metavar="N", help="default: %(default)s")
    options.add_argument("--processes", type=int, default=2, metavar="N", help="default: %(default)s")
    options.add_argument("--check", type=int, default=6, metavar="N", help="runs done again without keeping")
    options.add_argument("--only", action="append", metavar="NAME", help="of the configurations; repeatable")
    options.add_argument("--work", type=Path, metavar="DIR", help="keep rows and go on with them")
    for field in fields(Ability):
        options.add_argument(f"--{field.name.replace('_', '-')}", type=float, default=field.default)
    return options.parse_args(words)


def _ability(chosen: argparse.Namespace) -> Ability:
    return Ability(**{field.name: getattr(chosen, field.name) for field in fields(Ability)})


# --- Problems -----------------------------------------------------------------------------------------------


def usable(experiment: Experiment, wanted: int) -> tuple[list[Problem], int]:
    """The first so many problems that the programmer can be simulated for, in an order by chance; and how
    many were looked at."""
    problems = list(humaneval.problems(experiment.data, "python"))
    random.Random(0).shuffle(problems)
    found: list[Problem] = []
    titles: set[str] = set()
    sandboxes = choose("bubblewrap")
    for number, problem in enumerate(problems, start=1):
        if problem.title not in titles and _knowledge(experiment, problem, sandboxes) is not None:
            found.append(problem)
            titles.add(problem.title)
        if len(found) == wanted:
            return found, number
    return found, len(problems)


def _knowledge(experiment: Experiment, problem: Problem, sandboxes: Sandboxes) -> Knowledge | None:
    return knowledge_of(problem, humaneval.key(experiment.data, "python", problem.id), sandboxes)


# --- Running ------------------------------------------------------------------------------------------------

Named = tuple[str, int, Row]  # configuration, seed, what was measured


def run_all(
    experiment: Experiment, environment: Environment, problems: Sequence[Problem], processes: int
) -> tuple[list[Named], tuple[int, int]]:
    """Every configuration and seed on every problem; sandbox runs that were asked for and performed."""
    rows: list[Named] = []
    asked = performed = 0
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        futures = [pool.submit(run_problem, experiment, environment, problem) for problem in problems]
        for done, future in enumerate(as_completed(futures), start=1):
            measured, counts = future.result()
            rows += measured
            asked, performed = asked + counts[0], performed + counts[1]
            console.print(f"{done} of {len(futures)} problems: {measured[0][2].problem}", highlight=False)
    return sorted(rows, key=lambda each: (each[2].problem, each[0], each[1])), (asked, performed)


def run_problem(
    experiment: Experiment, environment: Environment, problem: Problem
) -> tuple[list[Named], tuple[int, int]]:
    """One problem in all configurations and seeds."""
    rows: list[Named] = []
    with MemoSandboxes(choose("bubblewrap")) as memo, stage(experiment, environment, problem) as measure:
        for configuration, seed in experiment.each():
            for row in measure(configuration, seed, memo, experiment.place(configuration, seed)):
                rows.append((_name(configuration, row), seed, row))
        return rows, (memo.asked, memo.performed)


Measure = Callable[[Configuration, int, Sandboxes, Path], tuple[Row, ...]]


@contextmanager
def stage(experiment: Experiment, environment: Environment, problem: Problem) -> Iterator[Measure]:
    """The programmer behind its endpoint, and how one run with it is measured."""
    sandboxes = choose("bubblewrap")
    knowledge = _knowledge(experiment, problem, sandboxes)
    assert knowledge is not None, f"{problem.id} was usable a moment ago"
    known = by_title([knowledge])
    current: dict[str, Programmer] = {}

    def play(asked: Asked) -> dict[str, Any]:
        return current["programmer"].answer(asked.schema_name, asked.user, asked.key)

    # Not idempotent: runs of two seeds send the same keys, and a stored answer would be that of the first.
    with ScriptedModel(play, name=MODEL, idempotent=False) as model:
        line = Endpoint(model.base_url, model.key)

        def measure(configuration: Configuration, seed: int, where: Sandboxes, out: Path) -> tuple[Row, ...]:
            current["programmer"] = Programmer(known, experiment.ability, seed)
            harness = Harness(
                benchmark=humaneval,
                data=experiment.data,
                setup=experiment.setup(configuration, seed),
                services=Services(sandboxes=where, cache=experiment.cache, line=line),
                environment=environment,
                out=out,
            )
            null = configuration.name == FULL
            return harness.measure([problem], 1, null_hypothesis=null, progress=silent)

        try:
            yield measure
        finally:
            line.close()


def _environment(experiment: Experiment, sandboxes: Sandboxes) -> Environment:
    """With the plugin of hypothesis loaded beforehand, too: a run takes a fraction of the time."""
    made = prepare("python", sandboxes, experiment.cache, limits=Limits(seconds=120), progress=silent)
    return replace(made, preload=(*made.preload, "hypothesis", "_hypothesis_pytestplugin"))


def _name(configuration: Configuration, row: Row) -> str:
    return PIPELINE if row.label.name == "NULL" else configuration.name


def check(
    experiment: Experiment,
    environment: Environment,
    problems: Sequence[Problem],
    rows: Sequence[Named],
    count: int,
) -> list[dict[str, Any]]:
    """Some runs again with real sandboxes throughout: is every count the same?"""
    main = [each for each in rows if each[0] != PIPELINE]
    chosen = random.Random(1).sample(main, min(count, len(main)))
    by_name = {each.name: each for each in experiment.configurations}
    found = []
    for name, seed, row in chosen:
        problem = next(each for each in problems if each.id == row.problem)
        with tempfile.TemporaryDirectory(prefix="ablations-check-") as place:
            out = Path(place)
            settle(out, experiment.setup(by_name[name], seed))
            with stage(experiment, environment, problem) as measure:
                again = measure(by_name[name], seed, choose("bubblewrap"), out)[0]
        differs = [
            field.name
            for field in fields(Row)
            if field.name not in CHANCE and getattr(row, field.name) != getattr(again, field.name)
        ]
        found.append(
            {
                "configuration": name,
                "seed": seed,
                "problem": row.problem,
                "same": not differs,
                "differs": differs,
            }
        )
        console.print(f"again, {name}, seed {seed}, {row.problem}: {differs or 'same'}")
    return found


# --- Figures ------------------------------------------------------------------------------------------------


def over_seeds(rows: Sequence[tuple[int, Row]], of: Callable[[Row], float], *, percent: bool) -> str:
    """The mean over the problems, of each seed; then mean ± standard deviation over the seeds."""
    seeds = sorted({seed for seed, _ in rows})
    means = [statistics.fmean(of(row) for each, row in rows if each == seed) for seed in seeds]
    scale, digits = (100.0, 1) if percent else (1.0, 1 if max(means) < 1000 else 0)
    mean = statistics.fmean(means) * scale
    spread = f" ± {statistics.stdev(means) * scale:.{digits}f}" if len(means) > 1 else ""
    return f"{mean:.{digits}f}{spread}"


def table(rows: Sequence[Named], experiment: Experiment) -> Grid:
    names = list(dict.fromkeys(each.name for each in experiment.configurations))
    if FULL in names:
        names.insert(1, PIPELINE)
    lines = []
    for name in names:
        mine = [(seed, row) for each, seed, row in rows if each == name]
        lines.append(
            (
                name,
                over_seeds(mine, lambda row: row.share, percent=True),
                over_seeds(mine, lambda row: float(row.solved), percent=True),
                over_seeds(mine, lambda row: float(row.submitted.value == "proven"), percent=True),
                over_seeds(mine, lambda row: float(row.model_calls), percent=False),
                over_seeds(mine, lambda row: float(row.tokens), percent=False),
                over_seeds(mine, lambda row: float(row.sandbox_runs), percent=False),
                over_seeds(mine, lambda row: float(row.iterations), percent=False),
            )
        )
    columns = ("configuration", "PassRatio, %", "pass@1, %", "proven, %", "model calls", "tokens")
    return Grid(
        title="The search under a simulated programmer",
        columns=(*columns, "sandbox runs", "iterations"),
        rows=tuple(lines),
    )


def by_iteration(rows: Sequence[Named], experiment: Experiment) -> Grid:
    """How runs ended, per configuration: what a pass ratio alone does not say."""
    lines = []
    for name in dict.fromkeys(each.name for each in experiment.configurations):
        mine = [row for each, _seed, row in rows if each == name]
        if not mine:
            continue
        proven = [row for row in mine if row.submitted.value == "proven"]
        wrong = sum(not row.solved for row in proven)
        valid = sum(row.valid for row in mine) / max(1, sum(row.tests for row in mine))
        stops = {stop: sum(row.stop == stop for row in mine) for stop in sorted({row.stop for row in mine})}
        lines.append(
            (
                name,
                f"{valid:.0%}",
                f"{wrong} of {len(proven)}",
                ", ".join(f"{stop} {count}" for stop, count in stops.items()),
            )
        )
    return Grid(
        title="How the runs ended",
        columns=("configuration", "valid tests", "proven but wrong", "stop reasons"),
        rows=tuple(lines),
    )


def _note(
    experiment: Experiment,
    problems: Sequence[Problem],
    looked_at: int,
    memo: tuple[int, int],
    checked: Sequence[dict[str, Any]],
) -> str:
    ability = ", ".join(f"{name} {value:g}" for name, value in asdict(experiment.ability).items())
    same = sum(each["same"] for each in checked)
    return (
        f"Mean ± standard deviation over {experiment.seeds} seeds, {len(problems)} HumanEval problems (the "
        f"first usable of {looked_at} in an order by chance). Ability: {ability}. {memo[0]} sandbox runs "
        f"were asked for, {memo[1]} performed; done again without keeping any, {same} of {len(checked)} runs "
        "gave the same counts and results."
    )


if __name__ == "__main__":
    sys.exit(main())
