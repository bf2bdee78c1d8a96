"""``codeagent bench humaneval|mbpp|multipl-e|report``: every switch of the paper's Table 2, and J16."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Protocol

import typer
from rich.console import Console

from agent.method import Agreement, Driver, Method
from agent.protocols import Progress
from agent.run import Services
from agent.types import Budget, Skill, StopReason
from bot.bench import humaneval, mbpp, multipl_e
from bot.bench.harness import Harness, forget
from bot.bench.problems import Benchmark, Problem, data_digest, sample
from bot.bench.report import gather, write_report
from bot.bench.rows import Setup, settle
from bot.cli.terminal import TerminalProgress
from bot.errors import ConfigError
from bot.settings import SandboxChoice
from sandbox.environments import Environment

BENCHMARKS: Mapping[str, Benchmark] = {
    humaneval.NAME: humaneval,
    mbpp.NAME: mbpp,
    multipl_e.NAME: multipl_e,
}
PATIENT = frozenset({Driver.BUILT_IN, Driver.ESCALATE})  # proposals without a model cost test time only


class Search(StrEnum):
    """The names of ``--search`` (D6)."""

    DFS = "dfs"
    BFS = "bfs"
    BEST_FIRST = "best-first"
    GREEDY = "greedy"

    @property
    def strategy(self) -> str:
        return {Search.DFS: "hybrid depth-first", Search.BFS: "breadth-first"}.get(self, self.value)


class Split(StrEnum):
    """MBPP's own splits."""

    TEST = "test"
    VALIDATION = "validation"
    TRAIN = "train"
    PROMPT = "prompt"
    ALL = "all"


class Wiring(Protocol):
    """What a benchmark needs of this machine; raises as the engine does."""

    def services(self, driver: Driver, money: float | None) -> AbstractContextManager[Services]:
        """The engine, with a model where the driver needs one. ``money`` is the cap of a run, None: the
        setting's."""
        ...

    def environment(self, language: str, services: Services, progress: Progress) -> Environment: ...

    @property
    def budget(self) -> Budget: ...


Wire = Callable[[SandboxChoice | None], Wiring]
Rim = Callable[[], AbstractContextManager[None]]

Data = Annotated[Path, typer.Option(help="The benchmark's file, or the directory that holds it.")]
Out = Annotated[Path, typer.Option(help="Journals, rows and the report; a second call goes on.")]
Language = Annotated[str, typer.Option(help="multipl-e only: python or js.")]
SplitOption = Annotated[Split, typer.Option(help="mbpp only: which of its splits.")]
Policy = Annotated[Driver, typer.Option(help="Who proposes, plans, decides and explains.")]
SearchOption = Annotated[Search, typer.Option(help="How the tree is walked.")]
Iterations = Annotated[
    int | None,
    typer.Option(min=1, help="Cap. Default: the paper's (5; multipl-e 4), without a model the setting's."),
]
NoFeedback = Annotated[bool, typer.Option("--no-self-feedback", help="Failures are not explained (J2).")]
NoTests = Annotated[bool, typer.Option("--no-tests", help="No generated tests (J16).")]
NoPlanner = Annotated[bool, typer.Option("--no-planner", help="Actions are executed as proposed (J16).")]
NoDecision = Annotated[bool, typer.Option("--no-decision", help="Every plan is used (J16).")]
Without = Annotated[list[Skill] | None, typer.Option(help="A skill to switch off (J16); may be repeated.")]
AgreementOption = Annotated[Agreement, typer.Option(help="How candidates that pass are ordered.")]
Runs = Annotated[int, typer.Option(min=1, max=100, help="Repetitions; the report gives mean and deviation.")]
Seed = Annotated[int, typer.Option(help="Of the sample.")]
Sample = Annotated[int | None, typer.Option(min=1, help="So many problems by chance.")]
HeldOut = Annotated[
    bool, typer.Option("--held-out", help="With --sample: as many others, none of the sample's.")
]
Limit = Annotated[int | None, typer.Option(min=1, help="Only the first ones of what was chosen.")]
Workers = Annotated[int, typer.Option(min=1, max=64, help="Runs at once.")]
Money = Annotated[float | None, typer.Option(min=0, help="Cap per run, US dollars.")]
Tokens = Annotated[int | None, typer.Option(min=0, help="Cap per run, prompts and answers together.")]
Seconds = Annotated[float | None, typer.Option(min=1, help="Time cap per run.")]
Null = Annotated[
    bool,
    typer.Option("--null-hypothesis", help="Every run again by the pipeline: same caps, as many proposals."),
]
Again = Annotated[
    bool,
    typer.Option("--retry-unusable", help="Measure again what ended because the model was unusable."),
]
SandboxOption = Annotated[
    SandboxChoice | None,
    typer.Option("--sandbox", help="What runs untrusted code. Default: whichever works."),
]


def register(app: typer.Typer, console: Console, rim: Rim, wire: Wire) -> None:
    """Add the commands. ``rim`` maps errors to exit codes, ``wire`` makes the engine."""
    for benchmark in BENCHMARKS.values():
        app.command(benchmark.NAME, help=f"Measure the method on {benchmark.NAME}.")(
            _measure(benchmark, console, rim, wire)
        )
    app.command("report")(_report(console, rim))


def _measure(benchmark: Benchmark, console: Console, rim: Rim, wire: Wire) -> Callable[..., None]:
    def command(
        data: Data,
        out: Out,
        language: Language = "python",
        split: SplitOption = Split.TEST,
        policy: Policy = Driver.BUILT_IN,
        search: SearchOption = Search.DFS,
        max_iterations: Iterations = None,
        no_self_feedback: NoFeedback = False,
        no_tests: NoTests = False,
        no_planner: NoPlanner = False,
        no_decision: NoDecision = False,
        without_skill: Without = None,
        agreement: AgreementOption = Agreement.CODET,
        runs: Runs = 5,
        seed: Seed = 0,
        sample: Sample = None,
        held_out: HeldOut = False,
        limit: Limit = None,
        workers: Workers = 1,
        max_money: Money = None,
        max_tokens: Tokens = None,
        seconds: Seconds = None,
        null_hypothesis: Null = False,
        retry_unusable: Again = False,
        sandbox: SandboxOption = None,
    ) -> None:
        with rim():
            if null_hypothesis and policy is Driver.PIPELINE:
                raise ConfigError(
                    "--policy pipeline is the null hypothesis itself; leave --null-hypothesis out."
                )
            if language != "python" and not no_tests:
                raise ConfigError(f"The Test Designer writes Python tests only: {language} needs --no-tests.")
            chosen = Chosen(
                benchmark=benchmark, data=data, language=language, split=split,
                seed=seed, sample=sample, held_out=held_out, limit=limit,
            )  # fmt: skip
            problems, wiring = chosen.problems(), wire(sandbox)
            with wiring.services(policy, max_money) as services, TerminalProgress(console) as progress:
                method = replace(
                    services.method,
                    driver=policy,
                    search=search.strategy,
                    self_feedback=not no_self_feedback,
                    generated_tests=not no_tests,
                    planner=not no_planner,
                    decision=not no_decision,
                    agreement=agreement,
                    clarify=False,  # nobody is there to answer
                    skills=_skills(without_skill or []),
                )
                caps = {"max_money": max_money, "max_tokens": max_tokens, "max_seconds": seconds}
                setup = chosen.setup(method, _budget(wiring.budget, benchmark, method, max_iterations, caps))
                settle(out, setup)
                if retry_unusable:
                    forget(out, StopReason.MODEL)
                harness = Harness(
                    benchmark=benchmark,
                    data=data,
                    setup=setup,
                    services=services,
                    environment=wiring.environment(language, services, progress),
                    out=out,
                    workers=workers,
                )
                harness.measure(problems, runs, null_hypothesis=null_hypothesis, progress=progress)
            text = write_report(out, gather(out))
            console.print(text, highlight=False, markup=False, soft_wrap=True)

    return command


def _report(console: Console, rim: Rim) -> Callable[..., None]:
    def report(
        directories: Annotated[list[Path], typer.Argument(help="Results of several configurations.")],
        out: Annotated[Path, typer.Option(help="Where table, JSON and plots go.")],
    ) -> None:
        """Put the results of several configurations on the same problems side by side."""
        with rim():
            sources = [source for directory in directories for source in gather(directory)]
            console.print(write_report(out, sources), highlight=False, markup=False, soft_wrap=True)

    return report


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Which problems."""

    benchmark: Benchmark
    data: Path
    language: str
    split: Split
    seed: int
    sample: int | None
    held_out: bool
    limit: int | None

    def problems(self) -> tuple[Problem, ...]:
        """Raises ConfigError when nothing is left."""
        if self.held_out and self.sample is None:
            raise ConfigError("--held-out needs --sample: it is what the sample of that seed leaves.")
        if self.language != "python" and self.benchmark.NAME != multipl_e.NAME:
            raise ConfigError(f"{self.benchmark.NAME} is in Python only; --language is for multipl-e.")
        found = self.benchmark.problems(self.data, self.language)
        if self._split:
            found = tuple(problem for problem in found if mbpp.split_of(problem.id) == self._split)
        chosen = sample(found, seed=self.seed, size=self.sample, held_out=self.held_out)
        chosen = chosen if self.limit is None else chosen[: self.limit]
        if not chosen:
            raise ConfigError(f"No problem of {self.data} is left by split, sample and limit.")
        return chosen

    def setup(self, method: Method, budget: Budget) -> Setup:
        return Setup(
            benchmark=self.benchmark.NAME,
            language=self.language,
            data=data_digest(self.data),
            method=method,
            budget=budget,
            seed=self.seed,
            split=self._split,
            sample=self.sample,
            held_out=self.held_out,
        )

    @property
    def _split(self) -> str:
        named = self.benchmark.NAME == mbpp.NAME and self.split is not Split.ALL
        return self.split.value if named else ""


def _skills(without: list[Skill]) -> tuple[str, ...]:
    return tuple(skill.value for skill in Skill if skill not in without)


def _budget(
    usual: Budget,
    benchmark: Benchmark,
    method: Method,
    iterations: int | None,
    caps: Mapping[str, float | None],
) -> Budget:
    """The operator's caps, the paper's iterations where a model is asked (G5), and what was given here."""
    default = usual.max_iterations if method.driver in PATIENT else benchmark.ITERATIONS
    given = {name: value for name, value in caps.items() if value is not None}
    return replace(usual, max_iterations=iterations or default, **given)  # type: ignore[arg-type]
