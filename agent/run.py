"""One run, from a checked-out tree to an Outcome: environment, baseline, search, proof."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from agent.baseline import measure_baseline, readmit
from agent.choice.selector import Chooser
from agent.clarify import Clarifier, ModelClarifier
from agent.codec import decode, encode, encode_fields
from agent.confirm import confirm
from agent.context.packages import with_packages
from agent.effects import Clock, JournaledRunner, SandboxPool, tick
from agent.errors import Cancelled, JournalDiverged
from agent.executor import Bench, SandboxExecutor
from agent.explain import UntilOutlined, explained, explaining
from agent.failing import reproduction, rerun
from agent.gates import SizeCap
from agent.journal import FileJournal
from agent.llm.desk import ModelDesk, Terms
from agent.llm.exchange import Line
from agent.llm.own_line import own_line
from agent.llm.pricing import Prices
from agent.method import Driver, Method
from agent.networks import MakeNetworks, Packs, networks, packs
from agent.patience import for_chosen_tests
from agent.pipeline import pipeline
from agent.protocols import (
    Context,
    Journal,
    Progress,
    SearchStrategy,
)
from agent.report import (
    cancelled_early,
    conclude,
    given_not_reproduced,
    named_not_reproduced,
    no_tests,
    proposal_refused,
    summary,
    unrunnable,
)
from agent.review import judge_whole, prove
from agent.search.solve import Parts, Surroundings, solve
from agent.search.strategies import STRATEGIES
from agent.source import HostTree, RecordedTree
from agent.types import (
    Asking,
    Baseline,
    Budget,
    FailingTests,
    Outcome,
    Proof,
    Question,
    Rerun,
    Review,
    Solved,
    Spend,
    State,
    Task,
    TestFile,
    Unsolved,
)
from agent.untested import WithoutTests
from agent.workbench import JournaledWorkbench, RepositoryWorkbench, Workbench
from sandbox import Limits, Sandbox, Sandboxes
from sandbox.environments import Environment
from sandbox.suites.table import NoSuite
from sandbox.suites.types import Suite


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a run is bound to from its first moment on; a resumed run takes it from its journal."""

    task: Task
    budget: Budget
    limits: Limits
    suite_limits: Limits
    cap: SizeCap
    method: Method


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What a run works with. ``limits`` cap a run of chosen tests, ``suite_limits`` one of the whole
    suite."""

    sandboxes: Sandboxes
    cache: Path  # of built environments
    networks: MakeNetworks = networks
    packs: Packs = field(default_factory=packs)  # what a model is shown of the repository
    clarifier: Clarifier | None = None  # in the place of the model's; without either, no question is asked
    line: Line | None = None  # to a language model; a replay needs none
    prices: Prices = field(default_factory=Prices)
    call_seconds: float = 180.0  # cap of one model call
    method: Method = field(default_factory=Method)
    workers: int = 2
    limits: Limits = field(default_factory=lambda: Limits(seconds=120))
    suite_limits: Limits = field(default_factory=lambda: Limits(seconds=900))
    cap: SizeCap = field(default_factory=SizeCap)


def silent(phase: str, detail: str = "", *, done: int = 0, total: int = 0) -> None:
    """Progress for nobody."""


def repair(
    task: Task,
    tree: Path,
    services: Services,
    journal: Journal,
    *,
    budget: Budget | None = None,
    progress: Progress = silent,
    cancelled: Callable[[], bool] = lambda: False,
    workbench: Workbench | None = None,
    answers: Callable[[Question], str | None] = lambda _question: None,
) -> Outcome:
    """Solve a task over a checked-out tree (no ``.git``), or say why not.

    Called again with the journal of a killed run it goes on where that one was. ``cancelled`` is asked from
    several threads; a run that was cancelled stays so in its journal. ``workbench`` replaces how
    environments are made. ``answers`` gives a person's answer to a question of this run; while it gives none
    the outcome is Asking, and the run goes on when it is called again and there is one.
    """
    settings = _settle(journal, task, services, budget or Budget())
    bench = workbench or RepositoryWorkbench(
        tree,
        services.sandboxes,
        services.cache,
        limits=services.limits,
        build_seconds=settings.budget.max_seconds,
        test_command=task.test_command,
        repository=task.repository,
        cancelled=cancelled,
    )
    run = _Run(
        settings=settings,
        services=services,
        journal=journal,
        progress=progress,
        cancelled=cancelled,
        answers=answers,
    )
    outcome = run.outcome(tree, bench)
    if not isinstance(outcome, Asking):  # then it is not over: the same run goes on after this point
        journal.note("outcome", summary(outcome))
    return outcome


def _settle(journal: Journal, task: Task, services: Services, budget: Budget) -> Settings:
    wanted = Settings(
        task=task,
        budget=budget,
        limits=services.limits,
        suite_limits=services.suite_limits,
        cap=services.cap,
        method=explaining(services.method) if task.explain else services.method,
    )
    answer = journal.effect("settings", {}, lambda: {"settings": encode(wanted)})
    settings = decode(Settings, answer["settings"])
    if settings.task != task:
        raise JournalDiverged("the journal is that of another task; give this run a journal of its own")
    return settings


def open_journal(path: Path, *, run: str, task: Task) -> FileJournal:
    """The journal of a task's run, new or to go on with; raises as agent.journal.FileJournal does."""
    return FileJournal(path, run=run, task=encode_fields(task))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """The steps of a run, with what they share."""

    settings: Settings
    services: Services
    journal: Journal
    progress: Progress
    cancelled: Callable[[], bool]
    answers: Callable[[Question], str | None]
    clock: Clock = field(default_factory=Clock)

    def outcome(self, tree: Path, workbench: Workbench) -> Outcome:
        self.progress("source", "reading the repository")
        source = RecordedTree(self.journal, cache(lambda: HostTree(tree)))
        self.progress("environment", "detecting and building")
        try:
            ground = JournaledWorkbench(self.journal, workbench, self.clock, self.progress)
        except Cancelled:
            return cancelled_early(Spend(seconds=self.clock.seen))
        if not isinstance(ground.prepared, Environment):
            return unrunnable(ground.prepared, self.clock.seen)
        suite = ground.suite()
        if isinstance(suite, NoSuite):
            return unrunnable(suite, self.clock.seen)
        verified = cache(source.verify)

        def open_sandbox() -> AbstractContextManager[Sandbox]:
            verified()  # only now: a replay has no tree, and needs none
            return ground.open()

        with SandboxPool(open_sandbox, workers=self.services.workers, cancelled=self.cancelled) as pool:
            runner = JournaledRunner(
                self.journal,
                pool,
                self.clock,
                identity={"environment": ground.prepared.key, "tree": source.digest},
            )
            try:
                return self._work(source, ground.prepared, suite, runner)
            except Cancelled:
                return cancelled_early(runner.meter.spend)

    def _work(
        self, source: RecordedTree, environment: Environment, suite: Suite, runner: JournaledRunner
    ) -> Outcome:
        settings, task = self.settings, self.settings.task
        self.progress("baseline", "running the suite twice")
        baseline, narrow, left_out = measure_baseline(runner, suite, settings.suite_limits)
        if not baseline.passing | baseline.failing | baseline.flaky:
            return no_tests(baseline, runner.meter.spend)
        bench = Bench(
            runner=runner,
            suite=narrow,
            limits=_capped(settings, baseline),
            suite_limits=settings.suite_limits,
        )
        reruns: tuple[Rerun, ...] = ()
        if task.failing is not None:
            whole = replace(bench, suite=suite)
            reruns, given = self._failing(task.failing, baseline, whole, source)
            if not given:
                return named_not_reproduced(task.failing, reruns, baseline, runner.meter.spend)
            task = replace(task, given_tests=given)
            wanted = {each.test for each in reruns if not each.aside}
            bench = replace(bench, suite=readmit(suite, left_out, wanted))
        context = Context(task=task, source=source, baseline=baseline, import_roots=environment.import_roots)
        if settings.method.driver is not Driver.BUILT_IN:  # only a model is told of packages
            context = with_packages(context, runner)
        if task.review is not None and task.review.proposal.changes:
            return self._proposed(task.review, context, bench, source)
        model = self._model()
        executor = SandboxExecutor(context, bench)
        (root,) = executor.measure([State(tests=task.given_tests)])
        if task.given_tests and not (root.results and root.results.reproduced):
            return given_not_reproduced(root, baseline, runner.meter.spend)
        chooser = Chooser(
            bench,
            self.journal,
            settings.method,
            clarifier=self.services.clarifier or (ModelClarifier(model) if model is not None else None),
            answers=self.answers,
        )

        def measured() -> Spend:
            if model is None:
                return runner.meter.spend
            return replace(together(runner.meter.spend, model.spend), remarks=model.remarks)

        around = self._around(context, bench, source, chooser, measured)
        parts, budget = self._parts(executor, chooser, model), settings.budget
        if settings.method.driver is Driver.PIPELINE:
            parts, budget = pipeline(parts, budget)
        search = solve(context, root, parts, budget, around)
        outcome = conclude(search, baseline)
        if isinstance(outcome, Unsolved) and task.explain:
            outcome = explained(outcome, search.tree)
        if isinstance(outcome, Solved | Unsolved) and reruns:
            outcome = replace(outcome, reruns=reruns)
        if isinstance(outcome, Solved) and chooser.settled:
            return replace(outcome, rationale=(*outcome.rationale, chooser.settled))
        return outcome

    def _failing(
        self, failing: FailingTests, baseline: Baseline, bench: Bench, source: RecordedTree
    ) -> tuple[tuple[Rerun, ...], tuple[TestFile, ...]]:
        """The repository's own failing tests, run again; and those that are the reproduction."""
        self.progress("failing tests", f"running them {failing.runs} times")
        reruns = rerun(failing, baseline, bench, source)
        given = reproduction(reruns, source)
        self.journal.note("failing tests", {"given": encode(given)})
        return reruns, given

    def _proposed(self, review: Review, context: Context, bench: Bench, source: RecordedTree) -> Outcome:
        """A change that a person wrote: nothing is searched, everything is proven."""
        self.progress("proof", "the proposed change in fresh sandboxes")
        links = frozenset(source.links())
        proof, tests = prove(review, context, bench, cap=self.settings.cap, links=links)
        self.journal.note("gates", {"node": 0, "gates": [encode(gate) for gate in proof.gates]})
        spend = bench.runner.meter.spend
        if all(gate.passed for gate in proof.gates):
            return Solved(patch=review.proposal, tests=tests, proof=proof, rationale=(), spend=spend)
        return proposal_refused(proof, spend)

    def _model(self) -> ModelDesk | None:
        """None for a run that no model drives: it asks nothing and costs nothing."""
        settings, services = self.settings, self.services
        if settings.method.driver is Driver.BUILT_IN:
            return None
        terms = Terms(prices=services.prices, seconds=services.call_seconds, cancelled=self.cancelled)
        line = own_line(services.line, self.journal)
        return ModelDesk(self.journal, line, settings.method, settings.budget, self.clock, terms)

    def _parts(self, executor: SandboxExecutor, chooser: Chooser, model: ModelDesk | None) -> Parts:
        driven = self.services.networks(self.settings.method, model, self.services.packs)
        tested = self.settings.method.generated_tests
        return Parts(
            policy=driven.policy if tested else WithoutTests(driven.policy),
            planner=driven.planner,
            decision=driven.decision,
            feedback=driven.feedback,
            executor=executor,
            strategy=self._strategy(),
            selector=chooser,
            eager_plans=self.settings.method.eager_plans,
            replan=self.settings.method.replan,
            abreast=self.settings.method.abreast,
        )

    def _strategy(self) -> SearchStrategy:
        strategy = STRATEGIES[self.settings.method.search]
        return UntilOutlined(inner=strategy) if self.settings.task.explain else strategy

    def _around(
        self,
        context: Context,
        bench: Bench,
        source: RecordedTree,
        chooser: Chooser,
        measured: Callable[[], Spend],
    ) -> Surroundings:
        links = frozenset(source.links())

        def prove(state: State) -> Proof:
            self.progress("proof", "everything again in fresh sandboxes")
            proof = confirm(state, context, bench, cap=self.settings.cap, links=links)
            if (review := self.settings.task.review) is not None:
                whole = judge_whole(review, state, proof, source, self.settings.cap, links)
                proof = replace(proof, gates=(*proof.gates, whole))
            obeyed = chooser.gate(state)
            return proof if obeyed is None else replace(proof, gates=(*proof.gates, obeyed))

        return Surroundings(
            journal=self.journal,
            tick=lambda visit: tick(self.journal, self.clock, self.cancelled, visit),
            measured=measured,
            confirm=prove,
            informed=chooser.informed,
            progress=self.progress,
            workers=self.services.workers,
        )


def together(sandbox: Spend, model: Spend) -> Spend:
    """What the sandbox used and what the model used, as one."""
    return replace(
        sandbox,
        model_calls=model.model_calls,
        tokens=model.tokens,
        cached_tokens=model.cached_tokens,
        money=model.money,
        model_seconds=model.model_seconds,
    )


def _capped(settings: Settings, baseline: Baseline) -> Limits:
    return for_chosen_tests(settings.limits, baseline.seconds)
